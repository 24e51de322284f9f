#pragma once
#include <cstddef>
#include <vector>

#include "fftconv/convolution/spectral/spectrum.hpp"

namespace fftconv::vector_transform {

/// The parts of TileTransform that run on SIMD vectors, for the best target of this machine.
int preferred_lanes();
/// Sizes of one axis: those of tile_sizes.hpp, and products of them.
bool has_size(int size);
std::size_t scratch_floats(int height, int width, int lanes);
void forward(const float* tile, const std::vector<int>& rows, int lanes, float* spectrum,
             const SpectrumLayout& layout, float* scratch, const float* next);
void inverse(const float* spectrum, const SpectrumLayout& layout, int lanes, const std::vector<int>& rows,
             float* tile, float* scratch, const float* next);

}  // namespace fftconv::vector_transform
