#pragma once
#include <algorithm>
#include <cstring>
#include <vector>

#include "fftconv/core/tensor.hpp"

namespace fftconv {

/// The pixels of one tile of one phase: T row and T column indices, −1 for entries that are zero (gather) or
/// not wanted (scatter).
struct TilePixels {
    const int *rows, *columns;
};

/// How a batch is laid on lanes. A group of `lanes` lanes (8 or 16) is one tile of as many neighbouring
/// images, or, below eight images, several tiles of all images.
struct LaneGroups {
    LaneGroups(int batch, int tiles, int lanes);

    int batch, batch_stride, tiles, lanes;
    int groups_per_tile;  ///< ≥ 8 images
    int tiles_per_group;  ///< < 8 images, else 1
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

/// Copies whole groups of eight lanes, which the compiler turns into vectors.
template <int Lanes>
inline void copy(const float* from, float* to) {
    std::memcpy(to, from, Lanes * sizeof(float));
}

template <int Lanes>
void gather_row(const float* row, const int* columns, std::size_t stride, int tile_edge, float* to) {
    for (int j = 0; j < tile_edge; ++j, to += Lanes)
        if (columns[j] >= 0)
            __builtin_prefetch(row + columns[j] * stride + line), copy<Lanes>(row + columns[j] * stride, to);
        else
            std::memset(to, 0, Lanes * sizeof(float));
}

template <int Lanes>
void scatter_row(const float* from, const int* columns, std::size_t stride, int tile_edge, float* row) {
    for (int j = 0; j < tile_edge; ++j, from += Lanes)
        if (columns[j] >= 0) copy<Lanes>(from, row + columns[j] * stride);
}

/// The rows of a group's tiles that have pixels: those that gather writes and scatter reads.
template <class PixelsOf>
void list_rows(int tile_edge, const LaneGroups& groups, int group, const PixelsOf& pixels,
               std::vector<int>& rows) {
    rows.clear();
    for (int i = 0; i < tile_edge; ++i) {
        bool any = false;
        groups.for_each_tile(
            group, [&](int t, int, int, int, int) { any = any || (t >= 0 && pixels(t).rows[i] >= 0); });
        if (any) rows.push_back(i);
    }
}

}  // namespace tile_io

/// Copies a group's tiles of one channel to (T, T, lanes), zero where there is no pixel, no image or no tile;
/// padding lanes of the tensor are never read. Sets `rows` to those rows that hold pixels; only they are
/// written. pixels(tile) gives a tile's TilePixels.
template <class PixelsOf>
void gather(const Tensor& tensor, int channel, const LaneGroups& groups, int group, int tile_edge,
            const PixelsOf& pixels, float* tile, std::vector<int>& rows) {
    tile_io::list_rows(tile_edge, groups, group, pixels, rows);
    const std::size_t stride = tensor.batch_stride();
    const int lanes = groups.lanes;
    groups.for_each_tile(group, [&](int t, int lane, int image, int count, int) {
        const bool whole = count == lanes;
        for (int row : rows) {
            float* to = tile + std::size_t(row) * tile_edge * lanes;
            const int source = t < 0 ? -1 : pixels(t).rows[row];
            if (whole && source >= 0) {
                const float* from = tensor.pixel(channel, source, 0) + image;
                if (lanes == 8)
                    tile_io::gather_row<8>(from, pixels(t).columns, stride, tile_edge, to);
                else
                    tile_io::gather_row<16>(from, pixels(t).columns, stride, tile_edge, to);
                continue;
            }
            const int width = groups.tiles_per_group == 1 ? lanes : groups.batch_stride;
            for (int j = 0; j < tile_edge; ++j) {
                float* entry = to + std::size_t(j) * lanes + lane;
                const int column = source < 0 ? -1 : pixels(t).columns[j];
                const float* from = column < 0 ? nullptr : tensor.pixel(channel, source, column) + image;
                for (int n = 0; n < width; ++n) entry[n] = from && n < count ? from[n] : 0.0f;
            }
        }
    });
}

/// Copies (T, T, lanes) to the pixels of a group's tiles in one channel. Rows without pixels are not read.
template <class PixelsOf>
void scatter(const float* tile, int tile_edge, const LaneGroups& groups, int group, const PixelsOf& pixels,
             int channel, Tensor& tensor) {
    const std::size_t stride = tensor.batch_stride();
    const int lanes = groups.lanes;
    groups.for_each_tile(group, [&](int t, int lane, int image, int, int width) {
        if (t < 0) return;
        const TilePixels at = pixels(t);
        for (int i = 0; i < tile_edge; ++i) {
            if (at.rows[i] < 0) continue;
            const float* from = tile + std::size_t(i) * tile_edge * lanes;
            float* to = tensor.pixel(channel, at.rows[i], 0) + image;
            if (width == 8 && lanes == 8)
                tile_io::scatter_row<8>(from, at.columns, stride, tile_edge, to);
            else if (width == 16)
                tile_io::scatter_row<16>(from, at.columns, stride, tile_edge, to);
            else
                for (int j = 0; j < tile_edge; ++j)
                    if (at.columns[j] >= 0)
                        std::copy_n(from + std::size_t(j) * lanes + lane, width, to + at.columns[j] * stride);
        }
    });
}

}  // namespace fftconv
