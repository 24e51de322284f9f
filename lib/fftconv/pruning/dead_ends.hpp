#pragma once
#include <string>
#include <vector>

#include "fftconv/core/public.hpp"
#include "fftconv/pruning/pruned_network.hpp"

namespace FFTCONV_PUBLIC fftconv {

/// A map that no longer depends on the image, or that nothing reads.
struct DeadEnd {
    /// A layer's name.
    std::string layer;
    /// The index of one of its output maps.
    int map = 0;
    bool constant = false;  ///< no kernel comes in (else: none goes out)
    float value = 0;        ///< of a constant map, behind its ReLU
    bool removed = true;    ///< pruned; false: must stay, see remove_dead_ends
};

/// Prunes the maps that pruning has made useless, through the whole network, until nothing changes, without
/// changing what the network computes outside training (but for rounding):
///  - a map without outgoing kernels is pruned;
///  - a map without incoming kernels is a constant (its bias, or the offset of its batch normalisation,
///  behind
///    pooling and ReLU). What it adds to the maps of the next layer goes into their biases, or out of their
///    running means where a batch normalisation follows, and it is pruned (coarse pruning paper,
///    section 5.1.1).
/// A positive constant before a convolution with padding is not constant behind it: near the border its
/// kernels meet zeros. Such a map stays, as a constant map without incoming kernels; so does every output of
/// the last layer. The masks are extended.
std::vector<DeadEnd> remove_dead_ends(PrunedNetwork& pruned);

}  // namespace fftconv
