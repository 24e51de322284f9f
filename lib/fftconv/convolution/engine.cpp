#include "fftconv/convolution/engine.hpp"

#include <algorithm>
#include <cstdlib>
#include <utility>

#include "fftconv/core/error.hpp"

namespace fftconv {
namespace {

[[noreturn]] void refuse(const std::string& field, const std::string& expected, const std::string& found) {
    throw ShapeError("convolution: " + field + ": expected " + expected + ", found " + found);
}

void require(bool holds, const std::string& field, const std::string& expected, long found) {
    if (!holds) refuse(field, expected, std::to_string(found));
}

/// Pixels of an axis with its padding, taps, channels and images: more is a mistake, and would overflow.
constexpr int most_extent = 1 << 27;
/// Floats of a tensor, and of the weights.
constexpr double most_floats = 8589934592.0, most_weights = 2147483648.0;

void require_extent(const std::string& field, int found, int least) {
    require(found >= least, field, "at least " + std::to_string(least), found);
    require(found <= most_extent, field, "at most " + std::to_string(most_extent), found);
}

void require_extents(const std::string& field, const PerAxis& found) {
    require_extent(field, found.vertical, 1);
    require_extent(field, found.horizontal, 1);
}

void check_axis(const std::string& field, int length, int before, int behind, int outputs, int mode) {
    require_extent(field, length, 1);
    require(std::int64_t(length) + before + behind <= most_extent, field,
            "at most " + std::to_string(most_extent) + " with its padding", length);
    // A mode needs one whole pooling window.
    require(outputs >= (mode == no_mode ? 1 : 2), field, "room for the kernel (and a pooling window)",
            length);
}

void require_floats(const std::string& field, double found, double most) {
    if (found > most)
        refuse(field, "at most " + std::to_string(std::int64_t(most)) + " floats", std::to_string(found));
}

void check_floats(const ConvolutionShape& s) {
    const double images = s.batch;
    require_floats("input", images * s.in_channels * s.height * s.width, most_floats);
    require_floats("output", images * s.out_channels * s.output_height() * s.output_width(), most_floats);
    require_floats("weights",
                   double(s.group_channels()) * s.out_channels * s.kernel.vertical * s.kernel.horizontal,
                   most_weights);
}

std::string text(MapShape maps, int batch) {
    return "(" + std::to_string(maps.channels) + ", " + std::to_string(maps.height) + ", " +
           std::to_string(maps.width) + ", " + std::to_string(batch) + ")";
}

void check_maps(const std::string& name, const ConstMapsView& view, MapShape maps, int batch) {
    if (view.maps() != maps || view.batch != batch)
        refuse(name, text(maps, batch), text(view.maps(), view.batch));
    require(batch >= 1, name, "at least one image", batch);
    if (!view.data) refuse(name, "memory", "none (a null pointer)");
}

/// Elements of what is written must be places of their own.
void check_written(const std::string& name, const MapsView& view) {
    std::pair<std::ptrdiff_t, int> axes[] = {{std::abs(view.image_stride), view.batch},
                                             {std::abs(view.channel_stride), view.channels},
                                             {std::abs(view.row_stride), view.height},
                                             {std::abs(view.column_stride), view.width}};
    std::ranges::sort(axes);
    std::ptrdiff_t reach = 0;  // from the first element of the axes before to their last
    for (const auto& [stride, extent] : axes) {
        if (extent > 1 && stride <= reach)
            refuse(name, "strides that keep its elements apart, one more than " + std::to_string(reach),
                   std::to_string(stride));
        reach += stride * (extent - 1);
    }
}

using Addresses = std::pair<std::uintptr_t, std::uintptr_t>;

Addresses addresses_of(std::span<const float> floats) {
    const auto first = reinterpret_cast<std::uintptr_t>(floats.data());
    return {first, first + floats.size_bytes()};
}

void require_apart(const std::string& read, Addresses a, const std::string& written, Addresses b) {
    if (a.first < b.second && b.first < a.second)
        refuse(written, "memory of its own", "some that is shared with the " + read);
}

}  // namespace

std::string to_string(const PerAxis& pair) {
    return std::to_string(pair.vertical) + "x" + std::to_string(pair.horizontal);
}

std::string to_string(const Padding& p) {
    std::string text = std::to_string(p.top);
    if (p == p.top) return text;
    text += "," + std::to_string(p.left);
    if (p.top == p.bottom && p.left == p.right) return text;
    return text + "," + std::to_string(p.bottom) + "," + std::to_string(p.right);
}

std::string to_string(const ConvolutionShape& s) {
    std::string text = std::to_string(s.in_channels) + "->" + std::to_string(s.out_channels) + " @ " +
                       std::to_string(s.height) + "x" + std::to_string(s.width) + ", kernel " +
                       to_string(s.kernel) + ", padding " + to_string(s.padding);
    if (s.stride != 1) text += ", stride " + to_string(s.stride);
    if (s.dilation != 1) text += ", dilation " + to_string(s.dilation);
    if (s.groups != 1) text += ", groups " + std::to_string(s.groups);
    return text;
}

void check_layer(const ConvolutionShape& shape, const ConvolutionOptions& options) {
    require_extent("batch", shape.batch, 1);
    require_extent("in_channels", shape.in_channels, 1);
    require_extent("out_channels", shape.out_channels, 1);
    require_extents("kernel", shape.kernel);
    require_extents("stride", shape.stride);
    require_extents("dilation", shape.dilation);
    for (int side : {shape.padding.top, shape.padding.left, shape.padding.bottom, shape.padding.right})
        require_extent("padding", side, 0);
    require_extent("groups", shape.groups, 1);
    if (shape.in_channels % shape.groups != 0 || shape.out_channels % shape.groups != 0)
        refuse("groups",
               "a divisor of in_channels " + std::to_string(shape.in_channels) + " and out_channels " +
                   std::to_string(shape.out_channels),
               std::to_string(shape.groups));
    require(options.mode >= no_mode && options.mode <= 3, "mode", "none (-1) or 0 to 3", options.mode);
    check_axis("height", shape.height, shape.padding.top, shape.padding.bottom, shape.output_height(),
               options.mode);
    check_axis("width", shape.width, shape.padding.left, shape.padding.right, shape.output_width(),
               options.mode);
    check_floats(shape);
    require(options.threads >= 1, "threads", "at least 1", options.threads);
    for (int edge : {options.tile.vertical, options.tile.horizontal})
        require(edge >= 0 && (edge == 0) == (options.tile == 0), "tile", "0 (choose) or a size", edge);
    if (!(options.surviving >= 0 && options.surviving <= 1))
        refuse("surviving", "0 to 1", std::to_string(options.surviving));
}

ConvolutionEngine::ConvolutionEngine(ConvolutionShape shape, ConvolutionOptions options)
    : shape_(shape), options_(options) {
    check_layer(shape, options);
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
    std::copy(weights.begin(), weights.end(), weights_.begin());
    weights_version_ = version;
    weights_changed();
}

void ConvolutionEngine::set_bias(std::span<const float> bias) {
    if (!bias.empty() && bias.size() != std::size_t(shape_.out_channels))
        throw ShapeError("convolution: bias: expected " + std::to_string(shape_.out_channels) +
                         " floats, found " + std::to_string(bias.size()));
    std::vector<float>(bias.begin(), bias.end()).swap(bias_);
}

void ConvolutionEngine::set_mask(std::span<const std::uint8_t> mask) {
    if (!mask.empty() && mask.size() != shape_.kernels())
        throw ShapeError("convolution: mask: expected " + std::to_string(shape_.kernels()) +
                         " bytes, found " + std::to_string(mask.size()));
    std::vector<std::uint8_t> next(mask.begin(), mask.end());
    if (std::find(next.begin(), next.end(), 0) == next.end()) next.clear();
    take_mask(next);
    mask_.swap(next);
}

void ConvolutionEngine::set_mode(int mode) {
    require(options_.mode != no_mode, "set_mode", "an engine made with a mode", mode);
    require(mode >= 0 && mode <= 3, "mode", "0 to 3", mode);
    if (mode == options_.mode) return;
    take_mode(mode);
    options_.mode = mode;
}

std::size_t ConvolutionEngine::surviving_kernels() const {
    return mask_.empty() ? shape_.kernels() : mask_.size() - std::count(mask_.begin(), mask_.end(), 0);
}

void ConvolutionEngine::reset_profile() {
    for (Phase& phase : phases_) phase.seconds = 0;
}

void ConvolutionEngine::forward_fused(const ConstMapsView& x, const MapsView& y, const Epilogue& epilogue) {
    check_forward(x, y, epilogue);
    forward(x, y);
}

void ConvolutionEngine::backward_fused(const ConstMapsView& x, const ConstMapsView& dy, const MapsView* dx,
                                       std::span<float> dw, const Epilogue& epilogue) {
    check_backward_weights(x, dy, dw, epilogue);
    if (dx)
        backward(x, dy, *dx, dw);
    else
        backward_weights(x, dy, dw);
}

void ConvolutionEngine::check_fused(const ConstMapsView& pooled, const Epilogue& epilogue) const {
    if (epilogue.empty()) return;
    if (!fuses(epilogue, pooled.batch))
        refuse("epilogue", "one that the engine does with this layer and batch",
               "another (ask fuses() first)");
    for (std::span<const float> values : {epilogue.factor, epilogue.offset})
        require(values.empty() || values.size() == std::size_t(shape_.out_channels), "epilogue",
                std::to_string(shape_.out_channels) + " factors and offsets", long(values.size()));
    if (epilogue.pooling == Pooling::none) return;
    const std::ptrdiff_t lanes = padded_batch(pooled.batch);
    require(pooled.lanes == lanes && pooled.image_stride == 1 && pooled.column_stride == lanes &&
                pooled.row_stride == lanes * pooled.width,
            "pooled maps", "memory as of a Tensor, with a column stride of " + std::to_string(lanes),
            long(pooled.column_stride));
}

void ConvolutionEngine::check_forward(const ConstMapsView& x, const MapsView& y,
                                      const Epilogue& epilogue) const {
    check_maps("input", x, input_maps(), x.batch);
    check_maps("output", y, epilogue.maps(output_maps()), x.batch);
    check_fused(y, epilogue);
    check_written("output", y);
    require_apart("input", x.addresses(), "output", y.addresses());
}

void ConvolutionEngine::check_backward_input(const ConstMapsView& dy, const MapsView& dx,
                                             const Epilogue& epilogue) const {
    check_maps("output gradient", dy, epilogue.maps(output_maps()), dy.batch);
    check_fused(dy, epilogue);
    check_maps("input gradient", dx, input_maps(), dy.batch);
    check_written("input gradient", dx);
    require_apart("output gradient", dy.addresses(), "input gradient", dx.addresses());
}

void ConvolutionEngine::check_backward_weights(const ConstMapsView& x, const ConstMapsView& dy,
                                               std::span<float> dw, const Epilogue& epilogue) const {
    if (epilogue.pooling == Pooling::maximum && !epilogue.winners)
        refuse("epilogue", "the winners of the forward pass", "none (a null pointer)");
    check_maps("input", x, input_maps(), x.batch);
    check_maps("output gradient", dy, epilogue.maps(output_maps()), x.batch);
    check_fused(dy, epilogue);
    if (dw.size() != shape_.weights())
        throw ShapeError("convolution: weight gradient: expected " + std::to_string(shape_.weights()) +
                         " floats, found " + std::to_string(dw.size()));
    require_apart("input", x.addresses(), "weight gradient", addresses_of(dw));
    require_apart("output gradient", dy.addresses(), "weight gradient", addresses_of(dw));
}

void ConvolutionEngine::check_backward(const ConstMapsView& x, const ConstMapsView& dy, const MapsView& dx,
                                       std::span<float> dw, const Epilogue& epilogue) const {
    check_backward_weights(x, dy, dw, epilogue);
    check_backward_input(dy, dx, epilogue);
    require_apart("input", x.addresses(), "input gradient", dx.addresses());
    require_apart("weight gradient", addresses_of(dw), "input gradient", dx.addresses());
}

}  // namespace fftconv
