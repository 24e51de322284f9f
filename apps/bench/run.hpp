#pragma once
#include "bench/options.hpp"

namespace fftconv {

/// Times every layer, or the network, prints its tables as they come, and writes what --json and --out name.
/// @throws UsageError on options that make no sense; Error when two contenders computed different things.
void run_benchmark(const BenchmarkOptions& benchmark, const Options& options);

}  // namespace fftconv
