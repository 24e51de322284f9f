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

FftPlan::FftPlan(int tile, int howmany, Direction direction)
    : plane_((std::size_t(tile) * (tile / 2 + 1) * howmany + 15) / 16 * 16) {
    const int row = tile * howmany, half_row = (tile / 2 + 1) * howmany;
    AlignedFloats image(std::size_t(tile) * row), spectrum(2 * plane_);
    float *re = spectrum.data(), *im = re + plane_;
    const bool forward = direction == Direction::forward;
    const fftwf_iodim dimensions[2] = {{tile, forward ? row : half_row, forward ? half_row : row},
                                       {tile, howmany, howmany}};
    const fftwf_iodim lanes[1] = {{howmany, 1, 1}};
    const std::lock_guard guard(planner_lock());
    plan_ = forward ? fftwf_plan_guru_split_dft_r2c(2, dimensions, 1, lanes, image.data(), re, im,
                                                    FFTW_ESTIMATE | FFTW_PRESERVE_INPUT)
                    : fftwf_plan_guru_split_dft_c2r(2, dimensions, 1, lanes, re, im, image.data(),
                                                    FFTW_ESTIMATE | FFTW_DESTROY_INPUT);
    if (!plan_)
        throw Error("FFTW cannot plan a transform of " + std::to_string(tile) + " x " + std::to_string(tile));
}

FftPlan::~FftPlan() {
    const std::lock_guard guard(planner_lock());
    fftwf_destroy_plan(static_cast<fftwf_plan>(plan_));
}

void FftPlan::forward(const float* image, float* spectrum) const {
    fftwf_execute_split_dft_r2c(static_cast<fftwf_plan>(plan_), const_cast<float*>(image), spectrum,
                                spectrum + plane_);
}

void FftPlan::backward(float* spectrum, float* image) const {
    fftwf_execute_split_dft_c2r(static_cast<fftwf_plan>(plan_), spectrum, spectrum + plane_, image);
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
