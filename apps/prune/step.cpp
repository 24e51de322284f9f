#include "prune/step.hpp"

#include <algorithm>
#include <chrono>
#include <cmath>

#include "fftconv/core/error.hpp"
#include "fftconv/pruning/compact.hpp"
#include "fftconv/pruning/cost.hpp"
#include "fftconv/pruning/dead_ends.hpp"
#include "fftconv/storage/masks.hpp"
#include "fftconv/storage/training_checkpoint.hpp"
#include "fftconv/training/evaluation.hpp"
#include "fftconv/training/recalibration.hpp"
#include "prune/point_times.hpp"
#include "prune/retraining.hpp"
#include "prune/selection.hpp"

namespace fftconv {

namespace {

class Step {
  public:
    Step(const PruningContext& context, const PruningPoint& point, PrunedNetwork& pruned)
        : context_(context),
          options_(context.options),
          point_(point),
          selection_(context, point, pruned),
          pruned_(pruned),
          network_(pruned.network) {}

    PruningResults run(const Checkpoint& baseline) {
        search_ = selection_.choose();
        add_candidates();
        remove_dead_ends(pruned_);
        recalibrate(network_, selection_.training(), options_.recalibrate);
        result_.validation_before = validation_mcr();
        result_.test_before = test_mcr();
        retrain(baseline);
        result_.validation_mcr = retraining_ ? validation_mcr() : result_.validation_before;
        result_.test_mcr = retraining_ ? test_mcr() : result_.test_before;
        describe();
        if (context_.writes) {
            measure(baseline);
            save();
        }
        found_.points = {result_};
        return found_;
    }

  private:
    double validation_mcr() { return evaluate(network_, selection_.validation(), context_.shards).mcr; }
    double test_mcr() { return evaluate_test(network_, context_.dataset.test, context_.shards).mcr; }

    void add_candidates() {
        for (std::size_t i = 0; i < search_.count(); ++i)
            found_.candidates.push_back(
                {point_.name(), std::to_string(search_.seed[i]), double(i), search_.validation_mcr[i]});
        for (std::size_t n = 0; n < candidate_counts.size(); ++n)
            if (std::size_t(candidate_counts[n]) <= search_.count())
                result_.best_of[n] = search_.validation_mcr[search_.best(std::size_t(candidate_counts[n]))];
    }

    void retrain(const Checkpoint& baseline) {
        if (options_.retrain_epochs == 0) return;
        retraining_ = std::make_unique<Retraining>(context_, point_, pruned_);
        retraining_->run(baseline);
        found_.curves = {curve_of(point_.name(), retraining_->trainer().history())};
    }

    void describe() {
        result_.name = point_.name();
        result_.criterion = point_.criterion;
        result_.granularity = point_.granularity();
        result_.repeat = point_.repeat;
        result_.requested = 100 * point_.steps.back().ratio_so_far();
        describe_masks(context_, pruned_, result_);
    }

    void measure(const Checkpoint& baseline) {
        compact_ = std::make_unique<PrunedNetwork>(compact(pruned_));
        found_.layers = time_point(context_, baseline, pruned_, *compact_, result_);
    }

    void save() {
        SearchState search = search_;
        if (search.count() == 0) search = {{context_.mask_seed(point_.repeat)}, {result_.validation_before}};
        store_search(context_, point_, search, pruned_.masks());
        const Trainer* trainer = retraining_ ? &retraining_->trainer() : nullptr;
        write_checkpoint(checkpoint_file(options_, point_.name()), checkpoint_of(context_, pruned_, trainer));
        if (options_.compact)
            write_checkpoint(compact_file(options_, point_.name()), checkpoint_of(context_, *compact_));
    }

