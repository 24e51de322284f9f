#include "fftconv/convolution/spectral/tile_rows.hpp"

#include <algorithm>
#include <cstdint>
#include <cstring>

#include "fftconv/convolution/simd/highway_targets.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "fftconv/convolution/spectral/tile_rows.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace fftconv {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;
using tile_rows::Stream, tile_rows::Streams;

constexpr int most_streams = 16;

/// Rows are fetched so many ahead of those that are read: the machine does not see by itself which come next.
constexpr int rows_ahead = 4;
constexpr std::ptrdiff_t cache_line = 16;  // floats

/// Fetches what lies at floats `from` … `to` − 1.
template <int Write>
HWY_INLINE void fetch(const float* from, const float* to) {
    for (; from < to; from += cache_line) __builtin_prefetch(from, Write);
}

/// Where a row of a stream is read or written: column c of the tile at `at` + c · `step`.
template <class Float>
struct Row {
    Float* at;
    std::ptrdiff_t step;
};

/// The columns of a tile that have pixels: first ≤ j < last and, if `regular`, all of these, one behind the
/// other.
struct Run {
    int first = 0, last = 0;
    bool regular = true;
    Run() = default;
    Run(const int* columns, int tile_edge) : last(tile_edge) {
        while (first < last && columns[first] < 0) ++first;
        while (last > first && columns[last - 1] < 0) --last;
        regular = first == last || columns[last - 1] - columns[first] == last - 1 - first;
    }
};

#if HWY_TARGET == HWY_SCALAR  // has no blocks
template <int W, class D>
void gather_row(D, const Row<const float>* rows, int tile_edge, std::ptrdiff_t lanes,
                const std::uint32_t* mask, float* to) {
    for (std::ptrdiff_t lane = 0; lane < lanes; ++lane)
        for (int c = 0; c < tile_edge; ++c)
            to[c * lanes + lane] =
                mask && !mask[lane] ? 0.0f : rows[lane / W].at[c * rows[lane / W].step + lane % W];
}

template <int W, class D>
void scatter_row(D, const float* from, int first, int last, std::ptrdiff_t lanes, const Row<float>* rows) {
    for (std::ptrdiff_t lane = 0; lane < lanes; ++lane)
        for (int c = first; c < last; ++c)
            rows[lane / W].at[c * rows[lane / W].step + lane % W] = from[c * lanes + lane];
}
#else
/// Four floats at column c for every block of 128 bits, from rows of streams `Every` apart.
template <int Every, class D, class V = hn::Vec<D> >
HWY_INLINE V load_blocks(D d, const Row<const float>* rows, std::ptrdiff_t c) {
    if constexpr (hn::MaxLanes(d) == 4) {
        return hn::LoadU(d, rows->at + c * rows->step);
    } else {
        const hn::Half<D> half;
        return hn::Combine(d, load_blocks<Every>(half, rows + Every * (hn::MaxLanes(d) / 8), c),
                           load_blocks<Every>(half, rows, c));
    }
}

template <int Every, class D, class V = hn::Vec<D> >
HWY_INLINE void store_blocks(D d, V v, const Row<float>* rows, std::ptrdiff_t c) {
    if constexpr (hn::MaxLanes(d) == 4) {
        hn::StoreU(v, d, rows->at + c * rows->step);
    } else {
        const hn::Half<D> half;
        store_blocks<Every>(half, hn::LowerHalf(half, v), rows, c);
        store_blocks<Every>(half, hn::UpperHalf(half, v), rows + Every * (hn::MaxLanes(d) / 8), c);
    }
}

template <class D, class V>
HWY_INLINE V lower_pairs(D d, V a, V b) {
    const hn::RepartitionToWide<hn::RebindToUnsigned<D> > pairs;
    return hn::BitCast(d, hn::InterleaveLower(pairs, hn::BitCast(pairs, a), hn::BitCast(pairs, b)));
}
template <class D, class V>
HWY_INLINE V upper_pairs(D d, V a, V b) {
    const hn::RepartitionToWide<hn::RebindToUnsigned<D> > pairs;
    return hn::BitCast(d, hn::InterleaveUpper(pairs, hn::BitCast(pairs, a), hn::BitCast(pairs, b)));
}

