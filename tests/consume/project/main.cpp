// README's example, in a project that knows the installed package only. The lines between the two marks are
// README's, word for word (readme.cmake compares them).
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <vector>

// README begins
#include <fftconv/fftconv.hpp>
// README pauses
#include <fftconv/storage/results.hpp>

namespace {

/// The largest difference between the engine's output and the reference's, for the first image.
double largest_difference(fftconv::ConvolutionShape shape, const fftconv::Tensor& x, const fftconv::Tensor& y,
                          const std::vector<float>& weights, const std::vector<std::uint8_t>& mask) {
    const std::vector<float> images = fftconv::to_nchw(x), outputs = fftconv::to_nchw(y);
    shape.batch = 1;
    const auto expected = fftconv::reference::forward(shape, fftconv::no_mode,
                                                      {images.begin(), images.begin() + x.maps().size()},
                                                      {weights.begin(), weights.end()}, mask);
    double difference = 0;
    for (std::size_t i = 0; i < expected.size(); ++i)
        difference = std::max(difference, std::abs(expected[i] - outputs[i]));
    return difference;
}

/// The second library: a table written to HDF5 and read back.
bool stores() {
    fftconv::ResultRecord record;
    record.tables = {{"numbers", "A table", {{"n", "1", std::vector<double>{1, 2, 3}}}}};
    fftconv::write_results("consume.h5", record);
    return fftconv::read_results("consume.h5").tables == record.tables;
}

}  // namespace

int main() {
    std::vector<float> weights(64 * 64 * 5 * 5), dw(weights.size());
    std::vector<std::uint8_t> mask(64 * 64, 1);
    fftconv::RandomStream random(1, "example");
    for (float& weight : weights) weight = random.uniform(-1, 1);
    for (std::size_t kernel = 0; kernel < mask.size(); kernel += 3) mask[kernel] = 0;

    // clang-format off
    // README continues
    fftconv::ConvolutionShape shape{.batch = 16, .in_channels = 64, .out_channels = 64,
                                    .height = 32, .width = 32, .kernel = 5, .padding = 2};
    fftconv::SpectralConvolution convolution(shape, {.threads = 1});
    fftconv::Tensor x(64, 32, 32, 16), y = convolution.make_output();  // (C, H, W, N)
    fftconv::Tensor dy = convolution.make_output(), dx = convolution.make_input();
    for (int n = 0; n < 16; ++n) x(0, 15, 15, n) = 1;  // x(c, h, w, n) is an element

    convolution.set_weights(weights);  // row-major (O, C, k, k) floats; kernel spectra are cached
    convolution.set_mask(mask);        // (O, C) bytes, 0 = pruned: absent from every pass
    convolution.forward(x, y);
    convolution.backward_input(dy, dx);
    convolution.backward_weights(x, dy, dw);  // or both gradients in one go: backward(x, dy, dx, dw)
    for (const fftconv::Phase& phase : convolution.profile())
        std::printf("%-16s %8.3f ms\n", phase.name.c_str(), 1e3 * phase.seconds);
    std::printf("workspace %zu bytes\n", convolution.workspace_bytes());
    // README ends
    // clang-format on

    const double difference = largest_difference(shape, x, y, weights, mask);
    std::printf("largest difference to the reference %g\n", difference);
    return difference < 1e-5 && stores() ? 0 : 1;
}
