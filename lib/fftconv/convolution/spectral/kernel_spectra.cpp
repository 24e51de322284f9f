#include "fftconv/convolution/spectral/kernel_spectra.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "fftconv/convolution/simd/highway_targets.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "fftconv/convolution/spectral/kernel_spectra.cpp"
#include <hwy/cache_control.h>
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#ifndef FFTCONV_CONVOLUTION_KERNEL_SPECTRA_TURNS
#define FFTCONV_CONVOLUTION_KERNEL_SPECTRA_TURNS
namespace fftconv::kernel_dft {
/// cos and sin of 2π·f·a/T, (frequencies 0 … T/2, taps).
struct Turns {
    int taps;
    const float *cosine, *sine;
};
}  // namespace fftconv::kernel_dft
#endif

HWY_BEFORE_NAMESPACE();
namespace fftconv::kernel_dft {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

using Tag = hn::CappedTag<float, 16>;
using Vector = hn::Vec<Tag>;
constexpr int chunk = KernelTransform::chunk;
constexpr int most_taps = KernelTransform::most_taps;

/// Sixteen positions: a cache line of every plane.
constexpr int line = 16, vectors = line / int(hn::MaxLanes(Tag()));
struct Line {
    Vector of[vectors];
};

/// Calls visit(v, float of the line) for each vector of a line.
template <class Visit>
HWY_INLINE void for_vectors(const Visit& visit) {
#pragma GCC unroll 16
    for (int v = 0; v < vectors; ++v) visit(v, v * int(hn::MaxLanes(Tag())));
}

HWY_INLINE Vector cosine(const Turns& t, int f, int a) {
    return hn::Set(Tag(), t.cosine[f * t.taps + a]);
}
HWY_INLINE Vector sine(const Turns& t, int f, int a) {
    return hn::Set(Tag(), t.sine[f * t.taps + a]);
}

/// Rows of taps to column q: A[a] = Σ_x taps[a][x]·e^{−2πi·q·x/T}.
HWY_INLINE void forward_rows(const Turns& across, int q, int taps_y, const float* taps, Line* re, Line* im) {
    const Tag d;
    for (int a = 0; a < taps_y; ++a, taps += across.taps * chunk)
        for_vectors([&](int v, int at) HWY_ATTR {
            re[a].of[v] = hn::LoadU(d, taps + at);
            im[a].of[v] = hn::Zero(d);
            for (int x = 1; x < across.taps; ++x) {
                const Vector tap = hn::LoadU(d, taps + x * chunk + at);
                re[a].of[v] = hn::MulAdd(cosine(across, q, x), tap, re[a].of[v]);
                im[a].of[v] = hn::NegMulAdd(sine(across, q, x), tap, im[a].of[v]);
            }
        });
}

/// Σ_a ±A[a], alternating for f1 = T/2.
HWY_INLINE Line sum_of(const Line* a, int count, bool alternating) {
    Line sum = a[0];
    for (int i = 1; i < count; ++i)
        for_vectors([&](int v, int) HWY_ATTR {
            sum.of[v] =
                alternating && i % 2 ? hn::Sub(sum.of[v], a[i].of[v]) : hn::Add(sum.of[v], a[i].of[v]);
        });
    return sum;
}

/// Where the bins of a chunk go. Spectra that are larger than the caches are written past them: a line is
/// complete, and need not be read first.
struct Writer {
    const SpectrumLayout& layout;
    float* spectra;
    bool past_caches;

