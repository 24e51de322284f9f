#pragma once

#if defined(__x86_64__)
#include <xmmintrin.h>
#endif

namespace fftconv {

/// While it lives, the calling thread takes denormal numbers, those below 2⁻¹²⁶ ≈ 1.2e-38, for zero: operands
/// and results alike. Weight decay leads the weights of maps that are never active there, and layers with
/// them took nine times as long on an Intel processor (network/README.md). On x86-64; elsewhere it does
/// nothing.
class FlushToZero {
  public:
    FlushToZero() {
#if defined(__x86_64__)
        before_ = _mm_getcsr();
        if ((before_ & bits) != bits) _mm_setcsr(before_ | bits);
#endif
    }
    ~FlushToZero() {
#if defined(__x86_64__)
        if ((before_ & bits) != bits) _mm_setcsr(before_);
#endif
    }
    FlushToZero(const FlushToZero&) = delete;
    FlushToZero& operator=(const FlushToZero&) = delete;

  private:
#if defined(__x86_64__)
    static constexpr unsigned bits = 0x8040;  ///< of results (bit 15) and of operands (bit 6)
    unsigned before_ = 0;
#endif
};

}  // namespace fftconv
