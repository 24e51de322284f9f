#include "train/run.hpp"

#include <spdlog/fmt/fmt.h>

#include <cstdlib>
#include <memory>
#include <optional>
#include <utility>

#include "common/process.hpp"
#include "common/progress.hpp"
#include "common/recorded_run.hpp"
#include "common/statistics.hpp"
#include "common/team.hpp"
#include "fftconv/convolution/measured_plan.hpp"
#include "fftconv/core/error.hpp"
#include "fftconv/core/version.hpp"
#include "fftconv/dataset/preprocess.hpp"
#include "fftconv/storage/training_checkpoint.hpp"
#include "fftconv/training/evaluation.hpp"

namespace fftconv {

namespace {

/// Fitted on the training images, or, of a run that is resumed or starts from another, taken from its file,
/// which may have some that no option names (of the Python package).
Preprocessing preprocessing_of(const TrainOptions& train, const Dataset& dataset, const Checkpoint* before) {
    if (before) return Preprocessing::from_arrays(before->extra);
    if (train.preprocess == Preprocess::none) return {};
    PreprocessOptions options;
    options.whitening = train.preprocess == Preprocess::whitening;
    return Preprocessing(dataset.train, options, train.thread_count());
}

const std::string last_prefix = "last/";

/// Nothing for one shard in one process: then a pass may do more at once.
std::unique_ptr<Shards> several_shards(int count) {
    if (count == 1 && team().count() == 1) return nullptr;
    return team().shards(count);
}

/// What every process must have, or their weights would part. Threads may differ, and folders.
void require_same_everywhere(const Options& options, const Dataset& dataset) {
    Configuration values = options.values();
    for (const char* name : {"threads", "data", "out"}) values.erase(name);
    team().require_same("version", std::string(library_version()) + ", commit " + std::string(git_commit()));
    team().require_same("configuration", to_toml(values));
    team().require_same("digest of the data set", record_of(dataset).sha256);
}

/// One run: the network, its trainer, and the file that both go to.
class TrainRun {
  public:
    TrainRun(const TrainOptions& train, const Options& options, const Dataset& dataset,
             const Preprocessing& preprocessing)
        : train_(train),
          options_(options),
          dataset_(dataset),
          preprocessing_(preprocessing),
          pruned_(Network(train.network_for(dataset.train.maps), train.network_options())),
          network_(pruned_.network),
          shards_(several_shards(train.shards)),
          trainer_(network_, dataset.train, train.batch_options(),
                   dataset.validation.count() > 0 ? &dataset.validation : nullptr, train.trainer_options(),
                   shards_.get()) {
        require_classes(dataset, network_.architecture());
    }

    void restore(const Checkpoint& stored) {
        restore_training(stored, train_.out, record_of(dataset_), pruned_, trainer_);
        std::vector<NamedArray> last;
        for (const NamedArray& array : stored.extra)
            if (array.name.starts_with(last_prefix))
                last.push_back({array.name.substr(last_prefix.size()), array.shape, array.values});
        if (!last.empty()) network_.load_state(last);
        const auto finished = stored.state.values.find("finished");
        nothing_to_do_ =
            finished != stored.state.values.end() && finished->second != 0 && trainer_.has_ended();
    }

    /// Weights and masks of another training. @throws FileError when they are of another architecture.
    void start_from(const RecordedRun& init) {
        const std::string own = to_string(network_.architecture());
        if (own != init.checkpoint.architecture)
            throw FileError(init.file, "/model/architecture", own, init.checkpoint.architecture);
        PrunedNetwork other = load_network(init.checkpoint, init.file, train_.network_options());
        network_.load_state(other.network.state());
        pruned_.set_masks(other.masks());
    }

    /// The test MCR; nothing when it was interrupted: everything is then saved.
    std::optional<double> run() {
        if (!train_.overwrite && !nothing_to_do_)
            save();  // so that it can be resumed from now on; what is replaced stays until
                     // there is something better
        const bool finished = train_epochs();
        if (finished)
            finish();
        else
            save();
        return finished ? std::optional(test_mcr_) : std::nullopt;
    }

