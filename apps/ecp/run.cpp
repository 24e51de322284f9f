#include "ecp/run.hpp"

#include <spdlog/fmt/fmt.h>

#include <algorithm>
#include <cstdio>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "common/process.hpp"
#include "common/progress.hpp"
#include "common/record_bytes.hpp"
#include "common/recorded_run.hpp"
#include "common/records.hpp"
#include "common/team.hpp"
#include "ecp/figures.hpp"
#include "ecp/pure_convolution.hpp"
#include "ecp/results.hpp"
#include "ecp/tables.hpp"
#include "fftconv/convolution/measured_plan.hpp"
#include "fftconv/core/error.hpp"
#include "fftconv/core/version.hpp"
#include "fftconv/dataset/dataset.hpp"
#include "fftconv/storage/training_checkpoint.hpp"
#include "fftconv/training/evaluation.hpp"

namespace fftconv {

namespace {

/// One training under way.
struct Training {
    EcpTraining what;
    std::unique_ptr<PrunedNetwork> pruned;  ///< of nothing
    std::unique_ptr<Trainer> trainer;
    Curve curve;                     ///< of its finished epochs
    std::vector<int> calls;          ///< that trained them
    bool begun_before = false;       ///< an earlier call began the epoch under way
    std::vector<Curve> mode_curves;  ///< of a random-K network: tested under each K, and their mean

    int epochs() const { return int(curve.epoch.size()); }
};

/// What runs and checkpoints that are joined need not have in common: a result file also joins trainings of
/// other networks, methods and modes that were made apart.
const std::vector<std::string> may_differ{"network", "method", "mode", "threads", "epochs",
                                          "repeat",  "data",   "out",  "figures", "convolution-rounds",
                                          "plans"};

class EcpRun {
  public:
    EcpRun(EcpOptions& ecp, const Options& options, const Dataset& dataset,
           std::optional<ResultRecord> stored)
        : ecp_(ecp), options_(options), dataset_(dataset) {
        record_.dataset = record_of(dataset);
        if (stored) take_up(std::move(*stored));
        calls_ = calls_table(stored_calls_, options.resolved_toml());
    }

    void run() {
        if (team().count() > 1) return share_trainings();
        prepare_files();
        measure_convolutions();
        Progress progress(total_batches(), done_batches());
        for (int repeat = 0; repeat < ecp_.repeat; ++repeat) train_repeat(repeat, progress);
    }

  private:
    void prepare_files();
    void take_up(ResultRecord stored);
    void measure_convolutions();
    void train_repeat(int repeat, Progress& progress);
    void train_epoch(Training& training, Progress& progress);
    void share_trainings();
    std::optional<std::vector<char>> train_alone(const EcpTraining& what, Progress& progress,
                                                 const std::function<bool()>& goes_on);
    void run_epoch(Training& training, Progress& progress, const std::function<bool()>& goes_on);
    void test(Training& training);
    void note_machine();
    Training make(const EcpTraining& what);
    void restore(Training& training) const;
    /// @throws UsageError when the curve is longer than this run.
    void require_no_more_epochs(const std::string& file, const Curve& curve) const;
    void save_checkpoint(const Training& training) const;
    void sort_curves();
    void save_result();
    void keep(const Training& training);
    void keep(const Curve& curve);
    [[noreturn]] void stop() const;

    long epoch_batches() const { return (dataset_.train.count() + ecp_.batch - 1) / ecp_.batch; }
    long total_batches() const;
    long done_batches() const;

