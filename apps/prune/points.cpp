#include "prune/points.hpp"

#include <spdlog/fmt/fmt.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <memory>
#include <set>

#include "common/process.hpp"
#include "common/progress.hpp"
#include "common/record_bytes.hpp"
#include "common/records.hpp"
#include "common/team.hpp"
#include "fftconv/convolution/measured_plan.hpp"
#include "fftconv/core/error.hpp"
#include "fftconv/core/sha256.hpp"
#include "fftconv/core/version.hpp"
#include "fftconv/dataset/preprocess.hpp"
#include "fftconv/pruning/compact.hpp"
#include "fftconv/pruning/criteria.hpp"
#include "fftconv/storage/masks.hpp"
#include "fftconv/storage/training_checkpoint.hpp"
#include "prune/origin.hpp"
#include "prune/point_times.hpp"
#include "prune/results.hpp"
#include "prune/retraining.hpp"
#include "prune/selection.hpp"
#include "prune/shared_search.hpp"
#include "prune/step.hpp"

namespace fftconv {

std::vector<std::string> require_units(PrunedNetwork& pruned, const PruneOptions& prune) {
    std::vector<std::string> known, layers = prune.layers;
    for (const WeightedLayer& layer : weighted_layers(pruned.network)) known.push_back(layer.name());
    if (layers == std::vector<std::string>{"all"}) layers = convolution_names(pruned.network);
    for (const std::string& layer : layers) {
        if (std::find(known.begin(), known.end(), layer) == known.end())
            throw_unknown_name("--layers", known, layer);
        if (std::count(layers.begin(), layers.end(), layer) > 1)
            throw UsageError("--layers: expected each layer once, found " + layer + " twice");
    }
    for (const std::string& granularity : prune.granularities) {
        const PruningScope scope{parse_granularity(granularity), layers, prune.stride};
        try {
            for (const std::string& criterion : prune.criteria)
                require_scores(pruned, scope,
                               parse_criterion(criterion == best_of_n ? prune.candidates_from : criterion));
        } catch (const ShapeError& error) {  // of layers that have no such units
            throw UsageError("--layers, --granularity " + granularity + ": " + error.what());
        }
    }
    return layers;
}

namespace {

/// Options that the calls of one run need not have in common, nor the machines that they ran on.
std::vector<std::string> differing_within_run() {
    std::vector<std::string> names = differing_between_calls;
    names.insert(names.end(), {"out", "dataset"});
    return names;
}

class PruningRun {
  public:
    PruningRun(PruneOptions& prune, const Options& options, const RecordedRun& baseline,
               const Dataset& dataset, std::optional<ResultRecord> stored)
        : prune_(prune),
          baseline_(baseline),
          context_{.options = prune,
                   .dataset = dataset,
                   .resolved_toml =
                       [&] {
                           prune.train.plans = plans_in_use();
                           return options.resolved_toml();
                       },
                   .baseline_sha256 = sha256_of_file(prune.baseline_file()),
                   .preprocessing = Preprocessing::from_arrays(baseline.checkpoint.extra).arrays(),
                   .baseline_rate = baseline.train.rate,
                   .mode = baseline.train.mode,
                   .require_configuration =
                       [&options](const std::string& resolved_toml, const std::string& file) {
                           options.require_same(resolved_toml, file, differing_within_run());
                       }} {
        if (stored) results_ = earlier_results(context_, *stored);
        other_tables_ = {
            network_table("baseline", baseline), mask_table(prune.mask),
            calls_table(stored ? stored->tables : std::vector<Table>{}, context_.resolved_toml())};
    }

    const PruningContext& context() const { return context_; }

