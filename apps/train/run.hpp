#pragma once
#include <optional>

#include "common/options.hpp"
#include "common/training_options.hpp"
#include "fftconv/storage/checkpoint.hpp"

namespace fftconv {

/// --repeat, of fftconv-train alone.
void add_repeat_option(Options& options, TrainOptions& train);

/// Trains one network (with --repeat several, with a file each) and tests it at the end; its checkpoint is
/// replaced after each epoch. Refuses an output that exists, but with --resume or --overwrite, and holds a
/// lock on it; does nothing where the output is what the same command made.
/// @throws Interrupted when the run was interrupted, after saving, with the command that resumes it.
void run_training(TrainOptions& train, Options& options);

/// The same without checks and lock of the output, which the caller has, resuming from `stored` where there
/// is one. Resolves the data set of `train`. The test MCR, percent; nothing when it was interrupted:
/// everything is then saved.
/// @param options recorded with the network
std::optional<double> train_network(TrainOptions& train, const Options& options,
                                    const std::optional<Checkpoint>& stored);

/// With --init, what is not given is as it was in that training: architecture, preprocessing, K, and the data
/// with those of its images that were held out.
void take_initial(TrainOptions& train, const Options& options);

/// Throws UsageError when `stored` was trained by a cosine schedule for another number of epochs.
void require_same_cosine(const TrainOptions& train, const Checkpoint& stored);

}  // namespace fftconv
