#pragma once
#include <filesystem>
#include <string>
#include <vector>

#include "fftconv/dataset/dataset.hpp"
#include "fftconv/network/network.hpp"
#include "fftconv/storage/checkpoint.hpp"
#include "fftconv/training/trainer.hpp"

namespace fftconv {

/// What files say about the data.
DatasetRecord record_of(const Dataset& dataset);

/// A network in training as a checkpoint: everything that going on bit for bit needs. The first of `curves`
/// is the training's own (curve_of); the caller adds preprocessing and masks.
Checkpoint make_checkpoint(const Network& network, const Trainer& trainer, std::vector<Curve> curves,
                           const std::string& resolved_toml, const DatasetRecord& dataset);

/// Takes a checkpoint back into a network and its trainer. `file` is named in messages.
/// @throws FileError when it is of another architecture, optimizer or data set, or lacks an array.
void restore_training(const Checkpoint& checkpoint, const std::filesystem::path& file,
                      const DatasetRecord& dataset, Network& network, Trainer& trainer);

/// The network of a checkpoint, for evaluation. @throws FileError when arrays and architecture do not fit.
Network load_network(const Checkpoint& checkpoint, const std::filesystem::path& file, NetworkOptions options);

/// The trainer's history as a curve; test columns are empty.
Curve curve_of(const std::string& method, const std::vector<EpochRecord>& history);

}  // namespace fftconv
