#include "fftconv/convolution/spectral/tile_transform.hpp"

#include <algorithm>
#include <string>

#include "fftconv/convolution/spectral/fft_plan.hpp"
#include "fftconv/convolution/spectral/vector_transform.hpp"
#include "fftconv/core/error.hpp"

namespace fftconv {

/// FFTW's side. Neighbouring lanes 2p and 2p+1 are the two parts of one complex image, so a complex transform
/// does two real ones; with Z of a pair, Re X = (Z(f) + Z(−f))/2 and Im X = −i(Z(f) − Z(−f))/2, lane by lane.
struct TileTransform::FftwPlans {
    explicit FftwPlans(int tile)
        : narrow_forward(tile, 4, FftPlan::Direction::forward),
          narrow_backward(tile, 4, FftPlan::Direction::backward),
          wide_forward(tile, 8, FftPlan::Direction::forward),
          wide_backward(tile, 8, FftPlan::Direction::backward) {}

    const FftPlan& forward(int lanes) const { return lanes == 8 ? narrow_forward : wide_forward; }
    const FftPlan& backward(int lanes) const { return lanes == 8 ? narrow_backward : wide_backward; }

    FftPlan narrow_forward, narrow_backward, wide_forward, wide_backward;
};

namespace {

/// Calls visit(bin, f, −f) for every bin, f and −f as offsets into a (T, T) array; they are equal for real
/// bins.
template <class Visit>
void for_each_bin(const BinOrder& order, Visit visit) {
    const int tile = order.tile;
    const auto at = [tile](int row, int column) {
        return (row + tile) % tile * tile + (column + tile) % tile;
    };
    for (int q = 1; q <= order.half; ++q)
        for (int f = 0; f < tile; ++f) visit(order.column(q) + f, at(f, q), at(-f, -q));
    for (int f = 1; f <= order.half; ++f) visit(order.first_column() + f - 1, at(f, 0), at(-f, 0));
    if (order.even)
        for (int f = 1; f <= order.half; ++f)
            visit(order.middle_column() + f - 1, at(f, tile / 2), at(-f, tile / 2));
    const int real[4] = {at(0, 0), at(tile / 2, 0), at(0, tile / 2), at(tile / 2, tile / 2)};
    for (int r = 0; r < order.real_bins; ++r) visit(order.complex_bins + r, real[r], real[r]);
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
    if (fftw_) return 2 * std::size_t(tile()) * tile() * lanes;
    return vector_transform::scratch_floats(tile(), lanes);
}

void TileTransform::forward(const float* tile_data, const std::vector<int>& rows, int lanes, float* spectrum,
                            const SpectrumLayout& layout, float* scratch) const {
    if (!fftw_) return vector_transform::forward(tile_data, rows, lanes, spectrum, layout, scratch);
    const std::size_t row_floats = std::size_t(tile()) * lanes;
    float* in = scratch;
    float* z = scratch + tile() * row_floats;
    std::fill_n(in, tile() * row_floats, 0.0f);
    for (int row : rows) std::copy_n(tile_data + row * row_floats, row_floats, in + row * row_floats);
    fftw_->forward(lanes).execute(in, z);
    for_each_bin(order_, [&](int bin, int f, int opposite) {
        const float *plus = z + std::size_t(f) * lanes, *minus = z + std::size_t(opposite) * lanes;
        float* re = spectrum + layout.bin(bin);
        for (int l = 0; l < lanes; ++l) re[l] = plus[l] + minus[l];
        if (bin >= order_.complex_bins) return;
        float* im = re + layout.plane;
        for (int l = 0; l < lanes; l += 2) {
            im[l] = plus[l + 1] - minus[l + 1];
            im[l + 1] = minus[l] - plus[l];
        }
    });
}

void TileTransform::inverse(const float* spectrum, const SpectrumLayout& layout, int lanes,
                            const std::vector<int>& rows, float* tile_data, float* scratch) const {
    if (!fftw_) return vector_transform::inverse(spectrum, layout, lanes, rows, tile_data, scratch);
    const std::size_t row_floats = std::size_t(tile()) * lanes;
    float* z = scratch;
    float* out = scratch + tile() * row_floats;
    for_each_bin(order_, [&](int bin, int f, int opposite) {
        float *plus = z + std::size_t(f) * lanes, *minus = z + std::size_t(opposite) * lanes;
        const float* re = spectrum + layout.bin(bin);
        if (bin >= order_.complex_bins) {
            std::copy_n(re, lanes, plus);
            return;
        }
        const float* im = re + layout.plane;
        for (int l = 0; l < lanes; l += 2) {
            plus[l] = re[l] - im[l + 1];
            plus[l + 1] = re[l + 1] + im[l];
            minus[l] = re[l] + im[l + 1];
            minus[l + 1] = re[l + 1] - im[l];
        }
    });
    fftw_->backward(lanes).execute(z, out);
    for (int row : rows) std::copy_n(out + row * row_floats, row_floats, tile_data + row * row_floats);
}

}  // namespace fftconv
