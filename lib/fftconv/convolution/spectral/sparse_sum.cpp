#include "fftconv/convolution/spectral/sparse_sum.hpp"

#include <algorithm>

#include "fftconv/convolution/simd/highway_targets.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "fftconv/convolution/spectral/sparse_sum.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "fftconv/convolution/simd/lanes-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace fftconv::sparse_sum {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;
using namespace fftconv::HWY_NAMESPACE;  // lanes-inl.hpp

/// Vectors whose four sums of a row stay in registers, and whose three sums of four rows do.
constexpr int row_vectors = 2;
constexpr int panel_vectors_at_once = HWY_TARGET == HWY_AVX3 || HWY_TARGET == HWY_NEON ? 2 : 1;

/// Some lanes of one slot.
struct Visit {
    const float* in;
    float* out;
    std::size_t channel_stride, plane;
};

/// Fetches the slot that comes next into the second-level cache, each row a part of it: the processor's own
/// prefetching follows neither lists nor slots far apart.
class Fetcher {
  public:
    /// next: null if there is none.
    Fetcher(const float* next, std::size_t floats, std::size_t kernels)
        : at_(reinterpret_cast<const char*>(next)),
          end_(at_ + (next ? floats * sizeof(float) : 0)),
          per_kernel_(floats * sizeof(float) / std::max<std::size_t>(1, kernels) + 1) {}

    /// What falls to so many kernels.
    void fetch(std::size_t kernels) {
        due_ += kernels * per_kernel_;
        for (; due_ >= line && at_ < end_; due_ -= line, at_ += line) __builtin_prefetch(at_, 0, 2);
    }

  private:
    static constexpr std::size_t line = 64;
    const char *at_, *end_;
    std::size_t per_kernel_, due_ = 0;
};

/// The weights of a bin: conjugated or not, and w_r ∓ w_i, in list order.
struct Weights {
    const float *re, *im, *difference;
};

/// One row of a list. Each of the four real products has a sum of its own, joined at the end: with two
/// products in a chain, the latency of the multiply-add would set the pace.
template <int V, bool Conjugated, bool Positions, class D>
HWY_INLINE void sum_row(D d, const KernelList& list, int row, const Weights& weights, const Visit& visit) {
    using Vector = hn::Vec<D>;
    const std::size_t n = hn::Lanes(d);
    const float *weights_re = weights.re, *weights_im = weights.im;
    const int* channel = list.channel.data();
    Vector rr[V], ri[V], ir[V], ii[V];
#pragma GCC unroll 8
    for (int v = 0; v < V; ++v) rr[v] = ri[v] = ir[v] = ii[v] = hn::Zero(d);
    for (int e = list.begin[row], end = list.begin[row + 1]; e < end; ++e) {
        const float* z = visit.in + channel[e] * visit.channel_stride;
        const int at = Positions ? list.position[e] : e;
        const Vector w_re = hn::Set(d, weights_re[at]), w_im = hn::Set(d, weights_im[at]);
#pragma GCC unroll 8
        for (int v = 0; v < V; ++v) {
            const Vector z_re = hn::LoadU(d, z + v * n), z_im = hn::LoadU(d, z + visit.plane + v * n);
            rr[v] = hn::MulAdd(w_re, z_re, rr[v]);
            ri[v] = hn::MulAdd(w_re, z_im, ri[v]);
            ir[v] = hn::MulAdd(w_im, z_re, ir[v]);
            ii[v] = hn::MulAdd(w_im, z_im, ii[v]);
        }
    }
    float* out = visit.out + row * visit.channel_stride;
#pragma GCC unroll 8
    for (int v = 0; v < V; ++v) {
        hn::StoreU(Conjugated ? hn::Add(rr[v], ii[v]) : hn::Sub(rr[v], ii[v]), d, out + v * n);
        hn::StoreU(Conjugated ? hn::Sub(ri[v], ir[v]) : hn::Add(ri[v], ir[v]), d, out + visit.plane + v * n);
    }
}

