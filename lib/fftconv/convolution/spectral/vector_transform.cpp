#include "fftconv/convolution/spectral/vector_transform.hpp"

#include <algorithm>
#include <iterator>
#include <utility>

#include "fftconv/convolution/simd/highway_targets.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "fftconv/convolution/spectral/vector_transform.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "fftconv/convolution/spectral/composite_size.hpp"
#include "fftconv/convolution/spectral/dft-inl.hpp"
#include "fftconv/convolution/spectral/tile_sizes.hpp"

HWY_BEFORE_NAMESPACE();
namespace fftconv {
namespace HWY_NAMESPACE {

using vector_transform::CompositeSize, vector_transform::composite_size, vector_transform::work_floats;
using Lanes16 = hn::CappedTag<float, 16>;
using Lanes8 = hn::CappedTag<float, 8>;

template <class D>
using Transform1d = void (*)(D, const float*, const float*, std::ptrdiff_t, float*, float*, std::ptrdiff_t);

template <class D, std::size_t... I>
Transform1d<D> leaf_of(int n, std::index_sequence<I...>) {
    Transform1d<D> found = nullptr;
    ((tile_sizes[I].tile == n ? void(found = fft<tile_sizes[I].tile, D>) : void()), ...);
    return found;
}

/// The straight-line transform of a size of tile_sizes.hpp, or null.
template <class D>
Transform1d<D> leaf_of(int n) {
    return leaf_of<D>(n, std::make_index_sequence<std::size(tile_sizes)>());
}

/// A transform along one axis: a straight line of code or, for larger sizes, N = N1·N2 by Cooley and Tukey:
/// N2 straight lines of N1 at a distance of N2, twiddles, N1 transforms of N2.
template <class D>
class AxisTransform {
  public:
    explicit AxisTransform(int n) : n_(n), leaf_(leaf_of<D>(n)) {
        if (leaf_) return;
        composite_ = &composite_size(n);
        leaf_ = leaf_of<D>(composite_->first);
    }

    /// As fft; work: work_floats(n) · lanes floats, used by composite sizes.
    void operator()(D d, const float* in_re, const float* in_im, std::ptrdiff_t in_stride, float* out_re,
                    float* out_im, std::ptrdiff_t out_stride, float* work) const {
        if (!composite_) return leaf_(d, in_re, in_im, in_stride, out_re, out_im, out_stride);
        run(d, *composite_, n_, in_re, in_im, in_stride, out_re, out_im, out_stride, work);
    }

  private:
    static void run(D d, const CompositeSize& size, int n, const float* in_re, const float* in_im,
                    std::ptrdiff_t in_stride, float* out_re, float* out_im, std::ptrdiff_t out_stride,
                    float* work) {
        const std::ptrdiff_t lanes = hn::Lanes(d);
        const int n1 = size.first, n2 = size.second;
        float *re = work, *im = work + n * lanes, *rest = work + 2 * n * lanes;
        const Transform1d<D> first = leaf_of<D>(n1);
        for (int j = 0; j < n2; ++j)
            first(d, in_re + j * in_stride, in_im + j * in_stride, n2 * in_stride, re + j * lanes,
                  im + j * lanes, n2 * lanes);
        const AxisTransform second(n2);
        for (int a = 0; a < n1; ++a) {
            float *row_re = re + a * n2 * lanes, *row_im = im + a * n2 * lanes;
            const float* turn = size.twiddles.data() + 2 * std::size_t(a) * n2;
            for (int j = 1; j < n2 && a > 0; ++j) {
                const auto c = hn::Set(d, turn[2 * j]), s = hn::Set(d, turn[2 * j + 1]);
                const auto r = hn::LoadU(d, row_re + j * lanes), i = hn::LoadU(d, row_im + j * lanes);
                hn::StoreU(hn::NegMulAdd(i, s, hn::Mul(r, c)), d, row_re + j * lanes);
                hn::StoreU(hn::MulAdd(r, s, hn::Mul(i, c)), d, row_im + j * lanes);
            }
            second(d, row_re, row_im, lanes, out_re + a * out_stride, out_im + a * out_stride,
                   n1 * out_stride, rest);
        }
    }

