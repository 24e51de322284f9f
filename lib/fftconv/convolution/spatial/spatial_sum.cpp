#include "fftconv/convolution/spatial/spatial_sum.hpp"

#include <algorithm>
#include <limits>

#include "fftconv/convolution/simd/highway_targets.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "fftconv/convolution/spatial/spatial_sum.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "fftconv/convolution/simd/lanes-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace fftconv::spatial_sum {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;
using namespace fftconv::HWY_NAMESPACE;  // lanes-inl.hpp

/// Rows channels × V vectors of lanes of every pixel of a row.
template <int Rows, int V, class D>
HWY_INLINE void row_of_pixels(D d, const Row& r, std::size_t lane) {
    using Vector = hn::Vec<D>;
    const std::size_t n = hn::Lanes(d), taps = r.kernel.area() * block_channels;
    const std::size_t row_stride = r.source_width * r.lanes;
    const std::ptrdiff_t kernel_width = r.kernel.horizontal;
    for (const Meetings& meetings : *r.columns)
        for (int j = 0; j < meetings.count; ++j) {
            const Met columns = met(meetings, j, r.source_width);
            Vector sum[Rows][V];
#pragma GCC unroll 4
            for (int o = 0; o < Rows; ++o)
#pragma GCC unroll 8
                for (int v = 0; v < V; ++v) sum[o][v] = hn::Set(d, r.bias[o]);
            const std::ptrdiff_t next_tap = columns.tap_step * block_channels;
            for (int channel = 0; channel < r.source_channels; ++channel) {
                const float* source = r.source + channel * r.source_channel_stride +
                                      r.rows.source * row_stride + columns.source * r.lanes + lane;
                const float* weights = r.weights + channel * taps + columns.tap * block_channels;
                for (int i = 0; i < r.rows.count; ++i, source += row_stride) {
                    const float* pixel = source;
                    const float* w =
                        weights + (r.rows.tap + i * r.rows.tap_step) * kernel_width * block_channels;
                    for (int t = 0; t < columns.count; ++t, pixel += r.lanes, w += next_tap) {
                        Vector z[V];
#pragma GCC unroll 8
                        for (int v = 0; v < V; ++v) z[v] = hn::LoadU(d, pixel + v * n);
#pragma GCC unroll 4
                        for (int o = 0; o < Rows; ++o) {
                            const Vector weight = hn::Set(d, w[o]);
#pragma GCC unroll 8
                            for (int v = 0; v < V; ++v) sum[o][v] = hn::MulAdd(weight, z[v], sum[o][v]);
                        }
                    }
                }
            }
            float* target = r.target + (meetings.target + j * meetings.target_step) * r.lanes + lane;
#pragma GCC unroll 4
            for (int o = 0; o < Rows; ++o)
#pragma GCC unroll 8
                for (int v = 0; v < V; ++v)
                    hn::StoreU(sum[o][v], d, target + o * r.target_channel_stride + v * n);
        }
}

template <int Rows>
void RowOf(const Row& r) {
    // Few channels leave room for more vectors, and need them to hide the latency of their sums.
    constexpr int most = Rows == 1 ? 6 : panel_vectors;
    for_any_lanes<most>(r.lanes, [&](auto d, auto vectors, std::size_t lane)
                                     HWY_ATTR { row_of_pixels<Rows, decltype(vectors)::value>(d, r, lane); });
}

void RowSum(const Row& r) {
    switch (r.channels) {
        case 1:
            return RowOf<1>(r);
        case 2:
            return RowOf<2>(r);
        case 3:
            return RowOf<3>(r);
        default:
            return RowOf<4>(r);
    }
}

constexpr int most_taps = 5;  // of one row of the kernel at a time: ten sums stay in registers

/// Taps first … first+Taps−1 of a row of the kernel, Outputs outputs, over columns j = begin … end−1 of one
/// row of dy. source: where x is read at column 0 of dy, for each tap.
template <int Taps, int Outputs, class D>
HWY_INLINE void gradient_of_columns(D d, const WeightGradient& g, const float* const* dy,
                                    const float* const* source, int begin, int end,
                                    std::ptrdiff_t source_step, double (*totals)[2]) {
    using Vector = hn::Vec<D>;
    const std::size_t n = hn::Lanes(d), whole = g.images / n * n;
    const auto tail = hn::FirstN(d, g.images - whole);
    // A sum of sums of a few columns loses less than one long sum.
    constexpr int few = Taps * Outputs <= 4 ? 1 : 4;
    Vector row[Taps][Outputs];
    const auto for_each = [](const auto& body) HWY_ATTR {
#pragma GCC unroll 8
        for (int t = 0; t < Taps; ++t)
#pragma GCC unroll 2
            for (int o = 0; o < Outputs; ++o) body(t, o);
    };
    for_each([&](int t, int o) HWY_ATTR { row[t][o] = hn::Zero(d); });
    for (int first = begin; first < end; first += few) {
        Vector sum[Taps][Outputs];
        for_each([&](int t, int o) HWY_ATTR { sum[t][o] = hn::Zero(d); });
        for (int j = first; j < std::min(first + few, end); ++j) {
            const auto add = [&](std::size_t lane, const auto& load) HWY_ATTR {
                Vector gradient[Outputs];
#pragma GCC unroll 2
                for (int o = 0; o < Outputs; ++o) gradient[o] = load(dy[o] + j * g.lanes + lane);
#pragma GCC unroll 8
                for (int t = 0; t < Taps; ++t) {
                    const Vector pixel = load(source[t] + j * source_step + lane);
#pragma GCC unroll 2
                    for (int o = 0; o < Outputs; ++o) sum[t][o] = hn::MulAdd(gradient[o], pixel, sum[t][o]);
                }
            };
            for (std::size_t lane = 0; lane < whole; lane += n)
                add(lane, [&](const float* from) HWY_ATTR { return hn::LoadU(d, from); });
            if (whole < g.images)
                add(whole, [&](const float* from) HWY_ATTR { return hn::MaskedLoad(tail, d, from); });
        }
        for_each([&](int t, int o) HWY_ATTR { row[t][o] = hn::Add(row[t][o], sum[t][o]); });
    }
    for_each([&](int t, int o) HWY_ATTR { totals[t][o] += hn::GetLane(hn::SumOfLanes(d, row[t][o])); });
}