  private:
    /// False when it was interrupted.
    bool train_epochs() {
        const long batches = trainer_.batches();
        Progress progress(batches * train_.epochs, long(trainer_.state().steps));
        progress.describe("training");
        trainer_.on_batch = [&](const BatchProgress&) {
            progress.advance();
            return !interrupted();
        };
        trainer_.on_epoch = [&](const EpochRecord& record) {
            progress.line(epoch_text(record, train_.epochs));
            save();
            return !interrupted();
        };
        return trainer_.run() != TrainingEnd::interrupted;
    }

    void finish() {
        if (train_.keep_best) {
            last_ = network_.state();
            trainer_.restore_best();
        }
        if (network_.has_mode()) network_.set_mode(trainer_.evaluation_mode());
        const Evaluation test = evaluate_test(network_, dataset_.test, shards_.get());
        finished_ = true;
        test_mcr_ = test.mcr;
        if (!nothing_to_do_) save();  // else the file stays as it is
        if (team().first()) print_result(test);
    }

    void print_result(const Evaluation& test) const {
        fmt::print("{} on {}: test MCR {:.2f} % of {} images after {} epochs; checkpoint {}\n",
                   to_string(network_.architecture()), dataset_.name, test.mcr, test.count,
                   trainer_.history().size(), train_.out);
    }

    void save() const {
        if (!team().first()) return;
        Checkpoint checkpoint = make_checkpoint(pruned_, trainer_, {curve_of("training", trainer_.history())},
                                                options_.resolved_toml(), record_of(dataset_));
        for (NamedArray& array : preprocessing_.arrays()) checkpoint.extra.push_back(std::move(array));
        for (const NamedArray& array : last_)
            checkpoint.extra.push_back({last_prefix + array.name, array.shape, array.values});
        checkpoint.state.values["finished"] = finished_;
        if (finished_) checkpoint.state.values["test_mcr"] = test_mcr_;
        write_checkpoint(train_.out, checkpoint);
    }

