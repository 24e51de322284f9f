#pragma once
#include "bench/network.hpp"
#include "common/timing.hpp"

namespace fftconv {

/// PyTorch, at work on the same network in a process of its own: apps/bench_pytorch.py with --serve, asked
/// for one call at a time, so that it takes its turn like the others. Messages take some 20 µs of its time.
/// @throws Error when `script` cannot be run, or ends (PyTorch is missing, an architecture that it cannot
/// read).
Contender pytorch_contender(const std::string& script, const std::string& architecture, int batch,
                            int threads, NetworkPass pass);

}  // namespace fftconv
