#pragma once
#include <chrono>
#include <cstdint>
#if defined(__x86_64__)
#include <x86intrin.h>
#endif

namespace fftconv {

/// A clock cheap enough to stand between phases of a microsecond: the time-stamp counter where there is one.
inline std::uint64_t ticks() {
#if defined(__x86_64__)
    return __rdtsc();
#else
    return std::uint64_t(std::chrono::steady_clock::now().time_since_epoch().count());
#endif
}

/// Seconds of one tick, calibrated once against the steady clock.
double seconds_per_tick();

}  // namespace fftconv