    /// @throws PruningInterrupted
    void run() {
        prepare();
        Progress progress(total_work());
        progress_ = &progress;
        context_.resumed = [&](long images) { progress.skip(images); };
        context_.tell = [&](const std::string& text) { progress.line(text); };
        const bool completed = team().first() && complete_earlier();
        if (team().from_first(completed ? "completed" : "").empty()) throw PruningInterrupted{};
        exchange();
        if (prune_.has_budget()) {
            compute(before_bisection());
            find_budgets();
        } else {
            compute(prune_.points_of_part());
        }
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
        if (prune_.train.shards > 1) {
            shards_ = team().shards(prune_.train.shards);
            context_.shards = shards_.get();
            context_.writes = team().first();
        }
        PrunedNetwork network = baseline_network();
        context_.layers = require_units(network, prune_);
        if (team().first() && results_.baseline() == nullptr)
            results_.points.push_back(baseline_result(context_, baseline_.checkpoint, network));
        save();
        remove_retrainings(results_);  // where an earlier call was killed between a point and this
    }

    /// Every process continues with what the first one has.
    void exchange() {
        if (team().count() == 1) return;
        const std::vector<char> own = bytes_of(record_of(results_));
        const std::string first = team().from_first({own.begin(), own.end()});
        results_ =
            PruningResults::from(fftconv::record_of(std::vector<char>(first.begin(), first.end())), "");
    }

    /// What does not depend on the budget: the controls, and the steps before the last one.
    std::vector<PruningPoint> before_bisection() const {
        std::vector<PruningPoint> points;
        for (int repeat = 0; repeat < prune_.repeat; ++repeat)
            for (const PruningPoint& control : prune_.controls(repeat)) points.push_back(control);
        for (const PruningPoint& start : prune_.all_starts())
            if (!start.steps.empty()) points.push_back(start);
        return points;
    }

    bool is_known(const PruningPoint& point) const {
        return results_.find(point.name()) && std::filesystem::exists(checkpoint_file(prune_, point.name()));
    }

    /// The points that are missing, and those that they start from: wave after wave, in each those of which
    /// the waves before have all that they start from.
    std::map<int, std::vector<PruningPoint>> waves(const std::vector<PruningPoint>& wanted) const {
        std::map<int, std::vector<PruningPoint>> result;
        std::set<std::string> there;
        for (PruningPoint point : wanted)
            for (; !point.steps.empty() && !is_known(point); point = point.before())
                if (there.insert(point.name()).second) result[point.trainings()].push_back(point);
        return result;
    }

    void compute(const std::vector<PruningPoint>& wanted) {
        for (const auto& wave : waves(wanted)) {
            const std::vector<PruningPoint>& points = wave.second;
            search(points);
            share(
                int(points.size()), [&](int job) { return complete(points[std::size_t(job)]); },
                [&](int job) { return step_work(context_, points[std::size_t(job)].criterion); });
            exchange();
        }
    }

    /// On all processes; one alone searches on the way.
    void search(const std::vector<PruningPoint>& points) {
        search_together(
            context_, points, [&](const PruningPoint& point) { return network_before(point); },
            [&] { progress_->advance(context_.dataset.validation.count()); });
    }

    /// The last step at the ratios that bisection asks for, a job for each start.
    void find_budgets() {
        const std::vector<PruningPoint> starts = prune_.all_starts();
        share(
            int(starts.size()), [&](int job) { return find_budget(starts[std::size_t(job)]); },
            [&](int job) { return halvings() * step_work(context_, starts[std::size_t(job)].criterion); });
        exchange();
    }

    /// Jobs that each process computes one at a time; the first one saves what they find.
    void share(int jobs, const std::function<PruningResults(int)>& compute_job,
               const std::function<long(int)>& images) {
        if (shards_) return compute_together(jobs, compute_job);
        std::set<int> own;
        const auto run = [&](int job,
                             const std::function<bool()>& goes_on) -> std::optional<std::vector<char>> {
            own.insert(job);
            context_.worked = [&](long done) {
                progress_->advance(done);
                return goes_on();
            };
            try {
                return bytes_of(record_of(compute_job(job)));
            } catch (const PruningInterrupted&) {
                return std::nullopt;
            }
        };
        const auto done = [&](int job, const std::vector<char>& bytes) {
            if (!own.contains(job)) progress_->advance(images(job));
            take(PruningResults::from(fftconv::record_of(bytes), ""));
        };
        if (!team().share_jobs(jobs, run, done, interrupted)) throw PruningInterrupted{};
    }

