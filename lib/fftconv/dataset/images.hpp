#pragma once
#include <cstddef>
#include <cstdint>
#include <span>
#include <variant>
#include <vector>

#include "fftconv/core/tensor.hpp"

namespace fftconv {

/// Images with a class each. Pixels stay the bytes of the file until a batch is filled (a quarter of the
/// memory; the whole of SVHN would not fit as floats), or are the floats that preprocessing made of them.
struct LabelledImages {
    MapShape maps;                                                       ///< of every image
    std::variant<std::vector<std::uint8_t>, std::vector<float>> pixels;  ///< (N, C, H, W), row-major
    std::vector<std::uint8_t> labels;                                    ///< (N), 0 … classes − 1
    int classes = 10;

    int count() const { return int(labels.size()); }
    /// One image as (C, H, W) floats: bytes become 0 … 1, floats stay what they are.
    /// @throws ShapeError unless `chw` holds maps.size() floats and 0 ≤ index < count().
    void copy_image(int index, std::span<float> chw) const;
    /// The images of these indices, in this order.
    LabelledImages subset(std::span<const int> indices) const;
    /// The first `count` images (all, when there are fewer).
    LabelledImages first(int count) const;
};

/// `training` without the images of `held_out`, and those alone; order kept. @throws ShapeError on a bad
/// index.
struct Split {
    LabelledImages train, validation;
};
Split split(const LabelledImages& images, std::span<const int> held_out);

}  // namespace fftconv
