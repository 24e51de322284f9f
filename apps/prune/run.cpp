#include "prune/run.hpp"

#include <spdlog/fmt/fmt.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <optional>

#include "common/process.hpp"
#include "common/progress.hpp"
#include "common/recorded_run.hpp"
#include "common/records.hpp"
#include "fftconv/core/error.hpp"
#include "fftconv/core/sha256.hpp"
#include "fftconv/dataset/preprocess.hpp"
#include "fftconv/storage/masks.hpp"
#include "fftconv/storage/training_checkpoint.hpp"
#include "prune/baseline.hpp"
#include "prune/results.hpp"
#include "prune/step.hpp"

namespace fftconv {

namespace {

/// What the mask file prunes is pruned too; nothing without a file.
void add_given_masks(PrunedNetwork& pruned, const std::string& file) {
    if (file.empty()) return;
    try {
        pruned.set_masks(combine(pruned.masks(), read_masks(file).masks));
    } catch (const ShapeError& error) {
        throw FileError(file, "/mask", "masks of the layers of " + to_string(pruned.network.architecture()),
                        error.what());
    }
}

/// The layers to prune, after checks that they are there and have such units: found out now, not after an
/// hour.
std::vector<std::string> require_units(PrunedNetwork& pruned, const PruneOptions& prune) {
    std::vector<std::string> known, layers = prune.layers;
    for (const WeightedLayer& layer : weighted_layers(pruned.network)) known.push_back(layer.name());
    if (layers == std::vector<std::string>{"all"}) layers = convolution_names(pruned.network);
    for (const std::string& layer : layers)
        if (std::find(known.begin(), known.end(), layer) == known.end())
            throw_unknown_name("--layers", known, layer);
    for (const std::string& granularity : prune.granularities)
        live_units(pruned, {parse_granularity(granularity), layers, prune.stride});
    return layers;
}

class PruningRun {
  public:
    PruningRun(const PruneOptions& prune, const Options& options, const RecordedRun& baseline,
               const Dataset& dataset, std::optional<ResultRecord> stored)
        : prune_(prune),
          baseline_(baseline),
          context_{.options = prune,
                   .dataset = dataset,
                   .resolved_toml = options.resolved_toml(),
                   .baseline_sha256 = sha256_of_file(prune.baseline_file()),
                   .preprocessing = Preprocessing::from_arrays(baseline.checkpoint.extra).arrays(),
                   .baseline_rate = baseline.train.rate,
                   .mode = baseline.train.mode} {
        if (stored) take_up(*stored);
        other_tables_ = {network_table("baseline", baseline),
                         calls_table(stored ? stored->tables : std::vector<Table>{}, context_.resolved_toml)};
    }

    /// @throws PruningInterrupted
    void run() {
        prepare();
        Progress progress(total_work());
        context_.worked = [&](long images) {
            progress.advance(images);
            return !interrupted();
        };
        progress_ = &progress;
        if (prune_.has_budget())
            for_each_start([&](const PruningPoint& start) { find_budget(start); });
        else
            for (const PruningPoint& point : prune_.points_of_part()) complete(point);
        save();
    }

  private:
    /// With the masks of --mask.
    PrunedNetwork baseline_network(int repeat = 0) const {
        PrunedNetwork pruned =
            load_network(baseline_.checkpoint, prune_.baseline_file(), context_.network_options(repeat));
        add_given_masks(pruned, prune_.mask);
        return pruned;
    }

    void prepare() {
        PrunedNetwork network = baseline_network();
        context_.layers = require_units(network, prune_);
        if (results_.baseline() == nullptr) results_.points.push_back(baseline_result(context_, network));
        save();
    }

    /// Results of an earlier call; they must be of the same network.
    void take_up(const ResultRecord& stored) {
        if (find_table(stored.tables, "points") == nullptr) return;  // interrupted before the first
        results_ = PruningResults::from(stored, prune_.train.out);
        for (const PruningResult& point : results_.points)
            require_same_baseline(mask_file(prune_, point.name));
        if (find_table(stored.tables, "baseline"))
            require_same_baseline(prune_.train.out,
                                  stored.column<std::string>(prune_.train.out, "baseline", "sha256").at(0));
    }

    void require_same_baseline(const std::filesystem::path& mask) const {
        if (std::filesystem::exists(mask)) require_same_baseline(mask, read_masks(mask).checkpoint_sha256);
    }

