#pragma once
#include <string>
#include <vector>

#include "common/plot.hpp"
#include "prune/pooled.hpp"

namespace fftconv {

/// A drawing and the name of its file.
struct PruningFigure {
    std::string name;
    Plot plot;
};

/// "figure_3b/kernels" is part of "figure_3b".
std::string figure_of(const std::string& experiment);

/// The paper's name of the baseline's network, batch normalisation aside; empty when it has none.
std::string paper_name(const PruningResults& results);

/// Over the share of kernels that is gone in the end, a line for each granularity (criterion, recipe and
/// sequence of them), means with 95 % intervals as bands where there are several runs. "pruning": test MCR,
/// after retraining where there was any, next to the baseline, 1 % (or the budget) above it, the control, and
/// what the paper claims. "candidates": validation MCR before retraining of the best of N masks, a line for
/// each N. Of runs that make one figure; its name comes first ("figure_3b-pruning").
std::vector<PruningFigure> pruning_figures(const std::vector<PruningRecord>& runs);

}  // namespace fftconv
