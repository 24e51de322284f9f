#include "fftconv/convolution/spectral/tile_pooling.hpp"

#include <algorithm>

#include "fftconv/convolution/simd/highway_targets.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "fftconv/convolution/spectral/tile_pooling.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace fftconv {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;
using tile_pooling::Extent, tile_pooling::Pooled, tile_pooling::Images;

template <class D>
using Bytes = hn::Rebind<std::uint8_t, D>;
template <class D>
using Words = hn::RebindToUnsigned<D>;

template <class D, class V = hn::Vec<D> >
HWY_INLINE V rectified(D d, V value) {
    return hn::IfThenZeroElse(hn::Le(value, hn::Zero(d)), value);  // NaN stays
}

/// The pixels of one window in a tile: rows u and columns v of it, `at` that of (0, 0), were it there.
struct Window {
    int first_row, end_row, first_column, end_column;
    std::ptrdiff_t at;
    bool continued;  ///< tiles before this one have left their part in y

    Window(const Extent& rows, const Extent& columns, int i, int j, int edge, int tile_width)
        : first_row(std::max(0, rows.pixel - 2 * i)),
          end_row(std::min(edge, rows.pixel + rows.count - 2 * i)),
          first_column(std::max(0, columns.pixel - 2 * j)),
          end_column(std::min(edge, columns.pixel + columns.count - 2 * j)),
          at((std::ptrdiff_t(rows.first) + 2 * i - rows.pixel) * tile_width + columns.first + 2 * j -
             columns.pixel),
          continued(first_row > 0 || first_column > 0) {}
    bool has(int u, int v) const {
        return first_row <= u && u < end_row && first_column <= v && v < end_column;
    }
    bool whole(int edge) const { return !continued && end_row == edge && end_column == edge; }
};

/// The largest of a window, and which one it was.
template <class D>
struct Largest {
    hn::Vec<D> value;
    hn::Vec<Words<D> > winner;

    /// A pixel that comes later in the window: of equal values the first one stays.
    HWY_INLINE void meet_next(hn::Vec<D> other, int place) {
        take(hn::Or(hn::Gt(other, value), hn::IsNaN(other)), other,
             hn::Set(Words<D>(), std::uint32_t(place)));
    }
    /// One that may also come earlier, since tiles cut the window.
    HWY_INLINE void meet(hn::Vec<D> other, int place) {
        const auto place_of = hn::Set(Words<D>(), std::uint32_t(place));
        const auto earlier = hn::And(hn::Eq(other, value), hn::RebindMask(D(), hn::Lt(place_of, winner)));
        take(hn::Or(hn::Or(hn::Gt(other, value), hn::IsNaN(other)), earlier), other, place_of);
    }
    HWY_INLINE void take(hn::Mask<D> larger, hn::Vec<D> other, hn::Vec<Words<D> > place_of) {
        value = hn::IfThenElse(larger, other, value);
        winner = hn::IfThenElse(hn::RebindMask(Words<D>(), larger), place_of, winner);
    }
};

/// A whole window, its pixels in order.
template <int Edge, class D>
HWY_INLINE Largest<D> whole_window(D d, const float* first, std::ptrdiff_t row, int lanes) {
    const Words<D> words;
    Largest<D> largest{hn::LoadU(d, first), hn::Zero(words)};
#pragma GCC unroll 9
    for (int place = 1; place < Edge * Edge; ++place)
        largest.meet_next(hn::LoadU(d, first + place / Edge * row + place % Edge * lanes), place);
    return largest;
}

/// What a tile has of a window that the border, or the tile's edge, cuts.
template <class D>
Largest<D> part_of_window(D d, const float* tile, int tile_width, int lanes, const Window& window, int edge,
                          const float* y, const std::uint8_t* winners) {
    const Words<D> words;
    bool any = window.continued;
    Largest<D> largest{hn::Zero(d), hn::Zero(words)};
    if (any) largest.value = hn::LoadU(d, y);
    if (any && winners) largest.winner = hn::PromoteTo(words, hn::LoadU(Bytes<D>(), winners));
    for (int u = window.first_row; u < window.end_row; ++u)
        for (int v = window.first_column; v < window.end_column; ++v) {
            const auto pixel = hn::LoadU(d, tile + (window.at + u * tile_width + v) * lanes);
            if (any)
                largest.meet(pixel, u * edge + v);
            else
                largest = {pixel, hn::Set(words, std::uint32_t(u * edge + v))};
            any = true;
        }
    return largest;
}

