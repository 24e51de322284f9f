#pragma once
#include <filesystem>
#include <string>
#include <vector>

#include "common/plot.hpp"
#include "prune/results.hpp"

namespace fftconv {

/// A drawing and the name of its file.
struct PruningFigure {
    std::string name;
    Plot plot;
};

/// A run's results and the options that it was made with.
struct PruningRecord {
    std::string name;  ///< in a collection, "figure_3b/kernels"; empty: a file's only one
    PruneOptions options;
    PruningResults results;
    std::string dataset;
    std::string made_by;  ///< version and commit
};

/// Those of a result file or a collection. @throws FileError, UsageError when one is not of fftconv-prune.
std::vector<PruningRecord> read_pruning_records(const std::filesystem::path& file);

/// "pruning": MCR by ratio, a line for each run, criterion and start of the sequence, mean over the repeats
/// with a band from the least to the largest, next to the baseline and the budget; after retraining where
/// there was any. "kernels-pruned": the same over the share of kernels that is gone in the end, where the
/// runs prune different units. "candidates": validation MCR before retraining of the best of N masks by
/// ratio, a line for each N. Of runs that make one figure; their names come first ("figure_3b-pruning").
std::vector<PruningFigure> pruning_figures(const std::vector<PruningRecord>& runs);

/// The tables (of a sequence the layers too, as the paper's Table 2), and what the paper states about this
/// network.
std::string pruning_text(const PruningRecord& run);

}  // namespace fftconv
