#include "fftconv/storage/training_checkpoint.hpp"

#include <cmath>
#include <cstdint>
#include <map>
#include <utility>

#include "fftconv/core/error.hpp"
#include "fftconv/network/architecture.hpp"

namespace fftconv {

namespace {

const std::string best_prefix = "best/";

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
        throw FileError(file.string(), "/state/" + name, "a number", "nothing: the training cannot go on");
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
        record.validation_mcr = element(curve.validation_mcr, i);
        record.train_seconds = element(curve.train_seconds, i);
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
        curve.validation_mcr.push_back(record.validation_mcr);
        curve.train_seconds.push_back(record.train_seconds);
    }
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
    set_masks(pruned, checkpoint, file);
    try {
        pruned.network.load_state(checkpoint.model);
        trainer.load_state(trainer_state(checkpoint, file, trainer.options()));
    } catch (const ShapeError& error) {
        throw FileError(file.string(), "/model", "the arrays of " + checkpoint.architecture, error.what());
    }
}

PrunedNetwork load_network(const Checkpoint& checkpoint, const std::filesystem::path& file,
                           NetworkOptions options) {
    try {
        PrunedNetwork pruned(Network(parse_architecture(checkpoint.architecture), options));
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
