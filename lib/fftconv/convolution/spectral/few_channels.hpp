#pragma once
#include <cstddef>

#include "fftconv/convolution/shape.hpp"
#include "fftconv/convolution/spectral/spectrum.hpp"

namespace fftconv::few_channels {

/// The spectrum of an output of a layer with few input channels: the sum over all bins at once, in place of
/// all outputs of one bin, so that no more than two outputs' spectra are ever stored.

/// The kernels of one output that survive. Their spectra stand bin by bin: `count` real parts, then, of a
/// complex bin, as many imaginary ones.
struct Output {
    const int* channels;  ///< whose kernels they are
    int count;
    const float* weights;
    float bias;
};
/// Fewer channels than this are few: panels of the dense sum would be half empty.
inline constexpr int dense_channels = 8;

/// Do the spectra of a group's inputs and of two outputs stay in a core's own cache: half of 512 KiB? With
/// several groups of channels the other way stores as much and uses it once: there a part of the third-level
/// cache is better too.
constexpr bool fit(int channels, const PerAxis& tile, int lanes, int groups) {
    return sizeof(float) * std::size_t(channels + 2) * tile.area() * std::size_t(lanes) <=
           (groups > 1 ? 4u << 20 : 256u << 10);
}

/// Floats of an output's weights.
constexpr std::size_t weight_floats(BinOrder order, int count) {
    return std::size_t(count) * (2 * order.complex_bins + order.real_bins);
}

/// y = Σ w̄·z + bias for one output, or for two that share what is read if `second` is not null (then both
/// have the same channels). z and y have layouts of the same lanes, 8 or 16; y has the first output at
/// channel 0 and the second at channel 1.
void sum(const Output& first, const Output* second, const float* z, const SpectrumLayout& input, float* y,
         const SpectrumLayout& output);

}  // namespace fftconv::few_channels
