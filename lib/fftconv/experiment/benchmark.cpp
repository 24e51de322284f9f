#include "fftconv/experiment/benchmark.hpp"

#include <algorithm>
#include <chrono>
#include <cmath>

namespace fftconv {
namespace {

double now() {
    return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

/// The fastest of the calls that fit into the slice, at least three.
double fastest_call(const std::function<void()>& contender, double slice) {
    double fastest = INFINITY, last = now();
    const double end = last + slice;
    for (int call = 0; call < 3 || last < end; ++call) {
        contender();
        const double time = now();
        fastest = std::min(fastest, time - last);
        last = time;
    }
    return fastest;
}

/// Linear interpolation between the two values around the place `part` of the sorted values.
double quantile(const std::vector<double>& sorted, double part) {
    const double place = part * double(sorted.size() - 1);
    const std::size_t below = std::size_t(place), above = std::min(below + 1, sorted.size() - 1);
    return sorted[below] + (place - double(below)) * (sorted[above] - sorted[below]);
}

}  // namespace

std::vector<Rounds> time_in_turn(std::span<const std::function<void()>> contenders,
                                 const RoundOptions& options) {
    std::vector<Rounds> times(contenders.size(), Rounds(options.rounds));
    for (const auto& contender : contenders) contender();  // first calls allocate and plan
    for (int round = 0; round < options.rounds; ++round)
        for (std::size_t turn = 0; turn < contenders.size(); ++turn) {
            const std::size_t i = round % 2 ? contenders.size() - 1 - turn : turn;
            times[i][round] = fastest_call(contenders[i], options.slice);
        }
    return times;
}

Spread spread(std::vector<double> values) {
    std::sort(values.begin(), values.end());
    return {quantile(values, 0.25), quantile(values, 0.5), quantile(values, 0.75)};
}

Spread ratio(const Rounds& a, const Rounds& b) {
    std::vector<double> ratios(a.size());
    for (std::size_t round = 0; round < a.size(); ++round) ratios[round] = a[round] / b[round];
    return spread(std::move(ratios));
}

}  // namespace fftconv
