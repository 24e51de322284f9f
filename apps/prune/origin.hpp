#pragma once
#include <string>

#include "fftconv/pruning/pruned_network.hpp"
#include "fftconv/storage/results.hpp"
#include "prune/results.hpp"
#include "prune/step.hpp"

namespace fftconv {

/// What the mask file prunes is pruned too; nothing without a file. @throws FileError
void add_given_masks(PrunedNetwork& pruned, const std::string& file);

/// Of a file of --mask; empty without one.
std::string mask_sha256(const std::string& file);
/// Which file of --mask the points started from.
Table mask_table(const std::string& file);

/// What an earlier call of the run has found. @throws FileError unless it started from the same network, data
/// and --mask
PruningResults earlier_results(const PruningContext& context, const ResultRecord& stored);

}  // namespace fftconv
