#pragma once
#include "fftconv/pruning/mask.hpp"

namespace fftconv {

/// A network without the maps that were pruned, and the masks of the kernels that are pruned in what is left.
struct CompactNetwork {
    Network network;
    Masks masks;
};

/// The thinner network that a masked one amounts to: the maps kept and the weights between them, in an
/// architecture of its own. Its outputs are the masked network's but for rounding (outside training), so it
/// is trained on or saved as any other. A layer of which nothing is kept keeps one map, of zeros.
/// @throws ShapeError as check_masks.
CompactNetwork compact(Network& network, const Masks& masks);

}  // namespace fftconv
