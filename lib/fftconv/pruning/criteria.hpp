#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "fftconv/core/names.hpp"
#include "fftconv/core/public.hpp"
#include "fftconv/dataset/batches.hpp"
#include "fftconv/pruning/units.hpp"

namespace FFTCONV_PUBLIC fftconv {

/// How much a unit matters; the least are pruned.
///  - weight_sum: Σ|w| over its weights (Li et al. 2016, section 3.1);
///  - l2: √Σw²;
///  - weight_sum_scaled, l2_scaled: the same times |γ/σ|, by which the batch normalisation behind scales what
///    the weights make (1 without one): what they are once it is folded in;
///  - gamma: |γ| of a map's batch normalisation (network slimming, Liu et al. 2017);
///  - taylor: what its removal does to the loss to first order, (Σ w·∂L/∂w)², mean over batches of data
///  (Molchanov
///    et al. 2019, equation 8, with the unit as a group of weights);
///  - taylor_gamma: (γ·∂L/∂γ + β·∂L/∂β)² of a map's batch normalisation, mean over batches (the same paper's
///    gate behind it);
///  - random: a random number;
///  - spectral: the energy that it gives its output map on data (kernel_energies), without that of its mean
///    where a batch normalisation takes the mean away: for a kernel, a group of them or a part of one as a
///    share of that map's, for a map the sum over its kernels, as its batch normalisation scales it;
///  - reconstruction: ours, see Reconstruction.
/// Of a feature map, weights are those of its incoming kernels.
enum class Criterion {
    weight_sum,
    l2,
    weight_sum_scaled,
    l2_scaled,
    gamma,
    taylor,
    taylor_gamma,
    random,
    spectral,
    reconstruction
};
inline constexpr auto criterion_names =
    names<Criterion>("criterion", {{"weight-sum", Criterion::weight_sum},
                                   {"l2", Criterion::l2},
                                   {"weight-sum-scaled", Criterion::weight_sum_scaled},
                                   {"l2-scaled", Criterion::l2_scaled},
                                   {"gamma", Criterion::gamma},
                                   {"taylor", Criterion::taylor},
                                   {"taylor-gamma", Criterion::taylor_gamma},
                                   {"random", Criterion::random},
                                   {"spectral", Criterion::spectral},
                                   {"reconstruction", Criterion::reconstruction}});
/// @throws UsageError on a name that is not one of criterion_names.
inline Criterion parse_criterion(const std::string& name) {
    return criterion_names.parse(name);
}
inline std::string to_string(Criterion criterion) {
    return criterion_names.print(criterion);
}

/// Whether its scores are of batches of data, and not of the network alone.
constexpr bool looks_at_data(Criterion criterion) {
    return criterion == Criterion::taylor || criterion == Criterion::taylor_gamma ||
           criterion == Criterion::spectral || criterion == Criterion::reconstruction;
}

/// What criteria that look at data see: the first `batches` of them, in order. The random one uses the seed.
struct CriterionData {
    Batches& images;  ///< of the training set
    /// Batches that are looked at.
    int batches = 8;
    /// Of the order of images.
    std::uint64_t seed = 1;
};

/// @throws UsageError for scores that the units of live_units(pruned, scope) do not have: spectral ones of
/// dense or whole layers, gamma and taylor_gamma of anything but maps with batch normalisation,
/// reconstruction of anything but kernels and groups of them.
void require_scores(const PrunedNetwork& pruned, const PruningScope& scope, Criterion criterion);

/// The score of each unit of live_units(pruned, scope). The network stays as it is, but for its gradients.
/// @throws UsageError as `require_scores` does; Error when a score is not finite, naming layer and unit.
std::vector<std::vector<double>> unit_scores(PrunedNetwork& pruned, const PruningScope& scope,
                                             Criterion criterion, const CriterionData& data);

}  // namespace fftconv
