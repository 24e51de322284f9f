#pragma once
#include <cstdint>
#include <string>

#include "fftconv/dataset/batches.hpp"
#include "fftconv/dataset/dataset.hpp"
#include "fftconv/experiment/options.hpp"
#include "fftconv/network/network.hpp"
#include "fftconv/training/trainer.hpp"

namespace fftconv {

/// The configuration of fftconv-train.
struct TrainOptions {
    std::string architecture = "two-conv", engine = "fft", optimizer = "adam", schedule = "constant",
                mode = "0";
    std::string preprocess = "none", dataset = "auto", data, out = "network.h5";
    int epochs = 20, batch = 50, patience = 0, threads = 0, limit = 0, schedule_every = 10;
    double rate = 0.001, schedule_factor = 0.1, weight_decay = 0, dropout = 0, width = 1, validation = 0.1;
    double rotation = 0, translation = 0, scale = 0;
    bool batch_norm = false, keep_best = false, flip = false;
    std::uint64_t seed = 1;
    bool resume = false;  ///< of this call alone

    int thread_count() const;
    DatasetOptions dataset_options() const;
    /// The network for images of this shape. One that takes larger images than these is given a border of
    /// zeros.
    /// @throws ArchitectureError
    Architecture network_for(MapShape images) const;
    NetworkOptions network_options() const;
    BatchOptions batch_options(int border) const;
    TrainerOptions trainer_options() const;
};

/// Binds the options of fftconv-train to `train`, which must outlive `options`.
void add_train_options(Options& options, TrainOptions& train);

/// Zero pixels on every side that make images of this shape fit the network; 0 when they do already.
/// @throws ShapeError when no border does.
int border_for(MapShape images, MapShape input);

}  // namespace fftconv
