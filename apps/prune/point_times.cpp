#include "prune/point_times.hpp"

#include <algorithm>
#include <array>

#include "common/records.hpp"
#include "fftconv/network/architecture.hpp"
#include "fftconv/pruning/compact.hpp"
#include "fftconv/pruning/cost.hpp"
#include "fftconv/storage/training_checkpoint.hpp"

namespace fftconv {

namespace {

/// Of a layer, over all of a network's passes since its profile was reset.
double milliseconds_of(Network& network, const std::string& layer, int images) {
    for (const LayerProfile& profile : network.profile())
        if (profile.layer == layer) return 1000 * profile.forward / images;
    return not_measured;
}

/// The network without any masks, as it is, and thinner, in turns, on images of the data; times go into the
/// row. Returns how many images each passed.
int time_forms(const PruningContext& context, Network& dense, PrunedNetwork& pruned, PrunedNetwork& thinner,
               PruningResult& result) {
    Batches batches(context.dataset.validation, context.plain_batches(pruned.network));
    batches.start(0);
    const Tensor images = batches.next()->images;
    const std::vector<Network*> networks{&dense, &pruned.network, &thinner.network};
    milliseconds_per_image(networks, images, 1);  // kernel spectra, memory
    for (Network* network : networks) network->reset_profile();
    const int rounds = context.options.timing_rounds;
    const std::vector<double> ms = milliseconds_per_image(networks, images, rounds);
    result.timed_on = this_machine(context.options.train.thread_count()).text();
    result.dense_ms = ms[0];
    result.masked_ms = ms[1];
    result.compact_ms = ms[2];
    return images.batch() * (rounds + 1);
}

/// The network that was given, without the masks of its file and of --mask.
Network without_masks(const Checkpoint& baseline, const PrunedNetwork& pruned) {
    Network dense(parse_architecture(baseline.architecture), pruned.network.options());
    dense.load_state(baseline.model);
    return dense;
}

}  // namespace

std::vector<PruningLayerResult> time_point(const PruningContext& context, const Checkpoint& baseline,
                                           PrunedNetwork& pruned, PrunedNetwork& thinner,
                                           PruningResult& result) {
    Network dense = without_masks(baseline, pruned);
    const int passed = time_forms(context, dense, pruned, thinner, result);
    result.architecture = to_string(thinner.network.architecture());

    const std::vector<LayerDensity> densities = pruned.density();
    const std::vector<LayerCost> costs = layer_costs(pruned);
    std::vector<PruningLayerResult> rows;
    for (std::size_t i = 0; i < densities.size(); ++i) {
        const LayerDensity& d = densities[i];
        const bool asked = std::ranges::count(context.layers, d.layer) > 0;
        rows.push_back({result.name, d.layer, double(d.maps), double(d.surviving_maps), double(d.kernels),
                        double(d.surviving_kernels), asked ? result.requested : not_measured,
                        100 * d.kernel_ratio(), 100 * d.weight_ratio(), costs[i].parameters,
                        costs[i].direct_macs, costs[i].spectral_macs, milliseconds_of(dense, d.layer, passed),
                        milliseconds_of(pruned.network, d.layer, passed),
                        milliseconds_of(thinner.network, d.layer, passed)});
    }
    return rows;
}

void time_baseline(const PruningContext& context, const Checkpoint& baseline, PrunedNetwork& pruned,
                   PruningResult& result) {
    const bool whole = std::ranges::all_of(pruned.density(), [](const LayerDensity& layer) {
        return layer.kernel_ratio() == 0 && layer.weight_ratio() == 0;
    });
    if (!whole) {
        Network dense = without_masks(baseline, pruned);
        PrunedNetwork thinner = compact(pruned);
        time_forms(context, dense, pruned, thinner, result);
        return;
    }
    const Tensor images(pruned.network.architecture().input, context.options.train.batch);
    result.timed_on = this_machine(context.options.train.thread_count()).text();
    result.dense_ms =
        milliseconds_per_image({&pruned.network}, images, context.options.timing_rounds).front();
    result.masked_ms = result.compact_ms = result.dense_ms;
}

}  // namespace fftconv
