#include "fftconv/storage/training_checkpoint.hpp"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <map>
#include <utility>

#include "fftconv/core/error.hpp"
#include "fftconv/core/number_text.hpp"
#include "fftconv/network/architecture.hpp"

namespace fftconv {

namespace {

const std::string best_prefix = "best/", last_prefix = "last/";

std::string optimizer_name(const Trainer& trainer) {
    return to_string(trainer.options().optimizer.method);
}

std::map<std::string, double> values_of(const TrainerState& state) {
    return {{"epoch_batches", state.batch},
            {"epoch_loss_sum", state.loss_sum},
            {"epoch_correct", state.correct},
            {"epoch_images", state.images},
            {"epoch_train_seconds", state.train_seconds},
            {"best_validation_mcr", state.best_mcr},
            {"best_epoch", state.best_epoch}};
}

/// Position of the stream that K is drawn from; order, augmentation and dropout are drawn from (seed, epoch)
/// and (seed, step), so that their streams need no position.
std::uint64_t mode_draws(ModeChoice choice, const TrainerState& state) {
    if (choice == ModeChoice::per_epoch) return std::uint64_t(state.epoch);
    return choice == ModeChoice::per_batch ? state.steps : 0;
}

double value(const Checkpoint& checkpoint, const std::filesystem::path& file, const std::string& name) {
    const auto found = checkpoint.state.values.find(name);
    if (found == checkpoint.state.values.end()) {
        throw FileError(file.string(), "/state/" + name, "a number",
                        "nothing: the training cannot be resumed");
    }
    return found->second;
}

double element(const std::vector<double>& values, std::size_t i) {
    return i < values.size() ? values[i] : NAN;
}

std::vector<EpochRecord> history_of(const Checkpoint& checkpoint, const TrainerOptions& options) {
    std::vector<EpochRecord> history;
    if (checkpoint.curves.empty()) return history;
    const Curve& curve = checkpoint.curves.front();
    for (std::size_t i = 0; i < curve.epoch.size(); ++i) {
        EpochRecord record;
        record.epoch = int(curve.epoch[i]);
        record.rate = options.schedule.rate(options.optimizer.rate, int(i), options.epochs);
        record.train_loss = element(curve.train_loss, i);
        record.train_mcr = element(curve.train_mcr, i);
        record.validation_mcr = element(curve.validation_mcr, i);
        record.train_seconds = element(curve.train_seconds, i);
        record.validation_loss = record.validation_seconds = NAN;  // curves do not have them
        history.push_back(record);
    }
    return history;
}

TrainerState trainer_state(const Checkpoint& checkpoint, const std::filesystem::path& file,
                           const TrainerOptions& options) {
    TrainerState state;
    state.epoch = int(checkpoint.state.epoch);
    state.steps = std::uint64_t(checkpoint.state.step);
    state.batch = int(value(checkpoint, file, "epoch_batches"));
    state.loss_sum = value(checkpoint, file, "epoch_loss_sum");
    state.correct = int(value(checkpoint, file, "epoch_correct"));
    state.images = int(value(checkpoint, file, "epoch_images"));
    state.train_seconds = value(checkpoint, file, "epoch_train_seconds");
    state.best_mcr = value(checkpoint, file, "best_validation_mcr");
    state.best_epoch = int(value(checkpoint, file, "best_epoch"));
    state.optimizer = checkpoint.optimizer_state;
    for (const NamedArray& array : checkpoint.extra) {
        if (!array.name.starts_with(best_prefix)) continue;
        state.best.push_back({array.name.substr(best_prefix.size()), array.shape, array.values});
    }
    state.history = history_of(checkpoint, options);
    return state;
}

void require(const std::filesystem::path& file, const std::string& field, const std::string& expected,
             const std::string& found) {
    if (expected != found) throw FileError(file.string(), field, expected, found);
}

/// Which images of a data set.
std::string images_of(const DatasetRecord& dataset) {
    return std::to_string(dataset.n_train) + " training images and " + std::to_string(dataset.n_validation) +
           " for validation, split by seed " + std::to_string(dataset.split_seed);
}

/// What the parts of a checkpoint say about each other. @throws FileError where they disagree.
class Consistency {
  public:
    Consistency(const Checkpoint& checkpoint, const std::filesystem::path& file, const Network& network,
                const Trainer& trainer)
        : checkpoint_(checkpoint), file_(file), network_(network), trainer_(trainer) {}

