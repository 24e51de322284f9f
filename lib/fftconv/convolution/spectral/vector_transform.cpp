#include "fftconv/convolution/spectral/vector_transform.hpp"

#include "fftconv/convolution/simd/highway_targets.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "fftconv/convolution/spectral/vector_transform.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "fftconv/convolution/spectral/dft-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace fftconv {
namespace HWY_NAMESPACE {

using Lanes16 = hn::CappedTag<float, 16>;
using Lanes8 = hn::CappedTag<float, 8>;

template <class D>
using Transform1d = void (*)(D, const float*, const float*, std::ptrdiff_t, float*, float*, std::ptrdiff_t);

/// The one-dimensional transform of a size, or null. Every size whose factors are at most 9 and that a tile
/// may sensibly have.
template <class D>
Transform1d<D> transform_of(int n) {
    switch (n) {
        case 2:
            return fft<2, D>;
        case 3:
            return fft<3, D>;
        case 4:
            return fft<4, D>;
        case 5:
            return fft<5, D>;
        case 6:
            return fft<6, D>;
        case 7:
            return fft<7, D>;
        case 8:
            return fft<8, D>;
        case 9:
            return fft<9, D>;
        case 10:
            return fft<10, D>;
        case 12:
            return fft<12, D>;
        case 14:
            return fft<14, D>;
        case 15:
            return fft<15, D>;
        case 16:
            return fft<16, D>;
        case 18:
            return fft<18, D>;
        case 20:
            return fft<20, D>;
        case 21:
            return fft<21, D>;
        case 24:
            return fft<24, D>;
        case 25:
            return fft<25, D>;
        case 28:
            return fft<28, D>;
        case 30:
            return fft<30, D>;
        case 32:
            return fft<32, D>;
        case 35:
            return fft<35, D>;
        case 36:
            return fft<36, D>;
        default:
            return nullptr;
    }
}

/// Scratch of one vector of lanes: the half-transformed columns, [q][row] real and imaginary, one transform
/// in flight, and a row of zeros (or a place to write what nobody reads) at the stride of the tile.
struct Scratch {
    Scratch(float* memory, int tile, std::ptrdiff_t lanes)
        : columns_re(memory),
          columns_im(columns_re + std::ptrdiff_t(tile / 2 + 1) * tile * lanes),
          line_re(columns_im + std::ptrdiff_t(tile / 2 + 1) * tile * lanes),
          line_im(line_re + tile * lanes),
          zeros(line_im + tile * lanes) {}
    float *columns_re, *columns_im, *line_re, *line_im, *zeros;
};

std::size_t ScratchFloats(int tile, int lanes) {
    return std::size_t(lanes) * (2 * (tile / 2 + 1) * tile + 3 * tile);  // vectors are at most `lanes` wide
}

template <class D>
HWY_INLINE void set_zero(D d, float* to, std::ptrdiff_t vectors) {
    for (std::ptrdiff_t v = 0; v < vectors; ++v)
        hn::StoreU(hn::Zero(d), d, to + v * std::ptrdiff_t(hn::Lanes(d)));
}

/// Two real rows a and b went through one complex transform as a + ib; takes twice their spectra apart.
template <class D>
HWY_INLINE void split_rows(D d, const Scratch& s, int tile, int row_a, int row_b) {
    const std::ptrdiff_t n = hn::Lanes(d), column = tile * n;
    const int half = (tile - 1) / 2;
    const auto two = hn::Set(d, 2.0f);
    const auto real_only = [&](int q, int at) HWY_ATTR {
        hn::StoreU(hn::Mul(two, hn::LoadU(d, s.line_re + at * n)), d, s.columns_re + q * column + row_a * n);
        if (row_b >= 0)
            hn::StoreU(hn::Mul(two, hn::LoadU(d, s.line_im + at * n)), d,
                       s.columns_re + q * column + row_b * n);
    };
    real_only(0, 0);
    if (tile % 2 == 0) real_only(tile / 2, tile / 2);
    for (int q = 1; q <= half; ++q) {
        const auto pr = hn::LoadU(d, s.line_re + q * n), pi = hn::LoadU(d, s.line_im + q * n);
        const auto mr = hn::LoadU(d, s.line_re + (tile - q) * n),
                   mi = hn::LoadU(d, s.line_im + (tile - q) * n);
        float* re = s.columns_re + q * column;
        float* im = s.columns_im + q * column;
        hn::StoreU(hn::Add(pr, mr), d, re + row_a * n);
        hn::StoreU(hn::Sub(pi, mi), d, im + row_a * n);
        if (row_b < 0) continue;
        hn::StoreU(hn::Add(pi, mi), d, re + row_b * n);
        hn::StoreU(hn::Sub(mr, pr), d, im + row_b * n);
    }
}

/// The real columns 0 and (T even) T/2 go through one complex transform as c0 + i·cT/2.
template <class D>
HWY_INLINE void forward_special_columns(D d, Transform1d<D> transform, const Scratch& s, float* spectrum,
                                        const SpectrumLayout& layout) {
    const BinOrder& order = layout.order;
    const int tile = order.tile;
    const std::ptrdiff_t n = hn::Lanes(d);
    const float* middle = order.even ? s.columns_re + std::ptrdiff_t(tile / 2) * tile * n : s.zeros;
    transform(d, s.columns_re, middle, n, s.line_re, s.line_im, n);
    float* real = spectrum + layout.bin(order.complex_bins);
    hn::StoreU(hn::LoadU(d, s.line_re), d, real);
    if (order.even) {
        hn::StoreU(hn::LoadU(d, s.line_re + tile / 2 * n), d, real + layout.real_stride);
        hn::StoreU(hn::LoadU(d, s.line_im), d, real + 2 * layout.real_stride);
        hn::StoreU(hn::LoadU(d, s.line_im + tile / 2 * n), d, real + 3 * layout.real_stride);
    }
    const auto one_half = hn::Set(d, 0.5f);
    for (int f = 1; f <= order.half; ++f) {
        const auto pr = hn::LoadU(d, s.line_re + f * n), pi = hn::LoadU(d, s.line_im + f * n);
        const auto mr = hn::LoadU(d, s.line_re + (tile - f) * n),
                   mi = hn::LoadU(d, s.line_im + (tile - f) * n);
        float* first = spectrum + layout.bin(order.first_column() + f - 1);
        hn::StoreU(hn::Mul(one_half, hn::Add(pr, mr)), d, first);
        hn::StoreU(hn::Mul(one_half, hn::Sub(pi, mi)), d, first + layout.plane);
        if (!order.even) continue;
        float* mid = spectrum + layout.bin(order.middle_column() + f - 1);
        hn::StoreU(hn::Mul(one_half, hn::Add(pi, mi)), d, mid);
        hn::StoreU(hn::Mul(one_half, hn::Sub(mr, pr)), d, mid + layout.plane);
    }
}

template <class D>
void forward_vector(D d, const float* tile_data, const std::vector<int>& rows, std::ptrdiff_t lanes,
                    float* spectrum, const SpectrumLayout& layout, float* memory) {
    const int tile = layout.order.tile;
    const std::ptrdiff_t n = hn::Lanes(d), row_floats = tile * lanes;
    const Scratch s(memory, tile, n);
    const Transform1d<D> transform = transform_of<D>(tile);
    set_zero(d, s.zeros, row_floats / n);
    if (int(rows.size()) < tile) set_zero(d, s.columns_re, 2 * (tile / 2 + 1) * tile);
    for (std::size_t i = 0; i < rows.size(); i += 2) {
        const bool pair = i + 1 < rows.size();
        const float* a = tile_data + rows[i] * row_floats;
        transform(d, a, pair ? tile_data + rows[i + 1] * row_floats : s.zeros, lanes, s.line_re, s.line_im,
                  n);
        split_rows(d, s, tile, rows[i], pair ? rows[i + 1] : -1);
    }
    for (int q = 1; q <= layout.order.half; ++q) {
        float* out = spectrum + layout.bin(layout.order.column(q));
        transform(d, s.columns_re + q * tile * n, s.columns_im + q * tile * n, n, out, out + layout.plane,
                  layout.complex_stride);
    }
    forward_special_columns(d, transform, s, spectrum, layout);
}

template <class D>
HWY_INLINE void inverse_special_columns(D d, Transform1d<D> transform, const Scratch& s,
                                        const float* spectrum, const SpectrumLayout& layout) {
    const BinOrder& order = layout.order;
    const int tile = order.tile;
    const std::ptrdiff_t n = hn::Lanes(d);
    const auto zero = hn::Zero(d);
    const float* real = spectrum + layout.bin(order.complex_bins);
    hn::StoreU(hn::LoadU(d, real), d, s.line_re);
    hn::StoreU(order.even ? hn::LoadU(d, real + 2 * layout.real_stride) : zero, d, s.line_im);
    if (order.even) {
        hn::StoreU(hn::LoadU(d, real + layout.real_stride), d, s.line_re + tile / 2 * n);
        hn::StoreU(hn::LoadU(d, real + 3 * layout.real_stride), d, s.line_im + tile / 2 * n);
    }
    for (int f = 1; f <= order.half; ++f) {
        const float* first = spectrum + layout.bin(order.first_column() + f - 1);
        const auto ar = hn::LoadU(d, first), ai = hn::LoadU(d, first + layout.plane);
        auto br = zero, bi = zero;
        if (order.even) {
            const float* mid = spectrum + layout.bin(order.middle_column() + f - 1);
            br = hn::LoadU(d, mid);
            bi = hn::LoadU(d, mid + layout.plane);
        }
        hn::StoreU(hn::Sub(ar, bi), d, s.line_re + f * n);
        hn::StoreU(hn::Add(ai, br), d, s.line_im + f * n);
        hn::StoreU(hn::Add(ar, bi), d, s.line_re + (tile - f) * n);
        hn::StoreU(hn::Sub(br, ai), d, s.line_im + (tile - f) * n);
    }
    float* middle = order.even ? s.columns_re + std::ptrdiff_t(tile / 2) * tile * n : s.zeros;
    transform(d, s.line_im, s.line_re, n, middle, s.columns_re, n);
}

/// Puts the half spectra of two real rows together as a + ib.
template <class D>
HWY_INLINE void join_rows(D d, const Scratch& s, int tile, int row_a, int row_b) {
    const std::ptrdiff_t n = hn::Lanes(d), column = tile * n;
    const int half = (tile - 1) / 2;
    const auto real_only = [&](int q) HWY_ATTR {
        hn::StoreU(hn::LoadU(d, s.columns_re + q * column + row_a * n), d, s.line_re + q * n);
        hn::StoreU(hn::LoadU(d, s.columns_re + q * column + row_b * n), d, s.line_im + q * n);
    };
    real_only(0);
    if (tile % 2 == 0) real_only(tile / 2);
    for (int q = 1; q <= half; ++q) {
        const float* re = s.columns_re + q * column;
        const float* im = s.columns_im + q * column;
        const auto ar = hn::LoadU(d, re + row_a * n), ai = hn::LoadU(d, im + row_a * n);
        const auto br = hn::LoadU(d, re + row_b * n), bi = hn::LoadU(d, im + row_b * n);
        hn::StoreU(hn::Sub(ar, bi), d, s.line_re + q * n);
        hn::StoreU(hn::Add(ai, br), d, s.line_im + q * n);
        hn::StoreU(hn::Add(ar, bi), d, s.line_re + (tile - q) * n);
        hn::StoreU(hn::Sub(br, ai), d, s.line_im + (tile - q) * n);
    }
}

template <class D>
void inverse_vector(D d, const float* spectrum, const SpectrumLayout& layout, std::ptrdiff_t lanes,
                    const std::vector<int>& rows, float* tile_data, float* memory) {
    const int tile = layout.order.tile;
    const std::ptrdiff_t n = hn::Lanes(d), row_floats = tile * lanes;
    const Scratch s(memory, tile, n);
    const Transform1d<D> transform = transform_of<D>(tile);
    for (int q = 1; q <= layout.order.half; ++q) {
        const float* in = spectrum + layout.bin(layout.order.column(q));
        transform(d, in + layout.plane, in, layout.complex_stride, s.columns_im + q * tile * n,
                  s.columns_re + q * tile * n, n);
    }
    inverse_special_columns(d, transform, s, spectrum, layout);
    for (std::size_t i = 0; i < rows.size(); i += 2) {
        const bool pair = i + 1 < rows.size();
        const int row_a = rows[i], row_b = pair ? rows[i + 1] : row_a;
        join_rows(d, s, tile, row_a, row_b);
        transform(d, s.line_im, s.line_re, n, pair ? tile_data + row_b * row_floats : s.zeros,
                  tile_data + row_a * row_floats, lanes);
    }
}

/// All `lanes` lanes of a call, a vector at a time.
void Forward(const float* tile, const std::vector<int>& rows, int lanes, float* spectrum,
             const SpectrumLayout& layout, float* scratch) {
    const Lanes16 wide;
    const Lanes8 narrow;
    const int step = lanes % int(hn::Lanes(wide)) == 0 ? int(hn::Lanes(wide)) : int(hn::Lanes(narrow));
    for (int lane = 0; lane < lanes; lane += step)
        if (step == int(hn::Lanes(wide)))
            forward_vector(wide, tile + lane, rows, lanes, spectrum + lane, layout, scratch);
        else
            forward_vector(narrow, tile + lane, rows, lanes, spectrum + lane, layout, scratch);
}

void Inverse(const float* spectrum, const SpectrumLayout& layout, int lanes, const std::vector<int>& rows,
             float* tile, float* scratch) {
    const Lanes16 wide;
    const Lanes8 narrow;
    const int step = lanes % int(hn::Lanes(wide)) == 0 ? int(hn::Lanes(wide)) : int(hn::Lanes(narrow));
    for (int lane = 0; lane < lanes; lane += step)
        if (step == int(hn::Lanes(wide)))
            inverse_vector(wide, spectrum + lane, layout, lanes, rows, tile + lane, scratch);
        else
            inverse_vector(narrow, spectrum + lane, layout, lanes, rows, tile + lane, scratch);
}

int PreferredLanes() {
    return hn::Lanes(Lanes16()) == 16 ? 16 : 8;
}

bool HasSize(int tile) {
    return transform_of<Lanes8>(tile) != nullptr;
}

}  // namespace HWY_NAMESPACE
}  // namespace fftconv
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace fftconv::vector_transform {

HWY_EXPORT(Forward);
HWY_EXPORT(Inverse);
HWY_EXPORT(PreferredLanes);
HWY_EXPORT(HasSize);

int preferred_lanes() {
    return HWY_DYNAMIC_DISPATCH(PreferredLanes)();
}

bool has_size(int tile) {
    return HWY_DYNAMIC_DISPATCH(HasSize)(tile);
}

std::size_t scratch_floats(int tile, int lanes) {
    return HWY_STATIC_DISPATCH(ScratchFloats)(tile, lanes);
}

void forward(const float* tile, const std::vector<int>& rows, int lanes, float* spectrum,
             const SpectrumLayout& layout, float* scratch) {
    HWY_DYNAMIC_DISPATCH(Forward)(tile, rows, lanes, spectrum, layout, scratch);
}

void inverse(const float* spectrum, const SpectrumLayout& layout, int lanes, const std::vector<int>& rows,
             float* tile, float* scratch) {
    HWY_DYNAMIC_DISPATCH(Inverse)(spectrum, layout, lanes, rows, tile, scratch);
}

}  // namespace fftconv::vector_transform
#endif
