#pragma once
#include <cstdint>
#include <string>

#include "common/options.hpp"
#include "fftconv/dataset/batches.hpp"
#include "fftconv/dataset/dataset.hpp"
#include "fftconv/network/network.hpp"
#include "fftconv/training/trainer.hpp"

namespace fftconv {

/// The configuration of fftconv-train.
struct TrainOptions {
    bool measure = false;
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
    /// The network for images of this shape, which one that takes other sizes is given with a border or
    /// cropped.
    /// @throws ArchitectureError
    Architecture network_for(MapShape images) const;
    NetworkOptions network_options() const;
    BatchOptions batch_options() const;
    TrainerOptions trainer_options() const;
};

/// Binds the options of fftconv-train to `train`, which must outlive `options`.
void add_train_options(Options& options, TrainOptions& train);

}  // namespace fftconv
