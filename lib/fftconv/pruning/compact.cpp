#include "fftconv/pruning/compact.hpp"

#include <algorithm>
#include <functional>
#include <numeric>
#include <utility>

#include "fftconv/core/error.hpp"

namespace fftconv {
namespace {

/// @throws ShapeError
void require_values(const NamedArray& array, std::size_t count) {
    if (array.values.size() != count)
        throw ShapeError("compaction: " + array.name + ": expected " + std::to_string(count) +
                         " values, found " + std::to_string(array.values.size()));
}

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

/// Whether this layer's maps all stay: those of groups do, or the groups would no longer be alike.
bool maps_stay(const std::vector<WeightedLayer>& layers, std::size_t i) {
    return layers[i].groups > 1 || (i + 1 < layers.size() && layers[i + 1].groups > 1);
}

std::vector<Maps> surviving_maps(const PrunedNetwork& pruned) {
    const std::vector<WeightedLayer> layers = weighted_layers(pruned.network);
    std::vector<Maps> maps;
    for (std::size_t i = 0; i < layers.size(); ++i)
        maps.push_back(maps_stay(layers, i) ? all_maps(layers[i].out)
                                            : surviving_maps(layers[i], pruned.masks()));
    return maps;
}

/// Maps before a layer, when these are before it.
Maps inputs(const WeightedLayer& layer, const Maps& before) {
    return layer.groups > 1 ? all_maps(layer.in) : before;
}

/// Which maps of the thin network are pruned all the same; empty: none.
Bytes pruned_maps(const LayerMask* mask, const Maps& out) {
    Bytes surviving;
    for (int o : out)
        surviving.push_back(!mask || mask->feature_map.empty() || mask->feature_map[std::size_t(o)]);
    return std::count(surviving.begin(), surviving.end(), 0) == 0 ? Bytes{} : surviving;
}

/// The pruned kernels of a convolution: whole ones, and where some are pruned in part, weights.
void add_kernels(const WeightedLayer& layer, const Bytes& surviving, LayerMask& mask) {
    if (!layer.convolution || std::count(surviving.begin(), surviving.end(), 0) == 0) return;
    bool in_part = false;
    for (std::size_t kernel = 0; kernel < layer.units(); ++kernel) {
        const auto first = surviving.begin() + std::ptrdiff_t(kernel * layer.area);
        const long pruned = std::count(first, first + layer.area, 0);
        mask.kernel.push_back(pruned < layer.area);
        in_part = in_part || (pruned > 0 && pruned < layer.area);
    }
    if (in_part) mask.intra_kernel = surviving;
}

/// What is pruned of a layer of the thin network.
void add_mask(const WeightedLayer& layer, Bytes maps, const Bytes& surviving, Masks& masks) {
    const PerAxis edges = layer.convolution ? layer.convolution->shape().kernel : PerAxis(0);
    LayerMask mask{layer.name(), layer.out, layer.in, edges.vertical, edges.horizontal};
    mask.feature_map = std::move(maps);
    add_kernels(layer, surviving, mask);
    if (!mask.feature_map.empty() || !mask.kernel.empty()) masks.push_back(std::move(mask));
}

}  // namespace

PrunedNetwork compact(const PrunedNetwork& pruned) {
    const Network& network = pruned.network;
    const std::vector<WeightedLayer> layers = weighted_layers(network);
    const std::vector<Bytes> surviving = pruned.surviving_weights();
    const std::vector<Maps> maps = surviving_maps(pruned);

    Network thin_network(thin_architecture(network.architecture(), maps), network.options());
    const std::vector<WeightedLayer> thin = weighted_layers(thin_network);
    Masks masks;
    Maps before = all_maps(layers.front().in);
    for (std::size_t i = 0; i < layers.size(); ++i) {
        const Maps in = inputs(layers[i], before);
        copy(layers[i], thin[i], maps[i], in);
        add_mask(thin[i], pruned_maps(find_mask(pruned.masks(), layers[i].name()), maps[i]),
                 part(surviving[i], layers[i], maps[i], in), masks);
        before = maps[i];
    }
    return PrunedNetwork(std::move(thin_network), std::move(masks));
}

Compaction::Compaction(const PrunedNetwork& pruned)
    : thin_(compact(pruned)), thinner_(thin_.network.architecture() != pruned.network.architecture()) {
    const std::vector<WeightedLayer> layers = weighted_layers(pruned.network);
    const std::vector<Maps> maps = surviving_maps(pruned);
    Maps before = all_maps(layers.front().in);
    for (std::size_t i = 0; i < layers.size(); ++i) {
        const WeightedLayer& layer = layers[i];
        layers_.push_back({maps[i], inputs(layer, before), layer.in, layer.area});
        const auto add = [&](const fftconv::Layer& owner, const auto& array) {
            const bool weight = &array.name == &layer.weight->name;
            places_.push_back({owner.name() + "/" + array.name, array.shape, i, weight});
        };
        for (const Parameter* parameter : layer.layer->parameters()) add(*layer.layer, *parameter);
        if (layer.norm) {
            for (const Parameter* parameter : layer.norm->parameters()) add(*layer.norm, *parameter);
            for (const Buffer* buffer : layer.norm->buffers()) add(*layer.norm, *buffer);
        }
        before = maps[i];
    }
}

/// Of an optimizer's array, "conv1/weight/velocity", its parameter's.
const Compaction::Place& Compaction::place_of(const std::string& array) const {
    const std::string parameter = array.substr(0, array.rfind('/'));
    for (const std::string& name : {array, parameter})
        for (const Place& place : places_)
            if (place.array == name) return place;
    throw ShapeError("compaction: expected an array of the thin network, found " + array);
}

/// The inverse of `part`.
void Compaction::scatter(const std::vector<float>& thin, const Place& place, std::vector<float>& wide) const {
    const Layer& layer = layers_[place.layer];
    auto next = thin.begin();
    for (int o : layer.out) {
        if (!place.weight) {
            wide[std::size_t(o)] = *next++;
            continue;
        }
        for (int c : layer.in) {
            const std::size_t at = (std::size_t(o) * layer.all_in + c) * layer.area;
            std::copy_n(next, layer.area, wide.begin() + std::ptrdiff_t(at));
            next += layer.area;
        }
    }
}

std::vector<NamedArray> Compaction::widened(const std::vector<NamedArray>& thin,
                                            const std::vector<NamedArray>& full) const {
    std::vector<NamedArray> result;
    for (const NamedArray& array : thin) {
        const Place& place = place_of(array.name);
        const auto base = std::find_if(full.begin(), full.end(),
                                       [&](const NamedArray& each) { return each.name == array.name; });
        NamedArray wide{array.name, place.shape, {}};
        const Layer& layer = layers_[place.layer];
        const std::size_t all =
            std::accumulate(place.shape.begin(), place.shape.end(), std::size_t(1), std::multiplies());
        require_values(array, layer.out.size() * (place.weight ? layer.in.size() * layer.area : 1));
        if (base != full.end()) {
            require_values(*base, all);
            wide.values = base->values;
        }
        wide.values.resize(all);
        scatter(array.values, place, wide.values);
        result.push_back(std::move(wide));
    }
    return result;
}

}  // namespace fftconv
