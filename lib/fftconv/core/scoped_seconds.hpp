#pragma once
#include <chrono>

namespace fftconv {

/// Adds the time from construction to destruction to `seconds`, which must outlive it.
class ScopedSeconds {
  public:
    explicit ScopedSeconds(double& seconds) : seconds_(seconds) {}
    ~ScopedSeconds() {
        seconds_ += std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count();
    }
    ScopedSeconds(const ScopedSeconds&) = delete;
    ScopedSeconds& operator=(const ScopedSeconds&) = delete;

  private:
    double& seconds_;
    std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
};

}  // namespace fftconv