/// One row in a real bin.
template <int V, bool Positions, class D>
HWY_INLINE void sum_real_row(D d, const KernelList& list, int row, const Weights& weights,
                             const Visit& visit) {
    using Vector = hn::Vec<D>;
    const std::size_t n = hn::Lanes(d);
    Vector sum[V];
#pragma GCC unroll 8
    for (int v = 0; v < V; ++v) sum[v] = hn::Zero(d);
    for (int e = list.begin[row]; e < list.begin[row + 1]; ++e) {
        const Vector w = hn::Set(d, weights.re[Positions ? list.position[e] : e]);
        const float* z = visit.in + list.channel[e] * visit.channel_stride;
#pragma GCC unroll 8
        for (int v = 0; v < V; ++v) sum[v] = hn::MulAdd(w, hn::LoadU(d, z + v * n), sum[v]);
    }
#pragma GCC unroll 8
    for (int v = 0; v < V; ++v) hn::StoreU(sum[v], d, visit.out + row * visit.channel_stride + v * n);
}

/// Four rows with the same channels: three real products at once, as in frequency_sum::dense, their inputs
/// made from z in registers by the units that add while others multiply.
template <int V, bool Conjugated, class D>
HWY_INLINE void sum_panel(D d, const KernelList& list, int row, const Weights& weights, const Visit& visit) {
    using Vector = hn::Vec<D>;
    const std::size_t n = hn::Lanes(d);
    const int first = list.begin[row], count = list.begin[row + 1] - first;
    const int* channel = list.channel.data() + first;
    const float *w_re = weights.re + first, *w_im = weights.im + first, *w_k = weights.difference + first;
    Vector re[panel_rows][V], im[panel_rows][V], k[panel_rows][V];
#pragma GCC unroll 4
    for (int r = 0; r < panel_rows; ++r)
#pragma GCC unroll 8
        for (int v = 0; v < V; ++v) re[r][v] = im[r][v] = k[r][v] = hn::Zero(d);
    for (int e = 0; e < count; ++e) {
        const float* z = visit.in + channel[e] * visit.channel_stride;
        const int at = e * panel_rows;
        Vector z_re[V], sum[V], difference[V];
#pragma GCC unroll 8
        for (int v = 0; v < V; ++v) {
            z_re[v] = hn::LoadU(d, z + v * n);
            const Vector z_im = hn::LoadU(d, z + visit.plane + v * n);
            sum[v] = Conjugated ? hn::Add(z_re[v], z_im) : hn::Sub(hn::Neg(z_re[v]), z_im);
            difference[v] = hn::Sub(z_im, z_re[v]);
        }
#pragma GCC unroll 4
        for (int r = 0; r < panel_rows; ++r) {
            const Vector w1 = hn::Set(d, w_im[at + r]);
#pragma GCC unroll 8
            for (int v = 0; v < V; ++v) re[r][v] = hn::MulAdd(w1, sum[v], re[r][v]);
            const Vector w2 = hn::Set(d, w_re[at + r]);
#pragma GCC unroll 8
            for (int v = 0; v < V; ++v) im[r][v] = hn::MulAdd(w2, difference[v], im[r][v]);
            const Vector w3 = hn::Set(d, w_k[at + r]);
#pragma GCC unroll 8
            for (int v = 0; v < V; ++v) k[r][v] = hn::MulAdd(w3, z_re[v], k[r][v]);
        }
    }
    float* out = visit.out + row * visit.channel_stride;
#pragma GCC unroll 4
    for (int r = 0; r < panel_rows; ++r, out += visit.channel_stride)
#pragma GCC unroll 8
        for (int v = 0; v < V; ++v) {
            hn::StoreU(hn::Add(re[r][v], k[r][v]), d, out + v * n);
            hn::StoreU(hn::Add(im[r][v], k[r][v]), d, out + visit.plane + v * n);
        }
}

/// Four rows with the same channels in a real bin.
template <int V, class D>
HWY_INLINE void sum_real_panel(D d, const KernelList& list, int row, const Weights& weights,
                               const Visit& visit) {
    using Vector = hn::Vec<D>;
    const std::size_t n = hn::Lanes(d);
    const int first = list.begin[row], count = list.begin[row + 1] - first;
    Vector sum[panel_rows][V];
#pragma GCC unroll 4
    for (int r = 0; r < panel_rows; ++r)
#pragma GCC unroll 8
        for (int v = 0; v < V; ++v) sum[r][v] = hn::Zero(d);
    for (int e = 0; e < count; ++e) {
        const float* z = visit.in + list.channel[first + e] * visit.channel_stride;
#pragma GCC unroll 4
        for (int r = 0; r < panel_rows; ++r)
#pragma GCC unroll 8
            for (int v = 0; v < V; ++v)
                sum[r][v] = hn::MulAdd(hn::Set(d, weights.re[first + e * panel_rows + r]),
                                       hn::LoadU(d, z + v * n), sum[r][v]);
    }
#pragma GCC unroll 4
    for (int r = 0; r < panel_rows; ++r)
#pragma GCC unroll 8
        for (int v = 0; v < V; ++v)
            hn::StoreU(sum[r][v], d, visit.out + (row + r) * visit.channel_stride + v * n);
}

