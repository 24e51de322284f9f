#include "common/timing.hpp"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <thread>

#include "fftconv/core/clock.hpp"

namespace fftconv {
namespace {

double now() {
    return double(ticks()) * seconds_per_tick();
}

/// Calls a contender, and keeps what its fastest calls of a round and of all took.
class Stopwatch {
  public:
    Stopwatch(const Contender& contender, Timing& timing) : contender_(&contender), timing_(&timing) {
        if (contender.phases) contender.phases();  // forget what was before
    }

    /// As many calls as fit into the slice, at least three.
    void round(double slice) {
        double fastest = INFINITY;
        const double end = now() + slice;
        for (int calls = 0; calls < 3 || now() < end; ++calls) fastest = std::min(fastest, call());
        timing_->rounds.push_back(fastest);
        if (contender_->lingers) std::this_thread::sleep_for(std::chrono::milliseconds(100));
    }
    double call() {
        const double start = now();
        contender_->run();
        const double seconds = contender_->seconds ? contender_->seconds() : now() - start;
        if (!contender_->phases) return seconds;
        std::vector<Phase> phases = contender_->phases();
        if (seconds < fastest_) timing_->phases = std::move(phases);
        fastest_ = std::min(fastest_, seconds);
        return seconds;
    }

  private:
    const Contender* contender_;
    Timing* timing_;
    double fastest_ = INFINITY;
};

}  // namespace

std::vector<Timing> time_in_turn(std::span<const Contender> contenders, const RoundOptions& options) {
    std::vector<Timing> timings(contenders.size());
    std::vector<Stopwatch> watches;
    for (std::size_t i = 0; i < contenders.size(); ++i)
        watches.emplace_back(contenders[i], timings[i]).call();
    for (int round = 0; round < options.rounds; ++round) {
        for (Stopwatch& watch : watches) watch.round(options.slice);
        std::reverse(watches.begin(), watches.end());
    }
    return timings;
}

Quartiles ratio(const Rounds& a, const Rounds& b) {
    return quartiles(ratios(a, b));
}

double largest_difference(const std::vector<float>& found, const std::vector<float>& expected) {
    if (found.size() != expected.size()) return INFINITY;
    double difference = 0, largest = 0;
    for (std::size_t i = 0; i < found.size(); ++i) {
        if (!std::isfinite(found[i])) return INFINITY;
        difference = std::max(difference, std::abs(double(found[i]) - expected[i]));
        largest = std::max(largest, std::abs(double(expected[i])));
    }
    return difference == 0 ? 0 : difference / largest;
}

}  // namespace fftconv
