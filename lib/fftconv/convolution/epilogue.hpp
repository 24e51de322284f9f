#pragma once
#include <cstdint>
#include <span>

#include "fftconv/core/public.hpp"
#include "fftconv/core/tensor.hpp"

namespace FFTCONV_PUBLIC fftconv {

/// What a pooling takes of each window: its largest value (NaN when it has one), its mean, or one pixel of
/// it.
enum class Pooling { none, maximum, average, pixel };

/// What follows a convolution, or a batch normalisation, in a network and can be done while its outputs are
/// in cache: in this order a factor and an offset per channel (a batch normalisation of inference, behind
/// convolutions only), pooling with stride 2, ReLU.
struct Epilogue {
    std::span<const float> factor = {}, offset = {};  ///< (O) each, or both empty
    Pooling pooling = Pooling::none;                  ///< what is taken of each window
    int window = 2;     ///< edge of a window at pixel (2i, 2j): 2, or of a maximum 3, cut by the border
    int pixel = 0;      ///< Pooling::pixel: K = 0..3 of the 2×2 window, row by row
    bool relu = false;  ///< y = y ≤ 0 ? 0 : y, so that NaN stays
    /// One byte per float of y as it lies in memory: which pixel of its window a maximum was, row by row (the
    /// first of equals; with ReLU any pixel where the maximum is not above 0, whose gradient is zero).
    /// Written by forward_fused, read by backward_fused; null: not wanted.
    std::uint8_t* winners = nullptr;

    /// Nothing follows.
    bool empty() const { return factor.empty() && pooling == Pooling::none && !relu; }
    /// Of y, where the convolution has these.
    MapShape maps(MapShape convolution) const {
        if (pooling == Pooling::none) return convolution;
        return {convolution.channels, convolution.height / 2, convolution.width / 2};
    }
};

}  // namespace fftconv
