#pragma once
#include <string>
#include <vector>

#include "bench/layer.hpp"
#include "common/options.hpp"
#include "fftconv/convolution/engine.hpp"
#include "fftconv/network/architecture.hpp"
#include "fftconv/network/network.hpp"

namespace fftconv {

struct BenchmarkLayer {
    ConvolutionShape shape;
    int mode = no_mode;
};

/// The configuration of fftconv-bench.
struct BenchmarkOptions {
    std::string layer;  ///< "C,O,H,k,padding", several separated by semicolons; empty: the built-in table
    std::string network, pooling = "max";
    int batch = 16;  ///< of --layer and --network
    std::string pass = "forward";
    std::vector<std::string> pruned{"0"}, threads{"1"}, peers{"usual"}, inverses{"folded"}, engines{"fft"};
    int mode = no_mode, tile = 0, tiles = 0;
    bool overwrite = false, kernel_groups = false, interruptions = false, renew_weights = false,
         summary = false, transforms = false, measure = false;
    int shards = 0;  ///< of a sharded training step of --network; 0: none
    int rounds = 15;
    double slice = 0.03;
    std::string out, report, figures, peer_command, scripts, simd, drawing;
    std::string links;  ///< with shards: "Mb/s:ms", several separated by commas

    /// How often and how long each contender is timed.
    RoundOptions round_options() const { return {.rounds = rounds, .slice = slice}; }
    /// How an engine is made for a pass of a layer.
    EngineOptions engine_options(const std::string& engine, const std::string& inverse, LayerPass timed,
                                 int thread_count) const;
    /// How a network is made, for inference or a training step.
    NetworkOptions network_options(const std::string& engine, bool inference, int thread_count) const;
    /// That of `network`, with the poolings that are wanted.
    Architecture architecture() const;

    /// @throws UsageError on text that cannot be read.
    std::vector<BenchmarkLayer> layers() const;
    std::vector<int> thread_counts() const;
    std::vector<double> pruned_ratios() const;
    /// --peer, the usual ones named; and where programs of their own are to be found.
    std::vector<std::string> rivals() const;
};

/// Binds the options of fftconv-bench to `benchmark`, which must outlive `options`.
void add_benchmark_options(Options& options, BenchmarkOptions& benchmark);

}  // namespace fftconv
