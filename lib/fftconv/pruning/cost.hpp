#pragma once
#include <string>
#include <vector>

#include "fftconv/core/public.hpp"
#include "fftconv/pruning/pruned_network.hpp"

namespace FFTCONV_PUBLIC fftconv {

/// What a layer costs in inference with its masks, per image.
struct LayerCost {
    /// Its name.
    std::string layer;
    double parameters =
        0;  ///< surviving weights, biases or normalisation's scales and shifts of the surviving maps
    double direct_macs = 0;  ///< multiply-accumulates of direct sums: surviving weights × outputs of a map
    double spectral_macs =
        0;  ///< those of the sum in the frequency domain: 2T² per surviving kernel and tile, T as the
            ///< engine chooses it, without transforms; of a dense layer the direct ones
};

/// Per weighted layer, in the network's order.
std::vector<LayerCost> layer_costs(const PrunedNetwork& pruned);
LayerCost total(const std::vector<LayerCost>& costs);

/// Milliseconds per image of a forward pass of these images, for each network: medians over `rounds` rounds
/// in which the networks take turns, so that what else the machine does hits all alike. @throws UsageError on
/// rounds < 1.
std::vector<double> milliseconds_per_image(const std::vector<Network*>& networks, const Tensor& images,
                                           int rounds);

}  // namespace fftconv