/// Exchanges columns with streams of W floats, in every block of 128 bits: 4 × 4 floats, 2 × 2 pairs, or
/// nothing.
template <int W, class D, class V>
HWY_INLINE void transpose_blocks(D d, V* v) {
    if constexpr (W == 1) {
        const V a = hn::InterleaveLower(d, v[0], v[1]), b = hn::InterleaveLower(d, v[2], v[3]);
        const V e = hn::InterleaveUpper(d, v[0], v[1]), f = hn::InterleaveUpper(d, v[2], v[3]);
        v[0] = lower_pairs(d, a, b);
        v[1] = upper_pairs(d, a, b);
        v[2] = lower_pairs(d, e, f);
        v[3] = upper_pairs(d, e, f);
    } else if constexpr (W == 2) {
        const V a = v[0], b = v[1];
        v[0] = lower_pairs(d, a, b);
        v[1] = upper_pairs(d, a, b);
    }
}

/// Calls visit(first column) for blocks of `step` columns that cover first … last − 1; the last one overlaps.
template <class Visit>
HWY_INLINE void for_blocks(int first, int last, int step, const Visit& visit) {
    int c = first;
    for (; c + step <= last; c += step) visit(c);
    if (c < last) visit(last - step);
}

template <int W, class D>
void gather_row(D d, const Row<const float>* rows, int tile_edge, std::ptrdiff_t lanes,
                const std::uint32_t* mask, float* to) {
    constexpr int step = 4 / W;
    const std::ptrdiff_t n = hn::Lanes(d);
    for (std::ptrdiff_t lane = 0; lane < lanes; lane += n) {
        const Row<const float>* of = rows + lane / W;
        for_blocks(0, tile_edge, step, [&](int c) HWY_ATTR {
            hn::Vec<D> v[step];
            for (int k = 0; k < step; ++k) v[k] = load_blocks<step>(d, of + k, c);
            transpose_blocks<W>(d, v);
            for (int k = 0; k < step; ++k) {
                if (mask) v[k] = hn::And(v[k], hn::LoadU(d, reinterpret_cast<const float*>(mask) + lane));
                hn::StoreU(v[k], d, to + (c + k) * lanes + lane);
            }
        });
    }
}

template <int W, class D>
void scatter_row(D d, const float* from, int first, int last, std::ptrdiff_t lanes, const Row<float>* rows) {
    constexpr int step = 4 / W;
    const std::ptrdiff_t n = hn::Lanes(d);
    for (std::ptrdiff_t lane = 0; lane < lanes; lane += n) {
        const Row<float>* of = rows + lane / W;
        for_blocks(first, last, step, [&](int c) HWY_ATTR {
            hn::Vec<D> v[step];
            for (int k = 0; k < step; ++k) v[k] = hn::LoadU(d, from + (c + k) * lanes + lane);
            transpose_blocks<W>(d, v);
            for (int k = 0; k < step; ++k) store_blocks<step>(d, v[k], of + k, c);
        });
    }
}

#endif

/// Calls visit(tag) with the vectors that hold `lanes` lanes, or an even part of them.
template <class Visit>
HWY_INLINE void with_vectors(int lanes, const Visit& visit) {
    const hn::CappedTag<float, 16> wide;
    if (lanes % int(hn::Lanes(wide)) == 0)
        visit(wide);
    else
        visit(hn::CappedTag<float, 8>());
}

/// Ones in the bits of the lanes that count; false: all of them do.
bool make_mask(const Streams<const float>& streams, int lanes, std::uint32_t* mask) {
    bool partial = false;
    for (int lane = 0; lane < lanes; ++lane) {
        const Stream<const float>& stream = streams.of[lane / streams.pixel_floats];
        // Nothing but zeros comes of no map.
        const bool counts = !stream.map || lane % streams.pixel_floats < stream.valid;
        partial = partial || !counts;
        mask[lane] = counts ? ~0u : 0u;
    }
    return partial;
}

