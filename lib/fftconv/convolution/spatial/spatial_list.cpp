#include <algorithm>
#include <span>

#include "fftconv/convolution/simd/highway_targets.hpp"
#include "fftconv/convolution/spatial/spatial_sum.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "fftconv/convolution/spatial/spatial_list.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "fftconv/convolution/simd/lanes-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace fftconv::spatial_sum {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;
using namespace fftconv::HWY_NAMESPACE;  // lanes-inl.hpp

/// Leaves a compiler in the dark about where a pointer comes from: it would keep the address of every pixel
/// of an unrolled loop, all of them in memory, rather than add to the last one.
HWY_INLINE void forget(const float*& pointer) {
#if HWY_COMPILER_GCC || HWY_COMPILER_CLANG
    asm("" : "+r"(pointer));
#else
    (void)pointer;
#endif
}

/// What some kernels add to the target: its columns that meet the source alike, and taps from `tap` on, as t
/// of `columns`.
struct Part {
    const Map& map;
    std::span<const Kernel> kernels;
    const Meetings& columns;
    int tap;
    bool add;  // to what stands there; else to the bias
};

/// Targets × V sums in registers, over the kernels of the part and Taps taps of each row of theirs. Inside:
/// no padding around the map is met.
template <int Targets, int V, int Taps, int Step, bool Inside, class D>
HWY_INLINE void sum_block(D d, const Part& part, const Met& rows, float* target_row, int first_target,
                          std::size_t lane) {
    using Vector = hn::Vec<D>;
    const Map& m = part.map;
    const Meetings& columns = part.columns;
    const std::size_t n = hn::Lanes(d);
    const std::ptrdiff_t pixel_stride = m.source_pixel_stride, row_stride = m.source_width * pixel_stride;
    const std::ptrdiff_t target_step = columns.target_step * std::ptrdiff_t(m.target_pixel_stride);
    float* target = target_row + columns.target * m.target_pixel_stride + first_target * target_step + lane;
    const int first = columns.source + first_target * Step + part.tap;  // source pixel, maybe of the padding
    const unsigned width = m.source_width;

    Vector sum[Targets][V];
    const auto for_each = [&](const auto& body) HWY_ATTR {
#pragma GCC unroll 8
        for (int j = 0; j < Targets; ++j)
#pragma GCC unroll 8
            for (int v = 0; v < V; ++v) body(sum[j][v], target + j * target_step + v * n);
    };
    if (part.add)
        for_each([&](Vector& one, const float* from) HWY_ATTR { one = hn::LoadU(d, from); });
    else
        for_each([&](Vector& one, const float*) HWY_ATTR { one = hn::Set(d, m.bias); });
    const std::ptrdiff_t origin = rows.source * row_stride + first * pixel_stride + lane;
    const std::ptrdiff_t first_weight =
        rows.tap * std::ptrdiff_t(m.kernel.horizontal) + columns.tap + part.tap * columns.tap_step;
    const std::ptrdiff_t next_weights = rows.tap_step * std::ptrdiff_t(m.kernel.horizontal),
                         tap_step = columns.tap_step;
    for (const Kernel& kernel : part.kernels) {
        const float* row =
            m.source + (std::ptrdiff_t(kernel.source_channel * m.source_channel_stride) + origin);
        const float* weights = kernel.weights + first_weight;
        for (int i = 0; i < rows.count; ++i, row += row_stride, weights += next_weights) {
            // Three taps at a time: with the sums, as many registers as there are.
#pragma GCC unroll 2
            for (int group = 0; group < Taps; group += 3) {
                const int taps = std::min(3, Taps - group);
                Vector w[3];
#pragma GCC unroll 3
                for (int t = 0; t < taps; ++t) w[t] = hn::Set(d, weights[(group + t) * tap_step]);
                const float* pixel = row + group * pixel_stride;
#pragma GCC unroll 32
                for (int p = group; p < (Targets - 1) * Step + group + taps; ++p, pixel += pixel_stride) {
                    forget(pixel);
                    if (!Inside && unsigned(first + p) >= width) continue;
#pragma GCC unroll 8
                    for (int v = 0; v < V; ++v) {
                        const Vector z = hn::LoadU(d, pixel + v * n);
#pragma GCC unroll 8
                        for (int j = 0; j < Targets; ++j)
                            if (const int t = p - group - j * Step; t >= 0 && t < taps)
                                sum[j][v] = hn::MulAdd(w[t], z, sum[j][v]);
                    }
                }
            }
        }
    }
    for_each([&](Vector one, float* to) HWY_ATTR { hn::StoreU(one, d, to); });
}

/// Whether a tag is of the machine's whole vectors. Parts of one (a few images, the last half of sixteen) are
/// too rare to be worth code of their own for every case.
template <class D>
constexpr bool is_whole = hn::MaxLanes(D()) == hn::MaxLanes(Wide());

