#pragma once
#include <vector>

#include "fftconv/pruning/pruned_network.hpp"
#include "fftconv/storage/checkpoint.hpp"
#include "prune/results.hpp"
#include "prune/step.hpp"

namespace fftconv {

/// Times a point's network next to the one that was given, without any masks, and to the thinner one that it
/// amounts to: forward passes of a batch of validation images, in turns, so that a busy machine slows all of
/// them. Times, and the thinner architecture, go into `result`, whose point it is; a row for each layer comes
/// back.
std::vector<PruningLayerResult> time_point(const PruningContext& context, const Checkpoint& baseline,
                                           PrunedNetwork& pruned, PrunedNetwork& thinner,
                                           PruningResult& result);

/// Times the network that was given, `pruned` by what its file and --mask have masks of, into its row:
/// without them, with them, and thinner.
void time_baseline(const PruningContext& context, const Checkpoint& baseline, PrunedNetwork& pruned,
                   PruningResult& result);

}  // namespace fftconv
