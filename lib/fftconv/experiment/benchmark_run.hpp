#pragma once
#include <string>
#include <vector>

#include "fftconv/experiment/options.hpp"

namespace fftconv {

/// The configuration of fftconv-bench.
struct BenchmarkOptions {
    std::string layer;  ///< "C,O,H,k,padding", several separated by semicolons; empty: the built-in table
    int batch = 16;     ///< of --layer
    std::string pass = "forward";
    std::vector<std::string> pruned{"0"}, threads{"1"}, peers{"onednn"}, inverses{"folded"};
    int mode = -1;
    int tile = 0;
    bool renew_weights = false;
    int rounds = 15;
    double slice = 0.03;
    std::string json, out;
};

/// Binds the options of fftconv-bench to `benchmark`, which must outlive `options`.
void add_benchmark_options(Options& options, BenchmarkOptions& benchmark);

/// Times every layer, prints its tables as they come, and writes what --json and --out name.
/// @throws UsageError on options that make no sense; Error when two contenders computed different things.
void run_benchmark(const BenchmarkOptions& benchmark, const Options& options);

}  // namespace fftconv
