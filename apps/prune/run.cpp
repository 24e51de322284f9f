#include "prune/run.hpp"

#include <spdlog/fmt/fmt.h>

#include <algorithm>
#include <memory>
#include <optional>

#include "common/process.hpp"
#include "common/records.hpp"
#include "common/team.hpp"
#include "fftconv/convolution/measured_plan.hpp"
#include "fftconv/core/error.hpp"
#include "fftconv/pruning/criteria.hpp"
#include "fftconv/storage/training_checkpoint.hpp"
#include "prune/baseline.hpp"
#include "prune/origin.hpp"
#include "prune/points.hpp"
#include "prune/selection.hpp"
#include "prune/step.hpp"
#include "train/run.hpp"

namespace fftconv {

namespace {

/// Those of the calls before this one, and those of the baseline.
std::vector<std::string> known_plans(std::vector<std::string> plans,
                                     const std::vector<std::string>& baseline) {
    for (const std::string& plan : baseline)
        if (std::ranges::count(plans, plan) == 0) plans.push_back(plan);
    return plans;
}

/// Masks are chosen by the images that are held out.
void require_validation(const Dataset& dataset) {
    if (dataset.validation.count() == 0)
        throw UsageError(
            fmt::format("--validation: expected a share that holds out an image of {}, found one that "
                        "holds out none of {}: masks are chosen by them",
                        dataset.name, dataset.train.count()));
}

/// Checks without which nothing may be replaced: the network and its data, which are returned, or what is to
/// be trained.
std::optional<Dataset> require_baseline(PruneOptions& prune, const Options& options) {
    if (!prune.train_baseline) {
        const RecordedRun run = read_baseline(prune, options);
        use_plans(known_plans(prune.train.plans, run.train.plans));
        PrunedNetwork network = load_network(run.checkpoint, run.file, prune.train.network_options());
        add_given_masks(network, prune.mask);
        require_units(network, prune);
        Dataset dataset = load_recorded_data(run, prune.train.data, prune.train.thread_count());
        require_validation(dataset);
        return dataset;
    }
    use_plans(prune.train.plans);
    const TrainOptions& train = prune.train;
    const Dataset dataset = load_dataset(train.dataset, train.data, train.dataset_options());
    const Architecture architecture = train.network_for(dataset.train.maps);
    require_classes(dataset, architecture);
    require_validation(dataset);
    require_network_uses(options, architecture);
    PrunedNetwork network(Network(architecture, train.network_options()));
    add_given_masks(network, prune.mask);
    require_units(network, prune);
    prune.train.dataset = dataset.key;
    return std::nullopt;
}

/// An option that the others leave without effect is a mistake.
void require_used_options(const PruneOptions& prune, const Options& options) {
    const auto any = [](const std::vector<std::string>& names, const std::string& name) {
        return std::ranges::find(names, name) != names.end();
    };
    const auto scores_on_data = [](const std::string& criterion) {
        return criterion != best_of_n && looks_at_data(parse_criterion(criterion));
    };
    const std::string reconstruction = to_string(Criterion::reconstruction),
                      inside = to_string(Granularity::intra_kernel),
                      search = std::string("--criterion ") + best_of_n;
    const bool searches = any(prune.criteria, best_of_n), retrains = prune.retrain_epochs > 0,
               in_steps = (prune.train_baseline && prune.train.schedule.kind == Schedule::Kind::step) ||
                          (retrains && prune.retrain_schedule == to_string(Schedule::Kind::step));
    for (const char* option : {"rate", "epochs", "schedule"})
        options.require_used(option, prune.train_baseline,
                             fmt::format("--train, whose training it is of (see --retrain-{})", option));
    for (const char* option : {"schedule-every", "schedule-factor"})
        options.require_used(option, in_steps, "--retrain-schedule step");
    for (const char* option : {"retrain-rate", "retrain-share", "retrain-schedule", "retrain-warm-up"})
        options.require_used(option, retrains, "--retrain-epochs");
    options.require_used("temperature", prune.distil > 0, "--distil");
    if (prune.time_again && !prune.resumed)
        throw UsageError("--time-again: without a run to --resume nothing comes of it");
    options.require_used("compensate", any(prune.criteria, reconstruction), "--criterion " + reconstruction);
    options.require_used("candidates", searches, search);
    options.require_used("candidates-from", searches, search);
    options.require_used("data-batches",
                         std::ranges::any_of(prune.criteria, scores_on_data) ||
                             (searches && scores_on_data(prune.candidates_from)),
                         "a criterion that looks at data");
    options.require_used("stride", any(prune.granularities, inside), "--granularity " + inside);
}

std::optional<ResultRecord> stored_results(PruneOptions& prune, Options& options) {
    const std::string& out = prune.train.out;
    const bool there = std::filesystem::exists(out);
    if (!prune.train.resume || team().from_first(there ? "there" : "") != "there") return std::nullopt;
    ResultRecord stored = read_results(out);
    options.resume(stored.resolved_toml, out, differing_between_calls);
    return stored;
}

/// Points write files of their names into the run's folder, where the network or mask that it starts from may
/// lie.
void require_other_names(const PruneOptions& prune) {
    for (const PruningPoint& whole : prune.points())
        for (PruningPoint point = whole; !point.steps.empty(); point = point.before())
            for (const auto& file : {checkpoint_file(prune, point.name()), mask_file(prune, point.name()),
                                     compact_file(prune, point.name())})
                require_other_files(file.string(), {prune.checkpoint, prune.mask});
}

/// Several processes have one result, one network and one machine's plans.
void require_for_team(const PruneOptions& prune) {
    if (team().count() == 1) return;
    const auto refuse = [](const char* option, const char* why) {
        throw UsageError(
            fmt::format("--{}: expected one process, found {}: {}", option, team().count(), why));
    };
    if (prune.train_baseline) refuse("train", "fftconv-train --shards trains the network on all of them");
    if (prune.train.measure) refuse("measure", "each would time plans of its own");
    if (prune.time_again) refuse("time-again", "the others would be busy while it times");
}

void prepare_folder(const PruneOptions& prune, const Options& options, bool resumes) {
    make_folder(prune.folder());
    if (prune.train.overwrite) remove_results(prune.folder(), {prune.checkpoint, prune.mask});
    if (!resumes)  // so that it can be resumed from now on
        write_results(prune.train.out, {.resolved_toml = options.resolved_toml(),
                                        .tables = {calls_table({}, options.resolved_toml())}});
    if (prune.train_baseline) train_baseline(prune);
}

void prune_baseline(PruneOptions& prune, const Options& options, std::optional<Dataset> loaded,
                    std::optional<ResultRecord> stored) {
    team().meet();  // every process has read what is there
    if (team().first()) prepare_folder(prune, options, stored.has_value());
    team().meet();
    const RecordedRun baseline = read_baseline(prune, options);
    use_plans(known_plans(prune.train.plans, baseline.train.plans));
    const Dataset dataset = loaded
                                ? *std::move(loaded)
                                : load_recorded_data(baseline, prune.train.data, prune.train.thread_count());
    compute_points(prune, options, baseline, dataset, std::move(stored));
}

}  // namespace

void run_pruning(PruneOptions& prune, Options& options) {
    require_threads(prune.train.thread_count());
    require_for_team(prune);
    prune.train.out = behind_links(prune.train.out);
    require_other_files(prune.train.out, {prune.checkpoint, prune.mask});
    require_folder(prune.figures_folder());
    if (team().first()) require_output(prune.train, {prune.folder()});
    const auto lock = team().first() ? std::make_unique<OutputLock>(prune.train.out) : nullptr;
    if (team().first()) require_output(prune.train, {prune.folder()});  // another may have made it meanwhile
    std::optional<ResultRecord> stored = stored_results(prune, options);
    prune.resumed = stored.has_value();
    prune.check();
    require_other_names(prune);
    require_used_options(prune, options);
    if (!stored) take_initial(prune.train, options);
    watch_for_interruption();
    std::optional<Dataset> loaded = require_baseline(prune, options);
    try {
        prune_baseline(prune, options, std::move(loaded), std::move(stored));
    } catch (const PruningInterrupted&) {
        throw Interrupted("interrupted; everything found is saved. Resume with:\n  " +
                          options.command_with("--resume"));
    }
    if (team().first()) report_pruning(prune.train.out, prune.figures_folder());
}

}  // namespace fftconv
