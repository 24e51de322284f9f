#pragma once
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "fftconv/core/public.hpp"
#include "fftconv/pruning/weighted_layer.hpp"

namespace FFTCONV_PUBLIC fftconv {

/// What is pruned of one layer, 0 = pruned, 1 = surviving. A granularity that is not pruned is empty, and
/// extents that no array here needs are 0. A layer pruned as a whole is a feature_map of zeros.
struct LayerMask {
    std::string layer;                            ///< its name
    int out = 0, in = 0;                          ///< feature maps (or neurons) after and before the layer
    int kernel_height = 0, kernel_width = 0;      ///< pixels
    std::vector<std::uint8_t> feature_map = {};   ///< (out)
    std::vector<std::uint8_t> kernel = {};        ///< (out, in)
    std::vector<std::uint8_t> intra_kernel = {};  ///< (out, in, ky, kx)

    bool operator==(const LayerMask&) const = default;
};

/// What is pruned of a network. Layers that are not mentioned are pruned of nothing but what follows from the
/// layer before them: a map that is pruned takes its outgoing kernels along (coarse pruning paper, section
/// 4).
using Masks = std::vector<LayerMask>;

/// The mask of a layer, made when there is none, so that masks stay in the network's order.
LayerMask& mask_of(Masks& masks, const std::vector<WeightedLayer>& layers, const std::string& layer);
const LayerMask* find_mask(const Masks& masks, const std::string& layer);

/// @throws ShapeError naming layer, array, and both shapes, unless every mask fits one of a network's layers;
/// also when it prunes outputs of the last layer, or kernels of a dense one.
void check_masks(const Masks& masks, const std::vector<WeightedLayer>& layers);

/// One byte per weight of each layer, 0 = pruned, all granularities and the pruned maps before it together:
/// (out, in, area) of each. @throws ShapeError as check_masks.
std::vector<std::vector<std::uint8_t>> surviving_weights(const Masks& masks,
                                                         const std::vector<WeightedLayer>& layers);
/// One byte per map behind the layer, 0 = pruned; the mask may be null.
std::vector<std::uint8_t> surviving_maps(const LayerMask* mask, const WeightedLayer& layer);

/// What both keep: 1 where both are 1. @throws ShapeError when both have a layer in different shapes.
Masks combine(const Masks& a, const Masks& b);

/// How much of a layer survives.
struct LayerDensity {
    std::string layer;                               ///< its name
    std::size_t maps = 0, surviving_maps = 0;        ///< behind the layer
    std::size_t kernels = 0, surviving_kernels = 0;  ///< pairs of maps that some weight joins
    std::size_t weights = 0, surviving_weights = 0;  ///< single ones

    double kernel_ratio() const { return 1 - double(surviving_kernels) / double(kernels); }  ///< pruned share
    double weight_ratio() const { return 1 - double(surviving_weights) / double(weights); }  ///< pruned share
};
/// The sum over the layers named. @throws ShapeError on a layer that is not there.
LayerDensity total(const std::vector<LayerDensity>& layers, const std::vector<std::string>& names);

/// Where two masks agree, over the weights of a layer.
struct MaskComparison {
    std::string layer;                                ///< its name
    std::size_t both_pruned = 0, both_surviving = 0;  ///< where they agree
    std::size_t only_first = 0, only_second = 0;      ///< pruned by one alone
};

}  // namespace fftconv
