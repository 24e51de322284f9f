#include "fftconv/pruning/pruned_network.hpp"

#include <algorithm>
#include <utility>

namespace fftconv {
namespace {

using Bytes = std::vector<std::uint8_t>;

/// A mask that prunes nothing frees the parameter, so that the engine takes its path for dense layers.
void hold(Parameter& parameter, const Bytes& surviving) {
    const bool all = std::count(surviving.begin(), surviving.end(), 0) == 0;
    if (all && parameter.held.empty()) return;
    if (all)
        parameter.hold({});
    else
        parameter.hold(surviving);
}

void hold(const WeightedLayer& layer, const Bytes& weights, const Bytes& maps) {
    hold(*layer.weight, weights);
    if (layer.bias) hold(*layer.bias, maps);
    if (layer.norm)
        for (Parameter* parameter : layer.norm->parameters()) hold(*parameter, maps);
}

LayerDensity density_of(const WeightedLayer& layer, const Bytes& surviving, const Bytes& maps) {
    LayerDensity d{layer.name(), std::size_t(layer.out), 0, layer.units(), 0, layer.weights(), 0};
    d.surviving_maps = std::size_t(std::count(maps.begin(), maps.end(), 1));
    for (std::size_t unit = 0; unit < layer.units(); ++unit) {
        const auto first = surviving.begin() + std::ptrdiff_t(unit * layer.area);
        const std::size_t there = std::size_t(layer.area - std::count(first, first + layer.area, 0));
        d.surviving_weights += there;
        d.surviving_kernels += there > 0;
    }
    return d;
}

}  // namespace

PrunedNetwork::PrunedNetwork(Network network_, Masks masks) : network(std::move(network_)) {
    set_masks(std::move(masks));
}

void PrunedNetwork::set_masks(Masks masks) {
    const std::vector<WeightedLayer> layers = weighted_layers(network);
    const std::vector<Bytes> surviving = fftconv::surviving_weights(masks, layers);
    for (std::size_t i = 0; i < layers.size(); ++i)
        hold(layers[i], surviving[i], surviving_maps(find_mask(masks, layers[i].name()), layers[i]));
    masks_ = std::move(masks);
}

std::vector<Bytes> PrunedNetwork::surviving_weights() const {
    return fftconv::surviving_weights(masks_, weighted_layers(network));
}

std::vector<LayerDensity> PrunedNetwork::density() const {
    const std::vector<WeightedLayer> layers = weighted_layers(network);
    const std::vector<Bytes> surviving = surviving_weights();
    std::vector<LayerDensity> result;
    for (std::size_t i = 0; i < layers.size(); ++i) {
        const LayerMask* mask = find_mask(masks_, layers[i].name());
        result.push_back(density_of(layers[i], surviving[i], surviving_maps(mask, layers[i])));
    }
    return result;
}

std::vector<MaskComparison> PrunedNetwork::compare(const Masks& second) const {
    const std::vector<WeightedLayer> layers = weighted_layers(network);
    const std::vector<Bytes> a = surviving_weights(), b = fftconv::surviving_weights(second, layers);
    std::vector<MaskComparison> result;
    for (std::size_t i = 0; i < layers.size(); ++i) {
        MaskComparison counts;
        counts.layer = layers[i].name();
        for (std::size_t w = 0; w < a[i].size(); ++w)
            ++(a[i][w]   ? b[i][w] ? counts.both_surviving : counts.only_second
               : b[i][w] ? counts.only_first
                         : counts.both_pruned);
        result.push_back(counts);
    }
    return result;
}

}  // namespace fftconv
