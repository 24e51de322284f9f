#pragma once
#include <cstdint>
#include <span>
#include <vector>

#include "fftconv/core/public.hpp"
#include "fftconv/core/tensor.hpp"

namespace FFTCONV_PUBLIC fftconv {

/// Ranges of the random changes that each training image goes through in each epoch; zero (1 for scale) =
/// none. Coarse pruning paper, section 4: random crops of 28×28, flips, rotation, translation and scale.
struct Augmentation {
    int crop = 0;                  ///< edge of the crop, pixels, at a random place; 0 = the whole image
    bool flip_horizontal = false;  ///< left and right exchanged with probability ½
    bool flip_vertical = false;    ///< top and bottom exchanged with probability ½
    float rotation = 0;            ///< degrees, uniform in ± rotation
    float translation = 0;         ///< pixels, uniform in ± translation, each way
    float scale_low = 1, scale_high = 1;  ///< factor, uniform

    bool operator==(const Augmentation&) const = default;
};

/// The maps that augmentation makes of these. @throws UsageError when the options make no sense for them.
MapShape augmented_maps(const Augmentation& augmentation, MapShape maps);

/// Changes one (C, H, W) image into augmented_maps(…), bilinear, edge pixels continued outwards. The result
/// depends on (seed, epoch, index) and the image alone, so neither on threads nor on the order of images.
void augment(const Augmentation& augmentation, std::uint64_t seed, int epoch, int index,
             std::span<const float> image, MapShape maps, std::span<float> result);

/// Ten-crop evaluation (Krizhevsky, Sutskever and Hinton 2012, section 4.1): crop i of 0 … 9 is one of the
/// four corners and the centre (i mod 5), mirrored left to right when i ≥ 5.
void ten_crop(int i, int crop, std::span<const float> image, MapShape maps, std::span<float> result);

}  // namespace fftconv
