#pragma once
#include "fftconv/experiment/options.hpp"
#include "fftconv/experiment/train_options.hpp"

namespace fftconv {

/// Trains one network and tests it at the end; its checkpoint is replaced after each epoch.
/// @throws Error when the run was interrupted, after saving, with the command that goes on.
void run_training(const TrainOptions& train, const Options& options);

}  // namespace fftconv
