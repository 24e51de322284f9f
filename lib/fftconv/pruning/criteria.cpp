#include "fftconv/pruning/criteria.hpp"

#include <algorithm>
#include <cmath>
#include <map>

#include "fftconv/core/error.hpp"
#include "fftconv/core/number_text.hpp"
#include "fftconv/core/random.hpp"
#include "fftconv/network/loss.hpp"
#include "fftconv/pruning/reconstruction.hpp"
#include "fftconv/pruning/spectral_energy.hpp"

namespace fftconv {
namespace {

using Scores = std::vector<std::vector<double>>;

template <class Score>
Scores each_unit(const std::vector<UnitGroup>& groups, const Score& score) {
    Scores scores;
    for (const UnitGroup& group : groups) {
        scores.emplace_back();
        for (const PruningUnit& unit : group) scores.back().push_back(score(unit));
    }
    return scores;
}

/// Σ term(weight index) over a unit.
template <class Term>
double unit_sum(const PruningUnit& unit, const PruningScope& scope, const Term& term) {
    double sum = 0;
    unit.for_each_weight(scope, [&](std::size_t weight) { sum += term(weight); });
    return sum;
}

/// γ/σ of each map behind a layer; ones without batch normalisation.
std::vector<double> scales_of(const WeightedLayer& layer) {
    if (!layer.norm) return std::vector<double>(std::size_t(layer.out), 1.0);
    const std::vector<float> factor = layer.norm->inference().factor;
    return {factor.begin(), factor.end()};
}

Scores magnitudes(const std::vector<UnitGroup>& groups, const PruningScope& scope, bool squares,
                  bool scaled) {
    std::map<const Layer*, std::vector<double>> scales;
    for (const UnitGroup& group : groups)
        for (const PruningUnit& unit : group)
            if (scaled && !scales.count(unit.layer.layer)) scales[unit.layer.layer] = scales_of(unit.layer);
    return each_unit(groups, [&](const PruningUnit& unit) {
        const std::vector<float>& w = unit.layer.weight->value;
        const std::size_t per_map = std::size_t(unit.layer.in) * unit.layer.area;
        const double sum = unit_sum(unit, scope, [&](std::size_t i) {
            const double weight = scaled ? w[i] * scales[unit.layer.layer][i / per_map] : double(w[i]);
            return squares ? weight * weight : std::abs(weight);
        });
        return squares ? std::sqrt(sum) : sum;
    });
}

/// @throws UsageError when such units have no such score.
void require_scores_of(const std::vector<UnitGroup>& groups, const PruningScope& scope, Criterion criterion) {
    const auto require = [&](bool can, const char* expected, const std::string& found) {
        if (!can)
            throw UsageError("criterion: " + to_string(criterion) + ": expected " + expected + ", found " +
                             found);
    };
    if (criterion == Criterion::reconstruction)
        require(scope.granularity == Granularity::kernel || scope.granularity == Granularity::kernel_group,
                "kernels or groups of them", to_string(scope.granularity));
    for (const UnitGroup& group : groups)
        for (const PruningUnit& unit : group) {
            if (criterion == Criterion::gamma || criterion == Criterion::taylor_gamma)
                require(unit.layer.norm && scope.granularity == Granularity::feature_map,
                        "feature maps with batch normalisation",
                        to_string(scope.granularity) + " of " + unit.layer.name());
            if (criterion == Criterion::spectral)
                require(unit.layer.convolution && scope.granularity != Granularity::layer,
                        "units of convolutions", unit.layer.name());
        }
}

Scores gammas(const std::vector<UnitGroup>& groups) {
    return each_unit(groups, [](const PruningUnit& unit) {
        return std::abs(double(unit.layer.norm->parameters()[0]->value[std::size_t(unit.index)]));
    });
}

Scores random_numbers(const std::vector<UnitGroup>& groups, std::uint64_t seed) {
    RandomStream random(seed, "criterion");
    return each_unit(groups, [&](const PruningUnit&) { return double(random.uniform()); });
}

/// Calls visit(batch) for the first batches of the data.
template <class Visit>
int for_each_batch(const CriterionData& data, const Visit& visit) {
    data.images.start(0);
    int count = 0;
    while (const Batch* batch = count < data.batches ? data.images.next() : nullptr) {
        visit(*batch);
        ++count;
    }
    return count;
}

/// Gradients outside training, so that running statistics stay what they are.
void compute_gradients(Network& network, const Batch& batch) {
    Tensor gradient;
    const PassContext context{.valid = batch.valid};
    softmax_cross_entropy(network.forward(batch.images, context), batch.labels, batch.valid, &gradient);
    network.backward(batch.images, gradient, context);
}

/// Mean over batches of change(unit)², the first-order change of the loss, with the gradients of each.
template <class Change>
Scores squared_changes(Network& network, const std::vector<UnitGroup>& groups, const CriterionData& data,
                       const Change& change) {
    Scores sum = each_unit(groups, [](const PruningUnit&) { return 0.0; });
    const int batches = for_each_batch(data, [&](const Batch& batch) {
        compute_gradients(network, batch);
        for (std::size_t g = 0; g < groups.size(); ++g)
            for (std::size_t u = 0; u < groups[g].size(); ++u) {
                const double of_unit = change(groups[g][u]);
                sum[g][u] += of_unit * of_unit;
            }
    });
    for (std::vector<double>& group : sum)
        for (double& score : group) score /= std::max(batches, 1);
    return sum;
}

Scores taylor(Network& network, const std::vector<UnitGroup>& groups, const PruningScope& scope,
              const CriterionData& data) {
    return squared_changes(network, groups, data, [&](const PruningUnit& unit) {
        const Parameter& weight = *unit.layer.weight;
        return unit_sum(unit, scope,
                        [&](std::size_t i) { return double(weight.value[i]) * weight.gradient[i]; });
    });
}

Scores taylor_gamma(Network& network, const std::vector<UnitGroup>& groups, const CriterionData& data) {
    return squared_changes(network, groups, data, [](const PruningUnit& unit) {
        double change = 0;
        for (const Parameter* parameter : unit.layer.norm->parameters())
            change += double(parameter->value[std::size_t(unit.index)]) *
                      parameter->gradient[std::size_t(unit.index)];
        return change;
    });
}

/// Energies of one layer, (O, C) for each part of its kernels (one part unless intra-kernel).
using Energies = std::vector<std::vector<double>>;

/// The weights of part `phase` of every kernel, the others zero.
std::vector<float> part_of_kernels(const WeightedLayer& layer, int stride, int phase) {
    std::vector<float> part = layer.weight->value;
    for (std::size_t i = 0; i < part.size(); ++i)
        if (int(i % std::size_t(layer.area)) % stride != phase) part[i] = 0;
    return part;
}

void add_energies(const WeightedLayer& layer, int parts, const Tensor& x, int valid, Energies& energies) {
    energies.resize(std::size_t(parts));
    for (int phase = 0; phase < parts; ++phase) {
        const std::vector<double> added =
            kernel_energies(layer.convolution->shape(), part_of_kernels(layer, parts, phase), x, valid,
                            layer.norm != nullptr);
        std::vector<double>& sum = energies[std::size_t(phase)];
        sum.resize(added.size(), 0.0);
        for (std::size_t i = 0; i < added.size(); ++i) sum[i] += added[i];
    }
}

/// What each convolution of the scope makes of the data, by layer.
std::map<const Layer*, Energies> measure_energies(Network& network, const PruningScope& scope,
                                                  const CriterionData& data) {
    std::map<const Layer*, Energies> energies;
    for_each_batch(data, [&](const Batch& batch) {
        Tensor x = batch.images, y;
        for (const auto& layer : network.layers()) {
            for (const WeightedLayer& each : weighted_layers(network)) {
                const bool wanted =
                    std::find(scope.layers.begin(), scope.layers.end(), each.name()) != scope.layers.end();
                if (each.layer != layer.get() || !wanted) continue;
                const bool inside = scope.granularity == Granularity::intra_kernel;
                add_energies(each, inside ? std::min(scope.stride, each.area) : 1, x, batch.valid,
                             energies[layer.get()]);
            }
            y.reshape(layer->output_maps(), x.batch());
            layer->forward(x, y, {.valid = batch.valid});
            std::swap(x, y);
        }
    });
    return energies;
}

double map_energy(const Energies& energies, const WeightedLayer& layer, int o) {
    double sum = 0;
    for (const std::vector<double>& part : energies)
        for (int c = 0; c < layer.in; ++c) sum += part[std::size_t(o) * layer.in + c];
    return sum;
}

/// Of a group of kernels: the sum of their shares.
double group_share(const Energies& energies, const PruningUnit& unit) {
    const int in = unit.layer.in, c = unit.index % in, first = unit.index / in * group_outputs;
    double sum = 0;
    for (int o = first; o < std::min(first + group_outputs, unit.layer.out); ++o) {
        const double whole = map_energy(energies, unit.layer, o);
        sum += whole > 0 ? energies[0][std::size_t(o) * in + c] / whole : 0.0;
    }
    return sum;
}

Scores spectral(Network& network, const std::vector<UnitGroup>& groups, const PruningScope& scope,
                const CriterionData& data) {
    const auto energies = measure_energies(network, scope, data);
    return each_unit(groups, [&](const PruningUnit& unit) {
        const Energies& of_layer = energies.at(unit.layer.layer);
        if (scope.granularity == Granularity::feature_map) {
            const double factor =
                unit.layer.norm ? unit.layer.norm->inference().factor[std::size_t(unit.index)] : 1.0;
            return factor * factor * map_energy(of_layer, unit.layer, unit.index);
        }
        if (scope.granularity == Granularity::kernel_group) return group_share(of_layer, unit);
        const int parts = int(of_layer.size()), kernel = unit.index / parts;
        const double whole = map_energy(of_layer, unit.layer, kernel / unit.layer.in);
        const double own = of_layer[std::size_t(unit.index % parts)][std::size_t(kernel)];
        return whole > 0 ? own / whole : 0.0;
    });
}

}  // namespace

namespace {

Scores scores_of(PrunedNetwork& pruned, const std::vector<UnitGroup>& groups, const PruningScope& scope,
                 Criterion criterion, const CriterionData& data) {
    switch (criterion) {
        case Criterion::weight_sum:
            return magnitudes(groups, scope, false, false);
        case Criterion::l2:
            return magnitudes(groups, scope, true, false);
        case Criterion::weight_sum_scaled:
            return magnitudes(groups, scope, false, true);
        case Criterion::l2_scaled:
            return magnitudes(groups, scope, true, true);
        case Criterion::gamma:
            return gammas(groups);
        case Criterion::taylor_gamma:
            return taylor_gamma(pruned.network, groups, data);
        case Criterion::reconstruction:
            return Reconstruction(pruned, scope, data.images, data.batches).scores();
        case Criterion::taylor:
            return taylor(pruned.network, groups, scope, data);
        case Criterion::random:
            return random_numbers(groups, data.seed);
        case Criterion::spectral:
            return spectral(pruned.network, groups, scope, data);
    }
    return {};
}

}  // namespace

void require_scores(const PrunedNetwork& pruned, const PruningScope& scope, Criterion criterion) {
    require_scores_of(live_units(pruned, scope), scope, criterion);
}

std::vector<std::vector<double>> unit_scores(PrunedNetwork& pruned, const PruningScope& scope,
                                             Criterion criterion, const CriterionData& data) {
    const std::vector<UnitGroup> groups = live_units(pruned, scope);
    require_scores_of(groups, scope, criterion);
    Scores scores = scores_of(pruned, groups, scope, criterion, data);
    for (std::size_t g = 0; g < groups.size(); ++g)
        for (std::size_t u = 0; u < groups[g].size(); ++u)
            if (!std::isfinite(scores[g][u]))
                throw Error("criterion: " + to_string(criterion) + ": expected a finite score of " +
                            to_string(scope.granularity) + " " + std::to_string(groups[g][u].index) + " of " +
                            groups[g][u].layer.name() + ", found " + number_text(scores[g][u]));
    return scores;
}

}  // namespace fftconv
