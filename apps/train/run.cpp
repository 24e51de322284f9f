#include "train/run.hpp"

#include <spdlog/fmt/fmt.h>

#include <cmath>
#include <optional>
#include <utility>

#include "common/process.hpp"
#include "common/progress.hpp"
#include "fftconv/core/error.hpp"
#include "fftconv/dataset/preprocess.hpp"
#include "fftconv/storage/training_checkpoint.hpp"
#include "fftconv/training/evaluation.hpp"

namespace fftconv {

namespace {

/// Fitted on the training images, or, when going on, taken from the checkpoint.
Preprocessing preprocessing_of(const TrainOptions& train, const Dataset& dataset,
                               const std::optional<Checkpoint>& stored) {
    if (train.preprocess == "none") return {};
    if (stored) return Preprocessing::from_arrays(stored->extra);
    PreprocessOptions options;
    options.whitening = train.preprocess == "whitening";
    return Preprocessing(dataset.train, options, train.thread_count());
}

void apply(const Preprocessing& preprocessing, const TrainOptions& train, Dataset& dataset) {
    if (train.preprocess == "none") return;
    for (LabelledImages* images : {&dataset.train, &dataset.validation, &dataset.test}) {
        if (images->count() > 0) preprocessing.apply(*images, train.thread_count());
    }
}

std::string epoch_text(const EpochRecord& record, int epochs) {
    std::string text = fmt::format("epoch {}/{}: loss {:.4f}, training MCR {:.2f} %", record.epoch, epochs,
                                   record.train_loss, record.train_mcr);
    if (!std::isnan(record.validation_mcr))
        text += fmt::format(", validation MCR {:.2f} %", record.validation_mcr);
    return text + fmt::format(", {:.2f} s", record.train_seconds);
}

const std::string last_prefix = "last/";

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
          trainer_(network_, dataset.train, train.batch_options(),
                   dataset.validation.count() > 0 ? &dataset.validation : nullptr, train.trainer_options()) {}

    void restore(const Checkpoint& stored) {
        options_.require_same(stored.resolved_toml, train_.out,
                              {"threads", "epochs", "patience", "data", "out"});
        restore_training(stored, train_.out, record_of(dataset_), pruned_, trainer_);
        std::vector<NamedArray> last;
        for (const NamedArray& array : stored.extra)
            if (array.name.starts_with(last_prefix))
                last.push_back({array.name.substr(last_prefix.size()), array.shape, array.values});
        if (!last.empty()) network_.load_state(last);
    }

    void run() {
        save();  // an output that cannot be written is found out now and not after an epoch
        const long batches = (dataset_.train.count() + train_.batch - 1) / train_.batch;
        Progress progress(batches * train_.epochs, batches * long(trainer_.history().size()));
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
        if (trainer_.run() == TrainingEnd::interrupted) stop();
        finish();
    }

  private:
    void finish() {
        if (train_.keep_best) {
            last_ = network_.state();
            trainer_.restore_best();
        }
        if (network_.has_mode()) network_.set_mode(trainer_.evaluation_mode());
        const Evaluation test = evaluate_test(network_, dataset_.test);
        save();
        fmt::print("{} on {}: test MCR {:.2f} % of {} images after {} epochs; checkpoint {}\n",
                   to_string(network_.architecture()), dataset_.name, test.mcr, test.count,
                   trainer_.history().size(), train_.out);
    }

    void save() const {
        Checkpoint checkpoint = make_checkpoint(pruned_, trainer_, {curve_of("training", trainer_.history())},
                                                options_.resolved_toml(), record_of(dataset_));
        for (NamedArray& array : preprocessing_.arrays()) checkpoint.extra.push_back(std::move(array));
        for (const NamedArray& array : last_)
            checkpoint.extra.push_back({last_prefix + array.name, array.shape, array.values});
        write_checkpoint(train_.out, checkpoint);
    }

    [[noreturn]] void stop() const {
        save();
        throw Error("interrupted; everything is saved. Go on with:\n  " + options_.command_with("--resume"));
    }

    const TrainOptions& train_;
    const Options& options_;
    const Dataset& dataset_;
    const Preprocessing& preprocessing_;
    PrunedNetwork pruned_;  ///< of nothing, unless it is a pruned network that is trained on
    Network& network_;
    Trainer trainer_;
    /// Of the last epoch, once the network has those of the best one: a longer run goes on from here.
    std::vector<NamedArray> last_;
};

}  // namespace

void run_training(const TrainOptions& train, const Options& options) {
    watch_for_interruption();
    parse_architecture(train.architecture);  // before the data is read
    Dataset dataset = load_dataset(train.dataset, train.data, train.dataset_options());
    const std::filesystem::path out(train.out);
    if (out.has_parent_path()) make_folder(out.parent_path());
    std::optional<Checkpoint> stored;
    if (train.resume && std::filesystem::exists(out)) stored = read_checkpoint(out);
    const Preprocessing preprocessing = preprocessing_of(train, dataset, stored);
    apply(preprocessing, train, dataset);
    TrainRun run(train, options, dataset, preprocessing);
    if (stored) run.restore(*stored);
    run.run();
}

}  // namespace fftconv
