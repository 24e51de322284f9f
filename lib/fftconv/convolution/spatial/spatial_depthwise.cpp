#include <algorithm>
#include <vector>

#include "fftconv/convolution/simd/highway_targets.hpp"
#include "fftconv/convolution/spatial/spatial_sum.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "fftconv/convolution/spatial/spatial_depthwise.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "fftconv/convolution/simd/lanes-inl.hpp"

#ifndef FFTCONV_SPATIAL_DEPTHWISE_ONCE
#define FFTCONV_SPATIAL_DEPTHWISE_ONCE
namespace fftconv::spatial_sum {
namespace {

/// Sums that are under way at once: columns times vectors of lanes, enough to hide their latency.
constexpr int sums = 8;

/// How many lines of the source a row meets, where they begin, and how long they are for every visit.
struct LineGeometry {
    explicit LineGeometry(const Stripe& s) : step(s.columns->front().source_step) {
        for (const Meetings& rows : *s.rows) lines = std::max(lines, rows.taps);
        first = s.columns->front().source;
        int end = first;
        for (const Meetings& columns : *s.columns) {
            first = std::min(first, columns.source);
            // The last visit reads as much as the others.
            end = std::max(end, columns.source + (columns.count + sums - 1) * step + columns.taps);
        }
        this->columns = end - first;
    }
    int lines = 1, first, columns, step;
};

}  // namespace
}  // namespace fftconv::spatial_sum
#endif

HWY_BEFORE_NAMESPACE();
namespace fftconv::spatial_sum {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;
using namespace fftconv::HWY_NAMESPACE;  // lanes-inl.hpp

/// The rows of the source that the target's present row meets, some of their lanes, zeros at both ends: a
/// ring of lines in the first-level cache. A column of the source is `pixel` floats.
struct Lines {
    float* memory;
    int count, first, columns;  ///< lines; the source column at which they begin; columns of a line
    std::size_t pixel;
    int* rows;  ///< which row of the source a line holds

    float* line(int row) const { return memory + std::size_t(row % count) * columns * pixel; }
};

/// The line of a row of the source, filled if it is not there.
template <int V, class D>
HWY_INLINE const float* fetched(D d, const Lines& lines, const Stripe& s, std::size_t lane, int row) {
    float* line = lines.line(row);
    int& held = lines.rows[row % lines.count];
    if (held == row) return line;
    held = row;
    const std::size_t n = hn::Lanes(d);
    const int begin = std::max(0, lines.first), end = std::min(s.source_width, lines.first + lines.columns);
    const float* from = s.source + (std::size_t(row) * s.source_width + begin) * s.lanes + lane;
    float* to = line + (begin - lines.first) * lines.pixel;
    for (int column = begin; column < end; ++column, from += s.lanes, to += lines.pixel)
#pragma GCC unroll 2
        for (int v = 0; v < V; ++v) hn::StoreU(hn::LoadU(d, from + v * n), d, to + v * n);
    return line;
}

/// One row of the target: `sums` / V columns at a time; what a line holds beyond its last column is summed
/// too, and not stored.
template <int V, int Step, class D>
HWY_INLINE void row_of(D d, const Stripe& s, const Lines& lines, std::size_t lane, int row,
                       const float* const* sources, const Met& met_rows) {
    using Vector = hn::Vec<D>;
    constexpr int columns = sums / V;
    const std::size_t n = hn::Lanes(d);
    float* target = s.target + std::size_t(row) * s.target_width * s.lanes + lane;
    for (const Meetings& m : *s.columns)
        for (int j = 0; j < m.count; j += columns) {
            Vector sum[columns][V];
#pragma GCC unroll 8
            for (int q = 0; q < columns; ++q)
#pragma GCC unroll 2
                for (int v = 0; v < V; ++v) sum[q][v] = hn::Set(d, s.bias);
            for (int i = 0; i < met_rows.count; ++i) {
                const float* pixel = sources[i] + (m.source + j * Step - lines.first) * lines.pixel;
                const float* w =
                    s.weights + (met_rows.tap + i * met_rows.tap_step) * s.kernel.horizontal + m.tap;
                for (int t = 0; t < m.taps; ++t, pixel += V * n, w += m.tap_step) {
                    const Vector weight = hn::Set(d, *w);
#pragma GCC unroll 8
                    for (int q = 0; q < columns; ++q)
#pragma GCC unroll 2
                        for (int v = 0; v < V; ++v)
                            sum[q][v] =
                                hn::MulAdd(weight, hn::LoadU(d, pixel + (q * Step * V + v) * n), sum[q][v]);
                }
            }
            float* to = target + (m.target + j * m.target_step) * s.lanes;
#pragma GCC unroll 8
            for (int q = 0; q < columns; ++q) {
                if (j + q >= m.count) break;
#pragma GCC unroll 2
                for (int v = 0; v < V; ++v)
                    hn::StoreU(sum[q][v], d, to + q * m.target_step * s.lanes + v * n);
            }
        }
}

template <int V, int Step, class D>
void stripe_of(D d, const Stripe& s, Lines lines, std::size_t lane, const float** sources) {
    lines.pixel = V * hn::Lanes(d);
    std::fill_n(lines.rows, lines.count, -1);
    std::fill_n(lines.memory, std::size_t(lines.count) * lines.columns * lines.pixel, 0.0f);
    const int row_classes = int(s.rows->size());
    for (int row = s.first_row; row < s.end_row; ++row) {
        const Met rows = met((*s.rows)[row % row_classes], row / row_classes, s.source_height);
        for (int i = 0; i < rows.count; ++i) sources[i] = fetched<V>(d, lines, s, lane, rows.source + i);
        row_of<V, Step>(d, s, lines, lane, row, sources, rows);
    }
}

/// Vectors of a visit: two share a cache line, where vectors are half of one.
constexpr int visit_vectors = HWY_MAX_BYTES >= 64 ? 1 : 2;

void StripeSum(const Stripe& s, float* scratch) {
    const LineGeometry geometry(s);
    std::vector<int> held(geometry.lines);
    std::vector<const float*> sources(geometry.lines);
    const Lines lines{scratch, geometry.lines, geometry.first, geometry.columns, 0, held.data()};
    for_any_lanes<visit_vectors>(s.lanes, [&](auto d, auto vectors, std::size_t lane) HWY_ATTR {
        if (geometry.step == 1)
            stripe_of<decltype(vectors)::value, 1>(d, s, lines, lane, sources.data());
        else
            stripe_of<decltype(vectors)::value, 2>(d, s, lines, lane, sources.data());
    });
}

}  // namespace HWY_NAMESPACE
}  // namespace fftconv::spatial_sum
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace fftconv::spatial_sum {

HWY_EXPORT(StripeSum);

std::size_t stripe_scratch_floats(const Stripe& stripe) {
    constexpr std::size_t most_lanes = 16;
    const LineGeometry geometry(stripe);
    return std::size_t(geometry.lines) * geometry.columns * most_lanes;
}

void stripe(const Stripe& stripe, float* scratch) {
    HWY_DYNAMIC_DISPATCH(StripeSum)(stripe, scratch);
}

}  // namespace fftconv::spatial_sum
#endif