    const TrainOptions& train_;
    const Options& options_;
    const Dataset& dataset_;
    const Preprocessing& preprocessing_;
    PrunedNetwork pruned_;
    Network& network_;
    std::unique_ptr<Shards> shards_;  ///< none: batches are not cut
    Trainer trainer_;
    /// Of the last epoch, once the network has those of the best one: a longer run resumes from here.
    std::vector<NamedArray> last_;
    bool finished_ = false;
    bool nothing_to_do_ = false;  ///< a finished run was resumed
    double test_mcr_ = 0;
};

/// Options that the calls of one training need not have in common.
const std::vector<std::string> may_differ{"threads", "epochs", "patience", "data", "repeat", "out", "plans"};

/// No epoch is taken back.
void require_as_many_epochs(const TrainOptions& train, const Checkpoint& stored) {
    if (train.epochs < stored.state.epoch)
        throw UsageError(fmt::format("{}: --epochs: expected at least the {} that it has, found {}",
                                     train.out, stored.state.epoch, train.epochs));
}

Checkpoint stored_run(const TrainOptions& train, Options& options) {
    Checkpoint stored = read_checkpoint(train.out);
    options.resume(stored.resolved_toml, train.out, may_differ);
    require_as_many_epochs(train, stored);
    require_same_cosine(train, stored);
    return stored;
}

/// On the data of that training, wherever they lie now, as many images are used and held out.
void take_data(TrainOptions& train, const RecordedRun& init, const Options& options) {
    if (!options.given("dataset") && !options.given("data")) {
        train.dataset = init.train.dataset;
        if (std::getenv("FFTCONV_DATA") == nullptr) train.data = init.train.data;
    } else if (load_dataset(train.dataset, train.data).sha256 != init.checkpoint.dataset.sha256) {
        return;
    }
    if (!options.given("limit")) train.limit = init.train.limit;
    if (!options.given("validation")) train.validation = init.train.validation;
    if (!options.given("seed")) train.seed = init.train.seed;
}

/// A run that is resumed, or that starts from a network of the same data, holds out the images that were held
/// out then: those that the network has seen would make validation look better than it is.
Dataset load_split(const TrainOptions& train, const Checkpoint* before) {
    DatasetOptions how = train.dataset_options();
    Dataset dataset = load_dataset(train.dataset, train.data, how);
    if (!before || before->dataset.sha256 != dataset.sha256 ||
        before->dataset.split_seed == dataset.split_seed)
        return dataset;
    how.split_seed = before->dataset.split_seed;
    return load_dataset(train.dataset, train.data, how);
}

}  // namespace

void take_initial(TrainOptions& train, const Options& options) {
    if (train.init.empty()) return;
    const RecordedRun init = read_recorded_run(train.init);
    if (!options.given("architecture")) {
        train.architecture = init.checkpoint.architecture;  // which says where batch normalisation is
        if (!options.given("batch-norm")) train.batch_norm = false;
    }
    if (!options.given("preprocess")) train.preprocess = init.train.preprocess;
    if (!options.given("mode")) train.mode = init.train.mode;
    if (!options.given("dropout")) train.dropout = init.train.dropout;
    take_data(train, init, options);
}

/// The rates of a cosine depend on the number of epochs, those of the epochs that are done too.
void require_same_cosine(const TrainOptions& train, const Checkpoint& stored) {
    const Configuration then = parse_toml(stored.resolved_toml, train.out);
    const auto epochs = then.find("epochs");
    if (train.schedule.kind != Schedule::Kind::cosine || epochs == then.end() || stored.state.step == 0)
        return;
    if (text_of(epochs->second) != std::to_string(train.epochs))
        throw UsageError(
            fmt::format("{}: --epochs: the cosine schedule of the learning rate was laid out for {}, "
                        "found {}; a new run with --init starts from these weights",
                        train.out, text_of(epochs->second), train.epochs));
}

std::optional<double> train_network(TrainOptions& train, const Options& options,
                                    const std::optional<Checkpoint>& stored) {
    watch_for_interruption();
    std::optional<RecordedRun> init;
    if (!stored && !train.init.empty()) init = read_recorded_run(train.init);
    const bool same_preprocessing = init && init->train.preprocess == train.preprocess;
    require_network_uses(options, parse_architecture(train.architecture));  // before the data is read
    Dataset dataset = load_split(train, stored ? &*stored : init ? &init->checkpoint : nullptr);
    train.dataset = dataset.key;
    const Preprocessing preprocessing = preprocessing_of(train, dataset,
                                                         stored               ? &*stored
                                                         : same_preprocessing ? &init->checkpoint
                                                                              : nullptr);
    apply_preprocessing(preprocessing, dataset, train.thread_count());
    use_plans(train.plans);
    TrainRun run(train, options, dataset, preprocessing);
    train.plans = plans_in_use();
    if (init) run.start_from(*init);
    if (stored) run.restore(*stored);
    require_same_everywhere(options, dataset);
    return run.run();  // its test MCR
}

namespace {

void require_used_options(const TrainOptions& train, const Options& options) {
    for (const char* option : {"schedule-every", "schedule-factor"})
        options.require_used(option, train.schedule.kind == Schedule::Kind::step, "--schedule step");
}

/// What an interrupted run ends with.
[[noreturn]] void stop(const Options& options) {
    throw Interrupted("interrupted; everything is saved. Resume with:\n  " +
                      options.command_with("--resume"));
}

/// Of several processes the first one has the lock.
std::unique_ptr<OutputLock> lock_output(const std::string& out) {
    return team().first() ? std::make_unique<OutputLock>(out) : nullptr;
}

/// Of repeat 0, 1, …: network.h5, network-repeat-2.h5, …
std::string file_of_repeat(const std::string& out, int repeat) {
    const std::filesystem::path file(out);
    if (repeat == 0) return out;
    const std::string name = file.stem().string() + fmt::format("-repeat-{}", repeat + 1);
    return (file.parent_path() / (name + file.extension().string())).string();
}

/// One of several trainings, each with a file of its own, whose seed is counted up; the first one's file says
/// how many there are. Nothing when interrupted.
std::optional<double> train_repeat(const TrainOptions& train, int repeat) {
    TrainOptions own = train;
    own.seed += std::uint64_t(repeat);
    own.out = file_of_repeat(train.out, repeat);
    Options options("fftconv-train", "");
    add_train_options(options, own);
    add_shards_option(options, own);
    if (repeat == 0) add_repeat_option(options, own);
    const auto lock = lock_output(own.out);
    std::optional<Checkpoint> stored;
    const bool there = std::filesystem::exists(own.out);  // the first process makes it before the others look
    if (train.resume && team().from_first(there ? "there" : "") == "there") {
        stored = read_checkpoint(own.out);
        options.require_same(stored->resolved_toml, own.out, may_differ);
        require_as_many_epochs(own, *stored);
        require_same_cosine(own, *stored);
    }
    return train_network(own, options, stored);
}

/// Whether the output is what this very command made, data included: then nothing is left to do.
bool is_result_of(const TrainOptions& train, const Options& options, const Checkpoint& stored) {
    const auto finished = stored.state.values.find("finished");
    if (finished == stored.state.values.end() || finished->second == 0) return false;
    try {
        options.require_same(stored.resolved_toml, train.out,
                             {"threads", "data", "dataset", "out", "plans", "repeat"});
        const Dataset dataset = load_dataset(train.dataset, train.data, train.dataset_options());
        return record_of(dataset) == stored.dataset;
    } catch (const UsageError&) {
        return false;
    }
}

/// The same command again, without --resume and --overwrite, is told so.
bool is_done(const TrainOptions& train, const Options& options) {
    std::error_code ignored;
    const bool asked = team().first() && !train.resume && !train.overwrite && train.init.empty();
    bool done = false;
    if (asked && std::filesystem::is_regular_file(train.out, ignored)) {
        const Checkpoint stored = read_checkpoint(train.out);
        done = is_result_of(train, options, stored);
        if (done)
            fmt::print(
                "{}: this command has made it already: test MCR {:.2f} % of {} images after {} epochs; "
                "--overwrite trains anew\n",
                train.out, stored.state.values.at("test_mcr"), stored.dataset.n_test, stored.state.epoch);
    }
    return team().from_first(done ? "done" : "") == "done";
}

void train_repeats(TrainOptions& train, Options& options) {
    for (int repeat = 0; repeat < train.repeat && !train.resume && team().first(); ++repeat)
        require_output({.out = file_of_repeat(train.out, repeat), .overwrite = train.overwrite});
    if (train.resume) {
        require_output(train);
        options.resume(read_checkpoint(train.out).resolved_toml, train.out, may_differ);
    }
    std::vector<double> mcr;
    for (int repeat = 0; repeat < train.repeat; ++repeat) {
        const std::optional<double> test = train_repeat(train, repeat);
        if (!test) stop(options);
        mcr.push_back(*test);
    }
    const Mean mean = mean_of(mcr);
    if (!team().first()) return;
    fmt::print("test MCR of {} trainings: mean {:.2f} %, standard deviation {:.2f} %\n", mean.count,
               mean.mean, mean.deviation);
}

/// Those that the command asks for, or that it resumes.
int repeats(const TrainOptions& train, const Options& options) {
    std::error_code ignored;
    if (!train.resume || options.given("repeat") || !std::filesystem::is_regular_file(train.out, ignored))
        return train.repeat;
    TrainOptions stored;
    Options of_file("fftconv-train", "");
    add_repeat_option(of_file, stored);
    of_file.load(read_checkpoint(train.out).resolved_toml, train.out);
    return stored.repeat;
}

}  // namespace

void add_repeat_option(Options& options, TrainOptions& train) {
    options.group("Training");
    options.add(
        "repeat", train.repeat, between(1, 1000),
        "trainings with seeds counted up from --seed, each with a file of its own: FILE-repeat-2.h5, …");
}

void run_training(TrainOptions& train, Options& options) {
    require_threads(train.thread_count());
    train.repeat = repeats(train, options);
    if (!train.resume) take_initial(train, options);
    for (int repeat = 0; repeat < train.repeat; ++repeat)
        require_other_files(file_of_repeat(train.out, repeat), {train.init});
    if (!train.resume) require_used_options(train, options);
    if (train.repeat > 1) return train_repeats(train, options);
    if (is_done(train, options)) return;
    if (team().first()) require_output(train);
    const auto lock = lock_output(train.out);
    if (team().first()) require_output(train);  // another run may have made it meanwhile
    std::optional<Checkpoint> stored;
    if (train.resume) stored = stored_run(train, options);
    if (!train_network(train, options, stored)) stop(options);
}

}  // namespace fftconv
