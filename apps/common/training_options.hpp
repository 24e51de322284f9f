#pragma once
#include <cstdint>
#include <string>

#include "common/options.hpp"
#include "common/process.hpp"
#include "fftconv/core/names.hpp"
#include "fftconv/dataset/batches.hpp"
#include "fftconv/dataset/dataset.hpp"
#include "fftconv/network/network.hpp"
#include "fftconv/training/trainer.hpp"

namespace fftconv {

// Options that several apps have: each group is declared once, and the apps' own structs inherit them.

/// Which data.
struct DataOptions {
    std::string dataset = "auto", data;
    int limit = 0;
};
void add_data_options(Options& options, DataOptions& data);

/// How a network is computed, whatever it computes.
struct ComputeOptions {
    std::string engine = "fft";
    bool measure = false;
    int batch = 50, threads = 0;
    std::vector<std::string> plans{};  ///< of a run with `measure`, as plans_in_use

    int thread_count() const;
    /// Engine, batch and threads; all else as a network has it by default.
    NetworkOptions compute() const;
};
void add_compute_options(Options& options, ComputeOptions& compute);
CLI::Option* add_engine_option(Options& options, std::string& engine);
CLI::Option* add_measure_option(Options& options, bool& measure);

/// How weights are fitted.
struct FitOptions {
    int epochs = 20;
    double rate = 0.001;
    OptimizerMethod optimizer = OptimizerMethod::adam;
    std::uint64_t seed = 1;
};
void add_fit_options(Options& options, FitOptions& fit);

/// --out, --resume and --overwrite; `what` is written there.
void add_output_options(Options& options, OutputOptions& output, const std::string& what);

/// K of random and ECP poolings: a fixed one, or one that is drawn.
struct ModeRule {
    ModeChoice choice = ModeChoice::fixed;
    int mode = 0;
    bool operator==(const ModeRule&) const = default;
};
inline constexpr auto mode_rule_names = names<ModeRule>("mode", {{"0", {ModeChoice::fixed, 0}},
                                                                 {"1", {ModeChoice::fixed, 1}},
                                                                 {"2", {ModeChoice::fixed, 2}},
                                                                 {"3", {ModeChoice::fixed, 3}},
                                                                 {"per-run", {ModeChoice::per_run, 0}},
                                                                 {"per-epoch", {ModeChoice::per_epoch, 0}},
                                                                 {"per-batch", {ModeChoice::per_batch, 0}}});

enum class Preprocess { none, contrast, whitening };
inline constexpr auto preprocess_names = names<Preprocess>(
    "preprocess", {{"none", Preprocess::none},
                   {"contrast", Preprocess::contrast, "normalisation of each image"},
                   {"whitening", Preprocess::whitening, "behind contrast, fitted on the training images"}});

/// The configuration of fftconv-train.
struct TrainOptions : DataOptions, ComputeOptions, FitOptions, OutputOptions {
    std::string architecture = "two-conv", init;
    Schedule schedule{};
    ModeRule mode{};
    Preprocess preprocess = Preprocess::none;
    int patience = 0, repeat = 1;  ///< repeat: of fftconv-train alone
    int shards = 1;                ///< of each batch; see add_shards_option
    double weight_decay = 0, dropout = 0, width = 1, validation = 0.1;
    double rotation = 0, translation = 0, scale = 0;
    bool batch_norm = false, keep_best = false, flip = false, flip_vertical = false;

    TrainOptions() { out = "network.h5"; }
    DatasetOptions dataset_options() const;
    /// The network for images of this shape, which one that takes other sizes is given with a border or
    /// cropped.
    /// @throws ArchitectureError
    Architecture network_for(MapShape images) const;
    /// Its batch is a shard's.
    NetworkOptions network_options() const;
    BatchOptions batch_options() const;
    TrainerOptions trainer_options() const;
};

/// @throws UsageError when --mode was chosen for a network without K, or --dropout for one without hidden
/// dense layers.
void require_network_uses(const Options& options, const Architecture& architecture);

/// Binds the options of fftconv-train to `train`, which must outlive `options`.
void add_train_options(Options& options, TrainOptions& train);
/// --shards, of fftconv-train and of fftconv-prune's retraining.
void add_shards_option(Options& options, TrainOptions& train);

}  // namespace fftconv
