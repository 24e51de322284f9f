#pragma once
#include <filesystem>
#include <string>

#include "common/training_options.hpp"
#include "fftconv/dataset/dataset.hpp"
#include "fftconv/dataset/preprocess.hpp"
#include "fftconv/storage/checkpoint.hpp"
#include "fftconv/storage/results.hpp"

namespace fftconv {

/// A checkpoint, and how its network is to be used: a file is the one truth about what it holds.
struct RecordedRun {
    std::string file;
    Checkpoint checkpoint;
    /// The configuration that it was made with; architecture, data and mode are what they truly were.
    TrainOptions train;
    bool any_mode = false;  ///< K was drawn anew for epochs or batches, or is not known: none contradicts it

    /// Engine, measured plan, batch and mode of the run; threads of this machine.
    NetworkOptions network_options() const;
};

/// @throws FileError
RecordedRun read_recorded_run(const std::filesystem::path& file);

/// The data set that the network was trained on, split as it was then, and prepared likewise. The folder is
/// the given one, else that of FFTCONV_DATA, else the one of the run. @throws FileError when what is found
/// there is another data set; Error when there is none.
Dataset load_recorded_data(const RecordedRun& run, const std::string& folder, int threads);

/// Prepares every image of a data set; leaves bytes as they are where there is nothing to do.
/// @throws ShapeError
void apply_preprocessing(const Preprocessing& preprocessing, Dataset& dataset, int threads);
/// The same, as the network's images were. @throws ShapeError
void apply_recorded_preprocessing(const Checkpoint& checkpoint, Dataset& dataset, int threads);

/// The name by which load_dataset knows a data set, from the one for people ("Fashion-MNIST").
std::string loader_name(const std::string& display_name);

/// Throws UsageError unless `given` is false, or both are equal, or `overrule`: what a file says about its
/// network holds.
void require_agreement(const RecordedRun& run, const std::string& option, bool given,
                       const std::string& recorded, const std::string& found, bool overrule);

/// The same of what cannot be overruled, because the weights would not be what they are.
void require_same(const RecordedRun& run, const std::string& option, bool given, const std::string& recorded,
                  const std::string& found);

/// Throws FileError when the network's training was interrupted and not resumed.
void require_finished(const RecordedRun& run);

/// The table of this name: a row that says what network a result is of, with its file's digest and the
/// configuration that it was trained with.
Table network_table(const std::string& name, const RecordedRun& run);

/// Throws Error when a label of the data has no output of the network.
void require_classes(const Dataset& dataset, const Architecture& architecture);

}  // namespace fftconv
