#pragma once
#include "bench/options.hpp"

namespace fftconv {

/// Times a training step and inference of --network on every --threads as a user meets them: back to back,
/// half a second after the last one, and next to a process that computes without pause. Prints medians, the
/// worst of ten tries and, of both, how much faster than on the first number of threads.
/// @throws UsageError without --network.
void time_interruptions(const BenchmarkOptions& options);

}  // namespace fftconv