/// One stream of a gather: its rows as they lie, or copied to a line of its own where a column has no pixel
/// or pixels are not side by side.
template <int W>
struct Reader {
    const Stream<const float>* stream = nullptr;
    std::ptrdiff_t row_step = 0, column_step = 0;
    Run run;
    float* line = nullptr;
    const float* zeros = nullptr;
    bool direct = false;

    Reader() = default;
    Reader(const Streams<const float>& streams, int index, int tile_edge, float* line_of,
           const float* zeros_of)
        : stream(&streams.of[index]),
          row_step(streams.row),
          column_step(streams.column),
          line(line_of),
          zeros(zeros_of) {
        if (!stream->map) return;
        run = Run(stream->columns, tile_edge);
        direct = run.regular && run.last - run.first == tile_edge && (W == 4 || column_step == W);
        if (!direct) std::fill_n(line, std::size_t(tile_edge) * W, 0.0f);
    }

    Row<const float> operator()(int row) const {
        if (!stream->map || stream->rows[row] < 0 || run.first == run.last) return {zeros, W};
        const float* from = stream->map + stream->rows[row] * row_step;
        const float* ahead = from + stream->columns[run.first] * column_step + rows_ahead * row_step;
        fetch<0>(ahead, ahead + (run.last - run.first) * column_step);
        if (direct) return {from + stream->columns[0] * column_step, column_step};
        if (run.regular && column_step == W && run.first < run.last) {
            std::memcpy(line + run.first * W, from + stream->columns[run.first] * column_step,
                        std::size_t(run.last - run.first) * W * sizeof(float));
        } else {
            for (int j = run.first; j < run.last; ++j)
                if (stream->columns[j] >= 0)
                    std::memcpy(line + j * W, from + stream->columns[j] * column_step, W * sizeof(float));
        }
        return {line, W};
    }
};

template <int W>
void gather_streams(const Streams<const float>& streams, int tile_edge, int lanes,
                    const std::vector<int>& rows, float* tile, float* scratch) {
    const int count = lanes / W, line_floats = tile_edge * W;
    float* zeros = scratch + std::size_t(count) * line_floats;
    std::fill_n(zeros, line_floats, 0.0f);
    std::uint32_t mask[most_streams];
    const bool masked = W == 4 && make_mask(streams, lanes, mask);
    Reader<W> readers[most_streams / W];
    for (int s = 0; s < count; ++s)
        readers[s] = Reader<W>(streams, s, tile_edge, scratch + std::size_t(s) * line_floats, zeros);
    Row<const float> from[most_streams];
    with_vectors(lanes, [&](auto d) HWY_ATTR {
        for (int row : rows) {
            for (int s = 0; s < count; ++s) from[s] = readers[s](row);
            gather_row<W>(d, from, tile_edge, lanes, masked ? mask : nullptr,
                          tile + std::size_t(row) * tile_edge * lanes);
        }
    });
}

void Gather(const Streams<const float>& streams, int tile_edge, int lanes, const std::vector<int>& rows,
            float* tile, float* scratch) {
    switch (streams.pixel_floats) {
        case 1:
            return gather_streams<1>(streams, tile_edge, lanes, rows, tile, scratch);
        case 2:
            return gather_streams<2>(streams, tile_edge, lanes, rows, tile, scratch);
        default:
            return gather_streams<4>(streams, tile_edge, lanes, rows, tile, scratch);
    }
}

/// One stream of a scatter. Streams whose pixels are the columns `run` of the group take them directly, the
/// others through a line.
template <int W>
struct Writer {
    const Stream<float>* stream = nullptr;
    std::ptrdiff_t row_step = 0, column_step = 0;
    Run run;
    float* line = nullptr;
    bool direct = false;

    Writer() = default;
    Writer(const Streams<float>& streams, int index, int tile_edge, float* line_of)
        : stream(&streams.of[index]), row_step(streams.row), column_step(streams.column), line(line_of) {
        run.last = 0;
        if (stream->map) run = Run(stream->columns, tile_edge);
    }
    bool wants(int row) const { return stream->map && stream->rows[row] >= 0; }

