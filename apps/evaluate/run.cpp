#include "evaluate/run.hpp"

#include <spdlog/fmt/fmt.h>

#include <algorithm>
#include <optional>

#include "common/process.hpp"
#include "common/recorded_run.hpp"
#include "common/records.hpp"
#include "evaluate/results.hpp"
#include "fftconv/convolution/measured_plan.hpp"
#include "fftconv/pruning/compact.hpp"
#include "fftconv/pruning/cost.hpp"
#include "fftconv/storage/training_checkpoint.hpp"

namespace fftconv {

RecordedRun chosen_run(RecordedRun run, const EvaluateOptions& evaluate, const Options& options) {
    const auto agree = [&](const char* option, const std::string& recorded, const std::string& found) {
        require_agreement(run, option, options.given(option) && !found.empty(), recorded, found,
                          evaluate.overrule);
    };
    if (!run.checkpoint.dataset.name.empty()) agree("dataset", run.train.dataset, evaluate.dataset);
    if (!run.any_mode && evaluate.mode != "all")
        agree("mode", std::to_string(run.train.mode.mode), evaluate.mode);
    if (!evaluate.dataset.empty()) run.train.dataset = evaluate.dataset;
    if (evaluate.overrule && (options.given("dataset") || options.given("data") || options.given("limit")))
        run.checkpoint.dataset.sha256.clear();  // other images are what was asked for
    if (evaluate.mode.size() == 1) run.train.mode.mode = evaluate.mode.front() - '0';
    if (!evaluate.engine.empty()) run.train.engine = evaluate.engine;
    if (options.given("measure")) run.train.measure = evaluate.measure;
    if (options.given("limit")) run.train.limit = evaluate.limit;
    run.train.batch = evaluate.batch;
    run.train.threads = evaluate.threads;
    return run;
}

NetworkOptions evaluation_options(const RecordedRun& run, int test_images) {
    NetworkOptions how = run.network_options();
    how.threads = run.train.thread_count();
    how.batch = std::clamp(run.train.batch, 1, std::max(1, test_images));
    how.fixed_weights = true;
    return how;
}

namespace {

/// The test set, prepared as the network's training images were.
Dataset test_data(const EvaluateOptions& evaluate, const RecordedRun& run, int threads) {
    RecordedRun wanted = run;
    DatasetRecord& recorded = wanted.checkpoint.dataset;
    recorded.n_train = 0;  // how the others were split does not matter here
    return load_recorded_data(wanted, evaluate.data, threads);
}

class EvaluationRun {
  public:
    EvaluationRun(const EvaluateOptions& evaluate, const RecordedRun& run, Dataset dataset)
        : evaluate_(evaluate), run_(run), dataset_(std::move(dataset)) {
        how_ = evaluation_options(run, dataset_.test.count());
    }

    void run() {
        pruned_.emplace(load_network(run_.checkpoint, run_.file, how_));
        network_ = &pruned_->network;
        require_classes(dataset_, network_->architecture());
        network_->reset_profile();
        const Evaluation first = evaluate_test(*network_, dataset_.test);
        results_.classes = network_->classes();
        results_.confusion = first.confusion;
        results_.layers = layer_times(*network_, first.count);
        add_evaluations(first);
        time_forms();
        print(first);
    }

    const EvaluationResults& results() const { return results_; }
    const Dataset& dataset() const { return dataset_; }
    bool has_mode() const { return network_->has_mode(); }
    /// No more than there are images.
    int batch() const { return how_.batch; }

  private:
    /// Of an image: ten crops where the network takes smaller ones.
    double passes() const {
        return network_->architecture().input.height < dataset_.test.maps.height ? 10 : 1;
    }

    void add_evaluations(const Evaluation& first) {
        const bool all = evaluate_.mode == "all" && network_->has_mode();
        const int own = how_.mode;
        const double shown = network_->has_mode() ? own : not_measured;
        results_.evaluations.push_back(
            result_of(all ? fmt::format("mode {} (the network's)", own) : "network", shown, first));
        if (!all) return;
        const ModeEvaluation modes = evaluate_modes(*network_, dataset_.test);
        for (int mode = 0; mode < 4; ++mode) {
            if (mode == own) continue;
            results_.evaluations.push_back(
                result_of(fmt::format("mode {}", mode), mode, modes.modes[std::size_t(mode)]));
        }
        results_.evaluations.push_back(result_of("mean of the modes' outputs", not_measured, modes.mean));
    }

