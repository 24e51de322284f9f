#pragma once
#include "fftconv/convolution/engine.hpp"

namespace fftconv {

/// One axis of a layer as an engine computes it: output m < outputs reads the pixels step·m + offset +
/// dilation·u for the taps u, where there are such pixels.
struct LayerAxis {
    int length;    ///< of the image, pixels
    int kernel;    ///< taps
    int dilation;  ///< pixels between taps
    int step;      ///< pixels between outputs: the stride, twice that with a folded mode
    int offset;    ///< of the first tap of output 0: minus the padding, plus the mode's pixel
    int outputs;
    int selected = -1;  ///< full inverse: the pixel of each window of two that is kept; −1: all
    bool operator==(const LayerAxis&) const = default;

    /// The taps' outputs i and pixels: i ≥ 0 that read tap's pixels inside of the image, first and behind
    /// last.
    int first_output(int tap) const { return ceil_divided(-first_pixel(tap)); }
    int last_output(int tap) const { return ceil_divided(length - first_pixel(tap)); }
    /// The pixel that output 0 reads with a tap.
    int first_pixel(int tap) const { return offset + dilation * tap; }

  private:
    int ceil_divided(int pixels) const {
        const int i = pixels <= 0 ? 0 : (pixels + step - 1) / step;
        return i < outputs ? i : outputs;
    }
};

inline LayerAxis layer_axis(int length, int kernel, int dilation, int stride, int before, int whole_outputs,
                            int mode_pixel /* of each window; −1: no mode */, bool folded) {
    LayerAxis axis{length, kernel, dilation, stride, -before, whole_outputs};
    if (mode_pixel < 0) return axis;
    if (folded) {
        axis.offset += mode_pixel * stride;
        axis.step *= 2;
        axis.outputs /= 2;
    } else {
        axis.outputs = axis.outputs / 2 * 2;
        axis.selected = mode_pixel;
    }
    return axis;
}

inline LayerAxis vertical_axis(const ConvolutionShape& s, const ConvolutionOptions& o) {
    return layer_axis(s.height, s.kernel.vertical, s.dilation.vertical, s.stride.vertical, s.padding.top,
                      s.output_height(), o.mode < 0 ? -1 : o.mode / 2, o.inverse == Inverse::folded);
}

inline LayerAxis horizontal_axis(const ConvolutionShape& s, const ConvolutionOptions& o) {
    return layer_axis(s.width, s.kernel.horizontal, s.dilation.horizontal, s.stride.horizontal,
                      s.padding.left, s.output_width(), o.mode < 0 ? -1 : o.mode % 2,
                      o.inverse == Inverse::folded);
}

}  // namespace fftconv
