#include "fftconv/pruning/search.hpp"

#include <algorithm>
#include <optional>

#include "fftconv/core/error.hpp"
#include "fftconv/core/random.hpp"
#include "fftconv/training/evaluation.hpp"
#include "fftconv/training/recalibration.hpp"

namespace fftconv {
namespace {

using Bytes = std::vector<std::uint8_t>;

std::vector<Parameter*> parameters_of(const WeightedLayer& layer) {
    std::vector<Parameter*> parameters = layer.layer->parameters();
    if (layer.norm)
        for (Parameter* parameter : layer.norm->parameters()) parameters.push_back(parameter);
    return parameters;
}

void set_values(Parameter& parameter, const std::vector<float>& values, const Bytes& surviving) {
    for (std::size_t i = 0; i < values.size(); ++i) parameter.value[i] = surviving[i] ? values[i] : 0.0f;
    parameter.changed();
}

/// (out, in): 1 where some weight is kept.
Bytes kernels_of(const WeightedLayer& layer, const Bytes& surviving) {
    Bytes kernels;
    for (auto first = surviving.begin(); first != surviving.end(); first += layer.area)
        kernels.push_back(
            std::any_of(first, first + layer.area, [](std::uint8_t byte) { return byte != 0; }));
    return kernels;
}

/// Is some kernel neither whole nor gone?
bool in_part(const WeightedLayer& layer, const Bytes& surviving) {
    for (auto first = surviving.begin(); first != surviving.end(); first += layer.area)
        if (std::any_of(first, first + layer.area, [&](std::uint8_t byte) { return byte != *first; }))
            return true;
    return false;
}

/// The first layer that candidates differ in.
std::size_t first_pruned(const Network& network, const PruningScope& scope) {
    const std::vector<std::string> names = network.layer_names();
    const auto pruned = [&](const std::string& name) {
        return std::find(scope.layers.begin(), scope.layers.end(), name) != scope.layers.end();
    };
    const auto first = std::find_if(names.begin(), names.end(), pruned);
    return first == names.end() ? 0 : std::size_t(first - names.begin());
}

}  // namespace

MaskTrial::MaskTrial(PrunedNetwork& pruned) : layers_(weighted_layers(pruned.network)) {
    // A pass brings the engines up to date, so that the next one leaves the masks given here alone.
    Network& network = pruned.network;
    network.forward(Tensor(network.architecture().input, 1));
    for (const WeightedLayer& layer : layers_) {
        values_.emplace_back();
        for (const Parameter* parameter : parameters_of(layer)) values_.back().push_back(parameter->value);
        statistics_.emplace_back();
        if (layer.norm)
            for (const Buffer* buffer : layer.norm->buffers()) statistics_.back().push_back(buffer->value);
        if (layer.convolution) layer.convolution->keep_pruned_spectra(true);
    }
    in_part_.assign(layers_.size(), false);
}

MaskTrial::~MaskTrial() {
    for (std::size_t i = 0; i < layers_.size(); ++i) {
        const std::vector<Parameter*> parameters = parameters_of(layers_[i]);
        for (std::size_t p = 0; p < parameters.size(); ++p) {
            parameters[p]->value = values_[i][p];
            parameters[p]->changed();
        }
        for (std::size_t b = 0; b < statistics_[i].size(); ++b)
            layers_[i].norm->buffers()[b]->value = statistics_[i][b];
        if (!layers_[i].convolution) continue;
        layers_[i].convolution->keep_pruned_spectra(false);
        layers_[i].convolution->engine().set_mask(layers_[i].convolution->kernel_mask());
    }
}

void MaskTrial::set(const Masks& masks) {
    const std::vector<Bytes> surviving = surviving_weights(masks, layers_);
    for (std::size_t i = 0; i < layers_.size(); ++i) {
        const WeightedLayer& layer = layers_[i];
        const Bytes maps = surviving_maps(find_mask(masks, layer.name()), layer);
        const std::vector<Parameter*> parameters = parameters_of(layer);
        for (std::size_t p = 1; p < parameters.size(); ++p)  // bias, or scale and shift
            set_values(*parameters[p], values_[i][p], maps);
        // The engine leaves whole kernels out; a dense layer reads pruned maps as the zeros that they are.
        const bool changes =
            layer.convolution ? in_part(layer, surviving[i]) : std::count(maps.begin(), maps.end(), 0) > 0;
        if (changes || in_part_[i]) set_values(*layer.weight, values_[i][0], surviving[i]);
        in_part_[i] = changes;
        if (layer.convolution) layer.convolution->engine().set_mask(kernels_of(layer, surviving[i]));
    }
}

std::uint64_t candidate_seed(std::uint64_t seed, std::size_t candidate) {
    return RandomStream(seed, "candidate", candidate).next();
}

std::size_t SearchState::best(std::size_t candidates) const {
    const std::size_t among = candidates ? std::min(candidates, count()) : count();
    const auto first = validation_mcr.begin();
    return std::size_t(std::min_element(first, first + std::ptrdiff_t(among)) - first);
}

namespace {

Masks masks_of_candidate(const PrunedNetwork& pruned, const PruningScope& scope, const SearchOptions& options,
                         std::uint64_t seed) {
    return options.scores.empty() ? random_masks(pruned, scope, options.ratio, seed)
                                  : drawn_masks(pruned, scope, options.ratio, options.scores, seed);
}

}  // namespace

struct Candidates::Inside {
    PrunedNetwork& pruned;
    PruningScope scope;
    SearchOptions options;
    MaskTrial trial;
    RepeatedEvaluation evaluation;
    std::optional<Recalibration> recalibration;  // where each candidate has batch statistics of its own

