#pragma once
#include <filesystem>
#include <string>
#include <vector>

#include "fftconv/core/public.hpp"
#include "fftconv/dataset/dataset.hpp"
#include "fftconv/pruning/pruned_network.hpp"
#include "fftconv/storage/checkpoint.hpp"
#include "fftconv/training/trainer.hpp"

namespace FFTCONV_PUBLIC fftconv {

/// What files say about the data.
DatasetRecord record_of(const Dataset& dataset);

/// A network in training as a checkpoint: everything needed to resume bit-identically. The first of `curves`
/// is the training's own (curve_of); the caller adds preprocessing.
Checkpoint make_checkpoint(const PrunedNetwork& pruned, const Trainer& trainer, std::vector<Curve> curves,
                           const std::string& resolved_toml, const DatasetRecord& dataset);

/// Takes a checkpoint back into a network, its masks and its trainer. `file` is named in messages.
/// @throws FileError when it is of another architecture, optimizer or data set, lacks an array, its masks do
/// not fit, or its epochs, steps, curve, best result, best and last weights and random stream disagree.
void restore_training(const Checkpoint& checkpoint, const std::filesystem::path& file,
                      const DatasetRecord& dataset, PrunedNetwork& pruned, Trainer& trainer);

/// The network of a checkpoint, pruned as it was: what its masks prune is absent. `file` is named in
/// messages.
/// @throws FileError when arrays, masks and architecture do not fit.
PrunedNetwork load_network(const Checkpoint& checkpoint, const std::filesystem::path& file,
                           const NetworkOptions& options);

/// The trainer's history as a curve; test columns are empty.
Curve curve_of(const std::string& method, const std::vector<EpochRecord>& history);

}  // namespace fftconv
