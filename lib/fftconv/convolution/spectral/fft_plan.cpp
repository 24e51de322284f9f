#include "fftconv/convolution/spectral/fft_plan.hpp"

#include <string>

#include "fftconv/core/error.hpp"

#ifdef FFTCONV_HAVE_FFTW
#include <fftw3.h>

#include "fftconv/convolution/spectral/planner_lock.hpp"
#include "fftconv/core/aligned.hpp"

namespace fftconv {

FftPlan::FftPlan(int height, int width, int howmany, Direction direction) : direction_(direction) {
    const int half = width / 2 + 1;
    AlignedFloats real(std::size_t(height) * width * howmany),
        complex(2 * std::size_t(height) * half * howmany);
    auto* spectrum = reinterpret_cast<fftwf_complex*>(complex.data());
    const fftwf_iodim lanes[1] = {{howmany, 1, 1}};
    const std::lock_guard guard(planner_lock());
    if (direction == Direction::forward) {
        const fftwf_iodim dimensions[2] = {{height, width * howmany, half * howmany},
                                           {width, howmany, howmany}};
        plan_ = fftwf_plan_guru_dft_r2c(2, dimensions, 1, lanes, real.data(), spectrum, FFTW_ESTIMATE);
    } else {
        const fftwf_iodim dimensions[2] = {{height, half * howmany, width * howmany},
                                           {width, howmany, howmany}};
        plan_ = fftwf_plan_guru_dft_c2r(2, dimensions, 1, lanes, spectrum, real.data(), FFTW_ESTIMATE);
    }
    if (!plan_)
        throw Error("FFTW cannot plan a transform of " + std::to_string(height) + " x " +
                    std::to_string(width));
}

FftPlan::~FftPlan() {
    const std::lock_guard guard(planner_lock());
    fftwf_destroy_plan(static_cast<fftwf_plan>(plan_));
}

void FftPlan::execute(float* in, float* out) const {
    if (direction_ == Direction::forward)
        fftwf_execute_dft_r2c(static_cast<fftwf_plan>(plan_), in, reinterpret_cast<fftwf_complex*>(out));
    else
        fftwf_execute_dft_c2r(static_cast<fftwf_plan>(plan_), reinterpret_cast<fftwf_complex*>(in), out);
}

}  // namespace fftconv

#else

namespace fftconv {

FftPlan::FftPlan(int height, int width, int, Direction direction) : plan_(nullptr), direction_(direction) {
    throw ShapeError(
        "tile: expected a size with a transform of our own, because this fftconv was built without "
        "FFTW (FFTCONV_FFTW=OFF); found " +
        std::to_string(height) + " x " + std::to_string(width));
}

FftPlan::~FftPlan() = default;

void FftPlan::execute(float*, float*) const {}  // there is no plan

}  // namespace fftconv

#endif
