#pragma once
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "bench/layer.hpp"
#include "bench/network.hpp"

namespace fftconv {

/// A rival in a process of its own, which takes its turn like the others: a program that answers every line
/// of its input with a line (README.md of this folder has the protocol). It takes the time of a call by its
/// own clock, so that no message is counted.
struct PeerProgram {
    std::vector<std::string> command;
};

/// Those that the options ask for: the scripts of --peer pytorch and onnxruntime, and --peer-command, which a
/// shell runs. @throws UsageError when a script is not there.
std::vector<PeerProgram> peer_programs(const BenchmarkOptions& options);

/// The program at work on a layer's forward pass, or on a network; `simd` as --simd. None when it says that
/// it cannot, which is printed. @throws Error when the program cannot be run, or ends without an answer.
std::optional<Contender> peer_contender(const PeerProgram& program, const LayerProblem& problem, int threads,
                                        const std::string& simd);
std::optional<Contender> peer_contender(const PeerProgram& program, const std::string& architecture,
                                        int batch, int threads, NetworkPass pass, const std::string& simd);

}  // namespace fftconv
