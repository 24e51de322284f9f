#pragma once
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "fftconv/core/public.hpp"
#include "fftconv/dataset/batches.hpp"
#include "fftconv/pruning/units.hpp"

namespace FFTCONV_PUBLIC fftconv {

/// Puts masks on a network for a look at them, one after the other, and gives it back as it was, with its
/// own. What the masks share is not done again: the engines keep the spectra of all kernels, and a mask of
/// kernels or maps changes lists alone. The network's weights must not be changed meanwhile; its running
/// statistics may be, and come back too.
class MaskTrial {
  public:
    /// Of a network that must outlive it.
    explicit MaskTrial(PrunedNetwork& pruned);
    ~MaskTrial();
    MaskTrial(const MaskTrial&) = delete;
    MaskTrial& operator=(const MaskTrial&) = delete;

    /// The network computes as after PrunedNetwork::set_masks, until the next call. These masks prune at
    /// least what the network's own do. @throws ShapeError as check_masks.
    void set(const Masks& masks);

  private:
    std::vector<WeightedLayer> layers_;
    std::vector<std::vector<std::vector<float>>> values_;      ///< layer → parameter → its own values
    std::vector<std::vector<std::vector<float>>> statistics_;  ///< layer → buffer of its normalisation
    std::vector<bool> in_part_;  ///< layers whose weights the present masks have changed
};

/// The seed of candidate i of a search; nothing else determines its mask.
std::uint64_t candidate_seed(std::uint64_t seed, std::size_t candidate);

/// The candidates that have been evaluated, in order.
struct SearchState {
    std::vector<std::uint64_t> seed;     ///< of each
    std::vector<double> validation_mcr;  ///< percent

    /// How many.
    std::size_t count() const { return validation_mcr.size(); }
    /// The least MCR of the first `candidates` (0 = all); of equal ones the first.
    std::size_t best(std::size_t candidates = 0) const;
};

/// How many masks are tried, and of which units.
struct SearchOptions {
    double ratio = 0.5;            ///< of the units of each layer
    std::size_t candidates = 100;  ///< N
    /// Of the candidates.
    std::uint64_t seed = 1;
    int recalibrate = 0;  ///< batches of `training` from which statistics are taken before each evaluation
    Batches* training = nullptr;                   ///< for that; null: none
    std::vector<std::vector<double>> scores = {};  ///< candidates are drawn around them (drawn_masks); empty:
                                                   ///< every unit alike (random_masks)
};

/// The candidates of a search, which are evaluated in any order. Meanwhile the network is lent to them (see
/// MaskTrial); what comes before the first pruned layer is computed once (see RepeatedEvaluation).
class Candidates {
  public:
    /// Network and images must outlive it. @throws ShapeError as check_masks.
    Candidates(PrunedNetwork& pruned, Batches& validation, const PruningScope& scope,
               const SearchOptions& options);
    ~Candidates();

    /// Of candidate 0, 1, …, percent. @throws Error when its logits are not finite.
    double validation_mcr(std::size_t candidate);

  private:
    struct Inside;
    std::unique_ptr<Inside> inside_;
};

/// Best of N random masks over all pruned layers together, by validation MCR (coarse pruning paper, section
/// 3): resumes from `state` until it has N candidates, or on_candidate, called after each, returns false. The
/// masks prune what the network's own do, and the units of the candidate as well. The result does not depend
/// on the number of threads. Returns the best candidate's masks, of equal ones the first's. The network is
/// left as it was.
/// @throws UsageError on less than one candidate; Error when a candidate's logits are not finite.
Masks best_of_random(PrunedNetwork& pruned, Batches& validation, const PruningScope& scope,
                     const SearchOptions& options, SearchState& state,
                     const std::function<bool(const SearchState&)>& on_candidate = {});

}  // namespace fftconv
