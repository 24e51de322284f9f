#pragma once
#include <functional>
#include <vector>

#include "prune/step.hpp"

namespace fftconv {

/// The searches of these points over all processes, candidate by candidate. What is found goes into the mask
/// files, where each point finds its search done. `network_before` makes the network that a point's last step
/// begins with; `on_candidate` is called in the first process. One process alone has nothing to share: it
/// searches on the way. Every process calls this.
/// @throws PruningInterrupted
void search_together(const PruningContext& context, const std::vector<PruningPoint>& points,
                     const std::function<PrunedNetwork(const PruningPoint&)>& network_before,
                     const std::function<void()>& on_candidate);

}  // namespace fftconv