    /// A masked network, dense and compact, and what folds batch normalisation into the layers before it, in
    /// turns, so that what else the machine does hits all alike. Nothing where there is one form alone.
    void time_forms() {
        Network dense(parse_architecture(run_.checkpoint.architecture), how_);
        dense.load_state(run_.checkpoint.model);
        PrunedNetwork thin = compact(*pruned_), folded(fold_batch_norm(thin.network));
        folded.set_masks(thin.masks());
        std::vector<const char*> names{"dense"};
        std::vector<Network*> networks{&dense};
        if (!run_.checkpoint.masks.empty()) {
            names = {"masked", "dense", "compact"};
            networks = {network_, &dense, &thin.network};
        }
        if (folded.network.layers().size() < thin.network.layers().size()) {
            names.push_back("folded");
            networks.push_back(&folded.network);
        }
        if (networks.size() == 1) return;
        const Tensor images = first_batch();
        milliseconds_per_image(networks, images, 1);  // kernel spectra, memory
        const std::vector<double> ms = milliseconds_per_image(networks, images, evaluate_.timing_rounds);
        for (std::size_t i = 0; i < networks.size(); ++i)
            results_.forms.push_back({names[i], to_string(networks[i]->architecture()), passes() * ms[i]});
    }

    Tensor first_batch() const {
        BatchOptions plain;
        plain.size = how_.batch;
        Batches batches(dataset_.test,
                        fitted(plain, dataset_.test.maps, network_->architecture().input, true));
        batches.start(0);
        return batches.next()->images;
    }

    void print(const Evaluation& first) const {
        const std::string mode = network_->has_mode() ? fmt::format(", K = {}", how_.mode) : "";
        fmt::print("{}\n{} after {} epochs{}, on the test set of {}\n\n", run_.file,
                   run_.checkpoint.architecture, run_.checkpoint.state.epoch, mode, dataset_.name);
        fmt::print("accuracy {:.2f} % of {} images, cross-entropy {:.4f}\n", 100 - first.mcr, first.count,
                   first.loss);
        fmt::print("{:.4f} ms per image (batch {}, {} {}, {} engine)\n\n", 1000 * first.seconds / first.count,
                   how_.batch, how_.threads, how_.threads == 1 ? "thread" : "threads", how_.engine);
        fmt::print("{}", results_.text());
    }

    const EvaluateOptions& evaluate_;
    const RecordedRun& run_;
    Dataset dataset_;
    NetworkOptions how_;
    std::optional<PrunedNetwork> pruned_;
    Network* network_ = nullptr;  ///< of pruned_
    EvaluationResults results_;
};

}  // namespace

void run_evaluation(EvaluateOptions& evaluate, const Options& options) {
    require_threads(evaluate.thread_count());
    std::optional<OutputLock> lock;
    if (!evaluate.out.empty()) {
        require_other_files(evaluate.out, {evaluate.checkpoint});
        require_output({.out = evaluate.out, .overwrite = evaluate.overwrite, .resumable = false});
        lock.emplace(evaluate.out);
    }
    const RecordedRun recorded = read_recorded_run(evaluate.checkpoint);
    require_network_uses(options, parse_architecture(recorded.checkpoint.architecture));
    const RecordedRun run = chosen_run(recorded, evaluate, options);
    evaluate.dataset = run.train.dataset;  // what was not given is recorded too
    evaluate.engine = run.train.engine;
    evaluate.measure = run.train.measure;
    evaluate.limit = run.train.limit;
    use_plans(run.train.plans);
    EvaluationRun evaluation(evaluate, run, test_data(evaluate, run, evaluate.thread_count()));
    evaluation.run();
    evaluate.batch = evaluation.batch();
    if (evaluate.mode.empty() && evaluation.has_mode()) evaluate.mode = std::to_string(run.train.mode.mode);
    evaluate.plans = plans_in_use();
    if (evaluate.out.empty()) return;
    std::vector<Table> tables = evaluation.results().tables();
    tables.push_back(network_table("network", run));
    tables.push_back(machine_table({this_machine(evaluate.thread_count())}));
    write_results(evaluate.out, {.resolved_toml = options.resolved_toml(),
                                 .dataset = record_of(evaluation.dataset()),
                                 .tables = std::move(tables)});
    fmt::print(stderr, "results: {}\n", evaluate.out);
}

}  // namespace fftconv
