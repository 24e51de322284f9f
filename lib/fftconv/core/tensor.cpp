#include "fftconv/core/tensor.hpp"

#include <algorithm>
#include <string>

#include "fftconv/core/error.hpp"

namespace fftconv {

Tensor::Tensor(int channels, int height, int width, int batch) {
    if (channels < 1 || height < 1 || width < 1 || batch < 1)
        throw ShapeError("tensor: every extent must be at least 1, found (" + std::to_string(channels) +
                         ", " + std::to_string(height) + ", " + std::to_string(width) + ", " +
                         std::to_string(batch) + ")");
    reshape({channels, height, width}, batch);
    fill(0);
}

void Tensor::fill(float value) {
    std::fill(data_.begin(), data_.end(), value);
}

void Tensor::reshape(MapShape maps, int batch) {
    data_.resize(maps.size() * padded_batch(batch));
    maps_ = maps;
    batch_ = batch;
    batch_stride_ = padded_batch(batch);
}

Tensor from_nchw(std::span<const float> nchw, MapShape maps, int batch) {
    const std::size_t pixels = maps.size();
    if (nchw.size() != pixels * batch)
        throw ShapeError("from_nchw: expected " + std::to_string(pixels * batch) + " floats, found " +
                         std::to_string(nchw.size()));
    Tensor tensor(maps, batch);
    for (std::size_t p = 0; p < pixels; ++p)
        for (int n = 0; n < batch; ++n) tensor.data()[p * tensor.batch_stride() + n] = nchw[n * pixels + p];
    return tensor;
}

std::vector<float> to_nchw(const Tensor& tensor) {
    const std::size_t pixels = tensor.maps().size();
    std::vector<float> nchw(pixels * tensor.batch());
    for (std::size_t p = 0; p < pixels; ++p)
        for (int n = 0; n < tensor.batch(); ++n)
            nchw[n * pixels + p] = tensor.data()[p * tensor.batch_stride() + n];
    return nchw;
}

}  // namespace fftconv