    EcpOptions& ecp_;  ///< plans are added as they are found
    const Options& options_;
    const Dataset& dataset_;
    ResultRecord record_;
    std::vector<Table> stored_calls_;  ///< of the calls before this one
    Table calls_;
    Table convolution_times_;
    std::vector<Machine> machines_;  ///< that times were measured on
    Turns turns_;
    std::set<std::string> trained_apart_;  ///< trainings whose times are not to be compared
};

long EcpRun::total_batches() const {
    return epoch_batches() * ecp_.epochs * ecp_.repeat * long(ecp_.trainings(0).size());
}

long EcpRun::done_batches() const {
    long epochs = 0;
    for (const Curve& curve : record_.curves)
        epochs += curve.train_seconds.empty() ? 0 : long(curve.epoch.size());
    return epochs * epoch_batches();
}

/// Writes the result file first of all, so that a folder that takes no files is found out now and not after
/// an epoch.
void EcpRun::prepare_files() {
    make_folder(ecp_.checkpoint_folder());
    if (ecp_.overwrite) remove_results(ecp_.checkpoint_folder());  // all, or a later call would take them up
    record_.resolved_toml = options_.resolved_toml();
    save_result();
}

void EcpRun::take_up(ResultRecord stored) {
    if (stored.dataset.sha256 != record_.dataset.sha256) {
        throw FileError(ecp_.out, "/dataset/sha256", stored.dataset.sha256, record_.dataset.sha256);
    }
    require_test_curves(stored, ecp_.out);
    turns_ = Turns(stored, ecp_.out);
    for (const Curve& curve : stored.curves) require_no_more_epochs(ecp_.out, curve);
    record_.curves = std::move(stored.curves);
    for (Table& table : stored.tables) {
        if (table.name == convolution_table) convolution_times_ = table;
        if (table.name == "calls") stored_calls_ = {table};
        if (table.name == "machine") machines_ = machines_of(stored, ecp_.out);
        if (table.name == trained_apart_table)
            for (const std::string& name : std::get<std::vector<std::string>>(table.columns.at(0).values))
                trained_apart_.insert(name);
    }
}

void EcpRun::measure_convolutions() {
    if (int(convolution_times_.rows()) >= ecp_.convolution_rounds) return;
    Progress progress(ecp_.convolution_rounds);
    convolution_times_ = time_convolutions(
        ecp_, dataset_.train,
        [&](const std::string& text) {
            progress.advance();
            progress.line(text);
        },
        interrupted);
    note_machine();
    save_result();
    if (interrupted()) stop();
}

void EcpRun::train_repeat(int repeat, Progress& progress) {
    std::vector<Training> trainings;
    for (const EcpTraining& what : ecp_.trainings(repeat)) {
        trainings.push_back(make(what));
        keep(trainings.back());
    }
    save_result();
    for (int epoch = 1; epoch <= ecp_.epochs; ++epoch) {
        for (Training& training : trainings) {
            if (training.epochs() < epoch) train_epoch(training, progress);
        }
    }
}

Training EcpRun::make(const EcpTraining& what) {
    Training training{what, {}, {}, {}, {}, false, {}};
    training.curve.method = what.name();
    training.pruned = std::make_unique<PrunedNetwork>(
        Network(ecp_.architecture(what.network, what.method.pooling, dataset_.train.maps),
                ecp_.network_options(what)));
    training.trainer =
        std::make_unique<Trainer>(training.pruned->network, dataset_.train, ecp_.batch_options(what), nullptr,
                                  ecp_.trainer_options(what));
    for (const std::string& name : mode_curve_names(what)) {
        training.mode_curves.push_back({});
        training.mode_curves.back().method = name;
    }
    if (std::filesystem::exists(ecp_.checkpoint_file(what))) restore(training);
    training.calls = turns_.calls(what.name(), std::size_t(training.epochs()));
    ecp_.plans = plans_in_use();
    record_.resolved_toml = options_.resolved_toml();
    return training;
}

void EcpRun::require_no_more_epochs(const std::string& file, const Curve& curve) const {
    if (int(curve.epoch.size()) > ecp_.epochs)
        throw UsageError(fmt::format("{}: --epochs: expected at least the {} that {} has, found {}", file,
                                     curve.epoch.size(), curve.method, ecp_.epochs));
}

void EcpRun::restore(Training& training) const {
    const std::filesystem::path file = ecp_.checkpoint_file(training.what);
    const Checkpoint checkpoint = read_checkpoint(file);
    options_.require_same(checkpoint.resolved_toml, file.string(), may_differ);
    restore_training(checkpoint, file, record_.dataset, *training.pruned, *training.trainer);
    training.begun_before = checkpoint.state.values.at("epoch_batches") > 0;
    if (checkpoint.curves.size() != 1 + training.mode_curves.size())
        throw FileError(file.string(), "/curves",
                        std::to_string(1 + training.mode_curves.size()) +
                            " curves: of the training, of each K, and of their mean",
                        std::to_string(checkpoint.curves.size()));
    for (const Curve& curve : checkpoint.curves)
        if (curve.epoch.size() != curve.test_mcr.size() || curve.epoch != checkpoint.curves.front().epoch)
            throw FileError(file.string(), "/curves/" + curve.method, "a test MCR for each epoch", "others");
    require_no_more_epochs(file.string(), checkpoint.curves.front());
    training.curve = checkpoint.curves.front();
    std::copy(checkpoint.curves.begin() + 1, checkpoint.curves.end(), training.mode_curves.begin());
}

/// Each training in one of the processes, from its beginning to its end. Methods then do not take turns, and
/// their times are not to be compared: the file says so, and the pure convolution test is left out.
void EcpRun::share_trainings() {
    const std::vector<EcpTraining> trainings = unfinished_trainings(ecp_, record_);
    for (const EcpTraining& what : trainings) trained_apart_.insert(what.name());
    if (team().first()) prepare_files();
    team().meet();
    Progress progress(total_batches(), done_batches());
    std::set<int> own;
    const auto run = [&](int job, const std::function<bool()>& goes_on) {
        own.insert(job);
        return train_alone(trainings[std::size_t(job)], progress, goes_on);
    };
    const auto done = [&](int job, const std::vector<char>& bytes) {
        if (!own.contains(job)) progress.advance(epoch_batches() * ecp_.epochs);
        const std::string name = trainings[std::size_t(job)].name();
        for (const Curve& curve : fftconv::record_of(bytes).curves) keep(curve);
        turns_.set(name, turns_.calls(name, std::size_t(ecp_.epochs)));
        note_machine();
        save_result();
        progress.line(name + " is trained");
    };
    if (!team().share_jobs(int(trainings.size()), run, done, interrupted)) stop();
}

std::optional<std::vector<char>> EcpRun::train_alone(const EcpTraining& what, Progress& progress,
                                                     const std::function<bool()>& goes_on) {
    Training training = make(what);
    progress.describe(what.name());
    while (training.epochs() < ecp_.epochs) {
        run_epoch(training, progress, goes_on);
        save_checkpoint(training);
        if (!goes_on()) return std::nullopt;
    }
    ResultRecord found;
    found.curves = training.mode_curves;
    found.curves.insert(found.curves.begin(), training.curve);
    return bytes_of(found);
}

/// Until its end, with its test, or until an interruption.
void EcpRun::run_epoch(Training& training, Progress& progress, const std::function<bool()>& goes_on) {
    Trainer& trainer = *training.trainer;
    progress.describe(training.what.name());
    trainer.on_batch = [&](const BatchProgress&) {
        progress.advance();
        return goes_on();
    };
    trainer.on_epoch = [](const EpochRecord&) { return false; };  // the others' turn
    trainer.run();
    if (int(trainer.history().size()) > training.epochs()) test(training);
}

void EcpRun::train_epoch(Training& training, Progress& progress) {
    const int before = training.epochs();
    run_epoch(training, progress, [] { return !interrupted(); });
    if (training.epochs() > before) {
        const Curve& curve = training.curve;
        progress.line(fmt::format(
            "{} epoch {}/{}: loss {:.4f}, test accuracy {:.2f} %, training {:.3f} s, testing {:.3f} s",
            training.what.name(), training.epochs(), ecp_.epochs, curve.train_loss.back(),
            100 - curve.test_mcr.back(), curve.train_seconds.back(), curve.test_seconds.back()));
    }
    save_checkpoint(training);
    keep(training);
    save_result();
    if (interrupted()) stop();
}

void EcpRun::test(Training& training) {
    Network& network = training.pruned->network;
    if (network.has_mode()) network.set_mode(training.trainer->evaluation_mode());
    const Evaluation evaluation = evaluate(network, dataset_.test);
    std::vector<double> test_mcr = std::move(training.curve.test_mcr);
    std::vector<double> test_seconds = std::move(training.curve.test_seconds);
    test_mcr.push_back(evaluation.mcr);
    test_seconds.push_back(evaluation.seconds);
    training.calls.push_back(training.begun_before ? Turns::unknown : int(calls_.rows()));
    training.begun_before = false;
    note_machine();
    training.curve = curve_of(training.what.name(), training.trainer->history());
    training.curve.test_mcr = std::move(test_mcr);
    training.curve.test_seconds = std::move(test_seconds);
    if (training.mode_curves.empty()) return;
    const ModeEvaluation under_modes = evaluate_modes(network, dataset_.test);
    for (std::size_t i = 0; i < training.mode_curves.size(); ++i) {
        Curve& curve = training.mode_curves[i];
        curve.epoch = training.curve.epoch;
        curve.test_mcr.push_back(i < 4 ? under_modes.modes[i].mcr : under_modes.mean.mcr);
    }
}

/// A resumed run may go on elsewhere.
void EcpRun::note_machine() {
    const Machine machine = this_machine(ecp_.thread_count());
    if (std::ranges::find(machines_, machine) == machines_.end()) machines_.push_back(machine);
}

void EcpRun::save_checkpoint(const Training& training) const {
    std::vector<Curve> curves{training.curve};
    curves.insert(curves.end(), training.mode_curves.begin(), training.mode_curves.end());
    write_checkpoint(ecp_.checkpoint_file(training.what),
                     make_checkpoint(*training.pruned, *training.trainer, std::move(curves),
                                     record_.resolved_toml, record_.dataset));
}

void EcpRun::keep(const Training& training) {
    keep(training.curve);
    turns_.set(training.what.name(), training.calls);
    for (const Curve& curve : training.mode_curves) keep(curve);
}

void EcpRun::keep(const Curve& curve) {
    if (curve.epoch.empty()) return;
    const auto found = std::find_if(record_.curves.begin(), record_.curves.end(),
                                    [&](const Curve& each) { return each.method == curve.method; });
    if (found == record_.curves.end()) {
        record_.curves.push_back(curve);
    } else {
        *found = curve;
    }
}

/// Into the order of the trainings, whichever process was done first; those of other calls come behind.
void EcpRun::sort_curves() {
    std::map<std::string, std::size_t> order;
    for (int repeat = 0; repeat < ecp_.repeat; ++repeat)
        for (const EcpTraining& what : ecp_.trainings(repeat)) {
            order.emplace(what.name(), order.size());
            for (const std::string& name : mode_curve_names(what)) order.emplace(name, order.size());
        }
    std::ranges::stable_sort(record_.curves, {}, [&](const Curve& curve) {
        const auto found = order.find(curve.method);
        return found == order.end() ? order.size() : found->second;
    });
}

void EcpRun::save_result() {
    if (team().count() > 1) sort_curves();
    record_.tables = {machine_table(machines_), calls_, turns_.stored()};
    if (convolution_times_.rows() > 0) record_.tables.push_back(convolution_times_);
    if (!trained_apart_.empty())
        record_.tables.push_back(
            {trained_apart_table,
             "Trainings that did not take turns with others: their times are not compared",
             {{"training", "", std::vector<std::string>(trained_apart_.begin(), trained_apart_.end())}}});
    const EcpResults results(record_, ecp_, ecp_.out);
    for (const EcpTable& table : ecp_tables(results)) record_.tables.push_back(table.stored());
    for (const EcpFigure& figure : ecp_figures(results)) record_.tables.push_back(figure.stored());
    write_results(ecp_.out, record_);
}

void EcpRun::stop() const {
    throw Interrupted("interrupted; everything is saved. Resume with:\n  " +
                      options_.command_with("--resume"));
}

/// What every process must have, or their trainings would not belong together.
void require_same_everywhere(const Options& options, const Dataset& dataset) {
    Configuration values = options.values();
    for (const char* name : {"threads", "data", "out", "figures"}) values.erase(name);
    team().require_same("version", std::string(library_version()) + ", commit " + std::string(git_commit()));
    team().require_same("configuration", to_toml(values));
    team().require_same("digest of the data set", dataset.sha256);
}

/// Tables are of all repeats: none is left out.
void require_as_many_repeats(const EcpOptions& ecp, const ResultRecord& stored) {
    const int before = ecp_options_of(stored.resolved_toml, ecp.out).repeat;
    if (ecp.repeat < before)
        throw UsageError(fmt::format("{}: --repeat: expected at least the {} that it has, found {}", ecp.out,
                                     before, ecp.repeat));
}

}  // namespace

void run_ecp(EcpOptions& ecp, Options& options) {
    require_threads(ecp.thread_count());
    if (ecp.measure && team().count() > 1)
        throw UsageError("--measure: expected one process, found " + std::to_string(team().count()) +
                         ": each would time plans of its own");
    ecp.out = behind_links(ecp.out);
    require_folder(ecp.figures_folder());
    if (team().first()) require_output(ecp, {ecp.checkpoint_folder()});
    const auto lock = team().first() ? std::make_unique<OutputLock>(ecp.out) : nullptr;
    if (team().first()) require_output(ecp, {ecp.checkpoint_folder()});  // another may have made it meanwhile
    std::optional<ResultRecord> stored;
    const bool there = std::filesystem::exists(ecp.out);
    if (ecp.resume && team().from_first(there ? "there" : "") == "there") {
        stored = read_results(ecp.out);
        options.resume(stored->resolved_toml, ecp.out, may_differ);
        require_as_many_repeats(ecp, *stored);
    }
    if (options.chosen("mode") &&
        std::ranges::none_of(ecp.method_list(), [](const EcpMethod& method) { return method.has_mode(); }))
        throw UsageError("--mode: expected --method random or ecp, which have a K");
    watch_for_interruption();
    const Dataset dataset = load_dataset(ecp.dataset, ecp.data, {.limit = ecp.limit});
    ecp.dataset = dataset.key;
    for (const EcpTraining& each : ecp.trainings(0))
        require_classes(dataset, ecp.architecture(each.network, each.method.pooling, dataset.train.maps));
    use_plans(ecp.plans);
    require_same_everywhere(options, dataset);
    EcpRun(ecp, options, dataset, std::move(stored)).run();
    if (team().first()) report_ecp(ecp.out, ecp.figures_folder());
}

void report_ecp(const std::filesystem::path& file, const std::filesystem::path& figures) {
    const EcpResults results = EcpResults::read(file);
    const FileHeader header = read_file_header(file);
    fmt::print("Made by fftconv {}, commit {}{}; times on {}.\n\n", header.library_version, header.git_commit,
               header.git_dirty ? " with changes" : "", results.machine());
    const std::vector<EcpTable> tables = ecp_tables(results);
    for (const EcpTable& table : tables) fmt::print("{}\n", table.text());
    fmt::print("{}{}", random_mode_text(results), apart_text(tables));
    std::fflush(stdout);
    if (!gnuplot_available()) {
        fmt::print(stderr,
                   "no figures: gnuplot is not installed (apt-get install gnuplot-nox); then --report {}\n",
                   file.string());
        return;
    }
    for (const std::filesystem::path& drawn : draw(ecp_figures(results), figures)) {
        fmt::print(stderr, "figure: {}\n", drawn.string());
    }
    fmt::print(stderr, "results: {}\n", file.string());
}

}  // namespace fftconv
