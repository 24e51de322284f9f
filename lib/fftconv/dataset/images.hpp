#pragma once
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <variant>
#include <vector>

#include "fftconv/core/public.hpp"
#include "fftconv/core/tensor.hpp"

namespace FFTCONV_PUBLIC fftconv {

/// Images with a class each. Pixels stay the bytes of the file until a batch is filled (a quarter of the
/// memory; the whole of SVHN would not fit as floats), or are the floats that preprocessing made of them.
struct LabelledImages {
    MapShape maps;                                                       ///< of every image
    std::variant<std::vector<std::uint8_t>, std::vector<float>> pixels;  ///< (N, C, H, W), row-major
    std::vector<std::uint8_t> labels;                                    ///< (N), 0 … classes − 1
    /// Labels are smaller than this.
    int classes = 10;

    /// N.
    int count() const { return int(labels.size()); }
    /// One image as (C, H, W) floats: bytes become 0 … 1, floats stay what they are.
    /// @throws ShapeError unless `chw` holds maps.size() floats and 0 ≤ index < count().
    void copy_image(int index, std::span<float> chw) const;
    /// The images of these indices, in this order. @throws ShapeError on an index that is not there.
    LabelledImages subset(std::span<const int> indices) const;
    /// Drops all but the first `count` images.
    void truncate(int count);
    /// Adds the images of another set of the same shape and kind of pixel to the end. @throws ShapeError.
    void append(const LabelledImages& other);
};

/// Which images to hold out of `total`: `count` of them, in blocks of `block` neighbours chosen at random
/// (1 = each by itself; neighbours in SVHN come from one house, so a block is held out whole). Ascending.
/// @throws UsageError unless 0 ≤ count ≤ total and block ≥ 1.
std::vector<int> held_out_indices(int total, int count, int block, std::uint64_t seed);

/// Takes the images of `indices` (ascending) out of `images` and returns them; the order of both is kept.
/// @throws ShapeError on indices that are not there or not ascending.
LabelledImages take_out(LabelledImages& images, std::span<const int> indices);

/// @throws FileError unless every label is 0 … classes − 1; the message names the first that is not.
void check_labels(std::span<const std::uint8_t> labels, int classes, const std::filesystem::path& file);

}  // namespace fftconv
