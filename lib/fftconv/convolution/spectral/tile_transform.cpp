#include "fftconv/convolution/spectral/tile_transform.hpp"

#include <algorithm>
#include <string>

#include "fftconv/convolution/spectral/fft_plan.hpp"
#include "fftconv/convolution/spectral/vector_transform.hpp"
#include "fftconv/core/error.hpp"

namespace fftconv {

/// FFTW's side: plans for eight and for sixteen lanes.
struct TileTransform::FftwPlans {
    FftwPlans(int height, int width)
        : narrow_forward(height, width, 8, FftPlan::Direction::forward),
          narrow_backward(height, width, 8, FftPlan::Direction::backward),
          wide_forward(height, width, 16, FftPlan::Direction::forward),
          wide_backward(height, width, 16, FftPlan::Direction::backward) {}

    const FftPlan& forward(int lanes) const { return lanes == 8 ? narrow_forward : wide_forward; }
    const FftPlan& backward(int lanes) const { return lanes == 8 ? narrow_backward : wide_backward; }

    FftPlan narrow_forward, narrow_backward, wide_forward, wide_backward;
};

namespace {

/// Calls visit(bin, f) for every bin, f being its place in (H, ⌊W/2⌋ + 1).
template <class Visit>
void for_each_bin(const BinOrder& order, Visit visit) {
    const int half = order.width / 2 + 1;
    const auto at = [half](int row, int column) { return row * half + column; };
    for (int q = 1; q <= order.half_width; ++q)
        for (int f = 0; f < order.height; ++f) visit(order.column(q) + f, at(f, q));
    for (int f = 1; f <= order.half_height; ++f) visit(order.first_column() + f - 1, at(f, 0));
    if (order.even_width)
        for (int f = 1; f <= order.half_height; ++f)
            visit(order.middle_column() + f - 1, at(f, order.width / 2));
    for (int row = 0; row <= int(order.even_height); ++row)
        for (int column = 0; column <= int(order.even_width); ++column)
            visit(order.real_bin(row, column), at(row * (order.height / 2), column * (order.width / 2)));
}

}  // namespace

TileTransform::TileTransform(int height, int width, TransformLibrary library) : order_(height, width) {
    const bool own = has_vector_transform(height) && has_vector_transform(width);
    if (library == TransformLibrary::vectors && !own)
        throw ShapeError("transform: tile: expected a size that has a vector transform, found " +
                         std::to_string(height) + " x " + std::to_string(width));
    if (library == TransformLibrary::fftw || !own) fftw_ = std::make_unique<FftwPlans>(height, width);
}

TileTransform::~TileTransform() = default;

bool has_vector_transform(int size) {
    return vector_transform::has_size(size);
}

bool TileTransform::uses_fftw() const {
    return fftw_ != nullptr;
}

int TileTransform::preferred_lanes() {
    return vector_transform::preferred_lanes();
}

std::size_t TileTransform::scratch_floats(int lanes) const {
    if (!fftw_) return vector_transform::scratch_floats(height(), width(), lanes);
    return (area() + 2 * std::size_t(height()) * (width() / 2 + 1)) * lanes;
}

void TileTransform::forward(const float* tile_data, const std::vector<int>& rows, int lanes, float* spectrum,
                            const SpectrumLayout& layout, float* scratch, const float* next) const {
    if (!fftw_) return vector_transform::forward(tile_data, rows, lanes, spectrum, layout, scratch, next);
    SpectrumFetch(next, layout, 1).step();
    const std::size_t row_floats = std::size_t(width()) * lanes;
    float* in = scratch;
    float* z = scratch + height() * row_floats;
    std::fill_n(in, height() * row_floats, 0.0f);
    for (int row : rows) std::copy_n(tile_data + row * row_floats, row_floats, in + row * row_floats);
    fftw_->forward(lanes).execute(in, z);
    for_each_bin(order_, [&](int bin, int f) {
        const float* from = z + 2 * std::size_t(f) * lanes;
        float* re = spectrum + layout.bin(bin);
        for (int l = 0; l < lanes; ++l) re[l] = 2 * from[2 * l];
        for (int l = 0; l < lanes && bin < order_.complex_bins; ++l)
            re[layout.plane + l] = 2 * from[2 * l + 1];
    });
}

void TileTransform::inverse(const float* spectrum, const SpectrumLayout& layout, int lanes,
                            const std::vector<int>& rows, float* tile_data, float* scratch,
                            const float* next) const {
    if (!fftw_) return vector_transform::inverse(spectrum, layout, lanes, rows, tile_data, scratch, next);
    SpectrumFetch(next, layout, 1).step();
    const std::size_t row_floats = std::size_t(width()) * lanes, half = width() / 2 + 1;
    float* out = scratch;
    float* z = scratch + height() * row_floats;
    for_each_bin(order_, [&](int bin, int f) {
        const bool complex = bin < order_.complex_bins;
        float* to = z + 2 * std::size_t(f) * lanes;
        // The special columns have the conjugates of their bins too.
        const int row = int(f / half), column = int(f % half);
        const bool special = column == 0 || 2 * column == width();
        float* opposite = z + 2 * ((height() - row) % height() * half + column) * lanes;
        const float* re = spectrum + layout.bin(bin);
        for (int l = 0; l < lanes; ++l) {
            to[2 * l] = re[l];
            to[2 * l + 1] = complex ? re[layout.plane + l] : 0.0f;
            if (!complex || !special) continue;
            opposite[2 * l] = re[l];
            opposite[2 * l + 1] = -re[layout.plane + l];
        }
    });
    fftw_->backward(lanes).execute(z, out);
    for (int row : rows) std::copy_n(out + row * row_floats, row_floats, tile_data + row * row_floats);
}

}  // namespace fftconv
