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

HWY_EXPORT(Gradient);

Met met(const Meetings& meetings, int j, int length) {
    const int source = meetings.source + j * meetings.source_step;
    const int first = std::max(0, -source), last = std::min(meetings.taps, length - source);
    return {meetings.tap + first * meetings.tap_step, meetings.tap_step, source + first,
            std::max(0, last - first)};
}

void weight_gradient(const WeightGradient& gradient) {
    HWY_DYNAMIC_DISPATCH(Gradient)(gradient);
}

}  // namespace fftconv::spatial_sum
#endif
