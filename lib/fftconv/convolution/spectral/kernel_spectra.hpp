#pragma once
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "fftconv/convolution/spectral/frequency_sum.hpp"
#include "fftconv/convolution/spectral/spectrum.hpp"
#include "fftconv/convolution/spectral/tile_transform.hpp"
#include "fftconv/convolution/spectral/tiling.hpp"
#include "fftconv/core/aligned.hpp"

namespace fftconv {

/// Channels and kernels as the tiles see them. Each input channel is split into phases (see Axis), and each
/// kernel into as many phase kernels. Phase channels v are in the order (group, phase, channel of the group).
struct PhaseKernels {
    PhaseKernels(const ConvolutionShape& shape, const LayerAxes& axes);

    int in_channels, out_channels, groups;  ///< C, O, G of the layer
    int kernel_taps;                        ///< k_h·k_w
    int phases;
    int taps_y, taps_x;                 ///< of the phase that has most, each axis
    std::vector<int> phase_y, phase_x;  ///< [phase]
    std::vector<int> tap;               ///< [phase][taps_y][taps_x]: the kernel's own tap u·k_w + v, or −1

    int channels() const { return phases * in_channels; }
    int group_outputs() const { return out_channels / groups; }
    int group_channels() const { return channels() / groups; }  ///< phase channels of a group
    int group_of(int output) const { return output / group_outputs(); }
    int phase_of(int v) const { return v / (in_channels / groups) % phases; }
    /// The channel of the layer that phase channel v belongs to, and which of its group that is.
    int channel_of(int v) const { return v / group_channels() * (in_channels / groups) + own_channel(v); }
    int own_channel(int v) const { return v % (in_channels / groups); }
    /// Of the kernel between output o and phase channel v, among (O, C/G).
    std::size_t kernel_of(int o, int v) const {
        return std::size_t(o) * (in_channels / groups) + own_channel(v);
    }
    const int* taps_of(int phase) const { return tap.data() + std::size_t(phase) * taps_y * taps_x; }
    std::size_t taps() const { return std::size_t(taps_y) * taps_x; }
};

/// A kernel at a position of a spectrum store: output channel o and phase channel v, or nothing (padding).
struct KernelPosition {
    int out_channel = -1, channel = -1;
};

/// Transforms between kernels and their spectra, for the kernels listed and no others. Small kernels by small
/// matrices: the k' × k' taps meet T × k' cosines and sines on each axis; large ones as tiles are. Positions
/// are the lanes of a SpectrumLayout with one channel.
class KernelTransform {
  public:
    KernelTransform(const PhaseKernels& kernels, const TileTransform& transform);

    /// Positions are stored in multiples of this.
    static constexpr int chunk = 64;
    /// The largest kernel edge that goes through matrices.
    static constexpr int most_taps = 11;
    static std::size_t padded(std::size_t positions) { return (positions + chunk - 1) / chunk * chunk; }

    /// Floats of scratch that a call needs, 64-byte aligned.
    std::size_t scratch_floats() const;
    /// The spectra of positions first .. first + chunk − 1, with the factor 1/(2HW) of TileTransform.
    /// weights: row-major (O, C/G, k_h, k_w). Padding becomes zero.
    void forward(std::span<const float> weights, const std::vector<KernelPosition>& positions,
                 std::size_t first, float* spectra, const SpectrumLayout& layout, float* scratch) const;
    /// The taps of positions first .. first + chunk − 1 from the spectra of the weight gradient, to dw (O,
    /// C/G, k_h, k_w).
    void inverse(const float* spectra, const SpectrumLayout& layout,
                 const std::vector<KernelPosition>& positions, std::size_t first, std::span<float> dw,
                 float* scratch) const;

  private:
    static constexpr int lanes = 8;  ///< of a tile of large kernels
    bool by_matrices() const { return kernels_.taps_y <= most_taps && kernels_.taps_x <= most_taps; }
    void fill_taps(std::span<const float> weights, const std::vector<KernelPosition>& positions,
                   std::size_t first, int count, float scale, float* taps, std::size_t row_stride) const;

    PhaseKernels kernels_;
    const TileTransform* transform_;
    std::vector<int> rows_;                                     ///< that hold taps
    std::vector<float> cosine_y_, sine_y_, cosine_x_, sine_x_;  ///< of 2π·f·a/T, (frequency, tap)
};

}  // namespace fftconv
