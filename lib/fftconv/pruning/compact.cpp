#include "fftconv/pruning/compact.hpp"

#include <algorithm>
#include <numeric>
#include <utility>

namespace fftconv {
namespace {

using Bytes = std::vector<std::uint8_t>;
using Maps = std::vector<int>;  ///< indices of the surviving maps, ascending

Maps all_maps(int count) {
    Maps maps(static_cast<std::size_t>(count));
    std::iota(maps.begin(), maps.end(), 0);
    return maps;
}

Maps surviving_maps(const WeightedLayer& layer, const Masks& masks) {
    const LayerMask* mask = find_mask(masks, layer.name());
    if (!mask || mask->feature_map.empty()) return all_maps(layer.out);
    Maps maps;
    for (int o = 0; o < layer.out; ++o)
        if (mask->feature_map[std::size_t(o)]) maps.push_back(o);
    return maps.empty() ? Maps{0} : maps;
}

Architecture thin_architecture(Architecture architecture, const std::vector<Maps>& maps) {
    auto next = maps.begin();
    for (LayerSpec& spec : architecture.layers) {
        if (auto* convolution = std::get_if<ConvolutionSpec>(&spec))
            convolution->outputs = int((next++)->size());
        if (auto* dense = std::get_if<DenseSpec>(&spec)) dense->outputs = int((next++)->size());
    }
    return architecture;
}

/// The part of (out, in, area) values that joins the surviving maps.
template <class Value>
std::vector<Value> part(const std::vector<Value>& values, const WeightedLayer& layer, const Maps& out,
                        const Maps& in) {
    std::vector<Value> result;
    for (int o : out)
        for (int c : in) {
            const auto first = values.begin() + std::ptrdiff_t(layer.at(o, c));
            result.insert(result.end(), first, first + layer.area);
        }
    return result;
}

std::vector<float> part(const std::vector<float>& values, const Maps& out) {
    std::vector<float> result;
    for (int o : out) result.push_back(values[std::size_t(o)]);
    return result;
}

void copy(const Parameter& from, Parameter& to, const Maps& out) {
    to.value = part(from.value, out);
    to.changed();
}

void copy(const WeightedLayer& from, const WeightedLayer& to, const Maps& out, const Maps& in) {
    to.weight->value = part(from.weight->value, from, out, in);
    to.weight->changed();
    if (from.bias) copy(*from.bias, *to.bias, out);
    if (!from.norm) return;
    for (std::size_t i = 0; i < from.norm->parameters().size(); ++i)
        copy(*from.norm->parameters()[i], *to.norm->parameters()[i], out);
    for (std::size_t i = 0; i < from.norm->buffers().size(); ++i)
        to.norm->buffers()[i]->value = part(from.norm->buffers()[i]->value, out);
}

/// The pruned kernels of a convolution as a mask: whole ones, and where some are pruned in part, weights.
void add_kernel_mask(const WeightedLayer& layer, const Bytes& kept, Masks& masks) {
    if (!layer.convolution || std::count(kept.begin(), kept.end(), 0) == 0) return;
    const PerAxis edges = layer.convolution->shape().kernel;
    LayerMask mask{layer.name(), layer.out, layer.in, edges.vertical, edges.horizontal};
    bool in_part = false;
    for (std::size_t kernel = 0; kernel < layer.units(); ++kernel) {
        const auto first = kept.begin() + std::ptrdiff_t(kernel * layer.area);
        const long pruned = std::count(first, first + layer.area, 0);
        mask.kernel.push_back(pruned < layer.area);
        in_part = in_part || (pruned > 0 && pruned < layer.area);
    }
    if (in_part) mask.intra_kernel = kept;
    masks.push_back(std::move(mask));
}

}  // namespace

PrunedNetwork compact(const PrunedNetwork& pruned) {
    const Network& network = pruned.network;
    const std::vector<WeightedLayer> layers = weighted_layers(network);
    const std::vector<Bytes> kept = pruned.kept_weights();
    std::vector<Maps> maps;
    for (std::size_t i = 0; i < layers.size(); ++i) {
        // Maps of groups stay, or the groups would no longer be alike: their pruned kernels stay masked.
        const bool grouped = layers[i].groups > 1 || (i + 1 < layers.size() && layers[i + 1].groups > 1);
        maps.push_back(grouped ? all_maps(layers[i].out) : surviving_maps(layers[i], pruned.masks()));
    }

    Network thin_network(thin_architecture(network.architecture(), maps), network.options());
    const std::vector<WeightedLayer> thin = weighted_layers(thin_network);
    Masks masks;
    Maps in = all_maps(layers.front().in);
    for (std::size_t i = 0; i < layers.size(); ++i) {
        if (layers[i].groups > 1) in = all_maps(layers[i].in);
        copy(layers[i], thin[i], maps[i], in);
        add_kernel_mask(thin[i], part(kept[i], layers[i], maps[i], in), masks);
        in = maps[i];
    }
    return PrunedNetwork(std::move(thin_network), std::move(masks));
}

}  // namespace fftconv
