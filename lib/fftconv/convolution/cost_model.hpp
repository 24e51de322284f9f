#pragma once
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "fftconv/convolution/engine.hpp"

namespace fftconv {

/// What forward of a layer costs with a tile, in cycles of one core, from a model with named terms.
struct TileCost {
    double transforms = 0;  ///< gather, FFT, inverse, scatter
    double sum = 0;         ///< products
    double kernels = 0;     ///< kernel spectra; none with fixed_weights
    double total() const { return transforms + sum + kernels; }
};

/// Cycles of one forward or inverse transform of a tile of eight lanes, in the model.
double transform_cycles(const PerAxis& tile);

TileCost tile_cost(const ConvolutionShape& shape, const ConvolutionOptions& options, const PerAxis& tile);

/// The edges of the tiles as they are transformed (T over the phases of each axis; 1 where an axis is one
/// pixel): those asked for, or the cheapest that have transforms of our own. @throws ShapeError when the tile
/// asked for cannot hold the kernel.
PerAxis choose_tile(const ConvolutionShape& shape, const ConvolutionOptions& options);

/// The tiles that `choose_tile` chooses from, as ConvolutionOptions::tile has them, the cheapest first.
std::vector<PerAxis> ranked_tiles(const ConvolutionShape& shape, const ConvolutionOptions& options);

/// Multiply-accumulates of one kernel and one image in the frequency domain. Two real images are one complex
/// one: half of the bins, and four real products each, for each tile and phase.
double spectral_macs_per_kernel(const ConvolutionShape& shape, const ConvolutionOptions& options);

/// What a layer costs without transforms, in cycles of one core: forward or, unless the weights are fixed, a
/// training step.
double spatial_cost(const ConvolutionShape& shape, const ConvolutionOptions& options);

/// The share of kernels that a mask leaves, as ConvolutionOptions::surviving; 1 when it is empty.
double surviving_share(std::span<const std::uint8_t> mask);

/// The cheaper engine for a layer, "fft" or "spatial", of forward or, unless the weights are fixed, of a
/// training step; "fft" when a tile is asked for.
std::string choose_engine(const ConvolutionShape& shape, const ConvolutionOptions& options);

}  // namespace fftconv
