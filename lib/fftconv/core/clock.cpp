#include "fftconv/core/clock.hpp"

namespace fftconv {

double seconds_per_tick() {
    static const double seconds = [] {
        using Clock = std::chrono::steady_clock;
        const auto start = Clock::now();
        const std::uint64_t first = ticks();
        while (Clock::now() - start < std::chrono::milliseconds(2)) {
        }
        const std::uint64_t last = ticks();
        return std::chrono::duration<double>(Clock::now() - start).count() / double(last - first);
    }();
    return seconds;
}

}  // namespace fftconv
