#pragma once
#include <cstddef>

namespace fftconv {

/// Real matrix products in single precision, four rows by a few vectors of columns at a time: those of a
/// bin's channels and those of dense layers. They run the best SIMD target of the machine, and add in an
/// order that depends on the arguments alone. Columns are a multiple of eight. Nothing is checked;
/// thread-safe.
namespace matrix_product {

/// Rows are done four at a time, so they stand in panels: [row / 4][depth][row % 4].
inline constexpr int panel_rows = 4;
constexpr int padded_rows(int rows) {
    return (rows + panel_rows - 1) / panel_rows * panel_rows;
}

/// Columns that are visited at a time, at most, on any target.
inline constexpr std::size_t widest_visit = 6 * 16;

/// Floats of scratch that `multiply_panels` needs.
constexpr std::size_t panels_scratch_floats(int depth) {
    return std::size_t(depth) * widest_visit;
}

/// out (rows, columns) = a · b, added to out with `add`; a in panels, b (depth, columns).
void multiply_panels(int rows, int depth, const float* panels, const float* b, std::size_t columns,
                     float* out, bool add, float* scratch);

/// A row-major matrix in memory, rows `stride` floats apart; `transposed`, its transpose stands there.
struct Operand {
    const float* data;
    std::size_t stride;
    bool transposed = false;
};

/// Floats of scratch that `multiply` needs.
std::size_t multiply_scratch_floats(std::size_t columns);

/// out (rows, columns; rows out_stride floats apart) = a (rows, depth) · b (depth, columns), in blocks of the
/// depth. Neither the blocks nor the bits depend on how many rows or columns a call has.
void multiply(int rows, int depth, std::size_t columns, const Operand& a, const Operand& b, float* out,
              std::size_t out_stride, float* scratch);

/// Columns of `multiply_few`: 1, 2, 4 or 8.
inline constexpr int most_few_columns = 8;
/// Floats of scratch that it needs.
std::size_t multiply_few_scratch_floats(int rows, int columns);

/// out (rows, columns) = a (rows, depth; rows `stride` floats apart) · b (depth, columns), any depth: a is
/// read once, at the speed of the memory that it comes from. The bits do not depend on how many rows a call
/// has.
void multiply_few(int rows, int depth, int columns, const float* a, std::size_t stride, const float* b,
                  float* out, float* scratch);

/// Lanes of channels, (channels, in_stride), to groups of four channels: lane l of channel c goes to
/// out[l · lane_stride + c / 4 · block_stride + c % 4], any number of lanes. Channels up to the next multiple
/// of four are written, as zeros.
void transpose(const float* in, int channels, std::size_t in_stride, std::size_t lanes, float* out,
               std::size_t lane_stride, std::size_t block_stride);

}  // namespace matrix_product
}  // namespace fftconv
