#pragma once
#include <filesystem>
#include <string>
#include <vector>

#include "common/statistics.hpp"
#include "prune/results.hpp"

namespace fftconv {

/// A run's results and the options that it was made with.
struct PruningRecord {
    std::string name;  ///< in a collection, "figure_3b/kernels"; empty: a file's only one
    PruneOptions options;
    PruningResults results;
    std::string dataset;
    std::string made_by;                   ///< version and commit
    std::string baseline;                  ///< digest of the network that was pruned; empty in older files
    std::string data_sha256, mask_sha256;  ///< of the data, and of --mask; empty: none
    std::string baseline_configuration;    ///< what the network was trained with (TOML); empty in older files
};

/// The record of a result. @throws FileError, UsageError when it is not one of fftconv-prune.
PruningRecord pruning_record(const Experiment& experiment, const std::string& file);
/// Those of a result file or a collection. @throws FileError, UsageError when one is not of fftconv-prune.
std::vector<PruningRecord> read_pruning_records(const std::filesystem::path& file);

/// A pruned network over its repeats and over the baselines that it was made from.
struct PooledPoint {
    struct Sample {
        const PruningRecord* run;
        const PruningResult *result, *baseline;  ///< of the same run
    };
    std::string name;  ///< of the first repeat
    std::vector<Sample> samples;

    const PruningResult& first() const { return *samples.front().result; }
    Mean mean(double PruningResult::*value) const;
    /// Validation MCR of the best of the first candidate_counts[index] masks.
    Mean best_of(std::size_t index) const;
    /// Of the differences in test MCR, each to its own baseline.
    Mean above_baseline() const;
    /// Whether all times are of one machine and as many threads, as far as the files say: else only what took
    /// turns is to be compared.
    bool timed_alike() const;
    /// Of a time's share of the dense one's, which took turns with it.
    Mean share_of_dense(double PruningResult::*milliseconds) const;
};

/// Runs of one recipe: they differ in their baselines, seeds, ratios, granularities and criteria alone.
struct PooledRuns {
    std::vector<const PruningRecord*> runs;
    /// In the order of the runs; what two of them computed alike counts once.
    std::vector<PooledPoint> points;
    /// What its recipe has that others among these have not, "recalibrate 0"; empty: nothing.
    std::string recipe;

    const PooledPoint* find(const std::string& name) const;
    const PooledPoint* baseline() const { return find("baseline"); }
};

/// The runs in groups of one recipe, which point into `records`.
std::vector<PooledRuns> pooled(const std::vector<PruningRecord>& records);

}  // namespace fftconv
