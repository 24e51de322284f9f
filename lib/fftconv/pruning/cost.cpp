#include "fftconv/pruning/cost.hpp"

#include <algorithm>
#include <chrono>

#include "fftconv/convolution/cost_model.hpp"
#include "fftconv/core/error.hpp"
#include "fftconv/core/median.hpp"

namespace fftconv {
namespace {

double milliseconds(Network& network, const Tensor& images) {
    const auto start = std::chrono::steady_clock::now();
    network.forward(images);
    return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start).count();
}

}  // namespace

std::vector<LayerCost> layer_costs(const PrunedNetwork& pruned) {
    const std::vector<WeightedLayer> layers = weighted_layers(pruned.network);
    const std::vector<LayerDensity> densities = pruned.density();
    std::vector<LayerCost> costs;
    for (std::size_t i = 0; i < layers.size(); ++i) {
        const WeightedLayer& layer = layers[i];
        const MapShape output = layer.layer->output_maps();
        const double per_map = (layer.bias ? 1 : 0) + (layer.norm ? 2 : 0);
        LayerCost cost;
        cost.layer = layer.name();
        cost.parameters =
            double(densities[i].surviving_weights) + per_map * double(densities[i].surviving_maps);
        cost.direct_macs = double(densities[i].surviving_weights) * output.height * output.width;
        cost.spectral_macs = layer.convolution
                                 ? double(densities[i].surviving_kernels) *
                                       spectral_macs_per_kernel(layer.convolution->shape(),
                                                                layer.convolution->engine().options())
                                 : cost.direct_macs;
        costs.push_back(cost);
    }
    return costs;
}

LayerCost total(const std::vector<LayerCost>& costs) {
    LayerCost sum;
    sum.layer = "in all";
    for (const LayerCost& cost : costs) {
        sum.parameters += cost.parameters;
        sum.direct_macs += cost.direct_macs;
        sum.spectral_macs += cost.spectral_macs;
    }
    return sum;
}

std::vector<double> milliseconds_per_image(const std::vector<Network*>& networks, const Tensor& images,
                                           int rounds) {
    if (rounds < 1) throw UsageError("timing: rounds: expected at least 1, found " + std::to_string(rounds));
    std::vector<std::vector<double>> times(networks.size());
    for (Network* network : networks) network->forward(images);  // plans, spectra, memory
    for (int round = 0; round < rounds; ++round)
        for (std::size_t i = 0; i < networks.size(); ++i)
            times[i].push_back(milliseconds(*networks[i], images));
    std::vector<double> result;
    for (const std::vector<double>& of_network : times) result.push_back(median(of_network) / images.batch());
    return result;
}

}  // namespace fftconv
