#pragma once
#include <cstdint>
#include <utility>

#include "fftconv/core/clock.hpp"

namespace fftconv {

/// Tells phases of a thread's work apart.
class LapTimer {
  public:
    /// Seconds since the last call, or since this was made.
    double lap() {
        const std::uint64_t now = ticks(), last = std::exchange(last_, now);
        return double(now - last) * seconds_per_tick();
    }

  private:
    std::uint64_t last_ = ticks();
};

}  // namespace fftconv
