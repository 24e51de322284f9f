// Smooths a picture with one kernel of equal weights, by the engine that fits; a program of
// fftconv::convolution alone.
#include <cmath>
#include <cstdio>
#include <fftconv/convolution.hpp>
#include <vector>

int main();

int main() {
    const fftconv::ConvolutionShape shape{.height = 24, .width = 20, .kernel = 5, .padding = 2};
    const auto engine = fftconv::make_engine("fft", shape, {});
    const std::vector<float> weights(25, 1.0f / 25);
    engine->set_weights(weights);
    fftconv::Tensor picture = engine->make_input(), smooth = engine->make_output();
    picture(0, 12, 10, 0) = 25;
    engine->forward(picture, smooth);
    double error = 0;
    for (int row = 0; row < 24; ++row)
        for (int column = 0; column < 20; ++column) {
            const bool near = std::abs(row - 12) <= 2 && std::abs(column - 10) <= 2;
            error = std::fmax(error, std::fabs(double(smooth(0, row, column, 0)) - (near ? 1.0 : 0.0)));
        }
    std::printf("largest error %g\n", error);
    return error < 1e-5 ? 0 : 1;
}
