#include "fftconv/convolution/simd/matrix_product.hpp"

#include <algorithm>

#include "fftconv/convolution/simd/highway_targets.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "fftconv/convolution/simd/matrix_product.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "fftconv/convolution/simd/panel-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace fftconv::matrix_product {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;
using namespace fftconv::HWY_NAMESPACE;  // panel-inl.hpp

void MultiplyPanels(int rows, int depth, const float* panels, const float* b, std::size_t columns, float* out,
                    bool add, float* scratch) {
    const auto visit = [&](auto d, auto vectors, std::size_t column) HWY_ATTR {
        pack<vectors>(d, depth, b + column, columns, scratch, vectors * hn::Lanes(d));
        for (int row = 0; row < rows; row += panel_rows) {
            float* to = out + row * columns + column;
            const float* own = panels + std::size_t(row) * depth;
            panel<vectors>(
                d, depth, own, scratch, std::min(panel_rows, rows - row), own, [](int) {},
                [&](int r, std::size_t at, auto sum) HWY_ATTR { put(d, sum, add, to + r * columns + at); });
        }
    };
    for_lanes<panel_vectors>(columns, visit, most_vectors(depth));
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

/// Terms of a panel: its inputs, three to six vectors wide, stay in a near cache, and its sums are stored and
/// loaded again seldom.
constexpr int depth_block = 256;
/// Rows whose panels are made at a time from a transposed matrix: many cache lines of each of its rows, and
/// panels that stay in the second-level cache.
constexpr int row_block = 256;
/// Floats between these panels: not a power of two, or all would fall into the same sets of the cache.
constexpr std::size_t panel_stride = panel_rows * depth_block + 16;

/// One block of the depth of a product: b packed visit by visit, and the rows of a.
struct DepthBlock {
    int first, depth, rows;
    std::size_t columns;
    Operand a, b;
    float* out;
    std::size_t out_stride;
    float *packed, *panels;
    int most;  ///< vectors of a visit

    void pack_inputs() const {
        for_lanes<panel_vectors>(
            columns,
            [&](auto d, auto vectors, std::size_t column) HWY_ATTR {
                const std::size_t width = vectors * hn::Lanes(d);
                float* to = packed + depth * column;
                if (b.transposed)
                    Transpose(b.data + column * b.stride + first, int(width), b.stride, depth, to, width, 4);
                else
                    pack<vectors>(d, depth, b.data + first * b.stride + column, b.stride, to, width);
            },
            most);
    }

    /// Rows row .. row+3 of the result; weight(k, r): of a; next(k): fetched with term k.
    template <class Weight, class Next>
    void multiply_panel(int row, const Weight& weight, const Next& next) const {
        for_lanes<panel_vectors>(
            columns,
            [&](auto d, auto vectors, std::size_t column) HWY_ATTR {
                float* to = out + row * out_stride + column;
                const auto end = [&](int r, std::size_t at, auto sum)
                                     HWY_ATTR { put(d, sum, first > 0, to + r * out_stride + at); };
                const int count = std::min(panel_rows, rows - row);
                const auto terms = packed_terms<vectors>(d, packed + depth * column);
                if (column == 0)
                    panel_of<vectors>(
                        d, depth, weight, terms, count,
                        [&](int k) HWY_ATTR { __builtin_prefetch(next(k), 0, 3); }, end);
                else
                    panel_of<vectors>(
                        d, depth, weight, terms, count, [](int) {}, end);
            },
            most);
    }

    /// Weights are read where they are, and those of the next four rows fetched.
    void multiply_rows() const {
        for (int row = 0; row < rows; row += panel_rows) {
            const float* own[panel_rows];
            for (int r = 0; r < panel_rows; ++r)
                own[r] = a.data + std::min(row + r, rows - 1) * a.stride + first;
            const float* after = a.data + std::min(row + panel_rows, rows - 1) * a.stride + first;
            const std::size_t stride = row + 2 * panel_rows <= rows ? a.stride : 0;
            multiply_panel(
                row, [&](int k, int r) HWY_ATTR { return own[r][k]; },
                [&](int k) HWY_ATTR { return after + k / 64 * stride + k % 64 * 4; });
        }
    }

    /// Rows begin .. begin+count−1 of a transposed matrix, to panels.
    void make_panels(int begin, int count) const {
        const hn::CappedTag<float, panel_rows> d;
        constexpr int ahead = 4;  // rows that are fetched meanwhile
        for (int k = 0; k < depth; ++k) {
            const float* from = a.data + (first + k) * a.stride + begin;
            const float* next = a.data + (first + std::min(k + ahead, depth - 1)) * a.stride + begin;
            float* to = panels + k * panel_rows;
            int r = 0;
            for (; r + panel_rows <= count; r += panel_rows, to += panel_stride) {
                if (r % 16 == 0) __builtin_prefetch(next + r);
                for (int i = 0; i < panel_rows; i += int(hn::Lanes(d)))
                    hn::StoreU(hn::LoadU(d, from + r + i), d, to + i);
            }
            for (int i = 0; r + i < count; ++i) to[i] = from[r + i];
        }
    }

    /// Weights are copied into panels, because those of one row are far apart.
    void multiply_columns() const {
        for (int begin = 0; begin < rows; begin += row_block) {
            const int count = std::min(row_block, rows - begin);
            make_panels(begin, count);
            for (int r = 0; r < count; r += panel_rows) {
                const float* own = panels + r / panel_rows * panel_stride;
                multiply_panel(
                    begin + r, [own](int k, int i) HWY_ATTR { return own[k * panel_rows + i]; },
                    [own](int k) HWY_ATTR { return own + panel_stride + k * panel_rows; });
            }
        }
    }
};

/// Visits of about the same width.
int EvenVisits(std::size_t columns) {
    const std::size_t vectors = std::max<std::size_t>(1, columns / hn::Lanes(Wide()));
    const std::size_t visits = (vectors + panel_vectors - 1) / panel_vectors;
    return int((vectors + visits - 1) / visits);
}

void Multiply(int rows, int depth, std::size_t columns, const Operand& a, const Operand& b, float* out,
              std::size_t out_stride, float* scratch) {
    for (int first = 0; first < depth; first += depth_block) {
        const DepthBlock block{.first = first,
                               .depth = std::min(depth_block, depth - first),
                               .rows = rows,
                               .columns = columns,
                               .a = a,
                               .b = b,
                               .out = out,
                               .out_stride = out_stride,
                               .packed = scratch,
                               .panels = scratch + depth_block * columns,
                               .most = EvenVisits(columns)};
        block.pack_inputs();
        if (a.transposed)
            block.multiply_columns();
        else
            block.multiply_rows();
    }
}

/// Few columns are dot products: vectors along the depth, in blocks of it whose columns stay in the
/// first-level cache. A multiple of any vector.
constexpr int few_depth_block = 512;

/// A block of the depth: Rows rows of a times Columns columns, added to a vector of sums for each pair. The
/// same place of rows further on, `ahead` floats away, is fetched.
template <int Rows, int Columns>
HWY_INLINE void add_dot_products(int depth, const float* a, std::size_t stride, std::size_t ahead,
                                 const float* b, std::size_t b_stride, float* sums, std::size_t sums_stride) {
    const Wide d;
    const int n = int(hn::Lanes(d));
    hn::Vec<Wide> sum[Rows][Columns];
#pragma GCC unroll 8
    for (int r = 0; r < Rows; ++r)
#pragma GCC unroll 4
        for (int c = 0; c < Columns; ++c) sum[r][c] = hn::LoadU(d, sums + r * sums_stride + c * n);
    for (int k = 0; k + n <= depth; k += n) {
        hn::Vec<Wide> v[Columns];
#pragma GCC unroll 4
        for (int c = 0; c < Columns; ++c) v[c] = hn::LoadU(d, b + c * b_stride + k);
#pragma GCC unroll 8
        for (int r = 0; r < Rows; ++r) {
            __builtin_prefetch(a + r * stride + k + ahead, 0, 2);
            const auto weights = hn::LoadU(d, a + r * stride + k);
#pragma GCC unroll 4
            for (int c = 0; c < Columns; ++c) sum[r][c] = hn::MulAdd(weights, v[c], sum[r][c]);
        }
    }
#pragma GCC unroll 8
    for (int r = 0; r < Rows; ++r)
#pragma GCC unroll 4
        for (int c = 0; c < Columns; ++c) hn::StoreU(sum[r][c], d, sums + r * sums_stride + c * n);
}

/// All rows, Columns columns at a time.
template <int Columns>
void add_few(int rows, int depth, int columns, const float* a, std::size_t stride, const float* b,
             std::size_t b_stride, float* sums) {
    constexpr int at_once = 8 / Columns;  // eight sums hide each other's latency
    const std::size_t n = hn::Lanes(Wide()), sums_stride = columns * n;
    for (int row = 0; row < rows;) {
        const int count = row + at_once <= rows ? at_once : 1;
        const std::size_t ahead = row + 2 * at_once <= rows ? at_once * stride : 0;
        for (int c = 0; c < columns; c += Columns) {
            const float* from = a + row * stride;
            float* to = sums + row * sums_stride + c * n;
            if (count == at_once)
                add_dot_products<at_once, Columns>(depth, from, stride, ahead, b + c * b_stride, b_stride, to,
                                                   sums_stride);
            else
                add_dot_products<1, Columns>(depth, from, stride, ahead, b + c * b_stride, b_stride, to,
                                             sums_stride);
        }
        row += count;
    }
}

void MultiplyFew(int rows, int depth, int columns, const float* a, std::size_t stride, const float* b,
                 float* out, float* scratch) {
    const Wide d;
    const int n = int(hn::Lanes(d)), whole = depth / n * n;
    float* sums = scratch + few_depth_block * columns;
    std::fill_n(sums, std::size_t(rows) * columns * n, 0.0f);
    const auto add = columns == 1 ? add_few<1> : columns == 2 ? add_few<2> : add_few<4>;
    if (columns == 1) {
        add(rows, depth, 1, a, stride, b, 0, sums);
    } else {
        for (int first = 0; first < whole; first += few_depth_block) {
            const int block = std::min(few_depth_block, whole - first);
            for (int c = 0; c < columns; ++c)
                for (int k = 0; k < block; ++k)
                    scratch[c * few_depth_block + k] = b[std::size_t(first + k) * columns + c];
            add(rows, block, columns, a + first, stride, scratch, few_depth_block, sums);
        }
    }
    for (int r = 0; r < rows; ++r)
        for (int c = 0; c < columns; ++c, sums += n) {
            float rest = 0;
            for (int k = whole; k < depth; ++k) rest += a[r * stride + k] * b[std::size_t(k) * columns + c];
            out[r * columns + c] = hn::GetLane(hn::SumOfLanes(d, hn::LoadU(d, sums))) + rest;
        }
}

std::size_t MultiplyFewScratchFloats(int rows, int columns) {
    return columns * (few_depth_block + std::size_t(rows) * hn::Lanes(Wide()));
}

std::size_t MultiplyScratchFloats(std::size_t columns) {
    return depth_block * columns + (row_block / panel_rows + 1) * panel_stride;
}

}  // namespace HWY_NAMESPACE
}  // namespace fftconv::matrix_product
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace fftconv::matrix_product {

HWY_EXPORT(MultiplyPanels);
HWY_EXPORT(Transpose);
HWY_EXPORT(Multiply);
HWY_EXPORT(MultiplyScratchFloats);
HWY_EXPORT(MultiplyFew);
HWY_EXPORT(MultiplyFewScratchFloats);

void multiply_panels(int rows, int depth, const float* panels, const float* b, std::size_t columns,
                     float* out, bool add, float* scratch) {
    HWY_DYNAMIC_DISPATCH(MultiplyPanels)(rows, depth, panels, b, columns, out, add, scratch);
}

std::size_t multiply_scratch_floats(std::size_t columns) {
    return HWY_DYNAMIC_DISPATCH(MultiplyScratchFloats)(columns);
}

void multiply(int rows, int depth, std::size_t columns, const Operand& a, const Operand& b, float* out,
              std::size_t out_stride, float* scratch) {
    HWY_DYNAMIC_DISPATCH(Multiply)(rows, depth, columns, a, b, out, out_stride, scratch);
}

void multiply_few(int rows, int depth, int columns, const float* a, std::size_t stride, const float* b,
                  float* out, float* scratch) {
    HWY_DYNAMIC_DISPATCH(MultiplyFew)(rows, depth, columns, a, stride, b, out, scratch);
}

std::size_t multiply_few_scratch_floats(int rows, int columns) {
    return HWY_DYNAMIC_DISPATCH(MultiplyFewScratchFloats)(rows, columns);
}

void transpose(const float* in, int channels, std::size_t in_stride, std::size_t lanes, float* out,
               std::size_t lane_stride, std::size_t block_stride) {
    HWY_DYNAMIC_DISPATCH(Transpose)(in, channels, in_stride, lanes, out, lane_stride, block_stride);
}

}  // namespace fftconv::matrix_product
#endif
