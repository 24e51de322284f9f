#pragma once
#include <array>
#include <cstddef>
#include <vector>

#include "fftconv/convolution/shape.hpp"

namespace fftconv {

/// Pixels of one channel where they lie: of a tensor of ours, or of memory that somebody else laid out. Steps
/// are in floats, and may be negative.
template <class Float>
struct MapView {
    Float* data;  ///< pixel (0, 0) of image 0
    std::ptrdiff_t row, column, image;
    bool without_padding = false;  ///< what lies behind the images of a pixel is not ours to touch
};

/// Tiles between maps and (T, T, lanes) where the lanes of a vector do not lie side by side in memory: tiles
/// of few images, or images far apart. Each row is read as it lies, four floats at a time, and 4 × 4 floats
/// are transposed in registers.
namespace tile_rows {

/// What goes to `pixel_floats` neighbouring lanes: the images of one tile whose pixels lie side by side.
template <class Float>
struct Stream {
    Float* map = nullptr;                           ///< of the first image; null: no tile, or no image
    const int *rows = nullptr, *columns = nullptr;  ///< as TilePixels has them
    int valid = 0;  ///< images that count; in a gather, the lanes of the others are zero
};

/// The streams of a group, lanes / pixel_floats of them; all have the steps of one view.
template <class Float>
struct Streams {
    std::array<Stream<Float>, 16> of;
    int pixel_floats = 1;  ///< 1, 2 or 4
    std::ptrdiff_t row = 0, column = 0;
};

/// Has a tile of this edge rows long enough?
constexpr bool serves(int tile_edge, int pixel_floats) {
    return tile_edge * pixel_floats >= 4;
}

/// Floats of scratch that a call needs.
constexpr std::size_t scratch_floats(int tile_edge) {
    return std::size_t(20) * tile_edge;  // a line of sixteen lanes, and four floats of zeros for every column
}

/// Writes the rows listed, zero where a stream has no pixel.
void gather(const Streams<const float>& streams, int tile_edge, int lanes, const std::vector<int>& rows,
            float* tile, float* scratch);
/// Writes the pixels of every stream, all pixel_floats of each.
void scatter(const float* tile, const PerAxis& size, int lanes, const Streams<float>& streams,
             float* scratch);

}  // namespace tile_rows
}  // namespace fftconv
