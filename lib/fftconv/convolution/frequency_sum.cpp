#include "fftconv/convolution/frequency_sum.hpp"

#include <algorithm>

#include "fftconv/convolution/highway_targets.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "fftconv/convolution/frequency_sum.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace fftconv::frequency_sum {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

using Wide = hn::CappedTag<float, 16>;
using Narrow = hn::CappedTag<float, 8>;

/// Vectors of lanes whose four sums (of a panel's rows, or of a list's four real products) stay in registers.
constexpr int panel_vectors = HWY_TARGET == HWY_AVX3 || HWY_TARGET == HWY_NEON ? 6 : 3;

/// Calls visit(tag, std::integral_constant vectors, first lane) over all lanes, most vectors at a time.
template <int Most, class Visit>
HWY_INLINE void for_lanes(std::size_t lanes, const Visit& visit) {
    const Wide wide;
    const std::size_t n = hn::Lanes(wide);
    std::size_t lane = 0;
    for (std::size_t left = lanes / n; left > 0;) {
        // Never leave a single vector for the end: one alone cannot hide the latency of its sums.
        const std::size_t take = left == Most + 1 ? (left + 1) / 2 : std::min<std::size_t>(left, Most);
        switch (take) {
            case 1:
                visit(wide, std::integral_constant<int, 1>(), lane);
                break;
            case 2:
                visit(wide, std::integral_constant<int, 2>(), lane);
                break;
            case 3:
                visit(wide, std::integral_constant<int, 3>(), lane);
                break;
            case 4:
                if constexpr (Most >= 4) visit(wide, std::integral_constant<int, 4>(), lane);
                break;
            case 5:
                if constexpr (Most >= 5) visit(wide, std::integral_constant<int, 5>(), lane);
                break;
            default:
                if constexpr (Most >= 6) visit(wide, std::integral_constant<int, 6>(), lane);
                break;
        }
        lane += take * n;
        left -= take;
    }
    if (lane < lanes)
        visit(Narrow(), std::integral_constant<int, 1>(), lane);  // half a vector of sixteen lanes
}

/// Four rows × V vectors of a real matrix product. weights: (depth, 4); in: depth rows `in_stride` apart.
/// Starts from `start` (4 rows `start_stride` apart; null: zero); writes or adds the first `rows` rows.
template <int V, class D>
HWY_INLINE void panel(D d, int depth, const float* HWY_RESTRICT weights, const float* HWY_RESTRICT in,
                      std::size_t in_stride, const float* start, std::size_t start_stride, float* out,
                      std::size_t out_stride, int rows, bool add) {
    using Vector = hn::Vec<D>;
    const std::size_t n = hn::Lanes(d);
    Vector sum[panel_rows][V];
#pragma GCC unroll 4
    for (int r = 0; r < panel_rows; ++r)
#pragma GCC unroll 8
        for (int v = 0; v < V; ++v)
            sum[r][v] = start ? hn::LoadU(d, start + r * start_stride + v * n) : hn::Zero(d);
    for (int k = 0; k < depth; ++k) {
        Vector z[V];
#pragma GCC unroll 8
        for (int v = 0; v < V; ++v) z[v] = hn::LoadU(d, in + v * n);
#pragma GCC unroll 4
        for (int r = 0; r < panel_rows; ++r) {
            const Vector w = hn::Set(d, weights[r]);
#pragma GCC unroll 8
            for (int v = 0; v < V; ++v) sum[r][v] = hn::MulAdd(w, z[v], sum[r][v]);
        }
        weights += panel_rows;
        in += in_stride;
    }
#pragma GCC unroll 4
    for (int r = 0; r < panel_rows; ++r) {
        if (r >= rows) break;
#pragma GCC unroll 8
        for (int v = 0; v < V; ++v) {
            float* to = out + r * out_stride + v * n;
            hn::StoreU(add ? hn::Add(hn::LoadU(d, to), sum[r][v]) : sum[r][v], d, to);
        }
    }
}

/// Rows at a time whose three weight matrices stay in the second-level cache (16384 floats each).
int RowBlock(int rows, int depth) {
    return std::min(padded_rows(rows), std::max(panel_rows, 16384 / depth / panel_rows * panel_rows));
}

template <class F>
HWY_INLINE void for_each_vector(std::size_t floats, const F& f) {
    const hn::ScalableTag<float> d;
    const std::size_t n = hn::Lanes(d);
    std::size_t i = 0;
    for (; i + n <= floats; i += n) f(d, i);
    for (; i < floats; ++i) f(hn::CappedTag<float, 1>(), i);
}

/// Channels of one visit's lanes, close together: depth × V vectors, `out_stride` apart. In place, a column
/// of lanes would meet the same few sets of the first-level cache in every channel, and push itself out.
template <int V, class D>
HWY_INLINE void pack(D d, int depth, const float* in, std::size_t stride, float* out,
                     std::size_t out_stride) {
    const std::size_t n = hn::Lanes(d);
    for (int k = 0; k < depth; ++k, in += stride, out += out_stride)
#pragma GCC unroll 8
        for (int v = 0; v < V; ++v) hn::StoreU(hn::LoadU(d, in + v * n), d, out + v * n);
}

