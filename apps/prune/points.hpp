#pragma once
#include <optional>
#include <string>
#include <vector>

#include "common/recorded_run.hpp"
#include "fftconv/dataset/dataset.hpp"
#include "fftconv/pruning/pruned_network.hpp"
#include "prune/options.hpp"

namespace fftconv {

/// The layers to prune, after checks that they are there and have such units: found out now, not after an
/// hour. @throws UsageError, ShapeError
std::vector<std::string> require_units(PrunedNetwork& pruned, const PruneOptions& prune);

/// Computes every point of the run that `stored` has not, over all processes, and saves each as soon as it is
/// found, with the plans in use. Every process calls this. @throws PruningInterrupted
void compute_points(PruneOptions& prune, const Options& options, const RecordedRun& baseline,
                    const Dataset& dataset, std::optional<ResultRecord> stored);

}  // namespace fftconv
