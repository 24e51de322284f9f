#pragma once
#include <array>
#include <optional>
#include <string>
#include <vector>

#include "common/statistics.hpp"
#include "fftconv/storage/results.hpp"
#include "prune/options.hpp"

namespace fftconv {

/// N of the paper's Figure 2a.
inline constexpr std::array<int, 7> candidate_counts{10, 20, 50, 100, 200, 500, 1000};

/// A pruned network's numbers; the baseline is the one whose granularity is "none". Percent are of the pruned
/// layers unless said otherwise; costs are of the whole network, per image.
struct PruningResult {
    std::string name, criterion, granularity, architecture;  ///< architecture: of the compacted network
    double repeat = 0, requested = 0;                        ///< requested: percent, of the last step
    double pruned_maps = 0, pruned_kernels = 0, pruned_weights = 0;  ///< percent
    double validation_before = 0, test_before = 0;                   ///< MCR, percent, before retraining
    double validation_mcr = 0, test_mcr = 0;                         ///< after it
    double parameters = 0, direct_macs = 0, spectral_macs = 0;
    double dense_ms = 0, masked_ms = 0, compact_ms = 0;
    std::string timed_on;  ///< processor and threads of these times; empty in older files
    std::array<double, candidate_counts.size()> best_of =
        filled();  ///< validation MCR of the best of the first N

    std::string name_without_repeat() const { return name.substr(0, name.rfind("-repeat-")); }
    bool is_baseline() const { return granularity == "none"; }
    bool is_control() const { return criterion == control_criterion; }

  private:
    static std::array<double, candidate_counts.size()> filled() {
        std::array<double, candidate_counts.size()> values;
        values.fill(not_measured);
        return values;
    }
};

/// Throws FileError, naming `file`, where rows of one point differ in a number that is no time.
void require_same_numbers(const PruningResult& known, const PruningResult& found, const std::string& file);

/// One layer of a point.
struct PruningLayerResult {
    std::string point, layer;
    double maps = 0, surviving_maps = 0, kernels = 0, surviving_kernels = 0;
    double requested = 0, pruned_kernels = 0,
           pruned_weights = 0;  ///< percent; requested NaN where nothing was asked
    double parameters = 0, direct_macs = 0, spectral_macs = 0;
    double dense_ms = 0, masked_ms = 0, compact_ms = 0;  ///< forward, mean over the rounds
};

/// One mask that a search evaluated.
struct PruningCandidate {
    std::string point, seed;  ///< the seed in decimal: a double would round it
    double candidate = 0;     ///< 0, 1, …
    double validation_mcr = 0;
};

/// Everything that a run has found so far: the tables "points", "layers", "candidates" and "budget" of a
/// result file, and the curves of retraining.
struct PruningResults {
    std::vector<PruningResult> points;
    std::vector<PruningLayerResult> layers;
    std::vector<PruningCandidate> candidates;
    std::vector<Curve> curves;  ///< named as their points

    const PruningResult* find(const std::string& name) const;
    const PruningResult* baseline() const { return find("baseline"); }
    /// The rows and the curve of this point alone.
    PruningResults of(const std::string& point) const;
    /// Takes the rows and curves of `found`, in the place of those of the same points.
    void replace(const PruningResults& found);
    /// Into the order of a run with these options.
    void sort(const PruneOptions& options);
    std::vector<Table> tables(const PruneOptions& options) const;
    /// @throws FileError when the tables are not those of fftconv-prune.
    static PruningResults from(const ResultRecord& record, const std::string& file);
};

/// The digest of what a run started from, as the table `origin` ("baseline", "mask") of its result file has
/// it; empty where there is no such table. @throws FileError when it has no row.
std::string origin_digest(const ResultRecord& record, const std::string& file, const std::string& origin);

/// The point that bisection asks for next: of a start's last ratios it looks for the largest whose validation
/// MCR is at most `most` percent. Nothing once it is found.
std::optional<PruningPoint> next_of_bisection(const PruneOptions& options, const PruningPoint& start,
                                              double most, const PruningResults& known);
/// The names of the points that a run with these options has still to compute; with a budget those that
/// bisection asks for next.
std::vector<std::string> missing_points(const PruneOptions& options, const PruningResults& results);

/// The largest ratio found within the budget: of a criterion, a start of the sequence and a repeat.
struct BudgetRow {
    std::string name, criterion, granularity;
    double repeat = 0, requested = 0, pruned_kernels = 0, pruned_weights = 0, validation_mcr = 0,
           test_mcr = 0;
};
/// Of the points of these results; nothing without a budget.
std::vector<BudgetRow> budget_rows(const PruningResults& results, const PruneOptions& options);

}  // namespace fftconv