void DenseReal(int rows, int depth, const float* weights, const Planes& p, bool add, float* scratch) {
    for_lanes<panel_vectors>(p.lanes, [&](auto d, auto vectors, std::size_t lane) HWY_ATTR {
        pack<vectors>(d, depth, p.in_re + lane, p.lanes, scratch, vectors * hn::Lanes(d));
        for (int row = 0; row < rows; row += panel_rows)
            panel<vectors>(d, depth, weights + std::size_t(row) * depth, scratch, vectors * hn::Lanes(d),
                           nullptr, 0, p.out_re + row * p.lanes + lane, p.lanes,
                           std::min(panel_rows, rows - row), add);
    });
}

void DenseComplex(bool conjugated, int rows, int depth, const float* weights_re, const float* weights_im,
                  const Planes& p, bool add, float* scratch) {
    const int block = RowBlock(rows, depth);
    const std::size_t plane = depth * p.lanes;
    float* in_re = scratch;  // the operands, packed visit by visit
    float* in_im = in_re + plane;
    float* in_sum = in_im + plane;                                  // z_r + z_i
    float* difference = in_sum + plane;                             // w_i − w_r, in panels
    float* negative_sum = difference + std::size_t(block) * depth;  // −(w_r + w_i)
    float* common = negative_sum + std::size_t(block) * depth;      // k, (block, lanes of one visit)
    for_lanes<panel_vectors>(p.lanes, [&](auto d, auto vectors, std::size_t lane) HWY_ATTR {
        const std::size_t width = vectors * hn::Lanes(d);
        pack<vectors>(d, depth, p.in_re + lane, p.lanes, in_re + depth * lane, width);
        pack<vectors>(d, depth, p.in_im + lane, p.lanes, in_im + depth * lane, width);
    });
    for_each_vector(plane, [&](auto d, std::size_t i) HWY_ATTR {
        hn::StoreU(hn::Add(hn::LoadU(d, in_re + i), hn::LoadU(d, in_im + i)), d, in_sum + i);
    });
    for (int first = 0; first < rows; first += block) {
        const int count = std::min(block, rows - first);
        const float* w_re = weights_re + std::size_t(first) * depth;
        const float* w_im = weights_im + std::size_t(first) * depth;
        for_each_vector(std::size_t(padded_rows(count)) * depth, [&](auto d, std::size_t i) HWY_ATTR {
            const auto re = hn::LoadU(d, w_re + i), im = hn::LoadU(d, w_im + i);
            hn::StoreU(hn::Sub(im, re), d, difference + i);
            hn::StoreU(hn::Neg(hn::Add(re, im)), d, negative_sum + i);
        });
        const float* to_re = conjugated ? difference : negative_sum;
        const float* to_im = conjugated ? negative_sum : difference;
        for_lanes<panel_vectors>(p.lanes, [&](auto d, auto vectors, std::size_t lane) HWY_ATTR {
            const std::size_t width = vectors * hn::Lanes(d);
            const auto product = [&](const float* weights, const float* in, const float* start, float* out,
                                     std::size_t out_stride, int limit, bool add_to) HWY_ATTR {
                for (int row = 0; row < count; row += panel_rows)
                    panel<vectors>(d, depth, weights + std::size_t(row) * depth, in + depth * lane, width,
                                   start ? start + row * width : nullptr, width, out + row * out_stride,
                                   out_stride, std::min(panel_rows, limit - row), add_to);
            };
            product(w_re, in_sum, nullptr, common, width, padded_rows(count), false);
            product(to_re, in_im, common, p.out_re + first * p.lanes + lane, p.lanes, count, add);
            product(to_im, in_re, common, p.out_im + first * p.lanes + lane, p.lanes, count, add);
        });
    }
}

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
#pragma GCC unroll 4
    for (int j = 0; j < Count; ++j) {
        q_re[list.position[e + j]] += hn::GetLane(hn::SumOfLanes(d, hn::Add(rr[j], ii[j])));
        if constexpr (Complex)
            q_im[list.position[e + j]] += hn::GetLane(hn::SumOfLanes(d, hn::Sub(ri[j], ir[j])));
    }
}

