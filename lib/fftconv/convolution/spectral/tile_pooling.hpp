#pragma once
#include <cstddef>
#include <cstdint>
#include <vector>

#include "fftconv/convolution/epilogue.hpp"
#include "fftconv/convolution/spectral/tile_io.hpp"

namespace fftconv {

/// What follows a convolution, between a tile (T, T, lanes) in cache and the maps of images that lie side by
/// side, as in a tensor. A whole channel of a tensor is such a tile too.
namespace tile_pooling {

/// One axis: the tile's entries first … first + count − 1 are pixels pixel … pixel + count − 1 of the
/// convolution's maps, `pooled` of whose windows there are.
struct Extent {
    int first = 0, pixel = 0, count = 0, pooled = 0;

    /// Of a row of a tiling's table.
    Extent(const int* pixels, int tile, int pooled_pixels);
    /// Of whole maps.
    Extent(int pixels, int pooled_pixels) : count(pixels), pooled(pooled_pixels) {}

    /// Windows that have a pixel among these: first_window ≤ i < end_window.
    int first_window(int edge) const { return edge == 3 && pixel > 0 ? (pixel - 1) / 2 : pixel / 2; }
    int end_window() const { return count ? std::min(pooled, (pixel + count + 1) / 2) : 0; }
    /// Does a window have pixels of the neighbours too?
    bool cuts_windows(int edge, int pixels_in_all) const;
};

/// Pixels of one pooled channel where they lie; steps in floats. A float's winner has the same place.
template <class Float, class Byte>
struct Pooled {
    Float* data;
    Byte* winners;
    std::ptrdiff_t row, column;
};

/// The images of a tile whose maps are pooled: of the `lanes` floats of each pixel the first `images` from
/// data on, a multiple of eight.
template <class Float>
struct Images {
    Float* data;
    int width, lanes, images;  ///< width: of the tile
};

/// value = value · factor + offset, then ReLU where wanted, for every float of a tile.
void activate(float* tile, std::size_t floats, float factor, float offset, bool relu);

/// Every window that has pixels in the tile to its pixel of y, and ReLU. A maximum with pixels in tiles
/// before this one, above or to the left, is taken further from what these have left in y.
void pool(const Images<const float>& tile, const Extent& rows, const Extent& columns,
          const Epilogue& epilogue, const Pooled<float, std::uint8_t>& y);

/// The way back: adds the gradient to the convolution's outputs, from that to the pooled ones, to a tile, of
/// its first `count` images.
void unpool(const Pooled<const float, const std::uint8_t>& dy, const Extent& rows, const Extent& columns,
            const Epilogue& epilogue, int count, const Images<float>& tile);

}  // namespace tile_pooling
}  // namespace fftconv
