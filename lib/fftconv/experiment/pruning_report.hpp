#pragma once
#include <string>
#include <vector>

#include "fftconv/experiment/pruning_results.hpp"
#include "fftconv/experiment/svg_plot.hpp"

namespace fftconv {

/// A drawing and the name of its file.
struct PruningFigure {
    std::string name;
    Plot plot;
};

/// "pruning": MCR by ratio, a line for each criterion and start of the sequence, mean over the repeats with a
/// band from the least to the largest, beside the baseline and the budget; after retraining where there was
/// any. "candidates": validation MCR before retraining of the best of N masks by ratio, a line for each N.
std::vector<PruningFigure> pruning_figures(const PruningResults& results, const PruneOptions& options,
                                           const std::string& dataset);

/// The tables, and what the paper states about this network.
std::string pruning_text(const PruningResults& results, const PruneOptions& options,
                         const std::string& dataset);

}  // namespace fftconv
