#include "prune/run.hpp"

#include <spdlog/fmt/fmt.h>

#include <algorithm>
#include <cmath>
#include <map>

#include "common/process.hpp"
#include "common/progress.hpp"
#include "fftconv/core/error.hpp"
#include "fftconv/core/sha256.hpp"
#include "fftconv/dataset/preprocess.hpp"
#include "fftconv/storage/training_checkpoint.hpp"
#include "prune/results.hpp"
#include "prune/step.hpp"
#include "train/run.hpp"

namespace fftconv {

namespace {

/// The learning rate that a network was trained with, as its file says; the default where it does not.
double recorded_rate(const Checkpoint& checkpoint) {
    const std::string key = "\nrate = ", text = "\n" + checkpoint.resolved_toml;
    const std::size_t at = text.find(key);
    return at == std::string::npos ? TrainOptions().rate : std::stod(text.substr(at + key.size()));
}

class PruningRun {
  public:
    PruningRun(const PruneOptions& prune, const Options& options, const Checkpoint& baseline,
               const Dataset& dataset)
        : prune_(prune),
          options_(options),
          baseline_(baseline),
          context_{prune,
                   dataset,
                   options.resolved_toml(),
                   sha256_of_file(prune.baseline_file()),
                   baseline.extra,
                   recorded_rate(baseline)} {}

    void run() {
        prepare();
        Progress progress(total_work());
        context_.worked = [&](long images) {
            progress.advance(images);
            return !interrupted();
        };
        progress_ = &progress;
        try {
            if (prune_.has_budget())
                for_each_start([&](const PruningPoint& start) { find_budget(start); });
            else
                for (const PruningPoint& point : prune_.points_of_part()) complete(point);
        } catch (const PruningInterrupted&) {
            stop();
        }
        save();
    }

  private:
    PrunedNetwork baseline_network() const {
        return load_network(baseline_, prune_.baseline_file(), prune_.train.network_options());
    }

    void prepare() {
        PrunedNetwork network = baseline_network();
        const bool all = prune_.layers == std::vector<std::string>{"all"};
        context_.layers = all ? convolution_names(network.network) : prune_.layers;
        for (const std::string& granularity : prune_.granularities)  // found out now, not after an hour
            live_units(network, {parse_granularity(granularity), context_.layers, prune_.stride});
        const std::filesystem::path out(prune_.train.out);
        if (prune_.train.resume && std::filesystem::exists(out)) take_up(read_results(out));
        if (results_.baseline() == nullptr) results_.points.push_back(baseline_result(context_, network));
        save();
    }

    void take_up(const ResultRecord& stored) {
        options_.require_same(stored.resolved_toml, prune_.train.out,
                              {"threads", "data", "out", "figures", "repeat", "ratio", "criterion", "budget",
                               "compact", "points", "timing-rounds"});
        results_ = PruningResults::from(stored, prune_.train.out);
    }

    template <class Visit>
    void for_each_start(const Visit& visit) const {
        for (int repeat = 0; repeat < prune_.repeat; ++repeat)
            for (const std::string& criterion : prune_.criteria)
                for (const PruningPoint& start : prune_.starts(criterion, repeat)) visit(start);
    }

    /// The last step at the ratios that bisection asks for.
    void find_budget(const PruningPoint& start) {
        const std::vector<double> ratios = prune_.last_ratios();
        const double most = results_.baseline()->validation_mcr + prune_.budget;
        std::size_t within = 0, beyond = ratios.size();  // of the ratios before `within` the last is good
        while (within < beyond) {
            const std::size_t middle = (within + beyond) / 2;
            const PruningResult result = complete(prune_.with_ratio(start, ratios[middle]));
            if (result.validation_mcr <= most)
                within = middle + 1;
            else
                beyond = middle;
        }
    }

    /// The point's result; computed, and the points before it, unless a file has it.
    PruningResult complete(const PruningPoint& point) {
        const PruningResult* known = results_.find(point.name());
        if (known && std::filesystem::exists(checkpoint_file(prune_, point))) return *known;
        if (point.steps.size() > 1) complete(point.before());
        PrunedNetwork pruned = network_before(point);
        progress_->describe(point.name());
        std::vector<PruningLayerResult> layers;
        const PruningResult result = prune_point(context_, point, pruned, baseline_, layers);
        std::erase_if(results_.points, [&](const PruningResult& each) { return each.name == result.name; });
        std::erase_if(results_.layers,
                      [&](const PruningLayerResult& each) { return each.point == result.name; });
        results_.points.push_back(result);
        results_.layers.insert(results_.layers.end(), layers.begin(), layers.end());
        save();
        progress_->line(
            fmt::format("{}: kernels pruned {:.1f} %, validation MCR {:.2f} % before, {:.2f} % after "
                        "retraining, test MCR {:.2f} %",
                        result.name, result.pruned_kernels, result.validation_before, result.validation_mcr,
                        result.test_mcr));
        return result;
    }

