#include "prune/published.hpp"

#include <array>

namespace fftconv::paper {

namespace {

constexpr std::array statements{
    CoarsePruningStatement{"Figure 2a", "lenet-6-16-120",
                           "kernels pruned up to which N = 100 candidates suffice", 40, Measure::none},
    CoarsePruningStatement{"Figure 3b", "lenet-6-16-120",
                           "feature maps pruned beyond which the MCR degrades much", 60, Measure::none},
    CoarsePruningStatement{"Table 1", "cnn-small", "baseline MCR", 16.6, Measure::baseline_mcr},
    CoarsePruningStatement{"Figure 4a", "cnn-small", "baseline MCR (line of the plot)", 16.26, Measure::none},
    CoarsePruningStatement{"Figure 4a", "cnn-small", "feature maps of Conv2 to Conv6 pruned within +1 % MCR",
                           62, Measure::maps_pruned},
    CoarsePruningStatement{"Figure 4a", "cnn-small", "kernels of Conv2 to Conv6 pruned within +1 % MCR", 70,
                           Measure::kernels_pruned},
    CoarsePruningStatement{"Figure 4b", "cnn-small", "feature maps pruned before kernels", 50, Measure::none},
    CoarsePruningStatement{"Table 2", "cnn-small", "kernels pruned after half of the feature maps", 75,
                           Measure::none},
    CoarsePruningStatement{"Abstract", "cnn-small", "pruned in all within +1 % MCR, more than", 85,
                           Measure::pruned_in_all},
    CoarsePruningStatement{"Table 1", "cnn-large", "baseline MCR", 9.41, Measure::baseline_mcr},
    CoarsePruningStatement{"Figure 5", "cnn-large", "feature maps, then kernels pruned, in all, more than",
                           88, Measure::pruned_in_all},
    CoarsePruningStatement{"Figure 6", "svhn", "baseline MCR", 3.5, Measure::baseline_mcr},
    CoarsePruningStatement{"Figure 6", "svhn", "pruned in all, more than", 70, Measure::pruned_in_all},
};

}  // namespace

std::span<const CoarsePruningStatement> coarse_pruning() {
    return statements;
}

}  // namespace fftconv::paper
