#include "prune/baseline.hpp"

#include <spdlog/fmt/fmt.h>

#include "fftconv/core/error.hpp"
#include "fftconv/core/random.hpp"
#include "prune/step.hpp"
#include "train/run.hpp"

namespace fftconv {

namespace {

const std::vector<std::string> resumed_otherwise{"threads", "epochs", "patience", "data", "out", "plans"};

/// Throws where a given option says something else about the network than its file does.
void require_agreement(const RecordedRun& run, const PruneOptions& prune, const Options& options) {
    TrainOptions given = prune.train;
    if (!options.given("batch-norm")) given.batch_norm = run.train.batch_norm;
    const auto agree = [&](const char* option, const std::string& recorded, const std::string& found) {
        require_agreement(run, option, options.given(option), recorded, found, prune.overrule);
    };
    if (given.dataset != "auto") agree("dataset", run.train.dataset, given.dataset);
    agree("validation", fmt::format("{}", run.train.validation), fmt::format("{}", given.validation));
    agree("limit", std::to_string(run.train.limit), std::to_string(given.limit));
    require_same(run, "preprocess", options.given("preprocess"), preprocess_names.print(run.train.preprocess),
                 preprocess_names.print(given.preprocess));
    agree("dropout", fmt::format("{}", run.train.dropout), fmt::format("{}", given.dropout));
    require_network_uses(options, parse_architecture(run.checkpoint.architecture));
    if (!run.any_mode)
        agree("mode", mode_rule_names.print(run.train.mode), mode_rule_names.print(given.mode));
    if (!options.given("architecture")) {
        given.architecture = run.checkpoint.architecture;
        given.batch_norm = given.batch_norm && !run.train.batch_norm;
    }
    const bool named =
        options.given("architecture") || options.chosen("width") || options.chosen("batch-norm");
    require_same(run, "architecture", named, run.checkpoint.architecture,
                 to_string(given.network_for(parse_architecture(run.checkpoint.architecture).input)));
}

/// What holds with --overrule: the options that are given, or with which the run was started that is resumed.
void overrule(RecordedRun& run, const PruneOptions& prune, const Options& options) {
    const auto holds = [&](const char* option) { return prune.resumed || options.given(option); };
    if (holds("dataset")) run.train.dataset = prune.train.dataset;
    if (holds("validation")) run.train.validation = prune.train.validation;
    if (holds("limit")) run.train.limit = prune.train.limit;
    if (holds("mode") && !prune.train_baseline) run.train.mode = prune.train.mode;
    if (holds("dropout")) run.train.dropout = prune.train.dropout;
    run.checkpoint.dataset.n_train = 0;  // another split is what was asked for
    if (holds("dataset")) run.checkpoint.dataset.sha256.clear();
}

}  // namespace

void train_baseline(const PruneOptions& prune) {
    TrainOptions train = prune.train;
    train.out = prune.baseline_file().string();
    train.overwrite = false;  // what was to be overwritten has been removed
    train.shards = 1;         // those are of retraining
    Options options("fftconv-train", "");
    add_train_options(options, train);
    std::optional<Checkpoint> stored;
    if (std::filesystem::exists(train.out)) {
        stored = read_checkpoint(train.out);
        options.require_same(stored->resolved_toml, train.out, resumed_otherwise);
        require_same_cosine(train, *stored);
        const auto finished = stored->state.values.find("finished");
        if (finished != stored->state.values.end() && finished->second != 0) return;
    }
    if (!train_network(train, options, stored)) throw PruningInterrupted{};
}

RecordedRun read_baseline(PruneOptions& prune, const Options& options) {
    RecordedRun run = read_recorded_run(prune.baseline_file());
    require_finished(run);
    if (!prune.train_baseline) require_agreement(run, prune, options);
    if (prune.overrule)
        overrule(run, prune, options);
    else if (run.any_mode && (prune.resumed || options.given("mode")))
        run.train.mode = prune.train.mode;
    if (run.train.validation <= 0)
        throw UsageError(run.file +
                         ": it was trained on all images, and masks are chosen by images that were held out; "
                         "--validation with --overrule takes some that it has seen");
    TrainOptions& train = prune.train;
    train.dataset = run.train.dataset;
    if (prune.train_baseline) return run;
    train.architecture = run.checkpoint.architecture;
    train.batch_norm = run.train.batch_norm;
    train.width = run.train.width;
    train.validation = run.train.validation;
    train.limit = run.train.limit;
    train.preprocess = run.train.preprocess;
    train.dropout = run.train.dropout;
    train.mode = run.train.mode;
    if (run.train.mode.choice == ModeChoice::per_run)  // one K, of all that this run trains, scores and tests
        run.train.mode = {ModeChoice::fixed, int(RandomStream(train.seed, "mode").below(4))};
    train.rate = run.train.rate;  // of which a later pruning of these networks retrains at a share
    if (train.data.empty()) train.data = run.train.data;
    return run;
}

}  // namespace fftconv
