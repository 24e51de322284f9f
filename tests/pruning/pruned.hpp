#pragma once
#include <algorithm>
#include <cmath>
#include <string>

#include "fftconv/core/random.hpp"
#include "fftconv/network/network.hpp"
#include "fftconv/pruning/pruned_network.hpp"
#include "support/gradient_check.hpp"

namespace fftconv::test {

/// Networks for pruning: convolutions with and without padding, each kind of pooling, dense layers.
inline constexpr const char* valid_network = "2x14x14:6C3v-P2-8C3v-P2(average)-7FC-4Softmax";
inline constexpr const char* padded_network = "2x12x12:6C3-MP2-8C3-P2-7FC-4Softmax";
inline constexpr const char* normalised_network = "2x14x14:6C3v+BN-P2-8C3v+BN-MP2-7FC+BN-4Softmax";

/// A network whose biases and statistics are what training makes them: none zero.
inline Network trained(const std::string& architecture, const std::string& engine = "direct",
                       int threads = 1) {
    Network network(parse_architecture(architecture), {.engine = engine, .batch = 8, .threads = threads});
    std::vector<NamedArray> state = network.state();
    for (NamedArray& array : state) {
        RandomStream random(5, array.name);
        if (array.name.ends_with("/weight")) continue;
        for (float& value : array.values)
            value = array.name.ends_with("variance") ? random.uniform(0.5f, 2) : random.normal();
    }
    network.load_state(state);
    return network;
}

inline PrunedNetwork trained_whole(const std::string& architecture, const std::string& engine = "direct",
                                   int threads = 1) {
    return PrunedNetwork(trained(architecture, engine, threads));
}

inline Tensor images_for(const Network& network) {
    return random_tensor(network.architecture().input, 8, "images");
}

/// The largest difference of the logits, relative to the largest logit.
inline double difference(const Tensor& a, const Tensor& b) {
    double worst = 0, scale = 0;
    for (int c = 0; c < a.channels(); ++c)
        for (int n = 0; n < a.batch(); ++n) {
            const double x = a(c, 0, 0, n), y = b(c, 0, 0, n);
            worst = std::max(worst, std::isfinite(x - y) ? std::abs(x - y) : INFINITY);
            scale = std::max(scale, std::abs(y));
        }
    return worst / scale;
}

/// 0 with this probability, else 1.
inline std::vector<std::uint8_t> random_bytes(std::size_t count, double pruned, const std::string& stream) {
    RandomStream random(3, stream);
    std::vector<std::uint8_t> bytes(count);
    for (std::uint8_t& byte : bytes) byte = random.uniform() >= pruned;
    return bytes;
}

/// Every granularity at once: maps of conv1, kernels and weights of conv2.
inline Masks mixed_masks(const Network& network, double pruned) {
    const std::vector<WeightedLayer> layers = weighted_layers(network);
    Masks masks;
    LayerMask& first = mask_of(masks, layers, "conv1");
    first.feature_map = random_bytes(std::size_t(layers[0].out), pruned, "maps");
    first.feature_map[2] = 1;
    LayerMask& second = mask_of(masks, layers, "conv2");
    second.kernel = random_bytes(layers[1].units(), pruned, "kernels");
    second.intra_kernel = random_bytes(layers[1].weights(), pruned, "weights");
    return masks;
}

}  // namespace fftconv::test