    /// The same with shards: one job after the other, each by all processes.
    void compute_together(int jobs, const std::function<PruningResults(int)>& compute_job) {
        context_.worked = [&](long done) {
            progress_->advance(done);
            return !interrupted();
        };
        for (int job = 0; job < jobs; ++job) {
            if (!shards_->all(!interrupted())) throw PruningInterrupted{};
            take(compute_job(job));
        }
    }

    ResultRecord record_of(const PruningResults& results) const {
        ResultRecord record;
        record.curves = results.curves;
        record.tables = results.tables(prune_);
        return record;
    }

    void take(const PruningResults& found) {
        results_.replace(found);
        save();
        remove_retrainings(found);
        for (const PruningResult& result : found.points)
            progress_->line(
                fmt::format("{}: kernels pruned {:.1f} %, validation MCR {:.2f} % before, {:.2f} % after "
                            "retraining, test MCR {:.2f} %",
                            result.name, result.pruned_kernels, result.validation_before,
                            result.validation_mcr, result.test_mcr));
    }

    /// Of points whose results are saved, and their networks.
    void remove_retrainings(const PruningResults& found) {
        if (!team().first()) return;
        for (const PruningResult& result : found.points)
            if (std::filesystem::exists(checkpoint_file(prune_, result.name)))
                std::filesystem::remove(retraining_file(prune_, result.name));
    }

    PruningResults find_budget(const PruningPoint& start) {
        const double most = results_.baseline()->validation_mcr + prune_.budget;
        PruningResults found;
        while (const auto point = next_of_bisection(prune_, start, most, found))
            found.replace(with_parts(*point));
        return found;
    }

    /// The point's results, known or computed, and those of its parts where it is pruned gradually.
    PruningResults with_parts(const PruningPoint& point) {
        if (is_known(point)) return results_.of(point.name());
        PruningResults found;
        if (point.steps.back().part > 1) found = with_parts(point.before());
        found.replace(complete(point));
        return found;
    }

    PruningResults complete(const PruningPoint& point) {
        if (shards_)
            search({point});  // nothing is left of it but where bisection has just asked for the point
        PrunedNetwork pruned = network_before(point);
        progress_->describe(point.name());
        PruningResults found = prune_point(context_, point, pruned, baseline_.checkpoint);
        if (shards_) team().meet();  // its files are there
        return found;
    }

    PrunedNetwork network_before(const PruningPoint& point) const {
        if (point.trainings() == 1) return baseline_network(point.repeat);
        return network_of(point.before().name(), point.repeat);
    }

    /// Of a finished point.
    PrunedNetwork network_of(const std::string& point, int repeat) const {
        const std::filesystem::path file = checkpoint_file(prune_, point);
        const Checkpoint stored = read_checkpoint(file);
        context_.require_own(file, stored.resolved_toml, stored.dataset, stored.parent_sha256);
        PrunedNetwork pruned = load_network(stored, file, context_.network_options(repeat));
        if (const PruningResult* result = results_.find(point)) require_masks_of(*result, pruned, file);
        return pruned;
    }

    /// Throws FileError when a file has lost other units than its point's row says.
    void require_masks_of(const PruningResult& result, const PrunedNetwork& pruned,
                          const std::filesystem::path& file) const {
        PruningResult found;
        describe_masks(context_, pruned, found);
        const auto text = [](const PruningResult& row) {
            return fmt::format("{} % of the kernels and {} % of the weights pruned", row.pruned_kernels,
                               row.pruned_weights);
        };
        if (text(found) != text(result))
            throw FileError(file.string(), "/mask",
                            "that of " + result.name + " (" + prune_.train.out + "): " + text(result),
                            text(found));
    }

