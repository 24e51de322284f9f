#include "fftconv/convolution/engine.hpp"

#include <algorithm>

#include "fftconv/core/error.hpp"

namespace fftconv {
namespace {

void require(bool holds, const std::string& field, const std::string& expected, long found) {
    if (!holds)
        throw ShapeError("convolution: " + field + ": expected " + expected + ", found " +
                         std::to_string(found));
}

std::string text(MapShape maps, int batch) {
    return "(" + std::to_string(maps.channels) + ", " + std::to_string(maps.height) + ", " +
           std::to_string(maps.width) + ", " + std::to_string(batch) + ")";
}

void check_tensor(const std::string& name, const Tensor& tensor, MapShape maps, int batch) {
    if (tensor.maps() != maps || tensor.batch() != batch)
        throw ShapeError("convolution: " + name + ": expected " + text(maps, batch) + ", found " +
                         text(tensor.maps(), tensor.batch()));
}

}  // namespace

ConvolutionEngine::ConvolutionEngine(ConvolutionShape shape, ConvolutionOptions options)
    : shape_(shape), options_(options) {
    require(shape.batch >= 1, "batch", "at least 1", shape.batch);
    require(shape.in_channels >= 1, "in_channels", "at least 1", shape.in_channels);
    require(shape.out_channels >= 1, "out_channels", "at least 1", shape.out_channels);
    require(shape.kernel >= 1 && shape.kernel <= 11, "kernel", "1 to 11", shape.kernel);
    require(shape.padding >= 0 && shape.padding < shape.kernel, "padding", "0 to kernel - 1", shape.padding);
    require(options.mode >= no_mode && options.mode <= 3, "mode", "none (-1) or 0 to 3", options.mode);
    const int least = options.mode == no_mode ? 1 : 2;  // a mode needs one whole pooling window
    require(shape.height >= 1 && shape.output_height() >= least, "height",
            "room for the kernel (and a pooling window)", shape.height);
    require(shape.width >= 1 && shape.output_width() >= least, "width",
            "room for the kernel (and a pooling window)", shape.width);
    require(options.threads >= 1, "threads", "at least 1", options.threads);
    require(options.tile >= 0, "tile", "0 (choose) or a size", options.tile);
    if (!(options.surviving >= 0 && options.surviving <= 1))
        throw ShapeError("convolution: surviving: expected 0 to 1, found " +
                         std::to_string(options.surviving));
    weights_.assign(shape.weights(), 0.0f);
}

MapShape ConvolutionEngine::output_maps() const {
    const int step = options_.mode == no_mode ? 1 : 2;
    return {shape_.out_channels, shape_.output_height() / step, shape_.output_width() / step};
}

Tensor ConvolutionEngine::make_input(int batch) const {
    return Tensor(input_maps(), batch ? batch : shape_.batch);
}

Tensor ConvolutionEngine::make_output(int batch) const {
    return Tensor(output_maps(), batch ? batch : shape_.batch);
}

void ConvolutionEngine::set_weights(std::span<const float> weights, std::uint64_t version) {
    if (weights.size() != shape_.weights())
        throw ShapeError("convolution: weights: expected " + std::to_string(shape_.weights()) +
                         " floats, found " + std::to_string(weights.size()));
    if (version && version == weights_version_) return;
    weights_version_ = version;
    weights_.assign(weights.begin(), weights.end());
    weights_changed();
}

void ConvolutionEngine::set_bias(std::span<const float> bias) {
    if (!bias.empty() && bias.size() != std::size_t(shape_.out_channels))
        throw ShapeError("convolution: bias: expected " + std::to_string(shape_.out_channels) +
                         " floats, found " + std::to_string(bias.size()));
    bias_.assign(bias.begin(), bias.end());
}

void ConvolutionEngine::set_mask(std::span<const std::uint8_t> mask) {
    if (!mask.empty() && mask.size() != shape_.kernels())
        throw ShapeError("convolution: mask: expected " + std::to_string(shape_.kernels()) +
                         " bytes, found " + std::to_string(mask.size()));
    mask_.assign(mask.begin(), mask.end());
    if (std::all_of(mask_.begin(), mask_.end(), [](std::uint8_t kept) { return kept != 0; })) mask_.clear();
    mask_changed();
}

void ConvolutionEngine::set_mode(int mode) {
    require(options_.mode != no_mode, "set_mode", "an engine made with a mode", mode);
    require(mode >= 0 && mode <= 3, "mode", "0 to 3", mode);
    if (mode == options_.mode) return;
    options_.mode = mode;
    mode_changed();
}

std::size_t ConvolutionEngine::surviving_kernels() const {
    return mask_.empty() ? shape_.kernels() : mask_.size() - std::count(mask_.begin(), mask_.end(), 0);
}

void ConvolutionEngine::reset_profile() {
    for (Phase& phase : phases_) phase.seconds = 0;
}

void ConvolutionEngine::check_forward(const Tensor& x, const Tensor& y) const {
    check_tensor("input", x, input_maps(), x.batch());
    check_tensor("output", y, output_maps(), x.batch());
}

void ConvolutionEngine::check_backward_weights(const Tensor& x, const Tensor& dy, std::span<float> dw) const {
    check_forward(x, dy);
    if (dw.size() != shape_.weights())
        throw ShapeError("convolution: weight gradient: expected " + std::to_string(shape_.weights()) +
                         " floats, found " + std::to_string(dw.size()));
}

}  // namespace fftconv
