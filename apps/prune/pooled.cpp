#include "prune/pooled.hpp"

#include <spdlog/fmt/fmt.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>

#include "common/records.hpp"
#include "common/training_options.hpp"
#include "fftconv/pruning/criteria.hpp"
#include "prune/selection.hpp"

namespace fftconv {

namespace {

/// Options in which runs of one recipe may differ: the seeds, what is pruned how far, and what changes no
/// result. The baseline's own are told apart by its architecture.
const std::vector<std::string> not_of_the_recipe{
    "checkpoint",   "train",         "seed",    "mask-seed", "retrain-seed", "ratio",
    "granularity",  "criterion",     "repeat",  "points",    "budget",       "data",
    "out",          "figures",       "threads", "compact",   "no-control",   "plans",
    "architecture", "timing-rounds", "epochs",  "dataset",   "overrule"};

/// Options of the baseline's training in which repeats may differ, and those that the recipe has already.
const std::vector<std::string> not_of_the_training{"seed",   "data",    "out",    "threads",
                                                   "plans",  "measure", "repeat", "dataset",
                                                   "engine", "init",    "mode",   "architecture"};

/// How the network was trained. A baseline that a run trained itself is in its options.
Configuration training_of(const PruningRecord& run) {
    if (run.baseline_configuration.empty()) return {};
    TrainOptions train;
    Options options("fftconv-train", "");
    add_train_options(options, train);
    options.load(run.baseline_configuration);
    Configuration training = options.values();
    for (const std::string& name : not_of_the_training) training.erase(name);
    return training;
}

Configuration recipe_of(const PruningRecord& run) {
    PruneOptions copy = run.options;
    Options options("fftconv-prune", "");
    add_prune_options(options, copy);
    Configuration recipe = options.values();
    for (const std::string& name : not_of_the_recipe) recipe.erase(name);
    recipe["data set"] = run.dataset;
    constexpr std::size_t told = 12;  // digits of a digest
    recipe["digest of the data"] = run.data_sha256.substr(0, told);
    if (!run.mask_sha256.empty()) recipe["mask"] = run.mask_sha256.substr(0, told);  // wherever it lay
    for (const auto& [name, value] : training_of(run)) recipe["baseline's " + name] = value;
    if (const PruningResult* baseline = run.results.baseline()) {
        recipe["network"] = baseline->architecture;
        if (baseline->pruned_weights > 0)
            recipe["pruned before"] = fmt::format("{:.3f} % of the weights", baseline->pruned_weights);
    }
    return recipe;
}

/// What this one has differently from any other.
std::string difference(const Configuration& own, const std::vector<Configuration>& all) {
    std::string text;
    for (const auto& [name, value] : own) {
        const auto differs = [&, &name = name, &value = value](const Configuration& other) {
            const auto found = other.find(name);
            return found == other.end() || text_of(found->second) != text_of(value);
        };
        if (std::any_of(all.begin(), all.end(), differs))
            text += (text.empty() ? "" : ", ") + name + ' ' + text_of(value);
    }
    return text;
}

/// The seeds of a row's network, masks and retraining.
std::array<std::uint64_t, 3> seeds_of(const PooledPoint::Sample& sample) {
    const PruneOptions& prune = sample.run->options;
    const int repeat = int(sample.result->repeat);
    return {prune.own_seed(0, repeat), prune.own_seed(prune.mask_seed, repeat),
            prune.own_seed(prune.retrain_seed, repeat)};
}

/// Whether anything about a row depends on seeds but its baseline.
bool draws(const PooledPoint::Sample& sample) {
    const PruneOptions& prune = sample.run->options;
    const std::string& criterion = sample.result->criterion;
    return prune.retrain_epochs > 0 || prune.recalibrate > 0 || criterion == best_of_n ||
           sample.result->is_control() || looks_at_data(parse_criterion(criterion));
}

bool same_baseline(const PooledPoint::Sample& a, const PooledPoint::Sample& b) {
    if (a.run->baseline == b.run->baseline) return true;
    // Trained by both runs with one seed, the files differ in the times that they hold.
    return a.run->options.train_baseline && b.run->options.train_baseline &&
           a.run->options.train.seed == b.run->options.train.seed && a.baseline && b.baseline &&
           a.baseline->test_mcr == b.baseline->test_mcr &&
           a.baseline->validation_mcr == b.baseline->validation_mcr;
}

/// Whether both rows of a point are one computation: of the same network with the same random numbers.
bool same_computation(const PooledPoint::Sample& a, const PooledPoint::Sample& b) {
    if (!same_baseline(a, b)) return false;
    if (a.result->is_baseline()) return a.baseline->test_mcr == b.baseline->test_mcr;
    return a.run->options.train.batch == b.run->options.train.batch &&
           (seeds_of(a) == seeds_of(b) || (!draws(a) && !draws(b))) &&
           a.result->test_mcr == b.result->test_mcr;
}

void add(PooledRuns& group, const PruningRecord& run) {
    group.runs.push_back(&run);
    for (const PruningResult& result : run.results.points) {
        const std::string name = result.name_without_repeat();
        auto found = std::find_if(group.points.begin(), group.points.end(),
                                  [&](const PooledPoint& point) { return point.name == name; });
        if (found == group.points.end()) found = group.points.insert(group.points.end(), {name, {}});
        const PooledPoint::Sample sample{&run, &result, run.results.baseline()};
        const auto known = [&](const PooledPoint::Sample& other) { return same_computation(other, sample); };
        if (std::none_of(found->samples.begin(), found->samples.end(), known))
            found->samples.push_back(sample);
    }
}

}  // namespace

PruningRecord pruning_record(const Experiment& experiment, const std::string& file) {
    const ResultRecord& record = experiment.record;
    return {experiment.name,
            prune_options_of(record.resolved_toml, file),
            PruningResults::from(record, file),
            record.dataset.name,
            fmt::format("fftconv {}, commit {}{}", experiment.header.library_version,
                        experiment.header.git_commit, experiment.header.git_dirty ? " with changes" : ""),
            origin_digest(record, file, "baseline"),
            record.dataset.sha256,
            origin_digest(record, file, "mask"),
            has_column(record.tables, "baseline", "configuration")
                ? record.column<std::string>(file, "baseline", "configuration").at(0)
                : ""};
}

std::vector<PruningRecord> read_pruning_records(const std::filesystem::path& file) {
    std::vector<PruningRecord> runs;
    for (const Experiment& each : read_experiments(file)) runs.push_back(pruning_record(each, file.string()));
    return runs;
}

Mean PooledPoint::mean(double PruningResult::*value) const {
    std::vector<double> values;
    for (const Sample& sample : samples) values.push_back(sample.result->*value);
    return mean_of(values);
}

Mean PooledPoint::best_of(std::size_t index) const {
    std::vector<double> values;
    for (const Sample& sample : samples)
        if (!std::isnan(sample.result->best_of[index])) values.push_back(sample.result->best_of[index]);
    return mean_of(values);
}

Mean PooledPoint::above_baseline() const {
    std::vector<double> values;
    for (const Sample& sample : samples)
        if (sample.baseline) values.push_back(sample.result->test_mcr - sample.baseline->test_mcr);
    return mean_of(values);
}

bool PooledPoint::timed_alike() const {
    return std::ranges::all_of(samples, [&](const Sample& sample) {
        return sample.result->timed_on == first().timed_on &&
               (!first().timed_on.empty() || sample.run == samples.front().run);
    });
}

Mean PooledPoint::share_of_dense(double PruningResult::*milliseconds) const {
    std::vector<double> values;
    for (const Sample& sample : samples)
        values.push_back(sample.result->*milliseconds / sample.result->dense_ms);
    return mean_of(values);
}

const PooledPoint* PooledRuns::find(const std::string& name) const {
    for (const PooledPoint& point : points)
        if (point.name == name) return &point;
    return nullptr;
}

std::vector<PooledRuns> pooled(const std::vector<PruningRecord>& records) {
    std::vector<PooledRuns> groups;
    std::vector<Configuration> recipes;
    for (const PruningRecord& run : records) {
        const Configuration recipe = recipe_of(run);
        const std::size_t i =
            std::size_t(std::find(recipes.begin(), recipes.end(), recipe) - recipes.begin());
        if (i == recipes.size()) {
            recipes.push_back(recipe);
            groups.emplace_back();
        }
        add(groups[i], run);
    }
    for (std::size_t i = 0; i < groups.size(); ++i) groups[i].recipe = difference(recipes[i], recipes);
    return groups;
}

}  // namespace fftconv