/// Moves a visit on by some lanes of its slot.
HWY_INLINE Visit at_lane(Visit visit, std::size_t lane) {
    visit.in += lane;
    visit.out += lane;
    return visit;
}

/// The rows of one slot, `lanes` of its lanes.
template <bool Conjugated, bool Positions>
void SumSlot(const KernelList& list, const Weights& weights, const Visit& visit, std::size_t lanes,
             Fetcher fetcher) {
    const int rows = list.rows();
    for (int row = 0; row < rows;) {
        fetcher.fetch(list.begin[row + 1] - list.begin[row]);
        if (!Positions && row + panel_rows <= rows && list.shared[row / panel_rows]) {
            for_lanes<panel_vectors_at_once>(lanes, [&](auto d, auto vectors, std::size_t lane) HWY_ATTR {
                if (weights.im)
                    sum_panel<vectors, Conjugated>(d, list, row, weights, at_lane(visit, lane));
                else
                    sum_real_panel<vectors>(d, list, row, weights, at_lane(visit, lane));
            });
            fetcher.fetch(list.begin[row + panel_rows] - list.begin[row + 1]);
            row += panel_rows;
            continue;
        }
        for_lanes<row_vectors>(lanes, [&](auto d, auto vectors, std::size_t lane) HWY_ATTR {
            if (weights.im)
                sum_row<vectors, Conjugated, Positions>(d, list, row, weights, at_lane(visit, lane));
            else
                sum_real_row<vectors, Positions>(d, list, row, weights, at_lane(visit, lane));
        });
        ++row;
    }
}

/// w_r − w_i, or w_r + w_i, of the panels that are shared.
void Derive(bool conjugated, const KernelList& list, const float* re, const float* im, float* out) {
    const Narrow d;
    const auto sign = hn::Set(d, conjugated ? 0.0f : -0.0f);
    for (std::size_t panel = 0; panel < list.shared.size(); ++panel) {
        if (!list.shared[panel]) continue;
        const int first = list.begin[panel * panel_rows], end = list.begin[(panel + 1) * panel_rows];
        int e = first;
        for (; e + int(hn::Lanes(d)) <= end; e += int(hn::Lanes(d)))
            hn::StoreU(hn::Sub(hn::LoadU(d, re + e), hn::Xor(hn::LoadU(d, im + e), sign)), d, out + e);
        for (; e < end; ++e) out[e] = conjugated ? re[e] - im[e] : re[e] + im[e];
    }
}

void Sum(bool conjugated, const KernelList& list, const float* weights_re, const float* weights_im,
         const Slots& slots, float* scratch) {
    const Weights weights{weights_re, weights_im, scratch};
    if (weights_im) Derive(conjugated, list, weights_re, weights_im, scratch);
    for (int first = 0; first < slots.lanes; first += slots.slot) {
        const std::size_t i = first / slots.slot, lanes = std::min(slots.slot, slots.lanes - first);
        const bool last = first + slots.slot >= slots.lanes;
        const Visit visit{slots.in + i * slots.in_stride, slots.out + i * slots.out_stride,
                          2 * std::size_t(slots.slot), std::size_t(slots.slot)};
        const Fetcher fetcher(last ? slots.next : slots.in + (i + 1) * slots.in_stride, slots.in_stride,
                              list.channel.size());
        if (list.placed)
            conjugated ? SumSlot<true, true>(list, weights, visit, lanes, fetcher)
                       : SumSlot<false, true>(list, weights, visit, lanes, fetcher);
        else
            conjugated ? SumSlot<true, false>(list, weights, visit, lanes, fetcher)
                       : SumSlot<false, false>(list, weights, visit, lanes, fetcher);
    }
}

