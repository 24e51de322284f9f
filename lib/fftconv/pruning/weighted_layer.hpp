#pragma once
#include <span>
#include <string>
#include <vector>

#include "fftconv/core/public.hpp"
#include "fftconv/network/batch_norm.hpp"
#include "fftconv/network/network.hpp"

namespace FFTCONV_PUBLIC fftconv {

/// A convolution or dense layer as pruning sees both: `out` maps (or neurons) that each read `in` maps, with
/// `area` weights per pair: the k² taps of a kernel, or, in a dense layer, one weight for each pixel of a
/// map. Weights are row-major (out, in, area). Points into its network, which must outlive it.
struct WeightedLayer {
    /// The layer itself.
    Layer* layer = nullptr;
    ConvolutionLayer* convolution = nullptr;  ///< null: dense
    int out = 0, in = 0, area = 0;            ///< output maps, input maps (of a group), weights of a pair
    int groups = 1;                           ///< of maps: an output reads the input maps of its own
    /// (out, in, area).
    Parameter* weight = nullptr;
    Parameter* bias = nullptr;  ///< null where a batch normalisation follows
    /// The batch normalisation behind it, or null.
    BatchNorm* norm = nullptr;

    /// Of the layer.
    const std::string& name() const { return layer->name(); }
    /// Kernels.
    std::size_t units() const { return std::size_t(out) * std::size_t(in); }
    /// Of all kernels.
    std::size_t weights() const { return units() * std::size_t(area); }
    /// Where the weights of a kernel begin.
    std::size_t at(int o, int c) const {
        return (std::size_t(o) * std::size_t(in) + std::size_t(c)) * std::size_t(area);
    }
    /// The map before the layer that is input c of output o.
    int map_of(int o, int c) const { return o / (out / groups) * in + c; }
    /// Which input of output o that map is, or −1 where it is of another group.
    int input_of(int o, int map) const { return map / in == o / (out / groups) ? map % in : -1; }
    /// The weights between input c and map o behind the layer.
    std::span<float> kernel(int o, int c) const {
        return {weight->value.data() + at(o, c), std::size_t(area)};
    }
};

/// In the network's order; the maps behind one are the maps before the next.
std::vector<WeightedLayer> weighted_layers(const Network& network);

}  // namespace fftconv
