#pragma once
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "fftconv/core/names.hpp"
#include "fftconv/core/public.hpp"
#include "fftconv/pruning/pruned_network.hpp"

namespace FFTCONV_PUBLIC fftconv {

/// What is pruned or kept as one (coarse pruning paper, Figure 1): whole layers, feature maps, k × k kernels,
/// or strided parts of kernels: of the k² taps of a kernel, in row-major order, those whose index is the same
/// modulo the stride (Anwar et al. 2015b). A kernel group is ours: the kernels from one input map to four
/// neighbouring output maps (4g … 4g + 3), the pattern that vector units like.
enum class Granularity { layer, feature_map, kernel, kernel_group, intra_kernel };
inline constexpr int group_outputs = 4;  ///< output maps of a kernel group; the last group may have fewer
inline constexpr auto granularity_names =
    names<Granularity>("granularity", {{"layer", Granularity::layer},
                                       {"feature-map", Granularity::feature_map},
                                       {"kernel", Granularity::kernel},
                                       {"kernel-group", Granularity::kernel_group},
                                       {"intra-kernel", Granularity::intra_kernel}});
/// @throws UsageError on a name that is not one of granularity_names.
inline Granularity parse_granularity(const std::string& name) {
    return granularity_names.parse(name);
}
inline std::string to_string(Granularity granularity) {
    return granularity_names.print(granularity);
}

/// Which units there are to prune.
struct PruningScope {
    /// What is pruned as one.
    Granularity granularity = Granularity::kernel;
    std::vector<std::string> layers;  ///< names, e.g. "conv2"; "dense1" for feature maps only
    int stride = 2;                   ///< of intra-kernel units
};

/// Names of the convolutions, in the network's order.
std::vector<std::string> convolution_names(Network& network);

/// One unit: of a feature map o its index is o, of a kernel o·in + c, of a group of kernels g·in + c, of a
/// strided part (o·in + c)·stride + phase.
struct PruningUnit {
    WeightedLayer layer;  ///< where it is
    int index = 0;        ///< which of the layer it is

    /// Calls visit for each weight of the unit (of a feature map: its incoming kernels), as index into the
    /// layer's.
    void for_each_weight(const PruningScope& scope, const std::function<void(std::size_t)>& visit) const;
};

/// Units among which a ratio is kept: those of one layer; at layer granularity, all layers.
using UnitGroup = std::vector<PruningUnit>;

/// The units of which the masks leave something. @throws UsageError on a stride < 1; ShapeError on layers
/// that are not there, or have no such units.
std::vector<UnitGroup> live_units(const PrunedNetwork& pruned, const PruningScope& scope);

/// How many of `live` units a ratio prunes: rounded, at least one is left.
std::size_t pruned_count(std::size_t live, double ratio);

/// The network's masks with these units pruned as well; the network stays as it is.
Masks with_pruned(const PrunedNetwork& pruned, const PruningScope& scope,
                  const std::vector<PruningUnit>& units);

/// The same with this ratio of each group, drawn at random; depends on seed and arguments alone.
Masks random_masks(const PrunedNetwork& pruned, const PruningScope& scope, double ratio, std::uint64_t seed);

/// The same with this ratio of each group drawn around scores: a unit survives with a probability that grows
/// with its score. Survivors are drawn one by one without replacement, each with a chance in proportion to
/// its score (the exponential keys of Efraimidis and Spirakis 2006); of scores of zero, at random. Depends on
/// seed and arguments alone. scores: as live_units lists the units, none negative. @throws Error on a score
/// that is negative or not finite.
Masks drawn_masks(const PrunedNetwork& pruned, const PruningScope& scope, double ratio,
                  const std::vector<std::vector<double>>& scores, std::uint64_t seed);

/// The same with the units of least score: this ratio of each group. Of equal ones, those that come first in
/// live_units. scores: as live_units lists the units. @throws Error on a score that is not finite.
Masks masks_of_least(const PrunedNetwork& pruned, const PruningScope& scope, double ratio,
                     const std::vector<std::vector<double>>& scores);

}  // namespace fftconv
