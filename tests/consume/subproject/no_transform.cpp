// Without FFTW a size that has no transform of our own is a ShapeError that says so; all others work.
#include <cstdio>
#include <cstring>
#include <fftconv/convolution.hpp>

int main() {
    const fftconv::ConvolutionShape shape{.height = 30, .width = 30, .kernel = 3};
    try {
        const fftconv::SpectralConvolution convolution(shape, {.tile = 26});
    } catch (const fftconv::ShapeError& error) {
        std::puts(error.what());
        return std::strstr(error.what(), "FFTW") && std::strstr(error.what(), "26") ? 0 : 1;
    }
    std::puts("expected a ShapeError");
    return 1;
}
