#include "fftconv/network/architecture.hpp"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <optional>

#include "fftconv/core/number_text.hpp"

namespace fftconv {
namespace {

constexpr int most_outputs = 1'000'000;  ///< of a layer

/// Pixels from the first tap to the last.
PerAxis reach_of(const ConvolutionSpec& layer) {
    const auto reach = [](int taps, int distance) {
        return int(std::min<std::int64_t>(std::int64_t(taps - 1) * distance, 1 << 30));
    };
    return {reach(layer.kernel.vertical, layer.dilation.vertical),
            reach(layer.kernel.horizontal, layer.dilation.horizontal)};
}

/// Reads one architecture text from left to right.
class Parser {
  public:
    explicit Parser(std::string_view text) : text_(text), lenet_form_(text.find("(C") != text.npos) {}

    Architecture parse(MapShape input) {
        architecture_.input = parse_input();
        if (input != MapShape{}) architecture_.input = input;
        do parse_layer();
        while (take("-"));
        if (position_ != text_.size()) fail("expected - or the end");
        if (!finished_) fail_at(starts_.back(), "expected the last layer to be a Softmax, as in 10Softmax");
        check_shapes();
        return architecture_;
    }

  private:
    [[noreturn]] void fail_at(std::size_t position, const std::string& problem) const {
        throw ArchitectureError(text_, position, problem);
    }
    [[noreturn]] void fail(const std::string& problem) const { fail_at(position_, problem); }

    bool next_is(std::string_view token) const { return text_.substr(position_).starts_with(token); }
    bool take(std::string_view token) {
        if (!next_is(token)) return false;
        position_ += token.size();
        return true;
    }
    void require(std::string_view token) {
        if (!take(token)) fail("expected " + std::string(token));
    }

    int number(int least, int most) {
        const std::size_t start = position_;
        long value = 0;
        while (position_ < text_.size() && text_[position_] >= '0' && text_[position_] <= '9' &&
               value <= most)
            value = value * 10 + (text_[position_++] - '0');
        if (position_ == start) fail("expected a number");
        if (value < least || value > most)
            fail_at(start, "expected a number from " + std::to_string(least) + " to " + std::to_string(most));
        return int(value);
    }
    int width() { return number(1, most_outputs); }

    MapShape parse_input() {
        if (text_.find(':') == text_.npos) return {lenet_form_ ? 1 : 3, 32, 32};
        MapShape input;
        input.channels = number(1, 65536);
        require("x");
        input.height = number(1, 65536);
        require("x");
        input.width = number(1, 65536);
        require(":");
        return input;
    }

    void add(LayerSpec layer, std::size_t start) {
        architecture_.layers.push_back(layer);
        starts_.push_back(start);
    }

    void parse_layer() {
        const std::size_t start = position_;
        if (finished_) fail("expected nothing after the Softmax");
        if (take("MP2")) return add(PoolingSpec{PoolingMethod::overlapped_max}, start);
        if (take("P2")) return add(PoolingSpec{parse_method()}, start);
        if (position_ == text_.size() || text_[position_] < '0' || text_[position_] > '9')
            fail("expected a layer such as 20C5, P2, MP2, 100FC or 10Softmax" +
                 std::string(start == 0 ? ", or one of the names " + names() : ""));
        const int first = width();
        if (take("x")) return parse_convolution(first, width(), start);
        if (next_is("C") || next_is("(C")) return parse_convolution(0, first, start);
        parse_dense(first, start);
    }

    static std::string names() {
        std::string all;
        for (const auto& [name, form] : known_architectures()) all += (all.empty() ? "" : ", ") + name;
        return all;
    }

    PoolingMethod parse_method() {
        if (!take("(")) return PoolingMethod::max;
        for (const auto& [name, method, help] : pooling_names.entries())
            if (method != PoolingMethod::overlapped_max && take(std::string(name) + ")")) return method;
        fail("expected max), average), random) or ecp)");
    }

    bool parse_batch_norm() { return take("+BN"); }