    Row<float> operator()(int row) const {
        if (!direct || !wants(row)) return {line, W};
        float* map = stream->map + stream->rows[row] * row_step + stream->columns[run.first] * column_step;
        const float* ahead = map + rows_ahead * row_step;
        fetch<1>(ahead, ahead + (run.last - run.first) * column_step);
        return {map - run.first * column_step, column_step};
    }
    /// What went to the line, where it belongs.
    void finish(int row) const {
        if (direct || !wants(row)) return;
        float* to = stream->map + stream->rows[row] * row_step;
        if (run.regular && column_step == W && run.first < run.last) {
            std::memcpy(to + stream->columns[run.first] * column_step, line + run.first * W,
                        std::size_t(run.last - run.first) * W * sizeof(float));
            return;
        }
        for (int j = run.first; j < run.last; ++j)
            if (stream->columns[j] >= 0)
                std::memcpy(to + stream->columns[j] * column_step, line + j * W, W * sizeof(float));
    }
};

/// The writers of a group, and the columns first … last − 1 that some of them wants: a block at least.
template <int W>
struct Writers {
    static constexpr int step = 4 / W;
    Writer<W> of[most_streams / W];
    int count, first, last = 0;

    Writers(const Streams<float>& streams, int tile_edge, int lanes, float* scratch)
        : count(lanes / W), first(tile_edge) {
        for (int s = 0; s < count; ++s) {
            of[s] = Writer<W>(streams, s, tile_edge, scratch + std::size_t(s) * tile_edge * W);
            if (of[s].run.first == of[s].run.last) continue;
            first = std::min(first, of[s].run.first);
            last = std::max(last, of[s].run.last);
        }
        for (int s = 0; s < count && last - first >= step; ++s)
            of[s].direct = of[s].run.regular && of[s].run.first == first && of[s].run.last == last &&
                           (W == 4 || streams.column == W);
        if (last - first < step) {
            first = std::min(first, tile_edge - step);
            last = first + step;
        }
    }
    bool want(int row) const {
        return std::any_of(of, of + count, [row](const Writer<W>& writer) { return writer.wants(row); });
    }
};

template <int W>
void scatter_streams(const float* tile, const PerAxis& size, int lanes, const Streams<float>& streams,
                     float* scratch) {
    const Writers<W> writers(streams, size.horizontal, lanes, scratch);
    Row<float> to[most_streams];
    with_vectors(lanes, [&](auto d) HWY_ATTR {
        for (int row = 0; row < size.vertical; ++row) {
            if (!writers.want(row)) continue;
            for (int s = 0; s < writers.count; ++s) to[s] = writers.of[s](row);
            scatter_row<W>(d, tile + std::size_t(row) * size.horizontal * lanes, writers.first, writers.last,
                           lanes, to);
            for (int s = 0; s < writers.count; ++s) writers.of[s].finish(row);
        }
    });
}

void Scatter(const float* tile, const PerAxis& size, int lanes, const Streams<float>& streams,
             float* scratch) {
    switch (streams.pixel_floats) {
        case 1:
            return scatter_streams<1>(tile, size, lanes, streams, scratch);
        case 2:
            return scatter_streams<2>(tile, size, lanes, streams, scratch);
        default:
            return scatter_streams<4>(tile, size, lanes, streams, scratch);
    }
}

}  // namespace HWY_NAMESPACE
}  // namespace fftconv
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace fftconv::tile_rows {

HWY_EXPORT(Gather);
HWY_EXPORT(Scatter);

void gather(const Streams<const float>& streams, int tile_edge, int lanes, const std::vector<int>& rows,
            float* tile, float* scratch) {
    HWY_DYNAMIC_DISPATCH(Gather)(streams, tile_edge, lanes, rows, tile, scratch);
}

void scatter(const float* tile, const PerAxis& size, int lanes, const Streams<float>& streams,
             float* scratch) {
    HWY_DYNAMIC_DISPATCH(Scatter)(tile, size, lanes, streams, scratch);
}

}  // namespace fftconv::tile_rows
#endif
