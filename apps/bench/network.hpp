#pragma once
#include <vector>

#include "bench/options.hpp"
#include "bench/report.hpp"

namespace fftconv {

/// Forward, loss, backward and Adam's update of one batch; or forward alone, with the same weights each time.
enum class NetworkPass { training_step, inference };

/// Times --network on the engines asked for with every --pruned and --threads, in turn with its rivals (our
/// direct engine where none is named, with every mask). Images and labels are random. Every engine's results
/// are compared with those of the direct engine.
/// @throws ArchitectureError; Error when the engines' logits or gradients differ.
std::vector<BenchmarkRow> time_network(const BenchmarkOptions& options, NetworkPass pass);

/// "two-conv, batch 50, inference".
std::string network_work(const BenchmarkOptions& options, NetworkPass pass);
/// --network on one of our engines, with a part of its kernels pruned.
Contender network_contender(const BenchmarkOptions& options, const std::string& engine, int threads,
                            double pruned, NetworkPass pass);

}  // namespace fftconv