    const PruningContext& context_;
    const PruneOptions& options_;
    const PruningPoint& point_;
    Selection selection_;
    PrunedNetwork& pruned_;
    Network& network_;  ///< pruned_'s
    SearchState search_;
    std::unique_ptr<Retraining> retraining_;
    std::unique_ptr<PrunedNetwork> compact_;
    PruningResult result_;
    PruningResults found_;
};

}  // namespace

void describe_masks(const PruningContext& context, const PrunedNetwork& pruned, PruningResult& result) {
    const LayerDensity density = total(pruned.density(), context.layers);
    result.pruned_maps = 100 * (1 - double(density.surviving_maps) / double(density.maps));
    result.pruned_kernels = 100 * density.kernel_ratio();
    result.pruned_weights = 100 * density.weight_ratio();
    const LayerCost cost = total(layer_costs(pruned));
    result.parameters = cost.parameters;
    result.direct_macs = cost.direct_macs;
    result.spectral_macs = cost.spectral_macs;
}

NetworkOptions PruningContext::network_options(int repeat) const {
    NetworkOptions how = options.train.network_options();
    how.mode = mode.mode;
    how.seed = seed(repeat);
    return how;
}

void PruningContext::require_baseline(const std::filesystem::path& file, const std::string& field,
                                      const std::string& sha256) const {
    if (!sha256.empty() && sha256 != baseline_sha256)
        throw FileError(file.string(), field,
                        baseline_sha256 + " (" + options.baseline_file().string() + " as it is now)", sha256);
}

void PruningContext::require_own(const std::filesystem::path& file, const std::string& configuration,
                                 const DatasetRecord& data, const std::string& parent_sha256) const {
    require_baseline(file, "/parent @checkpoint_sha256", parent_sha256);
    if (data.sha256 != dataset.sha256)
        throw FileError(file.string(), "/dataset/sha256", dataset.sha256 + " (" + dataset.name + ")",
                        data.sha256 + " (" + data.name + ")");
    try {
        if (require_configuration) require_configuration(configuration, file.string());
    } catch (const UsageError& error) {
        throw FileError(file.string(), "/config/resolved_toml", "the configuration of this run",
                        error.what());
    }
}

BatchOptions PruningContext::retraining_batches(int repeat) const {
    BatchOptions batches = options.train.batch_options();
    batches.seed = retraining_seed(repeat);
    return batches;
}

BatchOptions PruningContext::plain_batches(const Network& network) const {
    BatchOptions batches;
    batches.size = options.train.batch;
    return fitted(batches, dataset.train.maps, network.architecture().input, true);
}

BatchOptions PruningContext::shuffled_batches(const Network& network, std::uint64_t seed) const {
    BatchOptions batches = plain_batches(network);
    batches.shuffled = true;
    batches.seed = seed;
    return batches;
}

TrainerOptions PruningContext::retraining(int repeat) const {
    TrainerOptions training = options.train.trainer_options();
    training.epochs = options.retrain_epochs;
    training.optimizer.rate =
        float(options.retrain_rate > 0 ? options.retrain_rate : options.retrain_share * baseline_rate);
    training.schedule.kind = parse_schedule(options.retrain_schedule);
    training.schedule.warm_up = float(options.retrain_warm_up);
    training.seed = retraining_seed(repeat);
    training.mode_choice = mode.choice;
    training.mode = mode.mode;
    training.soft_targets = {float(options.distil), float(options.temperature)};
    return training;
}

std::filesystem::path mask_file(const PruneOptions& options, const std::string& point) {
    return options.folder() / (point + ".mask.h5");
}

std::filesystem::path checkpoint_file(const PruneOptions& options, const std::string& point) {
    return options.folder() / (point + ".h5");
}

std::filesystem::path compact_file(const PruneOptions& options, const std::string& point) {
    return options.folder() / (point + ".compact.h5");
}

Checkpoint checkpoint_of(const PruningContext& context, const PrunedNetwork& pruned,
                         const Trainer* retrained) {
    const Network& network = pruned.network;
    Checkpoint checkpoint;
    if (retrained) {
        checkpoint = make_checkpoint(pruned, *retrained, {curve_of("retraining", retrained->history())},
                                     context.resolved_toml(), record_of(context.dataset));
    } else {
        checkpoint.architecture = to_string(network.architecture());
        checkpoint.layer_names = network.layer_names();
        checkpoint.model = network.state();
        checkpoint.resolved_toml = context.resolved_toml();
        checkpoint.dataset = record_of(context.dataset);
    }
    checkpoint.masks = pruned.masks();
    checkpoint.parent_sha256 = context.baseline_sha256;
    if (network.has_mode()) {
        checkpoint.state.values["evaluation_mode"] = context.mode.mode;
        checkpoint.state.values["mode_is_drawn"] = context.mode.choice != ModeChoice::fixed;
    }
    checkpoint.extra.insert(checkpoint.extra.end(), context.preprocessing.begin(),
                            context.preprocessing.end());
    return checkpoint;
}

PruningResults prune_point(const PruningContext& context, const PruningPoint& point, PrunedNetwork& pruned,
                           const Checkpoint& baseline) {
    return Step(context, point, pruned).run(baseline);
}

PruningResult baseline_result(const PruningContext& context, const Checkpoint& baseline,
                              PrunedNetwork& pruned) {
    Network& network = pruned.network;
    if (!context.options.mask.empty()) {  // its batch statistics are of maps that are no more
        Batches training(context.dataset.train, context.shuffled_batches(network, context.mask_seed(0)));
        recalibrate(network, training, context.options.recalibrate);
    }
    PruningResult result;
    result.name = "baseline";
    result.criterion = result.granularity = "none";
    result.architecture = to_string(network.architecture());
    result.validation_mcr = evaluate(network, context.dataset.validation).mcr;
    result.test_mcr = evaluate_test(network, context.dataset.test).mcr;
    result.validation_before = result.validation_mcr;
    result.test_before = result.test_mcr;
    describe_masks(context, pruned, result);
    time_baseline(context, baseline, pruned, result);
    return result;
}

long step_work(const PruningContext& context, const std::string& criterion) {
    const long batch = context.options.train.batch;
    const long batches = (context.dataset.train.count() + batch - 1) / batch;
    const long searched =
        criterion == best_of_n ? long(context.options.candidates) * context.dataset.validation.count() : 0;
    return searched + 3 * batch * batches * context.options.retrain_epochs;
}

}  // namespace fftconv