template <bool Complex, class D>
void GradientRows(D d, const KernelList& list, const float* d_re, const float* d_im, const float* z_re,
                  const float* z_im, std::size_t lanes, float* q_re, float* q_im) {
    for (int row = 0; row < list.rows(); ++row) {
        const float* row_re = d_re + row * lanes;
        const float* row_im = Complex ? d_im + row * lanes : nullptr;
        int e = list.begin[row];
        for (; e + 3 <= list.begin[row + 1]; e += 3)
            gradient_entries<3, Complex>(d, list, e, row_re, row_im, z_re, z_im, lanes, q_re, q_im);
        for (; e < list.begin[row + 1]; ++e)
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

#if HWY_TARGET == HWY_SCALAR
template <class D>
void transpose_four(D, const float* const in[4], std::size_t lanes, float* out, std::size_t lane_stride) {
    for (std::size_t lane = 0; lane < lanes; ++lane)
        for (int j = 0; j < 4; ++j) out[lane * lane_stride + j] = in[j][lane];
}
#else
/// Four rows of lanes become four-float groups, one per lane.
template <class D>
HWY_INLINE void transpose_four(D d, const float* const in[4], std::size_t lanes, float* out,
                               std::size_t lane_stride) {
    const hn::Repartition<double, D> pairs;
    const std::size_t n = hn::Lanes(d);
    HWY_ALIGN float block[4 * hn::MaxLanes(d)];
    std::size_t lane = 0;
    for (; lane + n <= lanes; lane += n) {
        const auto a = hn::LoadU(d, in[0] + lane), b = hn::LoadU(d, in[1] + lane);
        const auto c = hn::LoadU(d, in[2] + lane), e = hn::LoadU(d, in[3] + lane);
        const auto ab_low = hn::BitCast(pairs, hn::InterleaveLower(d, a, b));
        const auto ab_high = hn::BitCast(pairs, hn::InterleaveUpper(d, a, b));
        const auto ce_low = hn::BitCast(pairs, hn::InterleaveLower(d, c, e));
        const auto ce_high = hn::BitCast(pairs, hn::InterleaveUpper(d, c, e));
        hn::StoreU(hn::BitCast(d, hn::InterleaveLower(pairs, ab_low, ce_low)), d, block);
        hn::StoreU(hn::BitCast(d, hn::InterleaveUpper(pairs, ab_low, ce_low)), d, block + n);
        hn::StoreU(hn::BitCast(d, hn::InterleaveLower(pairs, ab_high, ce_high)), d, block + 2 * n);
        hn::StoreU(hn::BitCast(d, hn::InterleaveUpper(pairs, ab_high, ce_high)), d, block + 3 * n);
        const hn::FixedTag<float, 4> four;
        for (std::size_t group = 0; group < n / 4; ++group)  // interleaving works within groups of four lanes
            for (std::size_t i = 0; i < 4; ++i)
                hn::StoreU(hn::LoadU(four, block + i * n + 4 * group), four,
                           out + (lane + 4 * group + i) * lane_stride);
    }
    for (; lane < lanes; ++lane)
        for (int j = 0; j < 4; ++j) out[lane * lane_stride + j] = in[j][lane];
}
#endif

void Transpose(const float* in, int channels, std::size_t in_stride, std::size_t lanes, float* out,
               std::size_t lane_stride, std::size_t block_stride) {
    const Narrow d;
    for (int c = 0; c < channels; c += 4) {
        float* to = out + c / 4 * block_stride;
        if (c + 4 <= channels) {
            const float* rows[4] = {in + c * in_stride, in + (c + 1) * in_stride, in + (c + 2) * in_stride,
                                    in + (c + 3) * in_stride};
            transpose_four(d, rows, lanes, to, lane_stride);
        } else {
            for (std::size_t lane = 0; lane < lanes; ++lane)
                for (int j = 0; j < 4; ++j)
                    to[lane * lane_stride + j] = c + j < channels ? in[(c + j) * in_stride + lane] : 0.0f;
        }
    }
}

const char* TargetName() {
    return hwy::TargetName(HWY_TARGET);
}

}  // namespace HWY_NAMESPACE
}  // namespace fftconv::frequency_sum
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace fftconv::frequency_sum {

HWY_EXPORT(DenseReal);
HWY_EXPORT(DenseComplex);
HWY_EXPORT(RowBlock);
HWY_EXPORT(Listed);
HWY_EXPORT(ListedGradient);
HWY_EXPORT(Transpose);
HWY_EXPORT(TargetName);

namespace {
constexpr std::size_t widest_visit = 6 * 16;  // lanes, on any target
}

std::size_t dense_scratch_floats(int rows, int depth, std::size_t lanes) {
    const std::size_t block = HWY_DYNAMIC_DISPATCH(RowBlock)(rows, depth);
    return 3 * depth * lanes + 2 * block * depth + block * widest_visit;
}

void dense(Weights kind, int rows, int depth, const float* weights_re, const float* weights_im,
           const Planes& planes, bool add, float* scratch) {
    if (weights_im) HWY_DYNAMIC_DISPATCH(DenseComplex)
    (kind == Weights::conjugated, rows, depth, weights_re, weights_im, planes, add, scratch);
    else HWY_DYNAMIC_DISPATCH(DenseReal)(rows, depth, weights_re, planes, add, scratch);
}

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

void transpose(const float* in, int channels, std::size_t in_stride, std::size_t lanes, float* out,
               std::size_t lane_stride, std::size_t block_stride) {
    HWY_DYNAMIC_DISPATCH(Transpose)(in, channels, in_stride, lanes, out, lane_stride, block_stride);
}

const char* target_name() {
    return HWY_DYNAMIC_DISPATCH(TargetName)();
}

}  // namespace fftconv::frequency_sum
#endif