/// Row i of dy: the columns that all taps have in one go, those that some have tap by tap.
template <int Taps, int Outputs, class D>
HWY_INLINE void gradient_of_row(D d, const WeightGradient& g, int i, int first, double (*totals)[2]) {
    const float* dy[2] = {g.dy[0] + (g.rows.output + i) * g.dy_row_stride, nullptr};
    if (Outputs == 2) dy[1] = g.dy[1] + (g.rows.output + i) * g.dy_row_stride;
    const float* row = g.x + (g.rows.input + i * g.rows.input_step) * g.x_row_stride;
    const float* source[Taps];
    int begin = 0, end = std::numeric_limits<int>::max();
    const std::ptrdiff_t step = g.columns->front().input_step * std::ptrdiff_t(g.lanes);
    for (int t = 0; t < Taps; ++t) {
        const Pairs& columns = (*g.columns)[first + t];
        begin = std::max(begin, columns.output);
        end = std::min(end, columns.output + columns.count);
        // From before the row on, but only used with columns that lie in it.
        source[t] = row + columns.input * std::ptrdiff_t(g.lanes) - columns.output * step;
    }
    for (int t = 0; t < Taps; ++t) {
        const Pairs& columns = (*g.columns)[first + t];
        const int left = columns.output, right = left + columns.count, split = end > begin ? begin : right;
        gradient_of_columns<1, Outputs>(d, g, dy, source + t, left, split, step, totals + t);
        if (end > begin) gradient_of_columns<1, Outputs>(d, g, dy, source + t, end, right, step, totals + t);
    }
    if (end > begin) gradient_of_columns<Taps, Outputs>(d, g, dy, source, begin, end, step, totals);
}

template <int Taps, int Outputs>
void GradientTaps(const WeightGradient& g, int first) {
    double totals[Taps][2] = {};
    for (int i = 0; i < g.rows.count; ++i) {
        if (g.lanes >= 8)
            gradient_of_row<Taps, Outputs>(Narrow(), g, i, first, totals);
        else
            gradient_of_row<Taps, Outputs>(hn::CappedTag<float, 1>(), g, i, first, totals);
    }
    for (int t = 0; t < Taps; ++t)
        for (int o = 0; o < Outputs; ++o) g.dw[o][first + t] += float(totals[t][o]);
}

template <int Outputs>
void GradientOf(const WeightGradient& g) {
    for (int first = 0; first < g.kernel; first += most_taps) switch (std::min(most_taps, g.kernel - first)) {
            case 1:
                GradientTaps<1, Outputs>(g, first);
                break;
            case 2:
                GradientTaps<2, Outputs>(g, first);
                break;
            case 3:
                GradientTaps<3, Outputs>(g, first);
                break;
            case 4:
                GradientTaps<4, Outputs>(g, first);
                break;
            default:
                GradientTaps<5, Outputs>(g, first);
        }
}

void Gradient(const WeightGradient& g) {
    if (g.dy[1])
        GradientOf<2>(g);
    else
        GradientOf<1>(g);
}

}  // namespace HWY_NAMESPACE
}  // namespace fftconv::spatial_sum
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace fftconv::spatial_sum {

HWY_EXPORT(RowSum);
HWY_EXPORT(Gradient);

Met met(const Meetings& meetings, int j, int length) {
    const int source = meetings.source + j * meetings.source_step;
    const int first = std::max(0, -source), last = std::min(meetings.taps, length - source);
    return {meetings.tap + first * meetings.tap_step, meetings.tap_step, source + first,
            std::max(0, last - first)};
}

void row(const Row& row) {
    HWY_DYNAMIC_DISPATCH(RowSum)(row);
}

void weight_gradient(const WeightGradient& gradient) {
    HWY_DYNAMIC_DISPATCH(Gradient)(gradient);
}

}  // namespace fftconv::spatial_sum
#endif
