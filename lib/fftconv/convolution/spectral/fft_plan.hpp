#pragma once
#include <cstddef>

namespace fftconv {

/// One FFTW plan: the unnormalised transform of real T × T images, `howmany` of them side by side
/// (innermost), each by itself: what is in one image, a NaN or a huge value, reaches no other. The only code
/// that knows FFTW. Planning is under a lock; execution is const and may run on several threads at once.
/// Plans are estimated, not measured: measured plans differ from run to run, and with them the last bits of
/// every result.
class FftPlan {
  public:
    enum class Direction { forward, backward };
    /// @throws Error when FFTW has no plan.
    FftPlan(int tile, int howmany, Direction direction);
    ~FftPlan();
    FftPlan(const FftPlan&) = delete;
    FftPlan& operator=(const FftPlan&) = delete;

    /// Floats from the real to the imaginary part of a spectrum, (T, ⌊T/2⌋ + 1, howmany) each.
    std::size_t plane() const { return plane_; }
    /// (T, T, howmany) floats to their spectra. 64-byte aligned; `image` is left as it is.
    void forward(const float* image, float* spectrum) const;
    /// Back; overwrites the spectrum.
    void backward(float* spectrum, float* image) const;

  private:
    std::size_t plane_;
    void* plan_;
};

}  // namespace fftconv
