#pragma once
#include <optional>

#include "common/recorded_run.hpp"
#include "prune/options.hpp"

namespace fftconv {

/// Trains the network to prune (--train), or resumes its training; one that is finished stays.
/// @throws PruningInterrupted
void train_baseline(const PruneOptions& prune);

/// The network to prune. What its file says about it (data set, split, preprocessing, architecture, mode)
/// goes into `prune`, and so into the record of the run.
/// @throws UsageError when a given option contradicts it, unless --overrule; FileError when its training is
/// not finished.
RecordedRun read_baseline(PruneOptions& prune, const Options& options);

}  // namespace fftconv
