#pragma once
#include <string>
#include <vector>

#include "prune/pooled.hpp"

namespace fftconv {

/// The tables of runs that belong together, those of one recipe in one, with 95 % intervals over repeats and
/// baselines (of a sequence the layers too, as the paper's Table 2), and what the paper states about this
/// network.
std::string pruning_text(const std::vector<PruningRecord>& runs);

}  // namespace fftconv