#if HWY_TARGET == HWY_SCALAR
template <class D>
HWY_INLINE void sums_of_lanes(D, const hn::Vec<D> in[4], float out[4]) {
    for (int j = 0; j < 4; ++j) out[j] = hn::GetLane(in[j]);
}
#else
/// out[j] = the sum of the lanes of in[j]: four sums for little more work than one.
template <class D>
HWY_INLINE void sums_of_lanes(D d, const hn::Vec<D> in[4], float out[4]) {
    if constexpr (hn::MaxLanes(D()) > 8) {
        const hn::Half<D> half;
        hn::Vec<hn::Half<D> > halves[4];
#pragma GCC unroll 4
        for (int j = 0; j < 4; ++j)
            halves[j] = hn::Add(hn::LowerHalf(half, in[j]), hn::UpperHalf(half, in[j]));
        sums_of_lanes(half, halves, out);
    } else {
        const hn::Repartition<double, D> pairs;
        const auto interleaved = [d](auto a, auto b) HWY_ATTR {  // sums of two lanes: a b a b of every four
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
}
#endif

/// Kernels of one row of the weight gradient at a time: their sums stay in registers, and hide each other's
/// latency.
constexpr int gradient_kernels = HWY_TARGET == HWY_AVX3 || HWY_TARGET == HWY_NEON ? 4 : 3;

/// Three real products of `Count` kernels of one row, as in sum_panel, summed vector by vector of lanes; in a
/// real bin one.
template <int Count, bool Complex, class D>
struct GradientSums {
    using Vector = hn::Vec<D>;
    static constexpr int values = Complex ? 2 * Count : Count;  ///< the real parts, then the imaginary ones
    static constexpr int fours = (values + 3) / 4;
    Vector re[Count], im[Count], k[Count];

    HWY_INLINE explicit GradientSums(D d) {
#pragma GCC unroll 4
        for (int j = 0; j < Count; ++j) re[j] = im[j] = k[j] = hn::Zero(d);
    }
    template <class Load>
    HWY_INLINE void add(const float* out, const float* const in[Count], std::size_t plane, const Load& load) {
        const Vector dr = load(out), di = Complex ? load(out + plane) : dr, difference = hn::Sub(dr, di);
#pragma GCC unroll 4
        for (int j = 0; j < Count; ++j) {
            const Vector zr = load(in[j]);
            if constexpr (Complex) {
                const Vector zi = load(in[j] + plane);
                re[j] = hn::MulAdd(di, hn::Add(zr, zi), re[j]);
                im[j] = hn::MulAdd(dr, hn::Sub(zi, zr), im[j]);
                k[j] = hn::MulAdd(difference, zr, k[j]);
            } else {
                k[j] = hn::MulAdd(dr, zr, k[j]);
            }
        }
    }
    HWY_INLINE void totals(D d, float sums[4 * fours]) const {
        Vector all[4 * fours];
#pragma GCC unroll 4
        for (int j = 0; j < Count; ++j) {
            all[j] = Complex ? hn::Add(k[j], re[j]) : k[j];
            if constexpr (Complex) all[Count + j] = hn::Add(k[j], im[j]);
        }
#pragma GCC unroll 4
        for (int i = values; i < 4 * fours; ++i) all[i] = hn::Zero(d);
#pragma GCC unroll 2
        for (int i = 0; i < fours; ++i) sums_of_lanes(d, all + 4 * i, sums + 4 * i);
    }
};

/// Kernels e .. e+Count−1 of one row: dot products along the lanes of all slots.
template <int Count, bool Complex, class D>
HWY_INLINE void gradient_entries(D d, const KernelList& list, int row, int e, const Slots& slots, float* q_re,
                                 float* q_im) {
    const std::size_t n = hn::Lanes(d), plane = slots.slot;
    GradientSums<Count, Complex, D> sums(d);
    const float* out = slots.out + row * 2 * plane;
    const float* in[Count];
#pragma GCC unroll 4
    for (int j = 0; j < Count; ++j) in[j] = slots.in + list.channel[e + j] * 2 * plane;
    for (int first = 0; first < slots.lanes; first += slots.slot) {
        const std::size_t lanes = std::min(slots.slot, slots.lanes - first);
        std::size_t lane = 0;
        const auto add = [&](const auto& load) HWY_ATTR {
            const float* z[Count];
#pragma GCC unroll 4
            for (int j = 0; j < Count; ++j) z[j] = in[j] + lane;
            sums.add(out + lane, z, plane, load);
        };
        for (; lane + n <= lanes; lane += n)
            add([d](const float* from) HWY_ATTR { return hn::LoadU(d, from); });
        if (lane < lanes) {  // half a vector of sixteen lanes
            const std::size_t left = lanes - lane;
            add([d, left](const float* from)
                    HWY_ATTR { return hn::MaskedLoad(hn::FirstN(d, left), d, from); });
        }
        out += slots.out_stride;
#pragma GCC unroll 4
        for (int j = 0; j < Count; ++j) in[j] += slots.in_stride;
    }
    float totals[4 * GradientSums<Count, Complex, D>::fours];
    sums.totals(d, totals);
#pragma GCC unroll 4
    for (int j = 0; j < Count; ++j) {
        q_re[e + j] += totals[j];
        if constexpr (Complex) q_im[e + j] += totals[Count + j];
    }
}

template <bool Complex>
void GradientRows(const KernelList& list, const Slots& slots, float* q_re, float* q_im) {
    const Wide d;
    const std::size_t slots_of_bin = (slots.lanes + slots.slot - 1) / slots.slot;
    Fetcher fetcher(slots.next, slots.in_stride * slots_of_bin, list.channel.size());
    for (int row = 0; row < list.rows(); ++row) {
        const int end = list.begin[row + 1];
        int e = list.begin[row];
        fetcher.fetch(end - e);
        for (; e + gradient_kernels <= end; e += gradient_kernels)
            gradient_entries<gradient_kernels, Complex>(d, list, row, e, slots, q_re, q_im);
        switch (end - e) {
            case 3:
                gradient_entries<3, Complex>(d, list, row, e, slots, q_re, q_im);
                break;
            case 2:
                gradient_entries<2, Complex>(d, list, row, e, slots, q_re, q_im);
                break;
            case 1:
                gradient_entries<1, Complex>(d, list, row, e, slots, q_re, q_im);
                break;
        }
    }
}

void Gradient(const KernelList& list, const Slots& slots, float* q_re, float* q_im) {
    if (q_im)
        GradientRows<true>(list, slots, q_re, q_im);
    else
        GradientRows<false>(list, slots, q_re, q_im);
}

int SlotLanes() {
    return std::max(16, row_vectors * int(hn::Lanes(Wide())));
}

}  // namespace HWY_NAMESPACE
}  // namespace fftconv::sparse_sum
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace fftconv::sparse_sum {

HWY_EXPORT(Sum);
HWY_EXPORT(Gradient);
HWY_EXPORT(SlotLanes);

int slot_lanes() {
    return HWY_DYNAMIC_DISPATCH(SlotLanes)();
}

void find_shared_panels(KernelList& list) {
    list.shared.assign((list.rows() + panel_rows - 1) / panel_rows, 0);
    const auto channels = [&](int row) {
        return std::vector<int>(list.channel.begin() + list.begin[row],
                                list.channel.begin() + list.begin[row + 1]);
    };
    for (int row = 0; row + panel_rows <= list.rows(); row += panel_rows) {
        bool same = !list.empty(row);
        for (int r = 1; r < panel_rows; ++r) same = same && channels(row + r) == channels(row);
        list.shared[row / panel_rows] = same;
    }
}

std::size_t KernelList::weight_at(int row, int e) const {
    if (placed) return position[e];
    if (!shared[row / panel_rows]) return e;
    const int of_panel = begin[row / panel_rows * panel_rows];
    return of_panel + std::size_t(e - begin[row]) * panel_rows + row % panel_rows;
}

std::size_t KernelList::shared_kernels() const {
    std::size_t kernels = 0;
    for (std::size_t panel = 0; panel < shared.size(); ++panel)
        if (shared[panel]) kernels += begin[(panel + 1) * panel_rows] - begin[panel * panel_rows];
    return kernels;
}

std::size_t scratch_floats(const KernelList& list) {
    return list.channel.size();
}

std::size_t sum(bool conjugated, const KernelList& list, const float* weights_re, const float* weights_im,
                const Slots& slots, float* scratch) {
    HWY_DYNAMIC_DISPATCH(Sum)(conjugated, list, weights_re, weights_im, slots, scratch);
    return list.channel.size();
}

std::size_t gradient(const KernelList& list, const Slots& slots, float* q_re, float* q_im) {
    HWY_DYNAMIC_DISPATCH(Gradient)(list, slots, q_re, q_im);
    return list.channel.size();
}

}  // namespace fftconv::sparse_sum
#endif
