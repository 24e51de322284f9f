// What pruned kernels save in one layer: the same work dense and with 75 % of the kernels absent, timed in
// turns.
#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <fftconv/convolution.hpp>
#include <vector>

namespace {

double milliseconds(fftconv::ConvolutionEngine& layer, const fftconv::Tensor& x, fftconv::Tensor& y) {
    const auto start = std::chrono::steady_clock::now();
    layer.forward(x, y);
    return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start).count();
}

double median(std::vector<double> values) {
    std::nth_element(values.begin(), values.begin() + values.size() / 2, values.end());
    return values[values.size() / 2];
}

}  // namespace

int main() {
    const fftconv::ConvolutionShape shape{.batch = 16,
                                          .in_channels = 64,
                                          .out_channels = 64,
                                          .height = 32,
                                          .width = 32,
                                          .kernel = 5,
                                          .padding = 2};
    const auto dense = fftconv::make_engine("auto", shape, {.fixed_weights = true});
    const auto pruned = fftconv::make_engine("auto", shape, {.fixed_weights = true, .surviving = 0.25});
    std::vector<float> weights(shape.weights());
    for (std::size_t i = 0; i < weights.size(); ++i) weights[i] = float(i % 7) - 3;
    std::vector<std::uint8_t> mask(shape.kernels());
    for (std::size_t i = 0; i < mask.size(); ++i)
        mask[i] = (i * 2654435761u >> 8) % 4 == 0;  // a quarter survives

    dense->set_weights(weights);
    pruned->set_weights(weights);
    pruned->set_mask(mask);
    const fftconv::Tensor x(64, 32, 32, 16);
    fftconv::Tensor y = dense->make_output();
    std::vector<double> ratios, dense_ms, pruned_ms;
    for (int round = 0; round < 9; ++round) {  // the first calls compute spectra
        dense_ms.push_back(milliseconds(*dense, x, y));
        pruned_ms.push_back(milliseconds(*pruned, x, y));
        if (round > 0) ratios.push_back(dense_ms.back() / pruned_ms.back());
    }
    std::printf(
        "%zu of %zu kernels: %.2f ms instead of %.2f ms, %.2f times as fast (medians of the rounds)\n",
        pruned->surviving_kernels(), shape.kernels(), median(pruned_ms), median(dense_ms), median(ratios));
}