template <class D>
HWY_INLINE void pool_maximum(D d, const float* tile, int tile_width, int lanes, const Window& window,
                             int edge, bool relu, float* y, std::uint8_t* winners) {
    const float* first = tile + window.at * lanes;
    const std::ptrdiff_t row = std::ptrdiff_t(tile_width) * lanes;
    const auto largest = !window.whole(edge)
                             ? part_of_window(d, tile, tile_width, lanes, window, edge, y, winners)
                         : edge == 3 ? whole_window<3>(d, first, row, lanes)
                                     : whole_window<2>(d, first, row, lanes);
    hn::StoreU(relu ? rectified(d, largest.value) : largest.value, d, y);
    const Bytes<D> bytes;
    if (winners) hn::StoreU(hn::TruncateTo(bytes, largest.winner), bytes, winners);
}

template <class D>
HWY_INLINE void pool_other(D d, const float* tile, int tile_width, int lanes, const Window& window,
                           const Epilogue& epilogue, float* y) {
    const float* a = tile + window.at * lanes;
    const float* c = a + std::ptrdiff_t(tile_width) * lanes;
    hn::Vec<D> value;
    if (epilogue.pooling == Pooling::pixel) {
        value = hn::LoadU(d, (epilogue.pixel / 2 ? c : a) + epilogue.pixel % 2 * lanes);
    } else {
        const auto above = hn::Add(hn::LoadU(d, a), hn::LoadU(d, a + lanes)),
                   below = hn::Add(hn::LoadU(d, c), hn::LoadU(d, c + lanes));
        value = hn::Mul(hn::Set(d, 0.25f), hn::Add(above, below));
    }
    hn::StoreU(epilogue.relu ? rectified(d, value) : value, d, y);
}

template <class D>
void pool_tile(D d, const Images<const float>& tile, const Extent& rows, const Extent& columns,
               const Epilogue& epilogue, const Pooled<float, std::uint8_t>& y) {
    const int edge = epilogue.window;
    for (int i = rows.first_window(edge); i < rows.end_window(); ++i)
        for (int j = columns.first_window(edge); j < columns.end_window(); ++j) {
            const Window window(rows, columns, i, j, edge, tile.width);
            if (epilogue.pooling == Pooling::pixel && !window.has(epilogue.pixel / 2, epilogue.pixel % 2))
                continue;  // another tile's
            const std::ptrdiff_t place = i * y.row + j * y.column;
            for (int n = 0; n < tile.images; n += int(hn::Lanes(d)))
                if (epilogue.pooling == Pooling::maximum)
                    pool_maximum(d, tile.data + n, tile.width, tile.lanes, window, edge, epilogue.relu,
                                 y.data + place + n, y.winners ? y.winners + place + n : nullptr);
                else
                    pool_other(d, tile.data + n, tile.width, tile.lanes, window, epilogue,
                               y.data + place + n);
        }
}

/// Adds what share_of(place) has for each pixel of a window to those that the tile has.
template <int Edge, class D, class ShareOf>
HWY_INLINE void add_window(D d, const Window& window, float* tile, int tile_width, int lanes,
                           const ShareOf& share_of) {
    const std::ptrdiff_t row = std::ptrdiff_t(tile_width) * lanes;
    float* first = tile + window.at * lanes;
    const auto add = [&](int u, int v) HWY_ATTR {
        float* pixel = first + u * row + v * lanes;
        hn::StoreU(hn::Add(hn::LoadU(d, pixel), share_of(u * Edge + v)), d, pixel);
    };
    if (window.whole(Edge)) {
#pragma GCC unroll 9
        for (int place = 0; place < Edge * Edge; ++place) add(place / Edge, place % Edge);
        return;
    }
    for (int u = window.first_row; u < window.end_row; ++u)
        for (int v = window.first_column; v < window.end_column; ++v) add(u, v);
}

/// The gradient of one window to its pixels in the tile.
template <class D>
HWY_INLINE void unpool_window(D d, hn::Vec<D> gradient, const std::uint8_t* winners, const Epilogue& epilogue,
                              const Window& window, float* tile, int tile_width, int lanes) {
    if (epilogue.pooling != Pooling::maximum) {
        const bool mean = epilogue.pooling == Pooling::average;
        const auto quarter = hn::Mul(hn::Set(d, 0.25f), gradient);
        return add_window<2>(d, window, tile, tile_width, lanes, [&](int place) HWY_ATTR {
            return mean ? quarter : place == epilogue.pixel ? gradient : hn::Zero(d);
        });
    }
    const Words<D> words;
    const auto winner = hn::PromoteTo(words, hn::LoadU(Bytes<D>(), winners));
    const auto share_of = [&](int place) HWY_ATTR {
        const auto won = hn::Eq(winner, hn::Set(words, std::uint32_t(place)));
        return hn::IfThenElseZero(hn::RebindMask(d, won), gradient);
    };
    if (epilogue.window == 3)
        add_window<3>(d, window, tile, tile_width, lanes, share_of);
    else
        add_window<2>(d, window, tile, tile_width, lanes, share_of);
}

