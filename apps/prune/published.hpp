#pragma once
#include <span>
#include <string_view>

/// The papers' published numbers, as data: reports print ours next to them.
namespace fftconv::paper {

/// What of a run a statement can be compared with: the baseline's MCR, or the largest share of kernels pruned
/// within +1 % of it, by feature maps alone, by kernels alone, or by a sequence of both.
enum class Measure { none, baseline_mcr, maps_pruned, kernels_pruned, pruned_in_all };

/// How a figure of ours shows a statement: a level of MCR, a point 1 % above our baseline, or a share of
/// kernels pruned, from the bottom to the top.
enum class Mark { level, within, ratio };

/// Coarse pruning (Anwar and Sung): what its text states about a figure or table whose points are only drawn.
struct CoarsePruningStatement {
    std::string_view where;    ///< "Figure 4a", "Table 1"
    std::string_view network;  ///< "cnn-small", …
    std::string_view subject;  ///< what the value is
    double value;              ///< percent
    Measure measure;
    std::string_view figures;  ///< of ours that show it: "figure_4a figure_4b"
    Mark mark;
    double at = value;           ///< kernels pruned, percent, of `within` and `ratio`
    bool of_candidates = false;  ///< it is about the best of N masks, before retraining
};
std::span<const CoarsePruningStatement> coarse_pruning();

}  // namespace fftconv::paper
