#pragma once
#include <memory>
#include <string>
#include <vector>

#include "fftconv/dataset/batches.hpp"
#include "fftconv/pruning/pruned_network.hpp"
#include "fftconv/pruning/search.hpp"
#include "prune/step.hpp"

namespace fftconv {

inline constexpr const char* best_of_n = "best-of-n";

/// How many masks the search of a point's last step tries.
std::size_t candidates_of(const PruningContext& context, const PruningPoint& point);
/// The candidates that the point's mask file holds, as far as they are those of its search.
SearchState stored_search(const PruningContext& context, const PruningPoint& point);
/// Writes the point's mask file: a search, and what came of it.
void store_search(const PruningContext& context, const PruningPoint& point, const SearchState& search,
                  const Masks& masks = {});

/// How the units of a point's last step are chosen: by a score, or by a search whose candidates are kept in
/// the point's mask file, where an interrupted one resumes, and where several processes bring theirs
/// together.
class Selection {
  public:
    /// The network, as the steps before it left it, must outlive this.
    Selection(const PruningContext& context, const PruningPoint& point, PrunedNetwork& pruned);

    /// Sets the masks; returns the search, empty where there was none. @throws PruningInterrupted
    SearchState choose();

    /// Of one candidate, in any order. Nothing else may be done to the network meanwhile, or afterwards.
    double candidate_mcr(std::size_t candidate);

    Batches& validation() { return validation_; }
    /// What statistics are taken from: other images than the search's validation, in an order of their own.
    Batches& training() { return training_; }

  private:
    std::vector<std::vector<double>> scores_of(const std::string& criterion);
    SearchOptions search_options();
    SearchState search();
    void choose_by_reconstruction();

    const PruningContext& context_;
    const PruneOptions& options_;
    const PruningPoint& point_;
    PruningStep step_;
    PruningScope scope_;
    double share_;        ///< to prune, of the units that are left
    std::uint64_t seed_;  ///< of masks
    PrunedNetwork& pruned_;
    Batches validation_, training_;
    std::unique_ptr<Candidates> candidates_;
};

}  // namespace fftconv