    void require_same_baseline(const std::filesystem::path& file, const std::string& sha256) const {
        if (sha256 != context_.baseline_sha256)
            throw FileError(file.string(), "digest of the network that was pruned",
                            context_.baseline_sha256 + " (" + baseline_.file + " as it is now)", sha256);
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
        const PruningResult result = prune_point(context_, point, pruned, baseline_.checkpoint, layers);
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
        if (point.steps.size() == 1) return baseline_network(point.repeat);
        const std::filesystem::path file = checkpoint_file(prune_, point.before());
        return load_network(read_checkpoint(file), file, context_.network_options(point.repeat));
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
        std::vector<Table> tables = results_.tables(prune_);
        tables.insert(tables.end(), other_tables_.begin(), other_tables_.end());
        write_results(prune_.train.out, {.resolved_toml = context_.resolved_toml,
                                         .dataset = record_of(context_.dataset),
                                         .tables = std::move(tables)});
    }

    const PruneOptions& prune_;
    const RecordedRun& baseline_;
    PruningContext context_;
    PruningResults results_;
    std::vector<Table> other_tables_;  ///< "baseline", "calls"
    Progress* progress_ = nullptr;
};

/// Options that the calls of one run need not have in common.
const std::vector<std::string> may_differ{"threads",    "data",         "figures", "repeat", "ratio",
                                          "criterion",  "budget",       "compact", "points", "timing-rounds",
                                          "checkpoint", "architecture", "plans"};

/// Masks and checkpoints of a run that is replaced; not the network to prune.
void remove_older_points(const PruneOptions& prune) {
    std::vector<std::filesystem::path> files;
    for (const auto& entry : std::filesystem::directory_iterator(prune.folder())) {
        const bool own = entry.path().extension() == ".h5";
        std::error_code ignored;
        if (own && !std::filesystem::equivalent(entry.path(), prune.checkpoint, ignored))
            files.push_back(entry.path());
    }
    for (const std::filesystem::path& file : files) std::filesystem::remove(file);
}

/// Checks without which nothing may be replaced: the network, or what is to be trained and its data.
void require_baseline(PruneOptions& prune, const Options& options) {
    if (!prune.train_baseline) {
        PruneOptions copy = prune;
        const RecordedRun run = read_baseline(copy, options);
        PrunedNetwork network = load_network(run.checkpoint, run.file, copy.train.network_options());
        add_given_masks(network, prune.mask);
        require_units(network, prune);
        load_recorded_data(run, copy.train.data, copy.train.thread_count());
        return;
    }
    const TrainOptions& train = prune.train;
    const Dataset dataset = load_dataset(train.dataset, train.data, train.dataset_options());
    const Architecture architecture = train.network_for(dataset.train.maps);
    require_classes(dataset, architecture);
    PrunedNetwork network(Network(architecture, train.network_options()));
    add_given_masks(network, prune.mask);
    require_units(network, prune);
    prune.train.dataset = dataset.key;
}

std::optional<ResultRecord> stored_results(PruneOptions& prune, Options& options) {
    const std::string& out = prune.train.out;
    if (!prune.train.resume || !std::filesystem::exists(out)) return std::nullopt;
    ResultRecord stored = read_results(out);
    options.resume(stored.resolved_toml, out, may_differ);
    return stored;
}

void prune_baseline(PruneOptions& prune, const Options& options, std::optional<ResultRecord> stored) {
    make_folder(prune.folder());
    if (prune.train.overwrite) remove_older_points(prune);
    if (!stored)  // so that it can be resumed from now on
        write_results(prune.train.out, {.resolved_toml = options.resolved_toml(),
                                        .tables = {calls_table({}, options.resolved_toml())}});
    if (prune.train_baseline) train_baseline(prune);
    const RecordedRun baseline = read_baseline(prune, options);
    const Dataset dataset = load_recorded_data(baseline, prune.train.data, prune.train.thread_count());
    watch_for_interruption();
    PruningRun(prune, options, baseline, dataset, std::move(stored)).run();
}

}  // namespace

void run_pruning(PruneOptions& prune, Options& options) {
    require_threads(prune.train.thread_count());
    require_output(prune.train, {prune.folder()});
    const OutputLock lock(prune.train.out);
    require_output(prune.train, {prune.folder()});  // another run may have made it meanwhile
    std::optional<ResultRecord> stored = stored_results(prune, options);
    prune.check();
    require_baseline(prune, options);
    try {
        prune_baseline(prune, options, std::move(stored));
    } catch (const PruningInterrupted&) {
        throw Interrupted("interrupted; everything found is saved. Resume with:\n  " +
                          options.command_with("--resume"));
    }
    report_pruning(prune.train.out, prune.figures_folder());
}

}  // namespace fftconv
