#pragma once
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "fftconv/convolution/spectral/frequency_sum.hpp"
#include "fftconv/convolution/spectral/kernel_spectra.hpp"
#include "fftconv/core/aligned.hpp"

namespace fftconv {

/// Kernel spectra in one order of positions, valid until weights, mask or mode change.
struct KernelStore {
    std::vector<KernelPosition> positions;
    std::optional<SpectrumLayout> layout;
    AlignedFloats spectra;
    bool valid = false;
};

/// Kernel spectra of a layer with few channels, output by output (few_channels::Output), made of a
/// KernelStore.
struct OutputWeights {
    std::vector<std::size_t> begin;
    AlignedFloats values;
    bool valid = false;
};

/// Which kernels the sums visit, in which order, and their spectra.
struct KernelOrder {
    bool dense = false;             ///< every kernel, in panels; else the surviving ones, in lists
    KernelStore panels_by_output;   ///< dense: forward
    KernelStore panels_by_channel;  ///< dense: backward to the input
    KernelStore entries;            ///< listed: both
    OutputWeights output_weights;   ///< few channels: forward
    frequency_sum::KernelList by_output, by_channel;
    std::vector<int> own_channel;    ///< of by_output, counted from the first phase channel of the group
    std::vector<int> used_channels;  ///< phase channels that some kernel reads
    KernelStore gradient;            ///< positions and accumulated spectra of the weight gradient
};

/// The order for a mask, (O, C/G) bytes or empty. With `keep_pruned` the entries hold pruned kernels too;
/// `entries`, if given, are such entries of another mask: the result is to take them over, and has none.
KernelOrder make_kernel_order(const PhaseKernels& kernels, const BinOrder& bins,
                              const std::vector<std::uint8_t>& mask, bool keep_pruned,
                              const KernelStore* entries);

}  // namespace fftconv
