#include "fftconv/convolution/spectral/fft_plan.hpp"

#include <string>

#include "fftconv/core/error.hpp"

#ifdef FFTCONV_HAVE_FFTW
#include <fftw3.h>

#include <mutex>

#include "fftconv/core/aligned.hpp"

namespace fftconv {
namespace {

std::mutex& planner_lock() {
    static std::mutex lock;
    return lock;
}

}  // namespace

FftPlan::FftPlan(int tile, int howmany, Direction direction) {
    AlignedFloats in(2 * std::size_t(tile) * tile * howmany), out(in.size());
    const fftwf_iodim dimensions[2] = {{tile, tile * howmany, tile * howmany}, {tile, howmany, howmany}};
    const fftwf_iodim lanes[1] = {{howmany, 1, 1}};
    const std::lock_guard guard(planner_lock());
    plan_ = fftwf_plan_guru_dft(2, dimensions, 1, lanes, reinterpret_cast<fftwf_complex*>(in.data()),
                                reinterpret_cast<fftwf_complex*>(out.data()),
                                direction == Direction::forward ? FFTW_FORWARD : FFTW_BACKWARD,
                                FFTW_ESTIMATE | FFTW_PRESERVE_INPUT);
    if (!plan_)
        throw Error("FFTW cannot plan a transform of " + std::to_string(tile) + " x " + std::to_string(tile));
}

FftPlan::~FftPlan() {
    const std::lock_guard guard(planner_lock());
    fftwf_destroy_plan(static_cast<fftwf_plan>(plan_));
}

void FftPlan::execute(const float* in, float* out) const {
    fftwf_execute_dft(static_cast<fftwf_plan>(plan_),
                      reinterpret_cast<fftwf_complex*>(const_cast<float*>(in)),
                      reinterpret_cast<fftwf_complex*>(out));
}

}  // namespace fftconv

#else

namespace fftconv {

FftPlan::FftPlan(int tile, int, Direction) : plan_(nullptr) {
    throw ShapeError(
        "tile: expected a size with a transform of our own, because this fftconv was built without "
        "FFTW (FFTCONV_FFTW=OFF); found " +
        std::to_string(tile));
}

FftPlan::~FftPlan() = default;

void FftPlan::execute(const float*, float*) const {}  // there is no plan

}  // namespace fftconv

#endif
