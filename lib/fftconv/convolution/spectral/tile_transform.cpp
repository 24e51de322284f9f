#include "fftconv/convolution/spectral/tile_transform.hpp"

#include <algorithm>
#include <string>

#include "fftconv/convolution/spectral/fft_plan.hpp"
#include "fftconv/convolution/spectral/vector_transform.hpp"
#include "fftconv/core/error.hpp"

namespace fftconv {

/// FFTW's side: every lane a real image. Two in one complex image would cost less, and a NaN or a huge value
/// would pass from one to the other.
struct TileTransform::FftwPlans {
    explicit FftwPlans(int tile)
        : narrow_forward(tile, 8, FftPlan::Direction::forward),
          narrow_backward(tile, 8, FftPlan::Direction::backward),
          wide_forward(tile, 16, FftPlan::Direction::forward),
          wide_backward(tile, 16, FftPlan::Direction::backward) {}

    const FftPlan& forward(int lanes) const { return lanes == 8 ? narrow_forward : wide_forward; }
    const FftPlan& backward(int lanes) const { return lanes == 8 ? narrow_backward : wide_backward; }

    FftPlan narrow_forward, narrow_backward, wide_forward, wide_backward;
};

namespace {

/// Calls visit(bin, place in a (T, ⌊T/2⌋ + 1) array) for every bin.
template <class Visit>
void for_each_bin(const BinOrder& order, Visit visit) {
    const int tile = order.tile, middle = tile / 2;
    const auto at = [middle](int row, int column) { return row * (middle + 1) + column; };
    for (int q = 1; q <= order.half; ++q)
        for (int f = 0; f < tile; ++f) visit(order.column(q) + f, at(f, q));
    for (int f = 1; f <= order.half; ++f) visit(order.first_column() + f - 1, at(f, 0));
    if (order.even)
        for (int f = 1; f <= order.half; ++f) visit(order.middle_column() + f - 1, at(f, middle));
    const int real[4] = {at(0, 0), at(middle, 0), at(0, middle), at(middle, middle)};
    for (int r = 0; r < order.real_bins; ++r) visit(order.complex_bins + r, real[r]);
}

/// Floats of an image in scratch; its spectrum stands behind it.
std::size_t image_floats(int tile, int lanes) {
    return (std::size_t(tile) * tile * lanes + 15) / 16 * 16;
}

}  // namespace

TileTransform::TileTransform(int tile, TransformLibrary library) : order_(tile) {
    if (library == TransformLibrary::vectors && !has_vector_transform(tile))
        throw ShapeError("transform: tile: expected a size that has a vector transform, found " +
                         std::to_string(tile));
    if (library == TransformLibrary::fftw || !has_vector_transform(tile))
        fftw_ = std::make_unique<FftwPlans>(tile);
}

TileTransform::~TileTransform() = default;

bool has_vector_transform(int tile) {
    return vector_transform::has_size(tile);
}

bool TileTransform::uses_fftw() const {
    return fftw_ != nullptr;
}

int TileTransform::preferred_lanes() {
    return vector_transform::preferred_lanes();
}

std::size_t TileTransform::scratch_floats(int lanes) const {
    if (fftw_) return image_floats(tile(), lanes) + 2 * fftw_->forward(lanes).plane();
    return vector_transform::scratch_floats(tile(), lanes);
}

void TileTransform::forward(const float* tile_data, const std::vector<int>& rows, int lanes, float* spectrum,
                            const SpectrumLayout& layout, float* scratch) const {
    if (!fftw_) return vector_transform::forward(tile_data, rows, lanes, spectrum, layout, scratch);
    const std::size_t row_floats = std::size_t(tile()) * lanes;
    const FftPlan& plan = fftw_->forward(lanes);
    float *image = scratch, *z_re = image + image_floats(tile(), lanes), *z_im = z_re + plan.plane();
    std::fill_n(image, tile() * row_floats, 0.0f);
    for (int row : rows) std::copy_n(tile_data + row * row_floats, row_floats, image + row * row_floats);
    plan.forward(image, z_re);
    for_each_bin(order_, [&](int bin, int f) {
        const float *from_re = z_re + std::size_t(f) * lanes, *from_im = z_im + std::size_t(f) * lanes;
        float* re = spectrum + layout.bin(bin);
        for (int l = 0; l < lanes; ++l) re[l] = 2 * from_re[l];
        if (bin >= order_.complex_bins) return;
        float* im = re + layout.plane;
        for (int l = 0; l < lanes; ++l) im[l] = 2 * from_im[l];
    });
}

void TileTransform::inverse(const float* spectrum, const SpectrumLayout& layout, int lanes,
                            const std::vector<int>& rows, float* tile_data, float* scratch) const {
    if (!fftw_) return vector_transform::inverse(spectrum, layout, lanes, rows, tile_data, scratch);
    const std::size_t row_floats = std::size_t(tile()) * lanes;
    const FftPlan& plan = fftw_->backward(lanes);
    float *image = scratch, *z_re = image + image_floats(tile(), lanes), *z_im = z_re + plan.plane();
    // Of the columns 0 and T/2 the spectrum has one bin of every conjugate pair.
    const auto opposite = [this](int f) {
        const int width = tile() / 2 + 1, row = f / width;
        return (tile() - row) % tile() * width + f % width;
    };
    for_each_bin(order_, [&](int bin, int f) {
        const float* re = spectrum + layout.bin(bin);
        const bool real = bin >= order_.complex_bins;
        std::copy_n(re, lanes, z_re + std::size_t(f) * lanes);
        if (real)
            std::fill_n(z_im + std::size_t(f) * lanes, lanes, 0.0f);
        else
            std::copy_n(re + layout.plane, lanes, z_im + std::size_t(f) * lanes);
        if (real || bin < order_.first_column()) return;
        std::copy_n(re, lanes, z_re + std::size_t(opposite(f)) * lanes);
        for (int l = 0; l < lanes; ++l) z_im[std::size_t(opposite(f)) * lanes + l] = -re[layout.plane + l];
    });
    plan.backward(z_re, image);
    for (int row : rows) std::copy_n(image + row * row_floats, row_floats, tile_data + row * row_floats);
}

}  // namespace fftconv
