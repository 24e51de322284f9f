#include "prune/published.hpp"

#include <array>

namespace fftconv::paper {

namespace {

constexpr std::string_view both_of_4 = "figure_4a figure_4b";

// The paper's ratios count kernels; 50 % of them by feature maps and 75 % of the rest are 87.5 % in all.
constexpr std::array statements{
    CoarsePruningStatement{"Figure 2a", "lenet-6-16-120",
                           "kernels pruned up to which N = 100 candidates suffice", 40, Measure::none,
                           "figure_2a", Mark::ratio, 40, true},
    CoarsePruningStatement{"Figure 3b", "lenet-6-16-120",
                           "feature maps pruned beyond which the MCR degrades much", 60, Measure::none,
                           "figure_3b", Mark::ratio},
    CoarsePruningStatement{"Table 1", "cnn-small", "baseline MCR", 16.6, Measure::baseline_mcr, both_of_4,
                           Mark::level},
    CoarsePruningStatement{"Figure 4a", "cnn-small", "baseline MCR (line of the plot)", 16.26, Measure::none,
                           "figure_4a", Mark::level},
    CoarsePruningStatement{"Figure 4a", "cnn-small", "feature maps of Conv2 to Conv6 pruned within +1 % MCR",
                           62, Measure::maps_pruned, "figure_4a", Mark::within},
    CoarsePruningStatement{"Figure 4a", "cnn-small", "kernels of Conv2 to Conv6 pruned within +1 % MCR", 70,
                           Measure::kernels_pruned, "figure_4a", Mark::within},
    CoarsePruningStatement{"Figure 4b", "cnn-small", "feature maps pruned before kernels", 50, Measure::none,
                           "figure_4b", Mark::ratio},
    CoarsePruningStatement{"Table 2", "cnn-small", "kernels pruned after half of the feature maps", 75,
                           Measure::none, "figure_4b", Mark::ratio, 87.5},
    CoarsePruningStatement{"Abstract", "cnn-small", "pruned in all within +1 % MCR, more than", 85,
                           Measure::pruned_in_all, "figure_4b", Mark::within},
    CoarsePruningStatement{"Table 1", "cnn-large", "baseline MCR", 9.41, Measure::baseline_mcr, "figure_5",
                           Mark::level},
    CoarsePruningStatement{"Figure 5", "cnn-large", "feature maps, then kernels pruned, in all, more than",
                           88, Measure::pruned_in_all, "figure_5", Mark::within},
    CoarsePruningStatement{"Figure 6", "svhn", "baseline MCR", 3.5, Measure::baseline_mcr, "figure_6",
                           Mark::level},
    CoarsePruningStatement{"Figure 6", "svhn", "pruned in all, more than", 70, Measure::pruned_in_all,
                           "figure_6", Mark::within},
};

}  // namespace

std::span<const CoarsePruningStatement> coarse_pruning() {
    return statements;
}

}  // namespace fftconv::paper
