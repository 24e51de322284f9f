#pragma once
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "common/options.hpp"
#include "common/training_options.hpp"
#include "fftconv/pruning/units.hpp"

namespace fftconv {

/// The criterion of networks of which nothing is pruned and that are retrained like the others.
inline constexpr const char* control_criterion = "control";

/// One step of pruning: units of a granularity, this ratio of each layer's; or, where it is done gradually,
/// the first `part` of its `parts`, each of which prunes the same share of what is left and is retrained.
struct PruningStep {
    Granularity granularity = Granularity::kernel;
    double ratio = 0;
    int part = 1, parts = 1;

    /// That this part prunes of the units that are left.
    double share_of_left() const;
    /// That is pruned after it.
    double ratio_so_far() const;
    bool operator==(const PruningStep&) const = default;
};

/// A pruned network: steps one after the other, each followed by retraining; chosen by one criterion.
struct PruningPoint {
    std::string criterion;
    std::vector<PruningStep> steps;
    int repeat = 0;  ///< 0 …: the seed is the first seed + repeat

    /// "best-of-n-feature-map-0.50-kernel-0.30", from the second seed on with "-repeat-2".
    std::string name() const;
    /// "feature-map+kernel".
    std::string granularity() const;
    /// Without the last step, or its last part.
    PruningPoint before() const;
    /// Nothing is pruned: what retraining alone does.
    bool is_control() const { return criterion == control_criterion; }
    /// Times that it is retrained.
    int trainings() const;
};

/// The ratios of "0.5", "0.1:0.9:0.1" (first, last, step). @throws UsageError naming the text.
std::vector<double> parse_ratios(const std::string& text);

/// The configuration of fftconv-prune.
struct PruneOptions {
    TrainOptions train;      ///< of the baseline, and of the data, the engine and the optimizer of retraining
    std::string checkpoint;  ///< of the baseline, or
    std::string mask;        ///< file of what is pruned before anything else; empty: nothing
    bool train_baseline = false;
    std::vector<std::string> granularities{"kernel"}, ratios{"0.1:0.9:0.1"}, criteria{"best-of-n"},
        layers{"all"};
    int candidates = 100, retrain_epochs = 0, repeat = 1, stride = 2, data_batches = 8, timing_rounds = 9;
    double retrain_rate = 0, budget = -1;  ///< budget in percent; negative: none, every ratio
    bool compact = false, overrule = false;
    bool time_again = false;   ///< points that an earlier call finished too
    bool resumed = false;      ///< options are those that the result file records
    std::string part = "1/1";  ///< "i/n": of the points every n-th, from the i-th (1 …) on
    std::string figures, report;
    int recalibrate = 8;
    bool compensate = false;
    std::string candidates_from = "random", retrain_schedule = "cosine";
    double retrain_share = 1, retrain_warm_up = 0.25;  ///< share of the baseline's rate; epochs
    int mask_seed = 0, retrain_seed = 0;               ///< 0: train.seed
    int steps = 1;                                     ///< parts of each step
    bool no_control = false;
    double distil = 0, temperature = 4;  ///< of retraining: share of the unpruned network's answers, and T

    PruneOptions();
    /// @throws UsageError when options contradict each other.
    void check() const;
    /// The points with every ratio but the last step's chosen, without that step, of one criterion and
    /// repeat.
    std::vector<PruningPoint> starts(const std::string& criterion, int repeat_index) const;
    /// Of all criteria and repeats.
    std::vector<PruningPoint> all_starts() const;
    /// The last one of the run's control, of a repeat, or nothing: see --no-control.
    std::vector<PruningPoint> controls(int repeat_index) const;
    /// Every point of the run in its order: whole sequences, not those that end before the last step.
    std::vector<PruningPoint> points() const;
    /// Those of them that `part` names.
    std::vector<PruningPoint> points_of_part() const;
    /// A start with its last step at this ratio.
    PruningPoint with_ratio(PruningPoint start, double ratio) const;
    std::vector<double> last_ratios() const { return parse_ratios(ratios.back()); }
    /// @throws UsageError
    void require_distinct_points() const;
    bool has_budget() const { return budget >= 0; }
    /// Of a repeat: the one of masks or of retraining, where it is not 0, else the run's, counted up.
    std::uint64_t own_seed(int own, int repeat_index) const {
        return (own ? std::uint64_t(own) : train.seed) + std::uint64_t(repeat_index);
    }
    std::filesystem::path folder() const { return train.out + ".points"; }
    std::filesystem::path baseline_file() const;
    std::filesystem::path figures_folder() const;
};

/// Options that the calls of one run need not have in common.
inline const std::vector<std::string> differing_between_calls{
    "threads", "data",          "figures",    "repeat",       "ratio", "criterion",  "budget",  "compact",
    "points",  "timing-rounds", "checkpoint", "architecture", "plans", "no-control", "overrule"};

/// Binds the options of fftconv-prune to `prune`, which must outlive `options`.
void add_prune_options(Options& options, PruneOptions& prune);

/// Those of them that say how masks are chosen and how retraining goes.
void add_selection_options(Options& options, PruneOptions& prune);

/// The configuration that a result file was made with. @throws UsageError when it is not one of
/// fftconv-prune.
PruneOptions prune_options_of(const std::string& resolved_toml,
                              const std::string& file = "stored configuration");

}  // namespace fftconv
