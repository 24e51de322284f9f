#pragma once
#include "common/recorded_run.hpp"

namespace fftconv {

/// The text of the configuration in files of schema 1 has no digest: throws FileError where it contradicts
/// what the file says elsewhere (seed, batches of an epoch, epochs, optimizer, split, architecture,
/// preprocessing, best weights), lacks an option, has one that nobody knew, or is spelt as nobody wrote it.
/// What nothing else in the file tells, such as a learning rate, stays unchecked.
/// @param recorded the configuration as options took it
void check_older_configuration(const RecordedRun& run, const TrainOptions& recorded);

}  // namespace fftconv
