#pragma once
#include <algorithm>
#include <cstddef>
#include <span>
#include <vector>

#include "fftconv/convolution/engine.hpp"
#include "fftconv/core/maps_view.hpp"

/// Convolution as matrix products: which pixels a matrix holds, and the ways there and back.
namespace fftconv::im2col {

/// Which pixels a correlation reads and writes: position (i, j) reads source pixel (source_step·(i, j) + (dh,
/// dw)) for each tap, and writes target pixel target_step·(i, j) + (row, column).
struct Lattice {
    struct Tap {
        int index;   ///< element of the kernel
        int dh, dw;  ///< where it reads
    };
    int height, width;  ///< positions
    PerAxis source_step = 1, target_step = 1;
    int row = 0, column = 0;
    std::vector<Tap> taps = {};

    int positions() const { return height * width; }
    /// Every pixel of the maps once, itself.
    static Lattice identity(MapShape maps) {
        return {.height = maps.height, .width = maps.width, .taps = {{0, 0, 0}}};
    }
};

/// Positions are output pixels; with a mode folded into the gather, those of mode K.
Lattice output_lattice(const ConvolutionShape& shape, const ConvolutionOptions& options);

/// Positions are input pixels (h, w) that are alike modulo the steps: input h meets the output (h − dh) /
/// step through the taps for which that division is exact. Over all of them every product appears once.
Lattice input_lattice(const ConvolutionShape& shape, const ConvolutionOptions& options, int row, int column);

/// The positions p = first … last − 1 of a lattice, row by row.
struct PositionBlock {
    int first, last;
    int size() const { return last - first; }
};

/// A fixed cut of `positions` positions, whatever the number of threads.
class Partition {
  public:
    /// Of a matrix with so many rows, and `lanes` columns for each position.
    Partition(int positions, std::size_t rows, int lanes);
    int count() const { return (positions_ + size_ - 1) / size_; }
    int size() const { return size_; }
    PositionBlock operator[](int index) const {
        return {index * size_, std::min(positions_, (index + 1) * size_)};
    }

  private:
    int positions_, size_;
};

/// The im2col matrix of a block, row-major (channels · taps) × (positions · batch). Pixels outside the map
/// are zero.
void gather(const ConstMapsView& source, const std::vector<int>& channels, const Lattice& lattice,
            PositionBlock block, float* columns);

/// A block's product, row-major channels × (positions · batch), to its pixels; padding lanes become zero.
/// bias: empty, or one value for each channel of the target.
void scatter(const float* product, const std::vector<int>& channels, std::span<const float> bias,
             const Lattice& lattice, PositionBlock block, const MapsView& target);

}  // namespace fftconv::im2col
