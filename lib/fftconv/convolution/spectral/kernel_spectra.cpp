#include "fftconv/convolution/spectral/kernel_spectra.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "fftconv/convolution/simd/highway_targets.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "fftconv/convolution/spectral/kernel_spectra.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#ifndef FFTCONV_CONVOLUTION_KERNEL_SPECTRA_TURNS
#define FFTCONV_CONVOLUTION_KERNEL_SPECTRA_TURNS
namespace fftconv::kernel_dft {
/// cos and sin of 2π·i/H and 2π·i/W.
struct Turns {
    const float *cosine_y, *sine_y, *cosine_x, *sine_x;
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

struct Tables {
    int tile;
    const float *cosine, *sine;
    Vector c(int turn) const { return hn::Set(Tag(), cosine[turn % tile]); }
    Vector s(int turn) const { return hn::Set(Tag(), sine[turn % tile]); }
};

/// Rows of taps to column q: A[a] = Σ_x taps[a][x]·e^{−2πi·q·x/T}.
HWY_INLINE void forward_rows(const Tables& t, int q, int taps_y, int taps_x, const float* taps, Vector* re,
                             Vector* im) {
    const Tag d;
    for (int a = 0; a < taps_y; ++a) {
        const float* row = taps + a * taps_x * chunk;
        re[a] = hn::LoadU(d, row);
        im[a] = hn::Zero(d);
        for (int x = 1; x < taps_x; ++x) {
            const Vector tap = hn::LoadU(d, row + x * chunk);
            re[a] = hn::MulAdd(t.c(q * x), tap, re[a]);
            im[a] = hn::NegMulAdd(t.s(q * x), tap, im[a]);
        }
    }
}

/// Σ_a ±A[a], alternating for f1 = T/2.
HWY_INLINE Vector sum_of(const Vector* a, int count, bool alternating) {
    Vector sum = a[0];
    for (int i = 1; i < count; ++i) sum = alternating && i % 2 ? hn::Sub(sum, a[i]) : hn::Add(sum, a[i]);
    return sum;
}

/// taps (taps_y, taps_x, chunk) to the spectra of a chunk of positions.
void Forward(const BinOrder& order, const Turns& turns, int taps_y, int taps_x, const float* taps,
             float* spectra, const SpectrumLayout& layout) {
    if (taps_y < 1) return;  // never; the compiler then knows that the arrays below are written
    const Tag d;
    const Tables t{order.height, turns.cosine_y, turns.sine_y},
        across{order.width, turns.cosine_x, turns.sine_x};
    for (int q = 0; q <= order.width / 2;
         ++q)  // a column of bins for all positions, then the next: pages stay near
        for (int lane = 0; lane < chunk; lane += int(hn::Lanes(d))) {
            Vector re[most_taps], im[most_taps];
            forward_rows(across, q, taps_y, taps_x, taps + lane, re, im);
            const bool special = q == 0 || 2 * q == order.width;
            const auto store = [&](int bin, Vector r, Vector i) HWY_ATTR {
                float* to = spectra + layout.bin(bin) + lane;
                hn::StoreU(r, d, to);
                if (bin < order.complex_bins) hn::StoreU(i, d, to + layout.plane);
            };
            // Row frequencies 0 and T/2 need no multiplication.
            const int real = order.real_bin(false, q != 0);
            store(special ? real : order.column(q), sum_of(re, taps_y, false), sum_of(im, taps_y, false));
            if (order.even_height)
                store(special ? real + 1 : order.column(q) + order.height / 2, sum_of(re, taps_y, true),
                      sum_of(im, taps_y, true));
            for (int f = 1; f <= order.half_height; ++f) {
                Vector cr = re[0], ci = im[0], sr = hn::Zero(d), si = hn::Zero(d);
                for (int a = 1; a < taps_y; ++a) {
                    const Vector c = t.c(f * a), s = t.s(f * a);
                    cr = hn::MulAdd(c, re[a], cr);
                    ci = hn::MulAdd(c, im[a], ci);
                    sr = hn::MulAdd(s, re[a], sr);
                    si = hn::MulAdd(s, im[a], si);
                }
                const int bin = special ? (q == 0 ? order.first_column() : order.middle_column()) + f - 1
                                        : order.column(q) + f;
                store(bin, hn::Add(cr, si), hn::Sub(ci, sr));
                if (!special) store(order.column(q) + order.height - f, hn::Sub(cr, si), hn::Add(ci, sr));
            }
        }
}

/// The spectra of a chunk of positions to taps (taps_y, taps_x, chunk): Σ over all T² bins of
/// Re(Q·e^{2πi(f1·y + q·x)/T}).
void Inverse(const BinOrder& order, const Turns& turns, int taps_y, int taps_x, const float* spectra,
             const SpectrumLayout& layout, float* taps) {
    const Tag d;
    const Tables t{order.height, turns.cosine_y, turns.sine_y},
        across{order.width, turns.cosine_x, turns.sine_x};
    std::fill_n(taps, taps_y * taps_x * chunk, 0.0f);
    for (int q = 0; q <= order.width / 2;
         ++q)  // a column of bins for all positions, then the next: pages stay near
        for (int lane = 0; lane < chunk; lane += int(hn::Lanes(d))) {
            const bool special = q == 0 || 2 * q == order.width;
            const auto part = [&](int bin, bool imaginary) HWY_ATTR {
                return hn::LoadU(d, spectra + layout.bin(bin) + (imaginary ? layout.plane : 0) + lane);
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
                    even_re = hn::Add(part(plus, false), part(minus, false));
                    even_im = hn::Add(part(plus, true), part(minus, true));
                    odd_re = hn::Sub(part(plus, false), part(minus, false));
                    odd_im = hn::Sub(part(plus, true), part(minus, true));
                }
                for (int a = 0; a < taps_y; ++a) {
                    const Vector c = t.c(f * a), s = t.s(f * a);
                    re[a] = hn::NegMulAdd(odd_im, s, hn::MulAdd(even_re, c, re[a]));
                    im[a] = hn::MulAdd(odd_re, s, hn::MulAdd(even_im, c, im[a]));
                }
            }
            const Vector weight = hn::Set(d, special ? 1.0f : 2.0f);  // column q stands for −q too
            for (int a = 0; a < taps_y; ++a) {
                const Vector wr = hn::Mul(weight, re[a]), wi = hn::Mul(weight, im[a]);
                for (int x = 0; x < taps_x; ++x) {
                    float* to = taps + (a * taps_x + x) * chunk + lane;
                    const Vector sum = hn::MulAdd(wr, across.c(q * x), hn::LoadU(d, to));
                    hn::StoreU(hn::NegMulAdd(wi, across.s(q * x), sum), d, to);
                }
            }
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
    const auto fill = [](int size, std::vector<float>& cosine, std::vector<float>& sine) {
        for (int i = 0; i < size; ++i) {
            cosine.push_back(float(std::cos(2 * std::numbers::pi * i / size)));
            sine.push_back(float(std::sin(2 * std::numbers::pi * i / size)));
        }
    };
    for (int row = 0; row < kernels_.taps_y; ++row) rows_.push_back(row);
    if (!by_matrices()) return;
    fill(transform.height(), cosine_y_, sine_y_);
    fill(transform.width(), cosine_x_, sine_x_);
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
        (transform_->bins(), {cosine_y_.data(), sine_y_.data(), cosine_x_.data(), sine_x_.data()},
         kernels_.taps_y, kernels_.taps_x, scratch, spectra + first, layout);
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
        (transform_->bins(), {cosine_y_.data(), sine_y_.data(), cosine_x_.data(), sine_x_.data()},
         kernels_.taps_y, kernels_.taps_x, spectra + from, layout, scratch);
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
