#pragma once
#include <string>

#include "bench/options.hpp"

namespace fftconv {

/// A network between nodes, as the model has it.
struct Link {
    const char* name;
    double bytes_per_second, latency;  ///< seconds of a message
};

/// What the model takes of one layer: the seconds of its shards here, and what its sums send.
struct LayerLoad {
    double forward = 0, backward = 0;  ///< seconds
    double gradient_bytes = 0;         ///< of all its parameters
    int statistics = 0;  ///< sums that the pass waits for: two forward and one backward of a norm
};

/// Seconds of a training step on `nodes` nodes with one shard each. Every node sends (n − 1)/n of each
/// gradient once to be added and once as a sum; a layer's gradient starts when its backward pass ends, behind
/// the gradients before it, while the backward pass of the layers below continues. A message costs its
/// latency and its bytes over the bandwidth; n − 1 messages leave a node in each half. A sum of batch
/// statistics costs ⌈log2 n⌉ latencies that nothing hides.
double modelled_step(const std::vector<LayerLoad>& layers, int nodes, const Link& link, double update);

/// What most of such a step is spent on: "computing" when that is half of it, else "latency" or "bandwidth",
/// whichever would save more if it cost nothing.
std::string bound_of_step(const std::vector<LayerLoad>& layers, int nodes, const Link& link, double update);

/// Times sharded training steps of --network (in this process, or in those that mpirun started) and prints
/// seconds of computing and exchange by layer; then, in one process, what the model expects of 2 to 256
/// nodes.
void time_scaling(const BenchmarkOptions& options);

}  // namespace fftconv