    HWY_INLINE void put(const Line& value, float* to) const {
        const Tag d;
        for_vectors([&](int v, int at) HWY_ATTR {
            past_caches ? hn::Stream(value.of[v], d, to + at) : hn::Store(value.of[v], d, to + at);
        });
    }
    HWY_INLINE void operator()(int bin, const Line& re, const Line& im) const {
        float* to = spectra + layout.bin(bin);
        put(re, to);
        if (bin < layout.order.complex_bins) put(im, to + layout.plane);
    }
};

/// Row frequencies f and −f of column q.
HWY_INLINE void forward_pair(const Turns& along, int f, int q, const Line* re, const Line* im,
                             const Writer& write) {
    const BinOrder& order = write.layout.order;
    Line plus_re, plus_im, minus_re, minus_im;
    for_vectors([&](int v, int) HWY_ATTR {
        Vector cr = re[0].of[v], ci = im[0].of[v], sr = hn::Zero(Tag()), si = hn::Zero(Tag());
        for (int a = 1; a < along.taps; ++a) {
            const Vector c = cosine(along, f, a), s = sine(along, f, a);
            cr = hn::MulAdd(c, re[a].of[v], cr);
            ci = hn::MulAdd(c, im[a].of[v], ci);
            sr = hn::MulAdd(s, re[a].of[v], sr);
            si = hn::MulAdd(s, im[a].of[v], si);
        }
        plus_re.of[v] = hn::Add(cr, si);
        plus_im.of[v] = hn::Sub(ci, sr);
        minus_re.of[v] = hn::Sub(cr, si);
        minus_im.of[v] = hn::Add(ci, sr);
    });
    if (q == 0 || 2 * q == order.width)
        return write((q == 0 ? order.first_column() : order.middle_column()) + f - 1, plus_re, plus_im);
    write(order.column(q) + f, plus_re, plus_im);
    write(order.column(q) + order.height - f, minus_re, minus_im);
}

/// taps (taps_y, taps_x, chunk) to the spectra of a chunk of positions.
void Forward(Turns along, Turns across, const float* taps, float* spectra, const SpectrumLayout& layout,
             bool past_caches) {
    if (along.taps < 1) return;  // never; the compiler then knows that the arrays below are written
    const BinOrder& order = layout.order;
    // A column of bins for all positions, then the next: pages stay near.
    for (int q = 0; q <= order.width / 2; ++q)
        for (int first = 0; first < chunk; first += line) {
            Line re[most_taps], im[most_taps];
            forward_rows(across, q, along.taps, taps + first, re, im);
            const Writer write{layout, spectra + first, past_caches};
            // Row frequencies 0 and T/2 need no multiplication.
            const bool special = q == 0 || 2 * q == order.width;
            const int real = order.real_bin(false, q != 0);
            write(special ? real : order.column(q), sum_of(re, along.taps, false),
                  sum_of(im, along.taps, false));
            if (order.even_height)
                write(special ? real + 1 : order.column(q) + order.height / 2, sum_of(re, along.taps, true),
                      sum_of(im, along.taps, true));
            for (int f = 1; f <= order.half_height; ++f) forward_pair(along, f, q, re, im, write);
        }
    if (past_caches) hwy::FlushStream();
}

/// Adds what column q of the bins, turned back along it, gives each tap: taps (taps_y, taps_x, chunk).
HWY_INLINE void inverse_rows(const Turns& across, int q, bool special, int taps_y, const Vector* re,
                             const Vector* im, float* taps) {
    const Tag d;
    const Vector weight = hn::Set(d, special ? 1.0f : 2.0f);  // column q stands for −q too
    for (int a = 0; a < taps_y; ++a) {
        const Vector wr = hn::Mul(weight, re[a]), wi = hn::Mul(weight, im[a]);
        for (int x = 0; x < across.taps; ++x) {
            float* to = taps + (a * across.taps + x) * chunk;
            const Vector sum = hn::MulAdd(wr, cosine(across, q, x), hn::LoadU(d, to));
            hn::StoreU(hn::NegMulAdd(wi, sine(across, q, x), sum), d, to);
        }
    }
}

/// The spectra of a chunk of positions to taps (taps_y, taps_x, chunk): Σ over all T² bins of
/// Re(Q·e^{2πi(f1·y + q·x)/T}).
void Inverse(Turns along, Turns across, const float* spectra, const SpectrumLayout& layout, float* taps) {
    const Tag d;
    const BinOrder& order = layout.order;
    const int taps_y = along.taps;
    constexpr int ahead = 6;  // row frequencies; no two bins stand in neighbouring memory
    std::fill_n(taps, taps_y * across.taps * chunk, 0.0f);
    for (int q = 0; q <= order.width / 2;
         ++q)  // a column of bins for all positions, then the next: pages stay near
        for (int lane = 0; lane < chunk; lane += int(hn::Lanes(d))) {
            const bool special = q == 0 || 2 * q == order.width;
            const auto part = [&](int bin, bool imaginary) HWY_ATTR {
                return hn::LoadU(d, spectra + layout.bin(bin) + (imaginary ? layout.plane : 0) + lane);
            };
            const auto fetch = [&](int bin) HWY_ATTR {
                __builtin_prefetch(spectra + layout.bin(bin) + lane);
                __builtin_prefetch(spectra + layout.bin(bin) + layout.plane + lane);
            };
            Vector re[most_taps], im[most_taps];
            const int real = order.real_bin(false, q != 0);
            const int first = special ? real : order.column(q);
            const int middle = special ? real + 1 : order.column(q) + order.height / 2;
            for (int a = 0; a < taps_y; ++a) {
                re[a] = part(first, false);
                im[a] = special ? hn::Zero(d) : part(first, true);
                if (!order.even_height) continue;
                const auto add = [&](Vector& to, Vector v)
                                     HWY_ATTR { to = a % 2 ? hn::Sub(to, v) : hn::Add(to, v); };
                add(re[a], part(middle, false));
                if (!special) add(im[a], part(middle, true));
            }
            for (int f = 1; f <= order.half_height; ++f) {
                Vector even_re, even_im, odd_re, odd_im;  // Q(f) ± Q(−f)
                if (special) {
                    const int bin = (q == 0 ? order.first_column() : order.middle_column()) + f - 1;
                    even_re = hn::Add(part(bin, false), part(bin, false));
                    odd_im = hn::Add(part(bin, true), part(bin, true));
                    even_im = odd_re = hn::Zero(d);
                } else {
                    const int plus = order.column(q) + f, minus = order.column(q) + order.height - f;
                    fetch(plus + ahead);  // at worst of the next column
                    fetch(minus - ahead);
                    even_re = hn::Add(part(plus, false), part(minus, false));
                    even_im = hn::Add(part(plus, true), part(minus, true));
                    odd_re = hn::Sub(part(plus, false), part(minus, false));
                    odd_im = hn::Sub(part(plus, true), part(minus, true));
                }
                for (int a = 0; a < taps_y; ++a) {
                    const Vector c = cosine(along, f, a), s = sine(along, f, a);
                    re[a] = hn::NegMulAdd(odd_im, s, hn::MulAdd(even_re, c, re[a]));
                    im[a] = hn::MulAdd(odd_re, s, hn::MulAdd(even_im, c, im[a]));
                }
            }
            inverse_rows(across, q, special, taps_y, re, im, taps + lane);
        }
}

}  // namespace HWY_NAMESPACE
}  // namespace fftconv::kernel_dft
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace fftconv {
namespace kernel_dft {
HWY_EXPORT(Forward);
HWY_EXPORT(Inverse);
}  // namespace kernel_dft

namespace {

/// Kernel spectra that are larger do not stay in a third-level cache until they are used.
constexpr std::size_t cached_bytes = 16u << 20;

}  // namespace

PhaseKernels::PhaseKernels(const ConvolutionShape& shape, const LayerAxes& axes)
    : in_channels(shape.in_channels),
      out_channels(shape.out_channels),
      groups(shape.groups),
      kernel_taps(int(shape.kernel.area())),
      phases(axes.phases()),
      taps_y(axes.vertical.taps),
      taps_x(axes.horizontal.taps) {
    for (int sy = 0; sy < axes.vertical.phases; ++sy)
        for (int sx = 0; sx < axes.horizontal.phases; ++sx) {
            phase_y.push_back(sy);
            phase_x.push_back(sx);
            for (int a = 0; a < taps_y; ++a)
                for (int b = 0; b < taps_x; ++b) {
                    const int u = axes.vertical.tap(sy, a), v = axes.horizontal.tap(sx, b);
                    tap.push_back(u < 0 || v < 0 ? -1 : u * shape.kernel.horizontal + v);
                }
        }
}

KernelTransform::KernelTransform(const PhaseKernels& kernels, const TileTransform& transform)
    : kernels_(kernels), transform_(&transform) {
    for (int row = 0; row < kernels_.taps_y; ++row) rows_.push_back(row);
    if (!by_matrices()) return;
    const auto fill = [](int size, int taps, std::vector<float>& cosine, std::vector<float>& sine) {
        for (int f = 0; f <= size / 2; ++f)
            for (int a = 0; a < taps; ++a) {
                const double angle = 2 * std::numbers::pi * (long(f) * a % size) / size;
                cosine.push_back(float(std::cos(angle)));
                sine.push_back(float(std::sin(angle)));
            }
    };
    fill(transform.height(), kernels_.taps_y, cosine_y_, sine_y_);
    fill(transform.width(), kernels_.taps_x, cosine_x_, sine_x_);
}

std::size_t KernelTransform::scratch_floats() const {
    if (by_matrices()) return most_taps * most_taps * chunk;
    return transform_->area() * lanes + transform_->scratch_floats(lanes);
}

/// The taps of `count` positions, as lanes: tap (a, b) at a · row_stride + b · count.
void KernelTransform::fill_taps(std::span<const float> weights, const std::vector<KernelPosition>& positions,
                                std::size_t first, int count, float scale, float* taps,
                                std::size_t row_stride) const {
    for (int i = 0; i < count && first + i < positions.size(); ++i) {
        const KernelPosition at = positions[first + i];
        if (at.channel < 0) continue;
        const int* tap = kernels_.taps_of(kernels_.phase_of(at.channel));
        const float* own =
            weights.data() + kernels_.kernel_of(at.out_channel, at.channel) * kernels_.kernel_taps;
        for (int a = 0; a < kernels_.taps_y; ++a)
            for (int b = 0; b < kernels_.taps_x; ++b, ++tap)
                if (*tap >= 0) taps[a * row_stride + std::size_t(b) * count + i] = scale * own[*tap];
    }
}

void KernelTransform::forward(std::span<const float> weights, const std::vector<KernelPosition>& positions,
                              std::size_t first, float* spectra, const SpectrumLayout& layout,
                              float* scratch) const {
    const float scale = 0.5f / float(transform_->area());
    if (by_matrices()) {
        std::fill_n(scratch, kernels_.taps() * chunk, 0.0f);
        fill_taps(weights, positions, first, chunk, scale, scratch, std::size_t(kernels_.taps_x) * chunk);
        HWY_DYNAMIC_DISPATCH(kernel_dft::Forward)
        ({kernels_.taps_y, cosine_y_.data(), sine_y_.data()},
         {kernels_.taps_x, cosine_x_.data(), sine_x_.data()}, scratch, spectra + first, layout,
         layout.size() * sizeof(float) > cached_bytes);
        return;
    }
    const std::size_t row = std::size_t(transform_->width()) * lanes;
    for (std::size_t i = first; i < first + chunk; i += lanes) {
        std::fill_n(scratch, kernels_.taps_y * row, 0.0f);
        fill_taps(weights, positions, i, lanes, 0.5f * scale, scratch, row);  // tiles come doubled
        transform_->forward(scratch, rows_, lanes, spectra + i, layout, scratch + transform_->area() * lanes);
    }
}

void KernelTransform::inverse(const float* spectra, const SpectrumLayout& layout,
                              const std::vector<KernelPosition>& positions, std::size_t first,
                              std::span<float> dw, float* scratch) const {
    const float scale = 0.25f / float(transform_->area());  // both operands came doubled
    const int width = by_matrices() ? chunk : lanes;
    const std::size_t row = std::size_t(by_matrices() ? kernels_.taps_x : transform_->width()) * width;
    for (std::size_t from = first; from < first + chunk; from += width) {
        if (by_matrices()) HWY_DYNAMIC_DISPATCH(kernel_dft::Inverse)
        ({kernels_.taps_y, cosine_y_.data(), sine_y_.data()},
         {kernels_.taps_x, cosine_x_.data(), sine_x_.data()}, spectra + from, layout, scratch);
        else transform_->inverse(spectra + from, layout, lanes, rows_, scratch,
                                 scratch + transform_->area() * lanes);
        for (int i = 0; i < width && from + i < positions.size(); ++i) {
            const KernelPosition at = positions[from + i];
            if (at.channel < 0) continue;
            const int* tap = kernels_.taps_of(kernels_.phase_of(at.channel));
            float* own = dw.data() + kernels_.kernel_of(at.out_channel, at.channel) * kernels_.kernel_taps;
            for (int a = 0; a < kernels_.taps_y; ++a)
                for (int b = 0; b < kernels_.taps_x; ++b, ++tap)
                    if (*tap >= 0) own[*tap] = scale * scratch[a * row + std::size_t(b) * width + i];
        }
    }
}

}  // namespace fftconv
#endif
