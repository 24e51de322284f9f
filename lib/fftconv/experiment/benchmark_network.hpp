#pragma once
#include <vector>

#include "fftconv/experiment/benchmark_options.hpp"
#include "fftconv/experiment/benchmark_report.hpp"

namespace fftconv {

/// Forward, loss, backward and Adam's update of one batch; or forward alone, with the same weights each time.
enum class NetworkPass { training_step, inference };

/// Times --network on both engines, in turn, with every --pruned and --threads. Images and labels are random.
/// apps/bench_pytorch.py times the same in PyTorch; its command is printed.
/// @throws ArchitectureError; Error when the engines' logits or gradients differ.
std::vector<BenchmarkRow> time_network(const BenchmarkOptions& options, NetworkPass pass);

}  // namespace fftconv