    /// `before` is what stands before an x: how many convolutions, or in the LeNet form how many maps come
    /// in.
    void parse_convolution(int before, int outputs, std::size_t start) {
        const bool lenet = take("(");
        require("C");
        ConvolutionSpec layer{.outputs = outputs, .kernel = pair(1)};
        if (lenet) {
            require(")");
            layer.padding = 0;
            add_lenet_convolution(before, layer, start);
            return;
        }
        const std::optional<Padding> padding = parse_padding();
        const std::size_t behind_kernel = position_;
        parse_strides_and_groups(layer);
        layer.padding = padding ? *padding : same_padding(layer, behind_kernel);
        layer.batch_norm = parse_batch_norm();
        if (before > 1000) fail_at(start, "expected a number from 1 to 1000");
        for (int i = 0; i < std::max(before, 1); ++i) add(layer, start);
    }

    void add_lenet_convolution(int inputs, const ConvolutionSpec& layer, std::size_t start) {
        int maps = architecture_.input.channels;
        if (!architecture_.layers.empty()) {
            const auto* last = std::get_if<ConvolutionSpec>(&architecture_.layers.back());
            if (last) {
                maps = last->outputs;
                add(PoolingSpec{PoolingMethod::overlapped_max}, start);
            }
        }
        if (inputs && inputs != maps)
            fail_at(start, "expected " + std::to_string(maps) + " maps in, as the layer before gives");
        add(layer, start);
    }

    static constexpr int most_pixels = 65536;  ///< of kernels, padding, strides and dilations

    /// "5", or "5x3": vertical, horizontal.
    PerAxis pair(int least) {
        const int vertical = number(least, most_pixels);
        return {vertical, take("x") ? number(least, most_pixels) : vertical};
    }

    std::optional<Padding> parse_padding() {
        if (take("v")) return Padding(0);
        if (!take("p")) return std::nullopt;
        const PerAxis first = pair(0);
        if (!take("x")) return Padding(first);
        const int bottom = number(0, most_pixels);
        require("x");
        return Padding(first.vertical, first.horizontal, bottom, number(0, most_pixels));
    }

    void parse_strides_and_groups(ConvolutionSpec& layer) {
        for (;;)
            if (take("dw"))
                layer.groups = ConvolutionSpec::depthwise;
            else if (take("s"))
                layer.stride = pair(1);
            else if (take("d"))
                layer.dilation = pair(1);
            else if (take("g"))
                layer.groups = number(1, 65536);
            else
                return;
    }

    /// As many zeros before the first pixel as behind the last, so that stride 1 keeps the size.
    Padding same_padding(const ConvolutionSpec& layer, std::size_t position) const {
        const PerAxis reach = reach_of(layer);
        if (reach.vertical % 2 != 0 || reach.horizontal % 2 != 0)
            fail_at(position, "expected v or p and a number: an even kernel has no 'same' padding");
        return PerAxis(reach.vertical / 2, reach.horizontal / 2);
    }

    void parse_dense(int outputs, std::size_t start) {
        const bool ends = position_ == text_.size();
        if (take("Softmax") || (lenet_form_ && ends)) {
            finished_ = true;
            return add(DenseSpec{outputs}, start);
        }
        if (!take("FC") && !(lenet_form_ && next_is("-")))
            fail("expected C, x, FC or Softmax after the number");
        add(DenseSpec{outputs, parse_batch_norm()}, start);
    }

    void check_shapes() const {
        std::size_t failing = 0;
        try {
            layer_maps(architecture_, &failing);
        } catch (const ShapeError& error) {
            fail_at(starts_[failing], error.what());
        }
    }

