#pragma once
#include <filesystem>
#include <functional>

#include "fftconv/dataset/batches.hpp"
#include "fftconv/dataset/dataset.hpp"
#include "fftconv/pruning/pruned_network.hpp"
#include "fftconv/pruning/search.hpp"
#include "fftconv/storage/checkpoint.hpp"
#include "fftconv/training/shards.hpp"
#include "fftconv/training/trainer.hpp"
#include "prune/options.hpp"
#include "prune/results.hpp"

namespace fftconv {

/// What every point of a run is made with.
struct PruningContext {
    const PruneOptions& options;
    const Dataset& dataset;
    std::function<std::string()> resolved_toml;      ///< with the plans that have been found by now
    std::string baseline_sha256;                     ///< of the baseline's file
    std::vector<NamedArray> preprocessing;           ///< of the baseline's checkpoint
    double baseline_rate = 0;                        ///< learning rate that the baseline was trained with
    ModeRule mode{};                                 ///< of random and ECP poolings, as the baseline has it
    std::vector<std::string> layers{};               ///< that are pruned
    std::function<bool(long images)> worked{};       ///< after a batch or a candidate; false = stop
    std::function<void(long images)> resumed{};      ///< so many of the work are an earlier run's
    std::function<void(const std::string&)> tell{};  ///< a line of the log
    /// Throws UsageError unless a configuration is this run's, but for what its calls need not have in
    /// common.
    std::function<void(const std::string& resolved_toml, const std::string& file)> require_configuration{};
    Shards* shards = nullptr;  ///< of each batch of retraining, which all processes do together; null: one
    bool writes = true;        ///< this process writes masks and checkpoints, and times networks

    std::uint64_t seed(int repeat) const { return options.train.seed + std::uint64_t(repeat); }
    /// Of masks and of retraining: their own one, else the run's.
    std::uint64_t mask_seed(int repeat) const { return options.own_seed(options.mask_seed, repeat); }
    std::uint64_t retraining_seed(int repeat) const { return options.own_seed(options.retrain_seed, repeat); }
    /// The digest, in a field of a file, of the network that was pruned; empty in files of older versions.
    /// @throws FileError unless it is that of this run's baseline
    void require_baseline(const std::filesystem::path& file, const std::string& field,
                          const std::string& sha256) const;
    /// What a file says that a run finds in its folder: the configuration that wrote it, the data, and the
    /// digest of the network that was pruned (none in files of older versions). @throws FileError unless all
    /// are this run's
    void require_own(const std::filesystem::path& file, const std::string& configuration,
                     const DatasetRecord& data, const std::string& parent_sha256) const;
    /// How the network of a repeat is computed, and how it is retrained.
    NetworkOptions network_options(int repeat) const;
    BatchOptions retraining_batches(int repeat) const;
    /// Images in their order, as `network` takes them.
    BatchOptions plain_batches(const Network& network) const;
    /// The same in an order of their own, for batch statistics.
    BatchOptions shuffled_batches(const Network& network, std::uint64_t seed) const;
    TrainerOptions retraining(int repeat) const;
};

/// Thrown when `worked` says stop: what is finished, and where a search or a retraining stands, is in files.
struct PruningInterrupted {};

std::filesystem::path mask_file(const PruneOptions& options, const std::string& point);
std::filesystem::path checkpoint_file(const PruneOptions& options, const std::string& point);
/// Of the thinner network that a point's amounts to, with --compact.
std::filesystem::path compact_file(const PruneOptions& options, const std::string& point);

/// A network of this run as its files have it; with its trainer also what resuming needs.
Checkpoint checkpoint_of(const PruningContext& context, const PrunedNetwork& pruned,
                         const Trainer* retrained = nullptr);

/// Does the last step of a point to the network that the steps before it left: chooses the units, removes
/// dead ends, retrains, measures, and writes mask and checkpoint (and, with --compact, the thinner
/// network's). The results are those of this point. With shards every process calls this.
/// @throws PruningInterrupted
PruningResults prune_point(const PruningContext& context, const PruningPoint& point, PrunedNetwork& pruned,
                           const Checkpoint& baseline);

/// What is pruned of a network, and what is left to compute, into a row.
void describe_masks(const PruningContext& context, const PrunedNetwork& pruned, PruningResult& result);

/// The row of the network that was given, with what --mask prunes of it; batch statistics are then taken
/// anew, as those of the points are.
PruningResult baseline_result(const PruningContext& context, const Checkpoint& baseline,
                              PrunedNetwork& pruned);

/// Images that a step takes to compute: candidates, and three passes for each image of retraining.
long step_work(const PruningContext& context, const std::string& criterion);

}  // namespace fftconv