    Inside(PrunedNetwork& network, Batches& validation, const PruningScope& among, const SearchOptions& how,
           std::size_t first_layer)
        : pruned(network),
          scope(among),
          options(how),
          trial(network),
          evaluation(network.network, validation, first_layer) {
        if (options.training && options.recalibrate > 0)
            recalibration.emplace(network.network, *options.training, options.recalibrate, first_layer);
    }
};

Candidates::Candidates(PrunedNetwork& pruned, Batches& validation, const PruningScope& scope,
                       const SearchOptions& options)
    : inside_(new Inside(pruned, validation, scope, options, first_pruned(pruned.network, scope))) {}

Candidates::~Candidates() = default;

double Candidates::validation_mcr(std::size_t candidate) {
    Inside& in = *inside_;
    in.trial.set(
        masks_of_candidate(in.pruned, in.scope, in.options, candidate_seed(in.options.seed, candidate)));
    if (in.recalibration) in.recalibration->run();
    const Evaluation evaluation = in.evaluation.evaluate();
    if (evaluation.undefined > 0)
        throw Error("search: candidate " + std::to_string(candidate) + ": the logits of " +
                    std::to_string(evaluation.undefined) + " validation images are not finite");
    return evaluation.mcr;
}

Masks best_of_random(PrunedNetwork& pruned, Batches& validation, const PruningScope& scope,
                     const SearchOptions& options, SearchState& state,
                     const std::function<bool(const SearchState&)>& on_candidate) {
    if (options.candidates < 1) throw UsageError("search: candidates: expected at least 1, found 0");
    if (state.count() < options.candidates) {
        Candidates candidates(pruned, validation, scope, options);
        while (state.count() < options.candidates) {
            const double mcr = candidates.validation_mcr(state.count());
            state.seed.push_back(candidate_seed(options.seed, state.count()));
            state.validation_mcr.push_back(mcr);
            if (on_candidate && !on_candidate(state)) break;
        }
    }
    const std::uint64_t winner = state.seed.at(state.best(options.candidates));
    return masks_of_candidate(pruned, scope, options, winner);
}

}  // namespace fftconv
