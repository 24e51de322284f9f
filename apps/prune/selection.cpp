#include "prune/selection.hpp"

#include <algorithm>
#include <chrono>

#include "fftconv/pruning/criteria.hpp"
#include "fftconv/pruning/reconstruction.hpp"
#include "fftconv/storage/masks.hpp"
#include "fftconv/storage/training_checkpoint.hpp"

namespace fftconv {

std::size_t candidates_of(const PruningContext& context, const PruningPoint& point) {
    const bool nothing_to_choose = point.steps.back().share_of_left() == 0;
    return nothing_to_choose ? 1 : std::size_t(context.options.candidates);
}

SearchState stored_search(const PruningContext& context, const PruningPoint& point) {
    const std::filesystem::path file = mask_file(context.options, point.name());
    const PruningStep& step = point.steps.back();
    SearchState state;
    if (!std::filesystem::exists(file)) return state;
    const MaskRecord found = read_masks(file);
    context.require_own(file, found.resolved_toml, found.dataset, found.checkpoint_sha256);
    const bool same = found.search.criterion == best_of_n && found.search.ratio == step.share_of_left() &&
                      found.search.granularity == to_string(step.granularity);
    const std::size_t count = std::min(found.search.seed.size(), candidates_of(context, point));
    for (std::size_t i = 0; same && i < count; ++i) {
        if (found.search.seed[i] != candidate_seed(context.mask_seed(point.repeat), i)) break;
        state.seed.push_back(found.search.seed[i]);
        state.validation_mcr.push_back(found.search.validation_mcr[i]);
    }
    return state;
}

void store_search(const PruningContext& context, const PruningPoint& point, const SearchState& search,
                  const Masks& masks) {
    const PruningStep& step = point.steps.back();
    MaskRecord record{.resolved_toml = context.resolved_toml(),
                      .dataset = record_of(context.dataset),
                      .search = {.criterion = point.criterion,
                                 .granularity = to_string(step.granularity),
                                 .ratio = step.share_of_left(),
                                 .seed = search.seed,
                                 .validation_mcr = search.validation_mcr},
                      .masks = masks,
                      .checkpoint_sha256 = context.baseline_sha256};
    if (search.count() > 0) record.search.selected = std::int64_t(search.best());
    write_masks(mask_file(context.options, point.name()), record);
}

Selection::Selection(const PruningContext& context, const PruningPoint& point, PrunedNetwork& pruned)
    : context_(context),
      options_(context.options),
      point_(point),
      step_(point.steps.back()),
      scope_{step_.granularity, context.layers, options_.stride},
      share_(step_.share_of_left()),
      seed_(context.mask_seed(point.repeat)),
      pruned_(pruned),
      validation_(context.dataset.validation, context.plain_batches(pruned.network)),
      training_(context.dataset.train, context.shuffled_batches(pruned.network, seed_)) {}

std::vector<std::vector<double>> Selection::scores_of(const std::string& criterion) {
    Batches images(context_.dataset.train, context_.plain_batches(pruned_.network));
    return unit_scores(pruned_, scope_, parse_criterion(criterion), {images, options_.data_batches, seed_});
}

SearchState Selection::choose() {
    if (point_.is_control()) return {};
    if (point_.criterion == best_of_n) return search();
    if (options_.compensate && point_.criterion == to_string(Criterion::reconstruction))
        choose_by_reconstruction();
    else
        pruned_.set_masks(masks_of_least(pruned_, scope_, share_, scores_of(point_.criterion)));
    return {};
}

void Selection::choose_by_reconstruction() {
    Batches images(context_.dataset.train, context_.plain_batches(pruned_.network));
    Reconstruction reconstruction(pruned_, scope_, images, options_.data_batches);
    pruned_.set_masks(masks_of_least(pruned_, scope_, share_, reconstruction.scores()));
    reconstruction.compensate();
}

SearchOptions Selection::search_options() {
    SearchOptions search{share_, candidates_of(context_, point_), seed_, options_.recalibrate, &training_};
    if (options_.candidates_from != to_string(Criterion::random))
        search.scores = scores_of(options_.candidates_from);
    return search;
}

double Selection::candidate_mcr(std::size_t candidate) {
    if (!candidates_)
        candidates_ = std::make_unique<Candidates>(pruned_, validation_, scope_, search_options());
    return candidates_->validation_mcr(candidate);
}

SearchState Selection::search() {
    SearchState state = stored_search(context_, point_);
    auto saved = std::chrono::steady_clock::now();
    const auto on_candidate = [&](const SearchState& found) {
        const bool on = context_.worked(context_.dataset.validation.count());
        const auto now = std::chrono::steady_clock::now();
        if (on && now - saved < std::chrono::seconds(1)) return true;  // a search loses a second at most
        saved = now;
        store_search(context_, point_, found);
        return on;
    };
    Masks best = best_of_random(pruned_, validation_, scope_, search_options(), state, on_candidate);
    if (state.count() < candidates_of(context_, point_)) throw PruningInterrupted{};
    pruned_.set_masks(std::move(best));
    return state;
}

}  // namespace fftconv
