// One convolution layer on memory of one's own, as PyTorch lays it out: forward, both gradients, and how far
// it is from a plain loop in double precision.
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <fftconv/convolution.hpp>
#include <vector>

namespace {

std::vector<float> made_up(std::size_t count, float scale) {
    std::vector<float> values(count);
    for (std::size_t i = 0; i < count; ++i) values[i] = scale * std::sin(float(i) * 0.37f + 1);
    return values;
}

/// y[n][o](m, l) of a 'same' convolution with 5 × 5 kernels, term by term.
double expected(const std::vector<float>& x, const std::vector<float>& w, int n, int o, int m, int l) {
    double sum = 0;
    for (int c = 0; c < 16; ++c)
        for (int u = 0; u < 5; ++u)
            for (int v = 0; v < 5; ++v) {
                const int row = m + u - 2, column = l + v - 2;
                if (row < 0 || row >= 28 || column < 0 || column >= 28) continue;
                sum += double(w[std::size_t((o * 16 + c) * 25 + u * 5 + v)]) *
                       double(x[std::size_t(((n * 16 + c) * 28 + row) * 28 + column)]);
            }
    return sum;
}

}  // namespace

int main() {
    const int batch = 8, in = 16, out = 32, size = 28;
    const fftconv::ConvolutionShape shape{.batch = batch,
                                          .in_channels = in,
                                          .out_channels = out,
                                          .height = size,
                                          .width = size,
                                          .kernel = 5,
                                          .padding = 2};
    const auto layer = fftconv::make_engine("auto", shape, {.threads = 1});

    const std::vector<float> x = made_up(std::size_t(batch) * in * size * size, 1),
                             w = made_up(shape.weights(), 0.05f);
    std::vector<float> y(std::size_t(batch) * out * size * size), dx(x.size()), dw(w.size());
    layer->set_weights(w);
    layer->forward(fftconv::nchw(x.data(), batch, in, size, size),
                   fftconv::nchw(y.data(), batch, out, size, size));

    double error = 0;
    for (int o = 0; o < out; o += 5)
        for (int m = 0; m < size; m += 9)
            for (int l = 0; l < size; l += 9)
                error =
                    std::max(error, std::abs(expected(x, w, 3, o, m, l) -
                                             double(y[std::size_t(((3 * out + o) * size + m) * size + l)])));
    std::printf("largest difference to the plain loop: %.2g\n", error);

    const auto dy =
        fftconv::nchw(y.data(), batch, out, size, size);  // any gradient will do: the output itself
    layer->backward(fftconv::nchw(x.data(), batch, in, size, size), dy,
                    fftconv::nchw(dx.data(), batch, in, size, size), dw);
    for (const fftconv::Phase& phase : layer->profile())
        std::printf("%-16s %8.3f ms\n", phase.name.c_str(), 1e3 * phase.seconds);
    return error < 1e-4 ? 0 : 1;
}
