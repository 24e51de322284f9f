#pragma once
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "fftconv/convolution/spectral/frequency_sum.hpp"
#include "fftconv/convolution/spectral/kernel_spectra.hpp"
#include "fftconv/convolution/spectral/sparse_sum.hpp"
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

/// Which side of the layer a sum is for.
enum class Toward { output, input };

/// Which kernels the sums visit, in which order, and their spectra.
struct KernelOrder {
    bool dense = false;              ///< every kernel, in panels; else the surviving ones, in lists
    KernelStore panels_by_output;    ///< dense: forward
    KernelStore panels_by_channel;   ///< dense: backward to the input
    KernelStore entries_by_output;   ///< sparse: forward; with pruned kernels too, both
    KernelStore entries_by_channel;  ///< sparse: backward to the input
    OutputWeights output_weights;    ///< few channels: forward
    sparse_sum::KernelList by_output, by_channel;
    std::vector<int> own_channel;    ///< of by_output, counted from the first phase channel of the group
    std::vector<int> used_channels;  ///< phase channels that some kernel reads
    KernelStore gradient;            ///< positions and accumulated spectra of the weight gradient: dense,
                                     ///< (output, padded phase channel); sparse, the entries row by row

    const sparse_sum::KernelList& list(Toward side) const {
        return side == Toward::output ? by_output : by_channel;
    }
    KernelStore& store(Toward side) {
        if (dense) return side == Toward::output ? panels_by_output : panels_by_channel;
        return side == Toward::output || list(side).placed ? entries_by_output : entries_by_channel;
    }
    /// Bytes of cached and accumulated spectra.
    std::size_t bytes() const;
    void invalidate();
};

/// The order for a mask, (O, C/G) bytes or empty. With `keep_pruned` entries_by_output hold pruned
/// kernels too; `entries`, if given, are such entries of another mask: the result is to take them over, and
/// has none.
KernelOrder make_kernel_order(const PhaseKernels& kernels, const BinOrder& bins,
                              const std::vector<std::uint8_t>& mask, bool keep_pruned,
                              const KernelStore* entries);

}  // namespace fftconv
