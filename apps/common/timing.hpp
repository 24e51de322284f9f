#pragma once
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "common/statistics.hpp"
#include "fftconv/convolution/engine.hpp"

namespace fftconv {

/// Timings of one contender: seconds of a call, one value per round.
using Rounds = std::vector<double>;

struct RoundOptions {
    int rounds = 15;
    double slice =
        0.03;  ///< seconds that a contender runs in each round, at least (and at least three calls)
};

/// An implementation to time.
struct Contender {
    std::string name;
    int threads = 1;
    std::function<void()> run;
    std::function<std::vector<float>()> result = {};  ///< what the last run computed, to be compared
    std::function<std::vector<Phase>()> phases = {};  ///< since the last call of it; empty: not known
    std::function<double()> seconds = {};             ///< of the last run by its own clock; empty: by ours
    double sum_flop = 0;                              ///< of the phase "sum" of a call; 0: not known
    bool lingers = false;  ///< other processes, whose threads wait in a loop for a while after a run
};

struct Timing {
    Rounds rounds;
    std::vector<Phase> phases = {};  ///< of the fastest call
};

/// Lets the contenders take turns: in each round every one of them is called for a slice of time, in an order
/// that turns around from round to round. A round's value is its fastest call, because whatever interrupts a
/// call (another process, the hypervisor) is not the contender's; what is reported is the median of the
/// rounds. After the slice of one that lingers nobody is called for a tenth of a second.
std::vector<Timing> time_in_turn(std::span<const Contender> contenders, const RoundOptions& options);

/// Of a / b, round by round: what slows a whole round falls out.
Quartiles ratio(const Rounds& a, const Rounds& b);

/// The largest |found − expected| relative to the largest |expected|; infinite when sizes differ or a value
/// is NaN.
double largest_difference(const std::vector<float>& found, const std::vector<float>& expected);
/// Winograd convolution in float loses digits, and a network passes rounding on; nothing right differs by
/// more.
inline constexpr double largest_allowed_difference = 1e-4;

/// Runs everything on one SIMD target from now on, by Highway's name for it, and has the rivals that can be
/// restricted do the same (oneDNN, before its first use; PyTorch). @throws UsageError when this machine or
/// this program does not have it.
void pin_simd_target(const std::string& name);

/// About a millisecond of independent multiply-adds on `threads` threads, on the widest SIMD target that the
/// library itself uses. Returns the FLOP (a multiply-add counts two); with the fastest time of many bursts,
/// the peak of this machine.
double multiply_add_burst(int threads);

}  // namespace fftconv