    /// What this call asks of points that an earlier one finished: other times, and thinner networks that
    /// were not saved. Returns false when it is interrupted.
    bool complete_earlier() {
        for (const PruningResult& result : std::vector<PruningResult>(results_.points)) {
            if (interrupted()) return false;
            if (result.is_baseline()) {
                if (!prune_.time_again) continue;
                PrunedNetwork network = baseline_network();
                PruningResults timed = results_.of(result.name);
                time_baseline(context_, baseline_.checkpoint, network, timed.points.front());
                results_.replace(timed);
                save();
            } else if (std::filesystem::exists(checkpoint_file(prune_, result.name))) {
                complete_earlier(result);  // one without its network is computed anew
            }
        }
        return true;
    }

    void complete_earlier(const PruningResult& result) {
        const std::filesystem::path file = compact_file(prune_, result.name);
        const bool unsaved = prune_.compact && !std::filesystem::exists(file);
        if (!unsaved && !prune_.time_again) return;
        PrunedNetwork pruned = network_of(result.name, int(result.repeat));
        PrunedNetwork thinner = compact(pruned);
        if (unsaved) write_checkpoint(file, checkpoint_of(context_, thinner));
        if (!prune_.time_again) return;
        PruningResults timed = results_.of(result.name);
        PruningResult& row = timed.points.front();
        timed.layers = time_point(context_, baseline_.checkpoint, pruned, thinner, row);
        results_.replace(timed);
        save();
        progress_->line(fmt::format("{}: {:.2f} ms an image, unpruned {:.2f}, thinner {:.2f}", row.name,
                                    row.masked_ms, row.dense_ms, row.compact_ms));
    }

    /// Of the points that are still to be computed; bisection halves the ratios.
    long halvings() const { return long(std::ceil(std::log2(double(prune_.last_ratios().size()) + 1))); }

    long total_work() const {
        std::map<std::string, std::string> left;  // points and their criteria
        const auto count = [&](PruningPoint point) {
            for (; !point.steps.empty(); point = point.before())
                if (results_.find(point.name()) == nullptr) left[point.name()] = point.criterion;
        };
        long work = 0;
        if (prune_.has_budget()) {
            for (const PruningPoint& point : before_bisection()) count(point);
            for (const PruningPoint& start : prune_.all_starts())
                work += halvings() * step_work(context_, start.criterion);
        } else {
            for (const PruningPoint& point : prune_.points_of_part()) count(point);
        }
        for (const auto& [name, criterion] : left) work += step_work(context_, criterion);
        return work;
    }

    /// The first process alone writes.
    void save() {
        if (!team().first()) return;
        results_.sort(prune_);
        ResultRecord record = record_of(results_);
        record.resolved_toml = context_.resolved_toml();
        record.dataset = fftconv::record_of(context_.dataset);
        record.tables.insert(record.tables.end(), other_tables_.begin(), other_tables_.end());
        if (!baseline_.checkpoint.curves.empty()) {
            record.curves.push_back(baseline_.checkpoint.curves.front());
            record.curves.back().method = "baseline";
        }
        write_results(prune_.train.out, record);
    }

    const PruneOptions& prune_;
    const RecordedRun& baseline_;
    PruningContext context_;
    PruningResults results_;
    std::vector<Table> other_tables_;  ///< "baseline", "mask", "calls"
    std::unique_ptr<Shards> shards_;   ///< none: points are shared, each by one process
    Progress* progress_ = nullptr;
};

/// What every process must have, or their points would not belong together.
void require_same_everywhere(const Options& options, const PruningContext& context) {
    Configuration values = options.values();
    for (const char* name : {"threads", "data", "out", "checkpoint", "figures"}) values.erase(name);
    team().require_same("version", std::string(library_version()) + ", commit " + std::string(git_commit()));
    team().require_same("configuration", to_toml(values));
    team().require_same("digest of the data set", context.dataset.sha256);
    team().require_same("digest of the network to prune", context.baseline_sha256);
    team().require_same("digest of --mask", mask_sha256(context.options.mask));
}

}  // namespace

void compute_points(PruneOptions& prune, const Options& options, const RecordedRun& baseline,
                    const Dataset& dataset, std::optional<ResultRecord> stored) {
    PruningRun run(prune, options, baseline, dataset, std::move(stored));
    require_same_everywhere(options, run.context());
    run.run();
}

}  // namespace fftconv