    void check() const {
        check_steps();
        check_unfinished_epoch();
        check_curve();
        check_best();
        check_weights();
        check_squares();
        check_streams();
        check_end();
    }

  private:
    void demand(bool holds, const std::string& field, const std::string& expected, double found) const {
        if (!holds) throw FileError(file_.string(), field, expected, text(found));
    }
    static std::string text(double number) { return number_text(number); }
    double state(const std::string& name) const { return value(checkpoint_, file_, name); }
    static bool is_whole(double number, double low, double high) {
        return number >= low && number <= high && number == std::floor(number);
    }
    std::int64_t epochs() const { return checkpoint_.state.epoch; }

    void check_steps() const {
        const double batches = trainer_.batches(), batch = state("epoch_batches");
        demand(is_whole(batch, 0, batches), "/state @epoch_batches", "0 to " + text(batches), batch);
        const double steps = double(epochs()) * batches + batch;
        demand(double(checkpoint_.state.step) == steps, "/state @step",
               text(steps) + ", the batches of " + std::to_string(epochs()) + " epochs and " + text(batch),
               double(checkpoint_.state.step));
    }

    void check_unfinished_epoch() const {
        const bool begun = state("epoch_batches") > 0;
        const double images = state("epoch_images"), correct = state("epoch_correct");
        const double most = begun ? double(checkpoint_.dataset.n_train) : 0;
        demand(is_whole(images, begun, most), "/state @epoch_images",
               "the images of its batches, at most " + text(most), images);
        demand(is_whole(correct, 0, images), "/state @epoch_correct", "0 to " + text(images), correct);
        for (const std::string name : {"epoch_loss_sum", "epoch_train_seconds"})
            demand(state(name) >= 0 && (begun ? std::isfinite(state(name)) : state(name) == 0),
                   "/state @" + name, begun ? "a sum of its batches" : "0 before the first batch",
                   state(name));
    }

    const Curve& curve() const {
        static const Curve none;
        return checkpoint_.curves.empty() ? none : checkpoint_.curves.front();
    }

    void check_curve() const {
        const std::vector<double>& epoch = curve().epoch;
        demand(std::int64_t(epoch.size()) == epochs(), "/curves", std::to_string(epochs()) + " epochs",
               double(epoch.size()));
        for (std::size_t i = 0; i < epoch.size(); ++i)
            demand(epoch[i] == double(i + 1), "/curves", "epoch " + std::to_string(i + 1), epoch[i]);
    }

    void check_best() const {
        const std::vector<double>& mcr = curve().validation_mcr;
        const double best = state("best_validation_mcr"), epoch = state("best_epoch");
        const auto lowest = std::ranges::min_element(mcr);
        const double expected = mcr.empty() ? 0 : double(lowest - mcr.begin() + 1);
        demand(epoch == expected, "/state @best_epoch",
               text(expected) + ", the first of the lowest validation MCR", epoch);
        demand(best == (mcr.empty() ? INFINITY : *lowest), "/state @best_validation_mcr",
               mcr.empty() ? "infinity before the first epoch" : text(*lowest), best);
    }

    /// The arrays of the network's state below a prefix of /extra.
    std::vector<NamedArray> below(const std::string& prefix) const {
        std::vector<NamedArray> found;
        for (const NamedArray& array : checkpoint_.extra)
            if (array.name.starts_with(prefix))
                found.push_back({array.name.substr(prefix.size()), array.shape, array.values});
        return found;
    }

    void check_whole(const std::string& prefix, const std::vector<NamedArray>& found) const {
        for (const NamedArray& own : network_.state()) {
            const auto same = std::ranges::find_if(found, [&](const NamedArray& each) {
                return each.name == own.name && each.shape == own.shape;
            });
            if (same == found.end())
                throw FileError(file_.string(), "/extra/" + prefix + own.name, "an array of the network",
                                "none");
        }
    }

