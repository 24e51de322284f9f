#include "prune/shared_search.hpp"

#include <chrono>
#include <cmath>
#include <cstring>
#include <memory>
#include <optional>

#include "common/process.hpp"
#include "common/team.hpp"
#include "prune/selection.hpp"

namespace fftconv {

namespace {

using Clock = std::chrono::steady_clock;

/// One search: what has been found of it, in any order.
class SharedSearch {
  public:
    SharedSearch(const PruningContext& context, const PruningPoint& point)
        : context_(context), point_(point), mcr_(stored_search(context, point).validation_mcr) {
        known_ = mcr_.size();
        mcr_.resize(candidates_of(context, point), NAN);
    }

    const PruningPoint& point() const { return point_; }
    /// Candidates before this one need no work.
    std::size_t known() const { return known_; }
    std::size_t candidates() const { return mcr_.size(); }

    void add(std::size_t candidate, double mcr) {
        mcr_[candidate] = mcr;
        if (Clock::now() - stored_ < std::chrono::seconds(1)) return;  // a search loses a second at most
        store();
    }

    /// The candidates up to the first that is missing.
    void store() {
        SearchState state;
        while (state.count() < mcr_.size() && !std::isnan(mcr_[state.count()])) {
            state.seed.push_back(candidate_seed(context_.mask_seed(point_.repeat), state.count()));
            state.validation_mcr.push_back(mcr_[state.seed.size() - 1]);
        }
        if (state.count() > known_) store_search(context_, point_, state);
        stored_ = Clock::now();
    }

  private:
    const PruningContext& context_;
    const PruningPoint& point_;
    std::vector<double> mcr_;  ///< NaN: not evaluated
    std::size_t known_ = 0;
    Clock::time_point stored_ = Clock::now();
};

/// The network of a search under way, here.
struct Here {
    Here(const PruningContext& context, const PruningPoint& point, PrunedNetwork network)
        : pruned(std::move(network)), selection(context, point, pruned) {}
    PrunedNetwork pruned;
    Selection selection;
};

std::vector<char> bytes_of(double value) {
    const char* bytes = reinterpret_cast<const char*>(&value);
    return {bytes, bytes + sizeof value};
}

double value_of(const std::vector<char>& bytes) {
    double value = 0;
    std::memcpy(&value, bytes.data(), sizeof value);
    return value;
}

}  // namespace

void search_together(const PruningContext& context, const std::vector<PruningPoint>& points,
                     const std::function<PrunedNetwork(const PruningPoint&)>& network_before,
                     const std::function<void()>& on_candidate) {
    if (team().count() == 1) return;
    std::vector<SharedSearch> searches;
    for (const PruningPoint& point : points)
        if (point.criterion == best_of_n) searches.emplace_back(context, point);
    team().meet();  // every process has read the files that the first one is about to replace
    std::vector<std::pair<std::size_t, std::size_t>> jobs;  // search, candidate
    for (std::size_t search = 0; search < searches.size(); ++search)
        for (std::size_t i = searches[search].known(); i < searches[search].candidates(); ++i)
            jobs.emplace_back(search, i);

    std::unique_ptr<Here> here;
    std::size_t search_here = 0;
    const auto run = [&](int job, const std::function<bool()>&) {
        const auto [search, candidate] = jobs[std::size_t(job)];
        if (!here || search != search_here) {
            const PruningPoint& point = searches[search].point();
            here.reset();  // one network at a time
            here = std::make_unique<Here>(context, point, network_before(point));
        }
        search_here = search;
        return std::optional(bytes_of(here->selection.candidate_mcr(candidate)));
    };
    const auto done = [&](int job, const std::vector<char>& bytes) {
        on_candidate();
        searches[jobs[std::size_t(job)].first].add(jobs[std::size_t(job)].second, value_of(bytes));
    };
    const bool all = team().share_jobs(int(jobs.size()), run, done, interrupted);
    for (SharedSearch& search : searches)
        if (team().first()) search.store();
    team().meet();  // the files are there
    if (!all) throw PruningInterrupted{};
}

}  // namespace fftconv
