#pragma once
#include "common/options.hpp"
#include "evaluate/options.hpp"

namespace fftconv {

/// Tests the network of a checkpoint, with its masks, its K, its data and its preprocessing, prints how it
/// does, and writes that to a file where one is named.
/// @throws UsageError when an option contradicts the checkpoint; Error, FileError
void run_evaluation(EvaluateOptions& evaluate, const Options& options);

}  // namespace fftconv
