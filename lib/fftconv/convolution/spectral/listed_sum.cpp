#include "fftconv/convolution/simd/highway_targets.hpp"
#include "fftconv/convolution/spectral/frequency_sum.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "fftconv/convolution/spectral/listed_sum.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "fftconv/convolution/simd/lanes-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace fftconv::frequency_sum {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;
using namespace fftconv::HWY_NAMESPACE;  // lanes-inl.hpp

/// One row of a list. Each of the four real products has a sum of its own, joined at the end: with two
/// products in a chain, the latency of the multiply-add would set the pace. in: packed, (channel, re or im, V
/// vectors).
template <int V, class D>
HWY_INLINE void listed_row(D d, bool conjugated, const KernelList& list, int row, const float* weights_re,
                           const float* weights_im, const float* HWY_RESTRICT in, const Planes& p,
                           std::size_t lane) {
    using Vector = hn::Vec<D>;
    const std::size_t n = hn::Lanes(d);
    Vector rr[V], ri[V], ir[V], ii[V];
#pragma GCC unroll 8
    for (int v = 0; v < V; ++v) rr[v] = ri[v] = ir[v] = ii[v] = hn::Zero(d);
    for (int e = list.begin[row]; e < list.begin[row + 1]; ++e) {
        const float* z = in + list.channel[e] * 2 * V * n;
        const Vector w_re = hn::Set(d, weights_re[list.position[e]]);
        const Vector w_im = hn::Set(d, weights_im[list.position[e]]);
#pragma GCC unroll 8
        for (int v = 0; v < V; ++v) {
            const Vector z_re = hn::Load(d, z + v * n), z_im = hn::Load(d, z + (V + v) * n);
            rr[v] = hn::MulAdd(w_re, z_re, rr[v]);
            ri[v] = hn::MulAdd(w_re, z_im, ri[v]);
            ir[v] = hn::MulAdd(w_im, z_re, ir[v]);
            ii[v] = hn::MulAdd(w_im, z_im, ii[v]);
        }
    }
#pragma GCC unroll 8
    for (int v = 0; v < V; ++v) {
        const Vector re = conjugated ? hn::Add(rr[v], ii[v]) : hn::Sub(rr[v], ii[v]);
        const Vector im = conjugated ? hn::Sub(ri[v], ir[v]) : hn::Add(ri[v], ir[v]);
        hn::StoreU(re, d, p.out_re + row * p.lanes + lane + v * n);
        hn::StoreU(im, d, p.out_im + row * p.lanes + lane + v * n);
    }
}

template <int V, class D>
HWY_INLINE void listed_real_row(D d, const KernelList& list, int row, const float* weights,
                                const float* HWY_RESTRICT in, const Planes& p, std::size_t lane) {
    using Vector = hn::Vec<D>;
    const std::size_t n = hn::Lanes(d);
    Vector sum[V];
#pragma GCC unroll 8
    for (int v = 0; v < V; ++v) sum[v] = hn::Zero(d);
    for (int e = list.begin[row]; e < list.begin[row + 1]; ++e) {
        const Vector w = hn::Set(d, weights[list.position[e]]);
        const float* z = in + list.channel[e] * V * n;
#pragma GCC unroll 8
        for (int v = 0; v < V; ++v) sum[v] = hn::MulAdd(w, hn::Load(d, z + v * n), sum[v]);
    }
#pragma GCC unroll 8
    for (int v = 0; v < V; ++v) hn::StoreU(sum[v], d, p.out_re + row * p.lanes + lane + v * n);
}

void Listed(bool conjugated, const KernelList& list, int depth, const float* weights_re,
            const float* weights_im, const Planes& p, float* scratch) {
    for_lanes<panel_vectors>(p.lanes, [&](auto d, auto vectors, std::size_t lane) HWY_ATTR {
        const std::size_t width = vectors * hn::Lanes(d);
        if (weights_im) {
            pack<vectors>(d, depth, p.in_re + lane, p.lanes, scratch, 2 * width);
            pack<vectors>(d, depth, p.in_im + lane, p.lanes, scratch + width, 2 * width);
            for (int row = 0; row < list.rows(); ++row)
                listed_row<vectors>(d, conjugated, list, row, weights_re, weights_im, scratch, p, lane);
        } else {
            pack<vectors>(d, depth, p.in_re + lane, p.lanes, scratch, width);
            for (int row = 0; row < list.rows(); ++row)
                listed_real_row<vectors>(d, list, row, weights_re, scratch, p, lane);
        }
    });
}

#if HWY_TARGET == HWY_SCALAR
template <class D>
HWY_INLINE void sums_of_lanes(D, const hn::Vec<D> in[4], float out[4]) {
    for (int j = 0; j < 4; ++j) out[j] = hn::GetLane(in[j]);
}
#else
/// out[j] = the sum of the lanes of in[j], four or eight: four sums for little more work than one.
template <class D>
HWY_INLINE void sums_of_lanes(D d, const hn::Vec<D> in[4], float out[4]) {
    const hn::Repartition<double, D> pairs;
    const auto interleaved = [d](auto a, auto b) HWY_ATTR {  // sums of two lanes each: a b a b of every four
        return hn::Add(hn::InterleaveLower(d, a, b), hn::InterleaveUpper(d, a, b));
    };
    const auto first = hn::BitCast(pairs, interleaved(in[0], in[1]));
    const auto last = hn::BitCast(pairs, interleaved(in[2], in[3]));
    const auto sums = hn::Add(hn::BitCast(d, hn::InterleaveLower(pairs, first, last)),
                              hn::BitCast(d, hn::InterleaveUpper(pairs, first, last)));
    if constexpr (hn::MaxLanes(D()) == 8) {
        const hn::Half<D> four;
        hn::StoreU(hn::Add(hn::LowerHalf(four, sums), hn::UpperHalf(four, sums)), four, out);
    } else {
        hn::StoreU(sums, d, out);
    }
}
#endif

