#include "fftconv/convolution/frequency_sum.hpp"

#include <algorithm>

#include "fftconv/convolution/highway_targets.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "fftconv/convolution/frequency_sum.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "fftconv/convolution/lanes-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace fftconv::frequency_sum {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;
using namespace fftconv::HWY_NAMESPACE;  // lanes-inl.hpp

/// Four rows × V vectors of a real matrix product. weights: (depth, 4); in: (depth, V vectors), as `pack`
/// leaves it. Starts from `start` (4 rows `start_stride` apart; null: zero); writes or adds the first `rows`
/// rows.
template <int V, class D>
HWY_INLINE void panel(D d, int depth, const float* HWY_RESTRICT weights, const float* HWY_RESTRICT in,
                      const float* start, std::size_t start_stride, float* out, std::size_t out_stride,
                      int rows, bool add) {
    using Vector = hn::Vec<D>;
    const std::size_t n = hn::Lanes(d);
    Vector sum[panel_rows][V];
#pragma GCC unroll 4
    for (int r = 0; r < panel_rows; ++r)
#pragma GCC unroll 8
        for (int v = 0; v < V; ++v)
            sum[r][v] = start ? hn::LoadU(d, start + r * start_stride + v * n) : hn::Zero(d);
#pragma GCC unroll 4  // the end of a loop of this many rounds is foreseen, that of a longer one is not
    for (int k = 0; k < depth; ++k) {
        Vector z[V];
#pragma GCC unroll 8
        for (int v = 0; v < V; ++v) z[v] = hn::LoadU(d, in + (k * V + v) * n);
#pragma GCC unroll 4
        for (int r = 0; r < panel_rows; ++r) {
            const Vector w = hn::Set(d, weights[k * panel_rows + r]);
#pragma GCC unroll 8
            for (int v = 0; v < V; ++v) sum[r][v] = hn::MulAdd(w, z[v], sum[r][v]);
        }
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

/// Rows at a time whose three weight matrices stay in the second-level cache (8192 floats each) beside those
/// of the next rows, on their way.
int RowBlock(int rows, int depth) {
    return std::min(padded_rows(rows), std::max(panel_rows, 8192 / depth / panel_rows * panel_rows));
}

/// Fetches memory into the second-level cache, a few lines at each step of other work: the processor's own
/// prefetching follows one bin's memory, but not to the next bin's.
class Fetcher {
  public:
    Fetcher(const Next& next, std::size_t steps) : next_(next) {
        std::size_t floats = 0;
        for (const auto& range : next_) floats += range.size();
        per_step_ = steps ? (floats + steps * line - 1) / (steps * line) : 0;
    }

    HWY_INLINE void step() {
        for (std::size_t i = 0; i < per_step_ && range_ < next_.size(); ++i) {
            if (at_ < next_[range_].size()) __builtin_prefetch(next_[range_].data() + at_, 0, 2);
            at_ += line;
            if (at_ >= next_[range_].size()) {
                at_ = 0;
                ++range_;
            }
        }
    }

  private:
    static constexpr std::size_t line = 16;  // floats
    Next next_;
    std::size_t per_step_ = 0, at_ = 0, range_ = 0;
};

void DenseReal(int rows, int depth, const float* weights, const Planes& p, bool add, float* scratch) {
    for_lanes<panel_vectors>(p.lanes, [&](auto d, auto vectors, std::size_t lane) HWY_ATTR {
        pack<vectors>(d, depth, p.in_re + lane, p.lanes, scratch, vectors * hn::Lanes(d));
        for (int row = 0; row < rows; row += panel_rows)
            panel<vectors>(d, depth, weights + std::size_t(row) * depth, scratch, nullptr, 0,
                           p.out_re + row * p.lanes + lane, p.lanes, std::min(panel_rows, rows - row), add);
    });
}

/// One visit's lanes of z_r, z_r + z_i (or its negative) and z_i − z_r, each as `pack` leaves it, `plane`
/// floats apart.
template <int V, class D>
HWY_INLINE void pack_sums(D d, int depth, const Planes& p, std::size_t lane, bool negative, float* out,
                          std::size_t plane) {
    const std::size_t n = hn::Lanes(d);
    const auto sign = hn::Set(d, negative ? -0.0f : 0.0f);
    for (int k = 0; k < depth; ++k, out += V * n)
#pragma GCC unroll 8
        for (int v = 0; v < V; ++v) {
            const std::size_t at = k * p.lanes + lane + v * n;
            const auto re = hn::LoadU(d, p.in_re + at), im = hn::LoadU(d, p.in_im + at);
            hn::StoreU(re, d, out + v * n);
            hn::StoreU(hn::Xor(hn::Add(re, im), sign), d, out + plane + v * n);
            hn::StoreU(hn::Sub(im, re), d, out + 2 * plane + v * n);
        }
}

/// out = w_r − w_i, or w_r + w_i.
void derive(bool conjugated, const float* weights_re, const float* weights_im, std::size_t floats,
            float* out) {
    const Narrow d;  // panels are of four rows: a multiple of four floats
    std::size_t i = 0;
    for (; i + hn::Lanes(d) <= floats; i += hn::Lanes(d)) {
        const auto re = hn::LoadU(d, weights_re + i), im = hn::LoadU(d, weights_im + i);
        hn::StoreU(conjugated ? hn::Sub(re, im) : hn::Add(re, im), d, out + i);
    }
    for (; i < floats; ++i)
        out[i] = conjugated ? weights_re[i] - weights_im[i] : weights_re[i] + weights_im[i];
}

void DenseComplex(bool conjugated, int rows, int depth, const float* weights_re, const float* weights_im,
                  const Planes& p, bool add, float* scratch, const Next& next) {
    const int block = RowBlock(rows, depth);
    const std::size_t plane = depth * p.lanes;
    float* derived = scratch + 3 * plane;                  // w_r ∓ w_i, in panels
    float* common = derived + std::size_t(block) * depth;  // k, (block, lanes of one visit)
    for_lanes<panel_vectors>(p.lanes, [&](auto d, auto vectors, std::size_t lane) HWY_ATTR {
        pack_sums<vectors>(d, depth, p, lane, !conjugated, scratch + depth * lane, plane);
    });
    const std::size_t visits = 1 + (p.lanes - 1) / (panel_vectors * hn::Lanes(Wide()));
    for (int first = 0; first < rows; first += block) {
        const int count = std::min(block, rows - first);
        const float* w_re = weights_re + std::size_t(first) * depth;
        const float* w_im = weights_im + std::size_t(first) * depth;
        const std::size_t floats = std::size_t(padded_rows(count)) * depth;
        derive(conjugated, w_re, w_im, floats, derived);
        const bool last = first + count == rows;
        const std::size_t steps = visits * 3 * (padded_rows(count) / panel_rows);
        const std::size_t following =
            last ? 0 : std::size_t(padded_rows(std::min(block, rows - first - count))) * depth;
        Fetcher fetcher(last ? next : Next{{{w_re + floats, following}, {w_im + floats, following}}}, steps);
        for_lanes<panel_vectors>(p.lanes, [&](auto d, auto vectors, std::size_t lane) HWY_ATTR {
            const std::size_t width = vectors * hn::Lanes(d);
            const auto product = [&](const float* weights, const float* in, const float* start, float* out,
                                     std::size_t out_stride, int limit, bool add_to) HWY_ATTR {
                for (int row = 0; row < count; row += panel_rows) {
                    fetcher.step();
                    panel<vectors>(d, depth, weights + std::size_t(row) * depth, in + depth * lane,
                                   start ? start + row * width : nullptr, width, out + row * out_stride,
                                   out_stride, std::min(panel_rows, limit - row), add_to);
                }
            };
            product(derived, scratch, nullptr, common, width, padded_rows(count), false);
            product(w_im, scratch + plane, common, p.out_re + first * p.lanes + lane, p.lanes, count, add);
            product(w_re, scratch + 2 * plane, common, p.out_im + first * p.lanes + lane, p.lanes, count,
                    add);
        });
    }
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
HWY_EXPORT(Transpose);
HWY_EXPORT(TargetName);

std::size_t dense_scratch_floats(int rows, int depth, std::size_t lanes) {
    const std::size_t block = HWY_DYNAMIC_DISPATCH(RowBlock)(rows, depth);
    return 3 * depth * lanes + block * depth + block * widest_visit;
}

std::size_t first_weights(int rows, int depth) {
    return std::size_t(HWY_DYNAMIC_DISPATCH(RowBlock)(rows, depth)) * depth;
}

void dense(Weights kind, int rows, int depth, const float* weights_re, const float* weights_im,
           const Planes& planes, bool add, float* scratch, const Next& next) {
    if (weights_im) HWY_DYNAMIC_DISPATCH(DenseComplex)
    (kind == Weights::conjugated, rows, depth, weights_re, weights_im, planes, add, scratch, next);
    else HWY_DYNAMIC_DISPATCH(DenseReal)(rows, depth, weights_re, planes, add, scratch);
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