    PrunedNetwork network_before(const PruningPoint& point) const {
        if (point.steps.size() == 1) return baseline_network();
        const std::filesystem::path file = checkpoint_file(prune_, point.before());
        return load_network(read_checkpoint(file), file, prune_.train.network_options());
    }

    /// Of the points that are still to be computed; bisection halves the ratios.
    long total_work() const {
        std::map<std::string, std::string> left;  // points and their criteria
        const auto count = [&](PruningPoint point) {
            for (; !point.steps.empty(); point = point.before())
                if (results_.find(point.name()) == nullptr) left[point.name()] = point.criterion;
        };
        long work = 0;
        if (prune_.has_budget()) {
            const double halvings = std::ceil(std::log2(double(prune_.last_ratios().size()) + 1));
            for_each_start([&](const PruningPoint& start) {
                count(start);
                work += long(halvings) * step_work(context_, start.criterion);
            });
        } else {
            for (const PruningPoint& point : prune_.points_of_part()) count(point);
        }
        for (const auto& [name, criterion] : left) work += step_work(context_, criterion);
        return work;
    }

    void save() const {
        write_results(prune_.train.out, {.resolved_toml = context_.resolved_toml,
                                         .dataset = record_of(context_.dataset),
                                         .tables = results_.tables(prune_)});
    }

    [[noreturn]] void stop() const {
        throw Error("interrupted; everything found is saved. Go on with:\n  " +
                    options_.command_with("--resume"));
    }

    const PruneOptions& prune_;
    const Options& options_;
    const Checkpoint& baseline_;
    PruningContext context_;
    PruningResults results_;
    Progress* progress_ = nullptr;
};

/// Masks and checkpoints of a run that is not gone on with; not the network to prune.
void remove_older_points(const PruneOptions& prune) {
    std::vector<std::filesystem::path> files;
    for (const auto& entry : std::filesystem::directory_iterator(prune.folder())) {
        const bool own = entry.path().extension() == ".h5";
        std::error_code ignored;
        if (own && !std::filesystem::equivalent(entry.path(), prune.baseline_file(), ignored))
            files.push_back(entry.path());
    }
    for (const std::filesystem::path& file : files) std::filesystem::remove(file);
    if (prune.train_baseline) std::filesystem::remove(prune.baseline_file());
}

/// Trains the baseline, or goes on with it; a run that is taken up again may have it already.
void train_baseline(const PruneOptions& prune, const Options& options) {
    TrainOptions train = prune.train;
    train.out = prune.baseline_file().string();
    if (prune.train.resume && std::filesystem::exists(train.out) &&
        read_checkpoint(train.out).state.epoch >= train.epochs)
        return;
    run_training(train, options);
}

/// The data that the baseline was trained on, split in the same way, and prepared as it was then.
Dataset load_data(const PruneOptions& prune, const Checkpoint& baseline) {
    DatasetOptions how = prune.train.dataset_options();
    if (!baseline.dataset.name.empty()) how.split_seed = baseline.dataset.split_seed;
    Dataset dataset = load_dataset(prune.train.dataset, prune.train.data, how);
    if (!baseline.dataset.sha256.empty() && baseline.dataset.sha256 != dataset.sha256)
        throw FileError(prune.baseline_file().string(), "/dataset/sha256",
                        dataset.sha256 + " (" + dataset.name + ")",
                        baseline.dataset.sha256 + " (" + baseline.dataset.name + ")");
    const Preprocessing preprocessing = Preprocessing::from_arrays(baseline.extra);
    if (preprocessing.arrays().empty()) return dataset;
    for (LabelledImages* images : {&dataset.train, &dataset.validation, &dataset.test})
        preprocessing.apply(*images, prune.train.thread_count());
    return dataset;
}

}  // namespace

void run_pruning(const PruneOptions& prune, const Options& options) {
    prune.check();
    watch_for_interruption();
    make_folder(prune.folder());
    if (!prune.train.resume) remove_older_points(prune);
    if (prune.train_baseline) train_baseline(prune, options);
    Checkpoint baseline = read_checkpoint(prune.baseline_file());
    const Dataset dataset = load_data(prune, baseline);
    std::erase_if(baseline.extra, [](const NamedArray& array) {
        return array.name.starts_with("best/") || array.name.starts_with("last/");
    });
    PruningRun(prune, options, baseline, dataset).run();
    report_pruning(prune.train.out, prune.figures_folder());
}

}  // namespace fftconv