    std::string_view text_;
    bool lenet_form_;
    std::size_t position_ = 0;
    bool finished_ = false;
    Architecture architecture_;
    std::vector<std::size_t> starts_;  ///< of each layer in the text
};

std::string with_caret(std::string_view text, std::size_t position, const std::string& problem) {
    return "architecture: " + problem + "\n  " + std::string(text) + "\n  " + std::string(position, ' ') +
           "^";
}

std::string maps_text(MapShape maps) {
    return std::to_string(maps.channels) + "x" + std::to_string(maps.height) + "x" +
           std::to_string(maps.width);
}

std::string pair_text(const PerAxis& pair) {
    return pair == pair.vertical ? std::to_string(pair.vertical) : to_string(pair);
}

std::string padding_text(const ConvolutionSpec& layer) {
    const Padding p = layer.padding;
    const PerAxis reach = reach_of(layer);
    if (2 * p.top == reach.vertical && 2 * p.left == reach.horizontal && p == Padding(p.top, p.left))
        return "";
    if (p == 0) return "v";
    if (p == Padding(p.top, p.left)) return "p" + pair_text({p.top, p.left});
    return "p" + to_string(PerAxis(p.top, p.left)) + "x" + to_string(PerAxis(p.bottom, p.right));
}

std::string text_of(const ConvolutionSpec& layer) {
    std::string text = std::to_string(layer.outputs) + "C" + pair_text(layer.kernel) + padding_text(layer);
    if (layer.stride != 1) text += "s" + pair_text(layer.stride);
    if (layer.dilation != 1) text += "d" + pair_text(layer.dilation);
    if (layer.groups == ConvolutionSpec::depthwise)
        text += "dw";
    else if (layer.groups != 1)
        text += "g" + std::to_string(layer.groups);
    return text + (layer.batch_norm ? "+BN" : "");
}

std::string text_of(const PoolingSpec& layer) {
    if (layer.method == PoolingMethod::overlapped_max) return "MP2";
    return layer.method == PoolingMethod::max ? "P2" : "P2(" + to_string(layer.method) + ")";
}

std::string text_of(const DenseSpec& layer) {
    return std::to_string(layer.outputs) + "FC" + (layer.batch_norm ? "+BN" : "");
}

MapShape maps_behind(MapShape maps, const ConvolutionSpec& layer, const LayerSpec*) {
    const ConvolutionShape shape = convolution_shape(layer, maps, 1);
    if (maps.channels % shape.groups != 0 || layer.outputs % shape.groups != 0)
        throw ShapeError(std::to_string(shape.groups) + " groups do not divide " +
                         std::to_string(maps.channels) + " maps before and " + std::to_string(layer.outputs) +
                         " behind a convolution");
    if (shape.output_height() < 1 || shape.output_width() < 1)
        throw ShapeError("a " + to_string(layer.kernel) + " kernel does not fit maps of " + maps_text(maps));
    return {layer.outputs, shape.output_height(), shape.output_width()};
}

MapShape maps_behind(MapShape maps, const PoolingSpec& layer, const LayerSpec* before) {
    if (layer.method == PoolingMethod::ecp && !(before && std::holds_alternative<ConvolutionSpec>(*before)))
        throw ShapeError("P2(ecp) must stand right behind a convolution");
    if (maps.height < 2 || maps.width < 2)
        throw ShapeError("maps of " + maps_text(maps) + " are too small to pool");
    return {maps.channels, maps.height / 2, maps.width / 2};
}

MapShape maps_behind(MapShape, const DenseSpec& layer, const LayerSpec*) {
    return {layer.outputs, 1, 1};
}

}  // namespace

ArchitectureError::ArchitectureError(std::string_view text, std::size_t position, const std::string& problem)
    : UsageError(with_caret(text, position, problem)), position_(position) {}

Architecture parse_architecture(std::string_view text, MapShape input) {
    for (const auto& [name, form] : known_architectures())
        if (text == name) return Parser(form).parse(input);
    return Parser(text).parse(input);
}

std::string to_string(const Architecture& architecture) {
    std::string text = maps_text(architecture.input) + ":";
    const auto& layers = architecture.layers;
    for (std::size_t i = 0, repeats; i < layers.size(); i += repeats) {
        repeats = 1;
        if (i) text += "-";
        if (std::holds_alternative<ConvolutionSpec>(layers[i])) {
            while (i + repeats < layers.size() && layers[i + repeats] == layers[i]) ++repeats;
            if (repeats > 1) text += std::to_string(repeats) + "x";
        }
        if (i + 1 == layers.size())
            text += std::to_string(architecture.classes()) + "Softmax";
        else
            text += std::visit([](const auto& layer) { return text_of(layer); }, layers[i]);
    }
    return text;
}

const std::vector<std::pair<std::string, std::string>>& known_architectures() {
    static const std::vector<std::pair<std::string, std::string>> known = {
        {"one-conv", "1x28x28:20C5v-P2-100FC-10Softmax"},
        {"two-conv", "1x28x28:20C5v-P2-32C5v-P2-100FC-10Softmax"},
        {"lenet-6-16-120", "1x32x32:6C5v-MP2-16C5v-MP2-120C5v-84FC-10Softmax"},
        {"mnist-16-32-64", "1x32x32:16C5v-MP2-32C5v-MP2-64C5v-120FC-10Softmax"},
        {"cnn-small", "3x32x32:2x128C3-MP2-2x128C3-MP2-2x256C3-256FC-10Softmax"},
        {"cnn-large", "3x28x28:2x128C3-MP2-2x256C3-MP2-2x256C3-512C3-1024FC-1024FC-10Softmax"},
        {"svhn", "3x32x32:2x64C3-MP2-2x128C3-MP2-2x128C3-512FC-512FC-10Softmax"}};
    return known;
}

ConvolutionShape convolution_shape(const ConvolutionSpec& spec, MapShape maps, int batch) {
    return {.batch = batch,
            .in_channels = maps.channels,
            .out_channels = spec.outputs,
            .height = maps.height,
            .width = maps.width,
            .kernel = spec.kernel,
            .padding = spec.padding,
            .stride = spec.stride,
            .dilation = spec.dilation,
            .groups = spec.groups == ConvolutionSpec::depthwise ? maps.channels : spec.groups};
}

std::vector<MapShape> layer_maps(const Architecture& architecture, std::size_t* failing) {
    std::vector<MapShape> result;
    MapShape maps = architecture.input;
    const LayerSpec* before = nullptr;
    for (const LayerSpec& layer : architecture.layers) {
        if (failing) *failing = result.size();
        if (before && std::holds_alternative<DenseSpec>(*before) && !std::holds_alternative<DenseSpec>(layer))
            throw ShapeError("only dense layers may stand behind a dense layer");
        maps = std::visit([&](const auto& spec) { return maps_behind(maps, spec, before); }, layer);
        result.push_back(maps);
        before = &layer;
    }
    const auto* last = before ? std::get_if<DenseSpec>(before) : nullptr;
    if (!last || last->batch_norm)
        throw ShapeError("the last layer must be dense, without batch normalisation");
    return result;
}

Architecture with_pooling(Architecture architecture, PoolingMethod method) {
    for (LayerSpec& layer : architecture.layers)
        if (auto* pooling = std::get_if<PoolingSpec>(&layer))
            if (pooling->method != PoolingMethod::overlapped_max) pooling->method = method;
    return architecture;
}

Architecture with_batch_norm(Architecture architecture, bool batch_norm) {
    for (LayerSpec& layer : architecture.layers) {
        if (auto* convolution = std::get_if<ConvolutionSpec>(&layer)) convolution->batch_norm = batch_norm;
        if (auto* dense = std::get_if<DenseSpec>(&layer)) dense->batch_norm = batch_norm;
    }
    std::get<DenseSpec>(architecture.layers.back()).batch_norm = false;
    return architecture;
}

Architecture with_width(Architecture architecture, double factor) {
    if (!(factor > 0)) throw UsageError("width: expected more than 0, found " + number_text(factor));
    const auto scale = [&](int& outputs) {
        const double wanted = std::round(outputs * factor);
        if (!(wanted <= most_outputs))
            throw UsageError("width: expected layers of at most " + std::to_string(most_outputs) +
                             " outputs, found " + number_text(wanted));
        outputs = std::max(1, int(wanted));
    };
    for (std::size_t i = 0; i + 1 < architecture.layers.size(); ++i) {
        if (auto* convolution = std::get_if<ConvolutionSpec>(&architecture.layers[i]))
            scale(convolution->outputs);
        if (auto* dense = std::get_if<DenseSpec>(&architecture.layers[i])) scale(dense->outputs);
    }
    return architecture;
}

}  // namespace fftconv