    int n_;
    Transform1d<D> leaf_;
    const CompositeSize* composite_ = nullptr;
};

/// Scratch of one vector of lanes: the half-transformed columns, [q][row] real and imaginary, one transform
/// in flight, a row of zeros (or a place to write what nobody reads) at the stride of the tile, and the
/// memory of composite transforms.
struct Scratch {
    Scratch(float* memory, const BinOrder& order, std::ptrdiff_t lanes, std::ptrdiff_t tile_lanes)
        : columns_re(memory),
          columns_im(columns_re + std::ptrdiff_t(order.width / 2 + 1) * order.height * lanes),
          line_re(columns_im + std::ptrdiff_t(order.width / 2 + 1) * order.height * lanes),
          line_im(line_re + std::max(order.height, order.width) * lanes),
          zeros(line_im + std::max(order.height, order.width) * lanes),
          work(zeros + std::max(order.height * lanes, order.width * tile_lanes)) {}
    float *columns_re, *columns_im, *line_re, *line_im, *zeros, *work;
};

std::size_t ScratchFloats(int height, int width, int lanes) {
    const std::size_t longer = std::max(height, width);
    return std::size_t(lanes) * (2 * std::size_t(width / 2 + 1) * height + 3 * longer +
                                 work_floats(int(longer)));  // vectors are at most `lanes` wide
}

template <class D>
HWY_INLINE void set_zero(D d, float* to, std::ptrdiff_t vectors) {
    for (std::ptrdiff_t v = 0; v < vectors; ++v)
        hn::StoreU(hn::Zero(d), d, to + v * std::ptrdiff_t(hn::Lanes(d)));
}

/// Two real rows a and b, of `width` pixels, went through one complex transform as a + ib; takes twice their
/// spectra apart.
template <class D>
HWY_INLINE void split_rows(D d, const Scratch& s, const BinOrder& order, int row_a, int row_b) {
    const int tile = order.width, half = order.half_width;
    const std::ptrdiff_t n = hn::Lanes(d), column = order.height * n;
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

/// The real columns 0 and (W even) W/2 go through one complex transform as c0 + i·cW/2.
template <class D>
HWY_INLINE void forward_special_columns(D d, const AxisTransform<D>& transform, const Scratch& s,
                                        float* spectrum, const SpectrumLayout& layout) {
    const BinOrder& order = layout.order;
    const int tile = order.height;
    const std::ptrdiff_t n = hn::Lanes(d);
    const float* middle =
        order.even_width ? s.columns_re + std::ptrdiff_t(order.width / 2) * tile * n : s.zeros;
    transform(d, s.columns_re, middle, n, s.line_re, s.line_im, n, s.work);
    const auto real = [&](bool row, bool column, const float* from) HWY_ATTR {
        hn::StoreU(hn::LoadU(d, from), d, spectrum + layout.bin(order.real_bin(row, column)));
    };
    real(false, false, s.line_re);
    if (order.even_height) real(true, false, s.line_re + tile / 2 * n);
    if (order.even_width) real(false, true, s.line_im);
    if (order.even_height && order.even_width) real(true, true, s.line_im + tile / 2 * n);
    const auto one_half = hn::Set(d, 0.5f);
    for (int f = 1; f <= order.half_height; ++f) {
        const auto pr = hn::LoadU(d, s.line_re + f * n), pi = hn::LoadU(d, s.line_im + f * n);
        const auto mr = hn::LoadU(d, s.line_re + (tile - f) * n),
                   mi = hn::LoadU(d, s.line_im + (tile - f) * n);
        float* first = spectrum + layout.bin(order.first_column() + f - 1);
        hn::StoreU(hn::Mul(one_half, hn::Add(pr, mr)), d, first);
        hn::StoreU(hn::Mul(one_half, hn::Sub(pi, mi)), d, first + layout.plane);
        if (!order.even_width) continue;
        float* mid = spectrum + layout.bin(order.middle_column() + f - 1);
        hn::StoreU(hn::Mul(one_half, hn::Add(pi, mi)), d, mid);
        hn::StoreU(hn::Mul(one_half, hn::Sub(mr, pr)), d, mid + layout.plane);
    }
}

template <class D>
void forward_vector(D d, const float* tile_data, const std::vector<int>& rows, std::ptrdiff_t lanes,
                    float* spectrum, const SpectrumLayout& layout, float* memory, SpectrumFetch& fetch) {
    const BinOrder& order = layout.order;
    const std::ptrdiff_t n = hn::Lanes(d), row_floats = order.width * lanes, column = order.height * n;
    const Scratch s(memory, order, n, lanes);
    const AxisTransform<D> along_rows(order.width), along_columns(order.height);
    set_zero(d, s.zeros, std::max(column, row_floats) / n);
    if (int(rows.size()) < order.height) set_zero(d, s.columns_re, 2 * (order.width / 2 + 1) * order.height);
    for (std::size_t i = 0; i < rows.size(); i += 2) {
        const bool pair = i + 1 < rows.size();
        const float* a = tile_data + rows[i] * row_floats;
        along_rows(d, a, pair ? tile_data + rows[i + 1] * row_floats : s.zeros, lanes, s.line_re, s.line_im,
                   n, s.work);
        split_rows(d, s, order, rows[i], pair ? rows[i + 1] : -1);
        fetch.step();
    }
    for (int q = 1; q <= order.half_width; ++q) {
        float* out = spectrum + layout.bin(order.column(q));
        along_columns(d, s.columns_re + q * column, s.columns_im + q * column, n, out, out + layout.plane,
                      layout.complex_stride, s.work);
        fetch.step();
    }
    forward_special_columns(d, along_columns, s, spectrum, layout);
}

template <class D>
HWY_INLINE void inverse_special_columns(D d, const AxisTransform<D>& transform, const Scratch& s,
                                        const float* spectrum, const SpectrumLayout& layout) {
    const BinOrder& order = layout.order;
    const int tile = order.height;
    const std::ptrdiff_t n = hn::Lanes(d);
    const auto zero = hn::Zero(d);
    const auto real = [&](bool row, bool column) HWY_ATTR {
        return hn::LoadU(d, spectrum + layout.bin(order.real_bin(row, column)));
    };
    hn::StoreU(real(false, false), d, s.line_re);
    hn::StoreU(order.even_width ? real(false, true) : zero, d, s.line_im);
    if (order.even_height) {
        hn::StoreU(real(true, false), d, s.line_re + tile / 2 * n);
        hn::StoreU(order.even_width ? real(true, true) : zero, d, s.line_im + tile / 2 * n);
    }
    for (int f = 1; f <= order.half_height; ++f) {
        const float* first = spectrum + layout.bin(order.first_column() + f - 1);
        const auto ar = hn::LoadU(d, first), ai = hn::LoadU(d, first + layout.plane);
        auto br = zero, bi = zero;
        if (order.even_width) {
            const float* mid = spectrum + layout.bin(order.middle_column() + f - 1);
            br = hn::LoadU(d, mid);
            bi = hn::LoadU(d, mid + layout.plane);
        }
        hn::StoreU(hn::Sub(ar, bi), d, s.line_re + f * n);
        hn::StoreU(hn::Add(ai, br), d, s.line_im + f * n);
        hn::StoreU(hn::Add(ar, bi), d, s.line_re + (tile - f) * n);
        hn::StoreU(hn::Sub(br, ai), d, s.line_im + (tile - f) * n);
    }
    float* middle = order.even_width ? s.columns_re + std::ptrdiff_t(order.width / 2) * tile * n : s.zeros;
    transform(d, s.line_im, s.line_re, n, middle, s.columns_re, n, s.work);
}

/// Puts the half spectra of two real rows together as a + ib.
template <class D>
HWY_INLINE void join_rows(D d, const Scratch& s, const BinOrder& order, int row_a, int row_b) {
    const int tile = order.width, half = order.half_width;
    const std::ptrdiff_t n = hn::Lanes(d), column = order.height * n;
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
                    const std::vector<int>& rows, float* tile_data, float* memory, SpectrumFetch& fetch) {
    const BinOrder& order = layout.order;
    const std::ptrdiff_t n = hn::Lanes(d), row_floats = order.width * lanes, column = order.height * n;
    const Scratch s(memory, order, n, lanes);
    const AxisTransform<D> along_rows(order.width), along_columns(order.height);
    for (int q = 1; q <= order.half_width; ++q) {
        const float* in = spectrum + layout.bin(order.column(q));
        along_columns(d, in + layout.plane, in, layout.complex_stride, s.columns_im + q * column,
                      s.columns_re + q * column, n, s.work);
        fetch.step();
    }
    inverse_special_columns(d, along_columns, s, spectrum, layout);
    for (std::size_t i = 0; i < rows.size(); i += 2) {
        const bool pair = i + 1 < rows.size();
        const int row_a = rows[i], row_b = pair ? rows[i + 1] : row_a;
        join_rows(d, s, order, row_a, row_b);
        along_rows(d, s.line_im, s.line_re, n, pair ? tile_data + row_b * row_floats : s.zeros,
                   tile_data + row_a * row_floats, lanes, s.work);
        fetch.step();
    }
}

/// Calls visit(tag, lane) for all `lanes` lanes of a call, a vector at a time.
template <class Visit>
HWY_INLINE void for_vectors(int lanes, const Visit& visit) {
    const Lanes16 wide;
    const Lanes8 narrow;
    if (lanes % int(hn::Lanes(wide)) == 0)
        for (int lane = 0; lane < lanes; lane += int(hn::Lanes(wide))) visit(wide, lane);
    else
        for (int lane = 0; lane < lanes; lane += int(hn::Lanes(narrow))) visit(narrow, lane);
}

/// The steps of a call after each of which a piece of `next` is fetched: pairs of rows, and columns.
int Steps(std::size_t rows, int lanes, const SpectrumLayout& layout) {
    int vectors = 0;
    for_vectors(lanes, [&](auto, int) { ++vectors; });
    return std::max(1, vectors * (int(rows + 1) / 2 + layout.order.half_width));
}

void Forward(const float* tile, const std::vector<int>& rows, int lanes, float* spectrum,
             const SpectrumLayout& layout, float* scratch, const float* next) {
    SpectrumFetch fetch(next, layout, Steps(rows.size(), lanes, layout));
    for_vectors(lanes, [&](auto d, int lane) HWY_ATTR {
        forward_vector(d, tile + lane, rows, lanes, spectrum + lane, layout, scratch, fetch);
    });
}

void Inverse(const float* spectrum, const SpectrumLayout& layout, int lanes, const std::vector<int>& rows,
             float* tile, float* scratch, const float* next) {
    SpectrumFetch fetch(next, layout, Steps(rows.size(), lanes, layout));
    for_vectors(lanes, [&](auto d, int lane) HWY_ATTR {
        inverse_vector(d, spectrum + lane, layout, lanes, rows, tile + lane, scratch, fetch);
    });
}

int PreferredLanes() {
    return hn::Lanes(Lanes16()) == 16 ? 16 : 8;
}

}  // namespace HWY_NAMESPACE
}  // namespace fftconv
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace fftconv::vector_transform {

HWY_EXPORT(Forward);
HWY_EXPORT(Inverse);
HWY_EXPORT(PreferredLanes);

int preferred_lanes() {
    return HWY_DYNAMIC_DISPATCH(PreferredLanes)();
}

std::size_t scratch_floats(int height, int width, int lanes) {
    return HWY_STATIC_DISPATCH(ScratchFloats)(height, width, lanes);
}

void forward(const float* tile, const std::vector<int>& rows, int lanes, float* spectrum,
             const SpectrumLayout& layout, float* scratch, const float* next) {
    HWY_DYNAMIC_DISPATCH(Forward)(tile, rows, lanes, spectrum, layout, scratch, next);
}

void inverse(const float* spectrum, const SpectrumLayout& layout, int lanes, const std::vector<int>& rows,
             float* tile, float* scratch, const float* next) {
    HWY_DYNAMIC_DISPATCH(Inverse)(spectrum, layout, lanes, rows, tile, scratch, next);
}

}  // namespace fftconv::vector_transform
#endif