/// Kernels of one row of the weight gradient at a time: four sums, real and imaginary ones.
template <bool Complex>
constexpr int gradient_kernels = Complex ? 2 : 4;

/// Kernels e .. e+Count−1 of one row of the weight gradient: dot products along the lanes.
template <int Count, bool Complex, class D>
HWY_INLINE void gradient_entries(D d, const KernelList& list, int e, const float* d_re, const float* d_im,
                                 const float* z_re, const float* z_im, std::size_t lanes, float* q_re,
                                 float* q_im) {
    using Vector = hn::Vec<D>;
    Vector rr[Count], ri[Count], ir[Count], ii[Count];  // a sum for each real product, as in listed_row
    std::size_t at[Count];
#pragma GCC unroll 4
    for (int j = 0; j < Count; ++j) {
        rr[j] = ri[j] = ir[j] = ii[j] = hn::Zero(d);
        at[j] = list.channel[e + j] * lanes;
    }
    for (std::size_t lane = 0; lane < lanes; lane += hn::Lanes(d)) {
        const Vector dr = hn::LoadU(d, d_re + lane);
        const Vector di = Complex ? hn::LoadU(d, d_im + lane) : dr;
#pragma GCC unroll 4
        for (int j = 0; j < Count; ++j) {
            const Vector zr = hn::LoadU(d, z_re + at[j] + lane);
            rr[j] = hn::MulAdd(dr, zr, rr[j]);
            if constexpr (Complex) {
                const Vector zi = hn::LoadU(d, z_im + at[j] + lane);
                ri[j] = hn::MulAdd(dr, zi, ri[j]);
                ir[j] = hn::MulAdd(di, zr, ir[j]);
                ii[j] = hn::MulAdd(di, zi, ii[j]);
            }
        }
    }
    constexpr int kernels = gradient_kernels<Complex>;
    Vector totals[4];
#pragma GCC unroll 4
    for (int j = 0; j < kernels; ++j) {
        totals[j] = j < Count ? hn::Add(rr[j % Count], ii[j % Count]) : hn::Zero(d);
        if constexpr (Complex)
            totals[kernels + j] = j < Count ? hn::Sub(ri[j % Count], ir[j % Count]) : hn::Zero(d);
    }
    float sums[4];
    sums_of_lanes(d, totals, sums);
#pragma GCC unroll 4
    for (int j = 0; j < Count; ++j) {
        q_re[list.position[e + j]] += sums[j];
        if constexpr (Complex) q_im[list.position[e + j]] += sums[kernels + j];
    }
}

template <bool Complex, class D>
void GradientRows(D d, const KernelList& list, const float* d_re, const float* d_im, const float* z_re,
                  const float* z_im, std::size_t lanes, float* q_re, float* q_im) {
    constexpr int kernels = gradient_kernels<Complex>;
    for (int row = 0; row < list.rows(); ++row) {
        const float* row_re = d_re + row * lanes;
        const float* row_im = Complex ? d_im + row * lanes : nullptr;
        const int end = list.begin[row + 1];
        int e = list.begin[row];
        for (; e + kernels <= end; e += kernels)
            gradient_entries<kernels, Complex>(d, list, e, row_re, row_im, z_re, z_im, lanes, q_re, q_im);
        for (; e < end; ++e)
            gradient_entries<1, Complex>(d, list, e, row_re, row_im, z_re, z_im, lanes, q_re, q_im);
    }
}

void ListedGradient(const KernelList& list, const float* d_re, const float* d_im, const float* z_re,
                    const float* z_im, std::size_t lanes, float* q_re, float* q_im) {
    // Narrow vectors: lanes are a multiple of eight, and the sum must not depend on how they are grouped.
    const Narrow d;
    if (d_im)
        GradientRows<true>(d, list, d_re, d_im, z_re, z_im, lanes, q_re, q_im);
    else
        GradientRows<false>(d, list, d_re, d_im, z_re, z_im, lanes, q_re, q_im);
}

}  // namespace HWY_NAMESPACE
}  // namespace fftconv::frequency_sum
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace fftconv::frequency_sum {

HWY_EXPORT(Listed);
HWY_EXPORT(ListedGradient);

std::size_t listed_scratch_floats(int depth) {
    return 2 * std::size_t(depth) * widest_visit;
}

std::size_t listed(Weights kind, const KernelList& list, int depth, const float* weights_re,
                   const float* weights_im, const Planes& planes, float* scratch) {
    HWY_DYNAMIC_DISPATCH(Listed)
    (kind == Weights::conjugated, list, depth, weights_re, weights_im, planes, scratch);
    return list.channel.size();
}

std::size_t listed_gradient(const KernelList& list, const float* d_re, const float* d_im, const float* z_re,
                            const float* z_im, std::size_t lanes, float* q_re, float* q_im) {
    HWY_DYNAMIC_DISPATCH(ListedGradient)(list, d_re, d_im, z_re, z_im, lanes, q_re, q_im);
    return list.channel.size();
}

}  // namespace fftconv::frequency_sum
#endif
