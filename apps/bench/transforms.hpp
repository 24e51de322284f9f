#pragma once
#include <string>

#include "common/timing.hpp"

namespace fftconv {

/// Times the transforms of every tile that has one of our own, eight lanes at a time, in turn: a Markdown
/// table of nanoseconds, and of what that is in transforms of 16 × 16, next to what the planner's cost model
/// has.
std::string transform_table(const RoundOptions& options);

}  // namespace fftconv
