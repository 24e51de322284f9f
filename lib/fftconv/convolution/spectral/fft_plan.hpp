#pragma once
#include <cstddef>

namespace fftconv {

/// One FFTW plan: the unnormalised complex transform of T × T arrays, `howmany` of them side by side
/// (innermost), interleaved, out of place, 64-byte aligned. The only code that knows FFTW. Planning is under
/// a lock; execution is const and may run on several threads at once. Plans are estimated, not measured:
/// measured plans differ from run to run, and with them the last bits of every result.
class FftPlan {
  public:
    enum class Direction { forward, backward };
    FftPlan(int tile, int howmany, Direction direction);
    ~FftPlan();
    FftPlan(const FftPlan&) = delete;
    FftPlan& operator=(const FftPlan&) = delete;

    /// in and out: (T, T, howmany) complex. `in` is left as it is.
    void execute(const float* in, float* out) const;

  private:
    void* plan_;
};

}  // namespace fftconv
