#pragma once
#include "common/options.hpp"
#include "common/training_options.hpp"

namespace fftconv {

/// Trains one network and tests it at the end; its checkpoint is replaced after each epoch.
/// @throws Error when the run was interrupted, after saving, with the command that goes on.
void run_training(const TrainOptions& train, const Options& options);

}  // namespace fftconv