template <class D>
void unpool_tile(D d, const Pooled<const float, const std::uint8_t>& dy, const Extent& rows,
                 const Extent& columns, const Epilogue& epilogue, int count, const Images<float>& tile) {
    const int edge = epilogue.window;
    for (int i = rows.first_window(edge); i < rows.end_window(); ++i)
        for (int j = columns.first_window(edge); j < columns.end_window(); ++j) {
            const Window window(rows, columns, i, j, edge, tile.width);
            const std::ptrdiff_t place = i * dy.row + j * dy.column;
            for (int n = 0; n < tile.images; n += int(hn::Lanes(d))) {
                __builtin_prefetch(dy.data + place + n +
                                   tile_io::line);  // of the next images, as gather does
                if (dy.winners) __builtin_prefetch(dy.winners + place + n + tile_io::line);
                const auto counts = hn::FirstN(d, std::size_t(std::clamp(count - n, 0, int(hn::Lanes(d)))));
                unpool_window(d, hn::IfThenElseZero(counts, hn::LoadU(d, dy.data + place + n)),
                              dy.winners ? dy.winners + place + n : nullptr, epilogue, window, tile.data + n,
                              tile.width, tile.lanes);
            }
        }
}

/// Calls run(tag) with vectors of which the images are a multiple.
template <class Run>
HWY_INLINE void with_vectors_of(int images, const Run& run) {
    if (images % 16 == 0) return run(hn::CappedTag<float, 16>());
    run(hn::CappedTag<float, 8>());
}

void Activate(float* tile, std::size_t floats, float factor, float offset, bool relu) {
    const hn::CappedTag<float, 8> d;  // a tile is a multiple of eight floats
    const auto f = hn::Set(d, factor), add = hn::Set(d, offset);
    const bool affine = factor != 1 || offset != 0;
    for (std::size_t i = 0; i < floats; i += hn::Lanes(d)) {
        auto value = hn::LoadU(d, tile + i);
        if (affine) value = hn::Add(hn::Mul(f, value), add);
        hn::StoreU(relu ? rectified(d, value) : value, d, tile + i);
    }
}

void Pool(const Images<const float>& tile, const Extent& rows, const Extent& columns,
          const Epilogue& epilogue, const Pooled<float, std::uint8_t>& y) {
    with_vectors_of(tile.images, [&](auto d) HWY_ATTR { pool_tile(d, tile, rows, columns, epilogue, y); });
}

void Unpool(const Pooled<const float, const std::uint8_t>& dy, const Extent& rows, const Extent& columns,
            const Epilogue& epilogue, int count, const Images<float>& tile) {
    with_vectors_of(tile.images,
                    [&](auto d) HWY_ATTR { unpool_tile(d, dy, rows, columns, epilogue, count, tile); });
}

}  // namespace HWY_NAMESPACE
}  // namespace fftconv
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace fftconv::tile_pooling {

HWY_EXPORT(Activate);
HWY_EXPORT(Pool);
HWY_EXPORT(Unpool);

Extent::Extent(const int* pixels, int tile, int pooled_pixels) : pooled(pooled_pixels) {
    while (first < tile && pixels[first] < 0) ++first;
    while (first + count < tile && pixels[first + count] >= 0) ++count;
    if (count) pixel = pixels[first];
}

bool Extent::cuts_windows(int edge, int pixels_in_all) const {
    if (pixel % 2 != 0) return true;
    if (pixel + count == pixels_in_all) return edge == 3 && pixel > 0;
    return edge == 3 || count % 2 != 0;
}

void activate(float* tile, std::size_t floats, float factor, float offset, bool relu) {
    HWY_DYNAMIC_DISPATCH(Activate)(tile, floats, factor, offset, relu);
}

void pool(const Images<const float>& tile, const Extent& rows, const Extent& columns,
          const Epilogue& epilogue, const Pooled<float, std::uint8_t>& y) {
    HWY_DYNAMIC_DISPATCH(Pool)(tile, rows, columns, epilogue, y);
}

void unpool(const Pooled<const float, const std::uint8_t>& dy, const Extent& rows, const Extent& columns,
            const Epilogue& epilogue, int count, const Images<float>& tile) {
    HWY_DYNAMIC_DISPATCH(Unpool)(dy, rows, columns, epilogue, count, tile);
}

}  // namespace fftconv::tile_pooling
#endif
