#include "fftconv/pruning/weighted_layer.hpp"

namespace fftconv {
namespace {

WeightedLayer of(ConvolutionLayer& layer) {
    const ConvolutionShape& shape = layer.shape();
    return {&layer,
            &layer,
            shape.out_channels,
            shape.group_channels(),
            int(shape.kernel.area()),
            shape.groups,
            &layer.weight(),
            layer.has_bias() ? &layer.bias() : nullptr,
            nullptr};
}

WeightedLayer of(DenseLayer& layer) {
    const MapShape input = layer.input_maps();
    return {&layer,
            nullptr,
            layer.outputs(),
            input.channels,
            input.height * input.width,
            1,
            &layer.weight(),
            layer.has_bias() ? &layer.bias() : nullptr,
            nullptr};
}

}  // namespace

std::vector<WeightedLayer> weighted_layers(const Network& network) {
    std::vector<WeightedLayer> result;
    for (const auto& layer : network.layers()) {
        if (auto* convolution = dynamic_cast<ConvolutionLayer*>(layer.get()))
            result.push_back(of(*convolution));
        else if (auto* dense = dynamic_cast<DenseLayer*>(layer.get()))
            result.push_back(of(*dense));
        else if (auto* norm = dynamic_cast<BatchNorm*>(layer.get()); norm && !result.empty())
            result.back().norm = norm;
    }
    return result;
}

}  // namespace fftconv
