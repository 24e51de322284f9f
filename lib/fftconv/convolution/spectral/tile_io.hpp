#pragma once
#include <algorithm>
#include <cstdint>
#include <cstring>
#include <vector>
#if defined(__SSE__)
#include <xmmintrin.h>
#endif

#include "fftconv/convolution/spectral/tile_rows.hpp"
#include "fftconv/core/maps_view.hpp"

namespace fftconv {

/// The pixels of one tile of one phase: T row and T column indices, −1 for entries that are zero (gather) or
/// not wanted (scatter).
struct TilePixels {
    const int *rows, *columns;
};

/// How a batch is laid on lanes. A group of `lanes` lanes (8 or 16) is one tile of as many neighbouring
/// images, or, of fewer images, several tiles of all of them.
struct LaneGroups {
    LaneGroups(int batch, int tiles, int lanes);

    int batch, batch_stride, tiles, lanes;
    int groups_per_tile;  ///< `lanes` images or more, else 1
    int tiles_per_group;  ///< fewer images, else 1
    int groups;           ///< in all

    /// Calls visit(tile, first lane, first image, images that count, images) for each tile of a group.
    template <class Visit>
    void for_each_tile(int group, Visit visit) const {
        if (tiles_per_group == 1) {
            const int first = group % groups_per_tile * lanes;
            visit(group / groups_per_tile, 0, first, batch - first < lanes ? batch - first : lanes, lanes);
            return;
        }
        for (int i = 0; i < tiles_per_group; ++i) {
            const int tile = group * tiles_per_group + i;
            visit(tile < tiles ? tile : -1, i * batch_stride, 0, batch, batch_stride);
        }
    }
};

inline LaneGroups::LaneGroups(int batch_size, int tile_count, int lane_count)
    : batch(batch_size),
      batch_stride(padded_batch(batch_size)),
      tiles(tile_count),
      lanes(lane_count),
      groups_per_tile(std::max(1, batch_stride / lanes)),
      tiles_per_group(std::max(1, lanes / batch_stride)),
      groups(batch_stride >= lanes ? tiles * groups_per_tile
                                   : (tiles + tiles_per_group - 1) / tiles_per_group) {}

namespace tile_io {

/// Floats of a cache line. The next groups of lanes stand in the next line of every pixel and of every bin,
/// and those are too far apart for the machine to fetch ahead by itself.
inline constexpr std::size_t line = 16;

/// One tile of as many images as there are lanes: whole vectors, as the compiler makes them of memcpy.
template <int Lanes>
void gather_tile(const MapView<const float>& map, TilePixels pixels, int tile_width,
                 const std::vector<int>& rows, float* tile) {
    for (int row : rows) {
        const float* from = map.data + pixels.rows[row] * map.row;
        float* to = tile + std::size_t(row) * tile_width * Lanes;
        for (int j = 0; j < tile_width; ++j, to += Lanes) {
            if (pixels.columns[j] < 0) {
                std::memset(to, 0, Lanes * sizeof(float));
                continue;
            }
            const float* pixel = from + pixels.columns[j] * map.column;
            __builtin_prefetch(pixel + line);
            std::memcpy(to, pixel, Lanes * sizeof(float));
        }
    }
}

/// Calls write(to, from) for each pixel of a tile.
template <int Lanes, class Write>
void for_pixels(const float* tile, const PerAxis& size, TilePixels pixels, const MapView<float>& map,
                const Write& write) {
    for (int i = 0; i < size.vertical; ++i) {
        if (pixels.rows[i] < 0) continue;
        const float* from = tile + std::size_t(i) * size.horizontal * Lanes;
        float* to = map.data + pixels.rows[i] * map.row;
        for (int j = 0; j < size.horizontal; ++j, from += Lanes)
            if (pixels.columns[j] >= 0) write(to + pixels.columns[j] * map.column, from);
    }
}

/// Maps that are larger do not stay in a third-level cache until they are read again.
inline constexpr std::size_t cached_bytes = 32u << 20;

/// Can and should whole cache lines be written past the caches, which need not be read first then?
inline bool streams(const MapView<float>& map, std::size_t map_bytes) {
#if defined(__SSE__)
    return map_bytes > cached_bytes &&
           reinterpret_cast<std::uintptr_t>(map.data) % (line * sizeof(float)) == 0 && map.row % line == 0 &&
           map.column % line == 0;
#else
    return static_cast<void>(map), map_bytes > ~std::size_t(0);
#endif
}

inline void stream_line(float* to, const float* from) {
#if defined(__SSE__)
    for (std::size_t i = 0; i < line; i += 4) _mm_stream_ps(to + i, _mm_load_ps(from + i));
#else
    std::memcpy(to, from, line * sizeof(float));
#endif
}

/// `bytes`: of all maps.
template <int Lanes>
void scatter_tile(const float* tile, const PerAxis& size, TilePixels pixels, const MapView<float>& map,
                  std::size_t bytes) {
    if (Lanes == line && streams(map, bytes)) {
        for_pixels<Lanes>(tile, size, pixels, map, stream_line);
#if defined(__SSE__)
        _mm_sfence();  // before another thread reads
#endif
    } else {
        for_pixels<Lanes>(tile, size, pixels, map,
                          [](float* to, const float* from) { std::memcpy(to, from, Lanes * sizeof(float)); });
    }
}

/// The rows of a group's tiles that have pixels: those that gather writes and scatter reads.
template <class PixelsOf>
void list_rows(int tile_height, const LaneGroups& groups, int group, const PixelsOf& pixels,
               std::vector<int>& rows) {
    rows.clear();
    for (int i = 0; i < tile_height; ++i) {
        bool any = false;
        groups.for_each_tile(
            group, [&](int t, int, int, int, int) { any = any || (t >= 0 && pixels(t).rows[i] >= 0); });
        if (any) rows.push_back(i);
    }
}

}  // namespace tile_io

/// One channel of a view.
template <class Float>
MapView<Float> map_of(const BasicMapsView<Float>& view, int channel) {
    return {view.pixel(channel, 0, 0), view.row_stride, view.column_stride, view.image_stride,
            view.lanes < padded_batch(view.batch)};
}

namespace tile_io {

/// Do the images of a pixel lie side by side, with the padding lanes of a tensor?
template <class Float>
bool padded(const MapView<Float>& map, const LaneGroups& groups) {
    return map.image == 1 && map.column == groups.batch_stride && !map.without_padding;
}

template <class Float, class PixelsOf>
tile_rows::Streams<Float> streams_of(const MapView<Float>& map, const LaneGroups& groups, int group,
                                     const PixelsOf& pixels) {
    tile_rows::Streams<Float> streams;
    const int floats = padded(map, groups) ? std::min(4, groups.batch_stride) : 1;
    streams.pixel_floats = floats;
    streams.row = map.row;
    streams.column = map.column;
    groups.for_each_tile(group, [&](int t, int lane, int image, int count, int width) {
        for (int n = 0; n < width && t >= 0 && n < count; n += floats) {
            const TilePixels at = pixels(t);
            streams.of[(lane + n) / floats] = {map.data + (image + n) * map.image, at.rows, at.columns,
                                               std::min(floats, count - n)};
        }
    });
    return streams;
}

/// Calls visit(place in the tile, pixel of the first image or null, images that count, lanes of these) for
/// every entry of the rows listed: what moves tiles too small for anything better.
template <class Float, class PixelsOf, class Visit>
void for_entries(const MapView<Float>& map, const LaneGroups& groups, int group, int tile_width,
                 const PixelsOf& pixels, const std::vector<int>& rows, const Visit& visit) {
    groups.for_each_tile(group, [&](int t, int lane, int image, int count, int width) {
        for (int row : rows)
            for (int j = 0; j < tile_width; ++j) {
                const int i = t < 0 ? -1 : pixels(t).rows[row], column = t < 0 ? -1 : pixels(t).columns[j];
                Float* pixel = i < 0 || column < 0
                                   ? nullptr
                                   : map.data + i * map.row + column * map.column + image * map.image;
                visit((std::size_t(row) * tile_width + j) * groups.lanes + lane, pixel, count, width);
            }
    });
}

/// Is a group one tile of images side by side, one for every lane?
template <class Float>
bool whole(const MapView<Float>& map, const LaneGroups& groups, int group) {
    bool filled = false;
    if (padded(map, groups) && groups.tiles_per_group == 1)
        groups.for_each_tile(group, [&](int, int, int, int count, int width) { filled = count == width; });
    return filled;
}

}  // namespace tile_io

/// Copies a group's tiles of one map to (H, W, lanes), zero where there is no pixel, no image or no tile;
/// padding lanes of a tensor reach no lane. Sets `rows` to those rows that hold pixels; only they are
/// written. pixels(tile) gives a tile's TilePixels; scratch: tile_rows::scratch_floats.
template <class PixelsOf>
void gather(const MapView<const float>& map, const LaneGroups& groups, int group, const PerAxis& size,
            const PixelsOf& pixels, float* tile, std::vector<int>& rows, float* scratch) {
    tile_io::list_rows(size.vertical, groups, group, pixels, rows);
    if (tile_io::whole(map, groups, group)) {
        groups.for_each_tile(group, [&](int t, int, int image, int, int) {
            MapView<const float> of_image = map;
            of_image.data += image;
            if (groups.lanes == 8)
                tile_io::gather_tile<8>(of_image, pixels(t), size.horizontal, rows, tile);
            else
                tile_io::gather_tile<16>(of_image, pixels(t), size.horizontal, rows, tile);
        });
        return;
    }
    const auto streams = tile_io::streams_of(map, groups, group, pixels);
    if (tile_rows::serves(size.horizontal, streams.pixel_floats))
        return tile_rows::gather(streams, size.horizontal, groups.lanes, rows, tile, scratch);
    tile_io::for_entries(map, groups, group, size.horizontal, pixels, rows,
                         [&](std::size_t place, const float* pixel, int count, int width) {
                             for (int n = 0; n < width; ++n)
                                 tile[place + n] = pixel && n < count ? pixel[n * map.image] : 0.0f;
                         });
}

/// Copies (H, W, lanes) to the pixels of a group's tiles in one map; of a tensor, to its padding lanes too.
/// Rows without pixels are not read. bytes: of all maps that are written.
template <class PixelsOf>
void scatter(const float* tile, const PerAxis& size, const LaneGroups& groups, int group,
             const PixelsOf& pixels, const MapView<float>& map, std::vector<int>& rows, float* scratch,
             std::size_t bytes = 0) {
    if (tile_io::padded(map, groups) && groups.tiles_per_group == 1) {
        groups.for_each_tile(group, [&](int t, int, int image, int, int) {
            MapView<float> of_image = map;
            of_image.data += image;
            if (groups.lanes == 8)
                tile_io::scatter_tile<8>(tile, size, pixels(t), of_image, bytes);
            else
                tile_io::scatter_tile<16>(tile, size, pixels(t), of_image, bytes);
        });
        return;
    }
    const auto streams = tile_io::streams_of(map, groups, group, pixels);
    if (tile_rows::serves(size.horizontal, streams.pixel_floats))
        return tile_rows::scatter(tile, size, groups.lanes, streams, scratch);
    tile_io::list_rows(size.vertical, groups, group, pixels, rows);
    const bool padding = tile_io::padded(map, groups);
    tile_io::for_entries(map, groups, group, size.horizontal, pixels, rows,
                         [&](std::size_t place, float* pixel, int count, int width) {
                             for (int n = 0; pixel && n < (padding ? width : count); ++n)
                                 pixel[n * map.image] = tile[place + n];
                         });
}

}  // namespace fftconv
