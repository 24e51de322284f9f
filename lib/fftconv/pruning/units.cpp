#include "fftconv/pruning/units.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "fftconv/core/error.hpp"
#include "fftconv/core/number_text.hpp"
#include "fftconv/core/random.hpp"

namespace fftconv {
namespace {

int groups_of(const WeightedLayer& layer) {
    return (layer.out + group_outputs - 1) / group_outputs;
}

bool is_of_kernels(Granularity granularity) {
    return granularity == Granularity::kernel || granularity == Granularity::kernel_group ||
           granularity == Granularity::intra_kernel;
}

/// The indices of a group's kernels.
template <class Visit>
void for_each_kernel(const WeightedLayer& layer, int group, const Visit& visit) {
    const int first = group / layer.in * group_outputs, c = group % layer.in;
    for (int o = first; o < std::min(first + group_outputs, layer.out); ++o)
        visit(std::size_t(o) * layer.in + c);
}

int unit_count(const WeightedLayer& layer, const PruningScope& scope) {
    switch (scope.granularity) {
        case Granularity::layer:
            return 1;
        case Granularity::feature_map:
            return layer.out;
        case Granularity::kernel:
            return int(layer.units());
        case Granularity::kernel_group:
            return groups_of(layer) * layer.in;
        case Granularity::intra_kernel:
            return int(layer.units()) * std::min(scope.stride, layer.area);
    }
    return 0;
}

WeightedLayer named(const std::vector<WeightedLayer>& layers, const std::string& name,
                    const PruningScope& scope) {
    const auto found = std::find_if(layers.begin(), layers.end(),
                                    [&](const WeightedLayer& layer) { return layer.name() == name; });
    const bool inside_kernels = is_of_kernels(scope.granularity);
    if (found == layers.end() || (inside_kernels && !found->convolution) ||
        (!inside_kernels && found + 1 == layers.end())) {
        throw ShapeError("pruning: layers: expected " +
                         std::string(inside_kernels ? "convolutions" : "layers before the last") +
                         " of the network, found " + name);
    }
    return *found;
}

bool alive(const PruningUnit& unit, const PruningScope& scope, const std::vector<std::uint8_t>& surviving) {
    bool any = false;
    unit.for_each_weight(scope, [&](std::size_t weight) { any = any || surviving[weight]; });
    return any;
}

/// The array of a layer's mask that holds units of this granularity, made when it is empty.
std::vector<std::uint8_t>& array_of(LayerMask& mask, const WeightedLayer& layer, Granularity granularity) {
    const bool maps = granularity == Granularity::layer || granularity == Granularity::feature_map;
    const bool kernels = granularity == Granularity::kernel || granularity == Granularity::kernel_group;
    std::vector<std::uint8_t>& array = maps ? mask.feature_map : kernels ? mask.kernel : mask.intra_kernel;
    if (array.empty())
        array.assign(maps ? std::size_t(layer.out) : kernels ? layer.units() : layer.weights(), 1);
    return array;
}

std::string stream_name(const UnitGroup& group, const PruningScope& scope) {
    const bool one_layer = scope.granularity != Granularity::layer && !group.empty();
    return "mask/" + (one_layer ? group.front().layer.name() : std::string("layers"));
}

void require_finite(const std::vector<double>& scores) {
    for (double score : scores)
        if (!std::isfinite(score))
            throw Error("pruning: score: expected a finite number, found " + number_text(score));
}

/// log(u) / score falls as the score does: the largest keys are a draw without replacement in proportion to
/// the scores. Shifted for a score of zero, which comes after every other.
double survival_key(double score, float u) {
    if (!(score >= 0 && std::isfinite(score)))
        throw Error("pruning: score to draw by: expected at least 0 and finite, found " +
                    std::to_string(score));
    return std::log((double(u) + 0x1p-25)) / std::max(score, 1e-280);
}

}  // namespace

std::vector<std::string> convolution_names(Network& network) {
    std::vector<std::string> result;
    for (const ConvolutionLayer* layer : network.convolutions()) result.push_back(layer->name());
    return result;
}

void PruningUnit::for_each_weight(const PruningScope& scope,
                                  const std::function<void(std::size_t)>& visit) const {
    const std::size_t area = std::size_t(layer.area), of_map = std::size_t(layer.in) * area;
    if (scope.granularity == Granularity::kernel_group)
        return for_each_kernel(layer, index, [&](std::size_t kernel) {
            for (std::size_t weight = kernel * area; weight < (kernel + 1) * area; ++weight) visit(weight);
        });
    std::size_t first = 0, end = layer.weights(), step = 1;
    if (scope.granularity == Granularity::feature_map) {
        first = std::size_t(index) * of_map;
        end = first + of_map;
    } else if (scope.granularity == Granularity::kernel) {
        first = std::size_t(index) * area;
        end = first + area;
    } else if (scope.granularity == Granularity::intra_kernel) {
        step = std::min(std::size_t(scope.stride), area);
        const std::size_t kernel = std::size_t(index) / step * area;
        first = kernel + std::size_t(index) % step;
        end = kernel + area;
    }
    for (std::size_t weight = first; weight < end; weight += step) visit(weight);
}

std::vector<UnitGroup> live_units(const PrunedNetwork& pruned, const PruningScope& scope) {
    if (scope.stride < 1)
        throw UsageError("pruning: stride: expected at least 1, found " + std::to_string(scope.stride));
    const std::vector<WeightedLayer> layers = weighted_layers(pruned.network);
    const auto surviving = pruned.surviving_weights();
    std::vector<UnitGroup> groups;
    for (const std::string& name : scope.layers) {
        const WeightedLayer layer = named(layers, name, scope);
        const auto position = std::find_if(layers.begin(), layers.end(), [&](const WeightedLayer& each) {
            return each.layer == layer.layer;
        });
        if (groups.empty() || scope.granularity != Granularity::layer) groups.emplace_back();
        for (int index = 0; index < unit_count(layer, scope); ++index) {
            const PruningUnit unit{layer, index};
            if (alive(unit, scope, surviving[std::size_t(position - layers.begin())]))
                groups.back().push_back(unit);
        }
    }
    return groups;
}

std::size_t pruned_count(std::size_t live, double ratio) {
    if (live == 0) return 0;
    const double wanted = std::round(std::clamp(ratio, 0.0, 1.0) * double(live));
    return std::min(std::size_t(wanted), live - 1);
}

Masks with_pruned(const PrunedNetwork& pruned, const PruningScope& scope,
                  const std::vector<PruningUnit>& units) {
    const std::vector<WeightedLayer> layers = weighted_layers(pruned.network);
    Masks masks = pruned.masks();
    for (const PruningUnit& unit : units) {
        LayerMask& mask = mask_of(masks, layers, unit.layer.name());
        std::vector<std::uint8_t>& array = array_of(mask, unit.layer, scope.granularity);
        if (scope.granularity == Granularity::layer)
            std::fill(array.begin(), array.end(), 0);
        else if (scope.granularity == Granularity::kernel_group)
            for_each_kernel(unit.layer, unit.index, [&](std::size_t kernel) { array[kernel] = 0; });
        else if (scope.granularity == Granularity::intra_kernel)
            unit.for_each_weight(scope, [&](std::size_t weight) { array[weight] = 0; });
        else
            array[std::size_t(unit.index)] = 0;
    }
    return masks;
}

Masks random_masks(const PrunedNetwork& pruned, const PruningScope& scope, double ratio, std::uint64_t seed) {
    std::vector<PruningUnit> units;
    for (UnitGroup& group : live_units(pruned, scope)) {
        RandomStream random(seed, stream_name(group, scope));
        shuffle(group, random);
        group.resize(pruned_count(group.size(), ratio));
        units.insert(units.end(), group.begin(), group.end());
    }
    return with_pruned(pruned, scope, units);
}

Masks drawn_masks(const PrunedNetwork& pruned, const PruningScope& scope, double ratio,
                  const std::vector<std::vector<double>>& scores, std::uint64_t seed) {
    const std::vector<UnitGroup> groups = live_units(pruned, scope);
    std::vector<std::vector<double>> keys;
    for (std::size_t g = 0; g < groups.size(); ++g) {
        RandomStream random(seed, stream_name(groups[g], scope) + "/drawn");
        keys.emplace_back();
        for (double score : scores.at(g)) keys.back().push_back(survival_key(score, random.uniform()));
    }
    return masks_of_least(pruned, scope, ratio, keys);
}

Masks masks_of_least(const PrunedNetwork& pruned, const PruningScope& scope, double ratio,
                     const std::vector<std::vector<double>>& scores) {
    const std::vector<UnitGroup> groups = live_units(pruned, scope);
    std::vector<PruningUnit> units;
    for (std::size_t g = 0; g < groups.size(); ++g) {
        require_finite(scores.at(g));
        std::vector<std::size_t> order(groups[g].size());
        std::iota(order.begin(), order.end(), 0);
        std::stable_sort(order.begin(), order.end(),
                         [&](std::size_t a, std::size_t b) { return scores.at(g).at(a) < scores[g].at(b); });
        order.resize(pruned_count(order.size(), ratio));
        for (std::size_t unit : order) units.push_back(groups[g][unit]);
    }
    return with_pruned(pruned, scope, units);
}

}  // namespace fftconv
