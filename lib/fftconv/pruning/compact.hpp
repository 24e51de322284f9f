#pragma once
#include "fftconv/core/public.hpp"
#include "fftconv/pruning/pruned_network.hpp"

namespace FFTCONV_PUBLIC fftconv {

/// The thinner network that a masked one amounts to: the surviving maps and the weights between them, in an
/// architecture of its own, with masks of the kernels that are pruned in what is left. Its outputs are the
/// masked network's but for rounding (outside training), so it is trained on or saved as any other. A layer
/// of which nothing survives keeps one map, of zeros.
PrunedNetwork compact(const PrunedNetwork& pruned);

}  // namespace fftconv