/// The next targets of a row, as many whole blocks as there are.
template <int Targets, int V, int Taps, int Step, class D>
HWY_INLINE int sum_blocks(D d, const Part& part, const Met& rows, float* target, int j, std::size_t lane) {
    for (; j + Targets <= part.columns.count; j += Targets) {
        const int first = part.columns.source + j * Step + part.tap;
        constexpr bool worth = Targets > 1 && is_whole<D>;  // nor are single pixels
        if (worth && first >= 0 && first + (Targets - 1) * Step + Taps <= part.map.source_width)
            sum_block<Targets, V, Taps, Step, worth>(d, part, rows, target, j, lane);
        else
            sum_block<Targets, V, Taps, Step, false>(d, part, rows, target, j, lane);
    }
    return j;
}

/// Vectors of a visit: of four targets they make as many sums as hide each other's latency.
constexpr int visit_vectors = 3;
constexpr int most_taps = 5;  // of one row of the kernel at a time

template <int Taps, int Step>
void SumPart(const Part& part) {
    const Map& m = part.map;
    for_any_lanes<visit_vectors>(m.lanes, [&](auto d, auto vectors, std::size_t lane) HWY_ATTR {
        constexpr int v = decltype(vectors)::value;
        for (const Meetings& meetings : *m.rows)
            for (int i = 0; i < meetings.count; ++i) {
                Met rows = met(meetings, i, m.source_height);
                if (part.columns.taps == 0) rows.count = 0;
                const std::size_t row = meetings.target + i * meetings.target_step;
                float* target = m.target + row * m.target_width * m.target_pixel_stride;
                int j = 0;
                if constexpr (v == 1 && is_whole<decltype(d)>)
                    j = sum_blocks<8, v, Taps, Step>(d, part, rows, target, j, lane);
                j = sum_blocks<4, v, Taps, Step>(d, part, rows, target, j, lane);
                sum_blocks<1, v, Taps, Step>(d, part, rows, target, j, lane);
            }
    });
}

template <int Step>
void SumTaps(const Part& part, int taps) {
    switch (taps) {
        case 1:
            return SumPart<1, Step>(part);
        case 2:
            return SumPart<2, Step>(part);
        case 3:
            return SumPart<3, Step>(part);
        case 4:
            return SumPart<4, Step>(part);
        default:
            return SumPart<most_taps, Step>(part);
    }
}

void MapSum(const Map& m) {
    // The rows that a row of the target meets stay in the first-level cache for all of its columns, and for
    // the next row: as many kernels at a time as that holds.
    constexpr std::size_t near_floats = 6144;
    const std::size_t row_floats = m.kernel.vertical * m.source_width * m.source_pixel_stride;
    const std::size_t at_a_time = std::max<std::size_t>(1, near_floats / row_floats);
    std::size_t begin = 0;
    do {
        const std::span<const Kernel> some(m.kernels->data() + begin,
                                           std::min(at_a_time, m.kernels->size() - begin));
        for (const Meetings& columns : *m.columns) {
            int tap = 0;
            do {  // once even if there are no taps: the bias alone, or zeros
                const Part part{
                    .map = m, .kernels = some, .columns = columns, .tap = tap, .add = begin > 0 || tap > 0};
                const int taps = std::clamp(columns.taps - tap, 1, most_taps);
                if (columns.source_step == 1)
                    SumTaps<1>(part, taps);
                else
                    SumTaps<2>(part, taps);
                tap += most_taps;
            } while (tap < columns.taps);
        }
        begin += some.size();
    } while (begin < m.kernels->size());
}

void Pack(const float* pixels, std::size_t count, std::size_t stride, std::size_t lanes, float* packed) {
    const Narrow d;  // lanes are a multiple of eight, where there is more than one block of them
    for (std::size_t pixel = 0; pixel < count; ++pixel, pixels += stride, packed += lanes)
        for (std::size_t lane = 0; lane < lanes; lane += hn::Lanes(d))
            hn::StoreU(hn::LoadU(d, pixels + lane), d, packed + lane);
}

std::vector<std::size_t> BlocksOfLanes(std::size_t lanes) {
    const std::size_t block = visit_vectors * hn::Lanes(Wide());
    std::vector<std::size_t> begins;
    for (std::size_t lane = 0; lane < lanes; lane += block) begins.push_back(lane);
    begins.push_back(lanes);
    return begins;
}

}  // namespace HWY_NAMESPACE
}  // namespace fftconv::spatial_sum
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace fftconv::spatial_sum {

HWY_EXPORT(MapSum);
HWY_EXPORT(Pack);
HWY_EXPORT(BlocksOfLanes);

void map(const Map& map) {
    HWY_DYNAMIC_DISPATCH(MapSum)(map);
}

void pack(const float* pixels, std::size_t count, std::size_t stride, std::size_t lanes, float* packed) {
    HWY_DYNAMIC_DISPATCH(Pack)(pixels, count, stride, lanes, packed);
}

std::vector<std::size_t> blocks_of_lanes(std::size_t lanes) {
    return HWY_DYNAMIC_DISPATCH(BlocksOfLanes)(lanes);
}

}  // namespace fftconv::spatial_sum
#endif
