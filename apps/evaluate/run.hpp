#pragma once
#include "common/options.hpp"
#include "common/recorded_run.hpp"
#include "evaluate/options.hpp"

namespace fftconv {

/// The run of the checkpoint with what the options say in place of it.
/// @throws UsageError when an option contradicts the checkpoint, without --overrule
RecordedRun chosen_run(RecordedRun run, const EvaluateOptions& evaluate, const Options& options);

/// How the network of such a run is made: its batch no larger than the images that it is tested on.
NetworkOptions evaluation_options(const RecordedRun& run, int test_images);

/// Tests the network of a checkpoint, with its masks, its K, its data and its preprocessing, prints how it
/// does, and writes that to a file where one is named.
/// @throws UsageError when an option contradicts the checkpoint; Error, FileError
void run_evaluation(EvaluateOptions& evaluate, const Options& options);

}  // namespace fftconv
