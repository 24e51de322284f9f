#pragma once
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "fftconv/convolution/spectral/frequency_sum.hpp"
#include "fftconv/convolution/spectral/spectrum.hpp"
#include "fftconv/convolution/spectral/tiling.hpp"
#include "fftconv/core/aligned.hpp"

namespace fftconv {

/// Channels and kernels as the tiles see them. With the folded inverse each input channel is split into
/// phases, and each kernel into as many phase kernels: channel phase · C + c. Without, there is one phase.
struct PhaseKernels {
    PhaseKernels(const ConvolutionShape& shape, const LayerAxes& axes);

    int in_channels, out_channels;      ///< C and O of the layer
    int kernel;                         ///< k
    int phases;                         ///< that some tap meets; the others are left out
    int taps_y, taps_x;                 ///< k' of each axis
    std::vector<int> phase_y, phase_x;  ///< [phase]
    std::vector<int> tap;               ///< [phase][taps_y][taps_x]: the kernel's own tap u·k + v, or −1

    int channels() const { return phases * in_channels; }
    const int* taps_of(int phase) const { return tap.data() + std::size_t(phase) * taps_y * taps_x; }
    std::size_t taps() const { return std::size_t(taps_y) * taps_x; }
};

/// A kernel at a position of a spectrum store: output channel o and phase channel v, or nothing (padding).
struct KernelPosition {
    int out_channel = -1, channel = -1;
};

/// Transforms between kernels and their spectra, for the kernels listed and no others, by small matrices: the
/// k' × k' taps meet T × k' cosines and sines on each axis. Positions are the lanes of a SpectrumLayout with
/// one channel.
class KernelTransform {
  public:
    KernelTransform(const PhaseKernels& kernels, int tile);

    /// Positions are stored in multiples of this.
    static constexpr int chunk = 64;
    /// The largest kernel edge.
    static constexpr int most_taps = 11;
    static std::size_t padded(std::size_t positions) { return (positions + chunk - 1) / chunk * chunk; }

    /// The spectra of positions first .. first + chunk − 1, with the factor 1/(2T²) of TileTransform.
    /// weights: row-major (O, C, k, k). Padding becomes zero.
    void forward(std::span<const float> weights, const std::vector<KernelPosition>& positions,
                 std::size_t first, float* spectra, const SpectrumLayout& layout) const;
    /// The taps of positions first .. first + chunk − 1 from the spectra of the weight gradient, to dw (O, C,
    /// k, k).
    void inverse(const float* spectra, const SpectrumLayout& layout,
                 const std::vector<KernelPosition>& positions, std::size_t first, std::span<float> dw) const;

  private:
    PhaseKernels kernels_;
    BinOrder order_;
    std::vector<float> cosine_, sine_;  ///< of 2π·i/T
};

}  // namespace fftconv
