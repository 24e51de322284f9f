#include "fftconv/convolution/reference.hpp"

#include <string>

#include "fftconv/core/error.hpp"

namespace fftconv::reference {
namespace {

/// Calls term(y_index, w_index, x_index) for every product w·x that is summed into an output: the three
/// passes are the three derivatives of this one trilinear sum.
template <class Term>
void for_each_term(const ConvolutionShape& s, int mode, const std::vector<std::uint8_t>& mask, Term term) {
    const int window = mode == no_mode ? 1 : 2, row = mode == no_mode ? 0 : mode / 2,
              column = mode == no_mode ? 0 : mode % 2;
    const int N = s.batch, C = s.in_channels, O = s.out_channels, H = s.height, W = s.width;
    const int own = C / s.groups, group_outputs = O / s.groups;
    const int out_height = s.output_height() / window, out_width = s.output_width() / window;
    const auto [kernel_height, kernel_width] = s.kernel;
    const auto [stride_h, stride_w] = s.stride;
    const auto [dilation_h, dilation_w] = s.dilation;
    const int top = s.padding.top, left = s.padding.left;
    for (int n = 0; n < N; ++n)
        for (int o = 0; o < O; ++o)
            for (int k = 0; k < own; ++k) {
                const std::size_t kernel = std::size_t(o) * own + k;
                if (!mask.empty() && mask[kernel] == 0) continue;
                const int c = o / group_outputs * own + k;
                for (int i = 0; i < out_height; ++i)
                    for (int j = 0; j < out_width; ++j) {
                        const std::size_t y = ((std::size_t(n) * O + o) * out_height + i) * out_width + j;
                        for (int u = 0; u < kernel_height; ++u) {
                            const int h = (i * window + row) * stride_h + u * dilation_h - top;
                            if (h < 0 || h >= H) continue;
                            const std::size_t w_row = (kernel * kernel_height + u) * kernel_width,
                                              x_row = ((std::size_t(n) * C + c) * H + h) * W;
                            for (int v = 0; v < kernel_width; ++v) {
                                const int w = (j * window + column) * stride_w + v * dilation_w - left;
                                if (w >= 0 && w < W) term(y, w_row + v, x_row + w);
                            }
                        }
                    }
            }
}

std::size_t input_size(const ConvolutionShape& s) {
    return std::size_t(s.batch) * s.in_channels * s.height * s.width;
}

std::size_t output_size(const ConvolutionShape& s, int mode) {
    const int step = mode == no_mode ? 1 : 2;
    return std::size_t(s.batch) * s.out_channels * (s.output_height() / step) * (s.output_width() / step);
}

void require_size(const char* name, std::size_t found, std::size_t expected) {
    if (found != expected)
        throw ShapeError(std::string("reference: ") + name + ": expected " + std::to_string(expected) +
                         " values, found " + std::to_string(found));
}

}  // namespace

std::vector<double> forward(const ConvolutionShape& shape, int mode, const std::vector<double>& x,
                            const std::vector<double>& w, const std::vector<std::uint8_t>& mask) {
    require_size("x", x.size(), input_size(shape));
    require_size("w", w.size(), shape.weights());
    std::vector<double> y(output_size(shape, mode));
    for_each_term(shape, mode, mask,
                  [y = y.data(), w = w.data(), x = x.data()](std::size_t yi, std::size_t wi, std::size_t xi) {
                      y[yi] += w[wi] * x[xi];
                  });
    return y;
}

std::vector<double> backward_input(const ConvolutionShape& shape, int mode, const std::vector<double>& dy,
                                   const std::vector<double>& w, const std::vector<std::uint8_t>& mask) {
    require_size("dy", dy.size(), output_size(shape, mode));
    require_size("w", w.size(), shape.weights());
    std::vector<double> dx(input_size(shape));
    for_each_term(shape, mode, mask,
                  [dx = dx.data(), w = w.data(), dy = dy.data()](
                      std::size_t yi, std::size_t wi, std::size_t xi) { dx[xi] += w[wi] * dy[yi]; });
    return dx;
}

std::vector<double> backward_weights(const ConvolutionShape& shape, int mode, const std::vector<double>& x,
                                     const std::vector<double>& dy, const std::vector<std::uint8_t>& mask) {
    require_size("x", x.size(), input_size(shape));
    require_size("dy", dy.size(), output_size(shape, mode));
    std::vector<double> dw(shape.weights());
    for_each_term(shape, mode, mask,
                  [dw = dw.data(), dy = dy.data(), x = x.data()](
                      std::size_t yi, std::size_t wi, std::size_t xi) { dw[wi] += dy[yi] * x[xi]; });
    return dw;
}

}  // namespace fftconv::reference
