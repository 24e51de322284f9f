#include "fftconv/convolution/spectral/tiling.hpp"

#include <algorithm>

namespace fftconv {
namespace {

int floor_half(int value) {
    return value >> 1;
}

/// Does one tile hold the whole axis? The circular wrap then only ever meets zero padding, so that the
/// padding on the two sides may share the same entries: T ≥ H + p, where overlap-save alone would ask for H +
/// 2p.
bool fits_one_tile(const Axis& axis, int tile) {
    return tile >= axis.outputs && tile >= axis.start + axis.outputs + axis.taps - 1 &&
           axis.start + tile >= axis.phase_length;
}

/// The output pixel of output m: itself, or the window's when m is the one of the window that is kept
/// (select after a full inverse), else −1.
int output_pixel(const Axis& axis, int m) {
    if (m < 0 || m >= axis.outputs) return -1;
    if (axis.mode_offset < 0 || axis.phases == 2) return m;
    return m % 2 == axis.mode_offset ? m / 2 : -1;
}

}  // namespace

Axis::Axis(int length, int kernel, int padding, int mode_offset, bool folded)
    : length(length), kernel(kernel), padding(padding), mode_offset(mode_offset), phases(folded ? 2 : 1) {
    const int whole = length + 2 * padding - kernel + 1;
    if (folded) {
        start = floor_half(mode_offset - padding);
        taps = floor_half(mode_offset + kernel - 1 - padding) - start + 1;
        outputs = whole / 2;
        phase_length = (length + 1) / 2;
    } else {
        start = -padding;
        taps = kernel;
        outputs = mode_offset < 0 ? whole : whole / 2 * 2;
        phase_length = length;
    }
}

int Axis::tap(int phase, int a) const {
    const int u = phases == 1 ? a : 2 * (a + start) + phase - mode_offset + padding;
    return u >= 0 && u < kernel ? u : -1;
}

AxisTiling::AxisTiling(const Axis& axis, int tile)
    : tile(tile), input_gather(axis.phases), backward_scatter(axis.phases) {
    const bool whole = fits_one_tile(axis, tile);
    const int step = whole ? axis.outputs : std::min(tile - axis.taps + 1, axis.outputs);
    const int back_step = tile - axis.taps + 1;
    forward_tiles = (axis.outputs + step - 1) / step;
    backward_tiles = whole ? 1 : (axis.phase_length + back_step - 1) / back_step;

    for (int t = 0; t < forward_tiles; ++t)
        for (int i = 0; i < tile; ++i) {
            const int m = t * step + i;
            const int own = i < step ? output_pixel(axis, m) : -1;
            output_scatter.push_back(own);
            gradient_gather.push_back(own);
            for (int s = 0; s < axis.phases; ++s) {
                const int j = m + axis.start;
                input_gather[s].push_back(j >= 0 && j < axis.pixels(s) ? j * axis.phases + s : -1);
            }
        }
    for (int t = 0; t < backward_tiles; ++t)
        for (int i = 0; i < tile; ++i) {
            // dx_s[j] = Σ_a w_s[a] dy[j − start − a]: entry i of the result is j = first + start + i.
            const int first = whole ? 0 : t * back_step - axis.start - (axis.taps - 1);
            backward_gather.push_back(output_pixel(axis, first + i));
            for (int s = 0; s < axis.phases; ++s) {
                const int j = first + axis.start + i;
                const bool computed = whole ? i >= -axis.start : i >= axis.taps - 1;
                backward_scatter[s].push_back(computed && j >= 0 && j < axis.pixels(s) ? j * axis.phases + s
                                                                                       : -1);
            }
        }
}

LayerAxes::LayerAxes(const ConvolutionShape& shape, const ConvolutionOptions& options)
    : vertical(shape.height, shape.kernel, shape.padding, options.mode < 0 ? -1 : options.mode / 2,
               options.mode >= 0 && options.inverse == Inverse::folded),
      horizontal(shape.width, shape.kernel, shape.padding, options.mode < 0 ? -1 : options.mode % 2,
                 options.mode >= 0 && options.inverse == Inverse::folded) {}

}  // namespace fftconv
