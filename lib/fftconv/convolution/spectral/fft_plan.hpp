#pragma once
#include <cstddef>

namespace fftconv {

/// One FFTW plan: the unnormalised transform between real H × W arrays and their half spectra, `howmany` of
/// them side by side (innermost), out of place, 64-byte aligned. The only code that knows FFTW. Planning is
/// under a lock; execution is const and may run on several threads at once. Plans are estimated, not
/// measured: measured plans differ from run to run, and with them the last bits of every result. Each array
/// is transformed by itself: no two share a complex number.
class FftPlan {
  public:
    enum class Direction { forward, backward };
    FftPlan(int height, int width, int howmany, Direction direction);
    ~FftPlan();
    FftPlan(const FftPlan&) = delete;
    FftPlan& operator=(const FftPlan&) = delete;

    /// Forward: in (H, W, howmany) floats, out (H, ⌊W/2⌋ + 1, howmany) complex, interleaved. Backward: the
    /// other way round. `in` may be overwritten.
    void execute(float* in, float* out) const;

  private:
    void* plan_;
    Direction direction_;
};

}  // namespace fftconv
