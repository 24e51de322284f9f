#pragma once
#include "bench/options.hpp"

namespace fftconv {

/// Times every layer, or the network, prints its tables as they come, and writes what --out names.
/// @throws UsageError on options that make no sense; Error when two contenders computed different things.
void run_benchmark(const BenchmarkOptions& benchmark, const Options& options);

}  // namespace fftconv
