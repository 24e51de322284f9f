#include "prune/published.hpp"

#include <array>

namespace fftconv::paper {

namespace {

constexpr std::array statements{
    CoarsePruningStatement{"Figure 2a", "lenet-6-16-120",
                           "kernels pruned up to which N = 100 candidates suffice", 40},
    CoarsePruningStatement{"Figure 3b", "lenet-6-16-120",
                           "feature maps pruned beyond which the MCR degrades much", 60},
    CoarsePruningStatement{"Table 1", "cnn-small", "baseline MCR", 16.6},
    CoarsePruningStatement{"Figure 4a", "cnn-small", "baseline MCR (line of the plot)", 16.26},
    CoarsePruningStatement{"Figure 4a", "cnn-small", "feature maps of Conv2 to Conv6 pruned within +1 % MCR",
                           62},
    CoarsePruningStatement{"Figure 4a", "cnn-small", "kernels of Conv2 to Conv6 pruned within +1 % MCR", 70},
    CoarsePruningStatement{"Figure 4b", "cnn-small", "feature maps pruned before kernels", 50},
    CoarsePruningStatement{"Table 2", "cnn-small", "kernels pruned after half of the feature maps", 75},
    CoarsePruningStatement{"Abstract", "cnn-small", "pruned in all within +1 % MCR, more than", 85},
    CoarsePruningStatement{"Table 1", "cnn-large", "baseline MCR", 9.41},
    CoarsePruningStatement{"Figure 5", "cnn-large", "feature maps, then kernels pruned, in all, more than",
                           88},
    CoarsePruningStatement{"Figure 6", "svhn", "baseline MCR", 3.5},
    CoarsePruningStatement{"Figure 6", "svhn", "pruned in all, more than", 70},
};

}  // namespace

std::span<const CoarsePruningStatement> coarse_pruning() {
    return statements;
}

}  // namespace fftconv::paper