    /// The best weights are there when they are kept; a model that holds them leaves the last ones in /extra.
    void check_weights() const {
        const std::vector<NamedArray> best = below(best_prefix), last = below(last_prefix);
        const double best_epoch = state("best_epoch");
        if ((trainer_.options().keep_best && best_epoch > 0) || !best.empty()) check_whole(best_prefix, best);
        if (!last.empty()) check_whole(last_prefix, last);
        if (last.empty() && best_epoch > 0 && best_epoch < double(epochs()) && checkpoint_.state.step > 0 &&
            trainer_.options().optimizer.rate > 0 && same_arrays(best, checkpoint_.model))
            throw FileError(file_.string(), "/extra/last",
                            "the weights of the last epoch, as /model has the best", "none");
    }
    static bool same_arrays(std::vector<NamedArray> a, std::vector<NamedArray> b) {
        std::ranges::sort(a, {}, &NamedArray::name);
        std::ranges::sort(b, {}, &NamedArray::name);
        return a == b;
    }

    /// What optimizers keep of squared gradients is never negative.
    void check_squares() const {
        for (const NamedArray& array : checkpoint_.optimizer_state)
            if (array.name.ends_with("/second_moment") || array.name.ends_with("/mean_square"))
                for (const float square : array.values)
                    demand(square >= 0, "/optimizer/" + array.name, "0 or more", square);
    }

    void check_streams() const {
        const TrainerOptions& options = trainer_.options();
        TrainerState where;
        where.epoch = int(epochs());
        where.steps = std::uint64_t(checkpoint_.state.step);
        for (const StreamPosition& stream : checkpoint_.random)
            if (stream.stream == "mode" &&
                (stream.seed != options.seed || stream.position != mode_draws(options.mode_choice, where)))
                throw FileError(
                    file_.string(), "/random/mode",
                    "seed " + std::to_string(options.seed) + ", " +
                        std::to_string(mode_draws(options.mode_choice, where)) + " numbers",
                    "seed " + std::to_string(stream.seed) + ", " + std::to_string(stream.position));
    }

    /// A finished training says how its test went; one that is not says nothing.
    void check_end() const {
        const auto& values = checkpoint_.state.values;
        for (const std::string name : {"finished", "mode_is_drawn"})
            if (const auto found = values.find(name); found != values.end())
                demand(found->second == 0 || found->second == 1, "/state @" + name, "0 or 1", found->second);
        const auto finished = values.find("finished"), test = values.find("test_mcr");
        if (finished == values.end()) return;
        const double mcr = test == values.end() ? -1 : test->second;
        if (finished->second == 1)
            demand(mcr >= 0 && mcr <= 100, "/state @test_mcr", "0 to 100, of a finished training", mcr);
        else
            demand(test == values.end(), "/state @test_mcr", "none before the training is finished", mcr);
    }

    const Checkpoint& checkpoint_;
    const std::filesystem::path& file_;
    const Network& network_;
    const Trainer& trainer_;
};

/// Of normalisations: a negative one would make every answer NaN.
void check_variances(const Checkpoint& checkpoint, const std::filesystem::path& file) {
    for (const NamedArray& array : checkpoint.model) {
        if (!array.name.ends_with("/running_variance")) continue;
        const auto negative = std::ranges::find_if(array.values, [](float variance) { return variance < 0; });
        if (negative != array.values.end())
            throw FileError(file.string(), "/model/" + array.name, "0 or more", number_text(*negative));
    }
}

/// In the order in which the architecture makes them. Dropouts are no part of it, but of a training.
void require_layer_names(const Network& network, const Checkpoint& checkpoint,
                         const std::filesystem::path& file) {
    const auto list = [](const std::vector<std::string>& names) {
        std::string text;
        for (const std::string& name : names) text += (text.empty() ? "" : ", ") + name;
        return text;
    };
    const auto without_dropout = [](std::vector<std::string> names) {
        std::erase_if(names, [](const std::string& name) { return name.starts_with("dropout"); });
        return names;
    };
    const std::vector<std::string> expected = without_dropout(network.layer_names());
    if (!checkpoint.layer_names.empty() && without_dropout(checkpoint.layer_names) != expected)
        throw FileError(file.string(), "/model @layer_names", list(expected), list(checkpoint.layer_names));
}

void set_masks(PrunedNetwork& pruned, const Checkpoint& checkpoint, const std::filesystem::path& file) {
    try {
        pruned.set_masks(checkpoint.masks);
    } catch (const ShapeError& error) {
        throw FileError(file.string(), "/mask", "masks of " + checkpoint.architecture, error.what());
    }
}

}  // namespace

DatasetRecord record_of(const Dataset& dataset) {
    return {dataset.name,
            dataset.sha256,
            dataset.split_seed,
            dataset.train.count(),
            dataset.validation.count(),
            dataset.test.count()};
}

Curve curve_of(const std::string& method, const std::vector<EpochRecord>& history) {
    Curve curve;
    curve.method = method;
    for (const EpochRecord& record : history) {
        curve.epoch.push_back(record.epoch);
        curve.train_loss.push_back(record.train_loss);
        curve.train_mcr.push_back(record.train_mcr);
        curve.validation_mcr.push_back(record.validation_mcr);
        curve.train_seconds.push_back(record.train_seconds);
    }
    const bool older = !history.empty() && std::isnan(history.front().train_mcr);  // it did not store it
    if (older) curve.train_mcr.clear();
    const bool validated = !history.empty() && !std::isnan(history.front().validation_mcr);
    if (!validated) curve.validation_mcr.clear();
    return curve;
}

Checkpoint make_checkpoint(const PrunedNetwork& pruned, const Trainer& trainer, std::vector<Curve> curves,
                           const std::string& resolved_toml, const DatasetRecord& dataset) {
    const Network& network = pruned.network;
    const TrainerState state = trainer.state();
    Checkpoint checkpoint;
    checkpoint.architecture = to_string(network.architecture());
    checkpoint.layer_names = network.layer_names();
    checkpoint.model = network.state();
    checkpoint.masks = pruned.masks();
    checkpoint.optimizer = optimizer_name(trainer);
    checkpoint.optimizer_state = state.optimizer;
    checkpoint.state = {state.epoch, std::int64_t(state.steps), values_of(state)};
    if (network.has_mode()) {
        const ModeChoice choice = trainer.options().mode_choice;
        checkpoint.state.values["evaluation_mode"] = trainer.evaluation_mode();
        checkpoint.state.values["mode_is_drawn"] =
            choice == ModeChoice::per_epoch || choice == ModeChoice::per_batch;
    }
    checkpoint.random = {{"mode", trainer.options().seed, mode_draws(trainer.options().mode_choice, state)}};
    checkpoint.curves = std::move(curves);
    checkpoint.resolved_toml = resolved_toml;
    checkpoint.dataset = dataset;
    for (const NamedArray& array : state.best) {
        checkpoint.extra.push_back({best_prefix + array.name, array.shape, array.values});
    }
    return checkpoint;
}

void restore_training(const Checkpoint& checkpoint, const std::filesystem::path& file,
                      const DatasetRecord& dataset, PrunedNetwork& pruned, Trainer& trainer) {
    require(file, "/model/architecture", to_string(pruned.network.architecture()), checkpoint.architecture);
    require(file, "/optimizer", optimizer_name(trainer), checkpoint.optimizer);
    require(file, "/dataset/sha256", dataset.sha256, checkpoint.dataset.sha256);
    require(file, "/dataset", images_of(dataset), images_of(checkpoint.dataset));
    Consistency(checkpoint, file, pruned.network, trainer).check();
    check_variances(checkpoint, file);
    set_masks(pruned, checkpoint, file);
    try {
        pruned.network.load_state(checkpoint.model);
        trainer.load_state(trainer_state(checkpoint, file, trainer.options()));
    } catch (const ShapeError& error) {
        throw FileError(file.string(), "/model", "the arrays of " + checkpoint.architecture, error.what());
    }
}

PrunedNetwork load_network(const Checkpoint& checkpoint, const std::filesystem::path& file,
                           const NetworkOptions& options) {
    check_variances(checkpoint, file);
    try {
        PrunedNetwork pruned(Network(parse_architecture(checkpoint.architecture), options));
        require_layer_names(pruned.network, checkpoint, file);
        pruned.network.load_state(checkpoint.model);
        set_masks(pruned, checkpoint, file);
        return pruned;
    } catch (const ShapeError& error) {
        throw FileError(file.string(), "/model", "the arrays of " + checkpoint.architecture, error.what());
    } catch (const UsageError& error) {
        throw FileError(file.string(), "/model/architecture", "an architecture", error.what());
    }
}

}  // namespace fftconv
