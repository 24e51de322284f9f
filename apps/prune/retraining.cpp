#include "prune/retraining.hpp"

#include <spdlog/fmt/fmt.h>

#include "common/progress.hpp"
#include "fftconv/core/error.hpp"
#include "fftconv/storage/training_checkpoint.hpp"

namespace fftconv {

using Clock = std::chrono::steady_clock;

std::filesystem::path retraining_file(const PruneOptions& options, const std::string& point) {
    return options.folder() / (point + ".retraining.h5");
}

namespace {

/// The weights and the maps that the masks leave, however they say so.
std::vector<std::vector<std::uint8_t>> surviving_units(const PrunedNetwork& pruned) {
    std::vector<std::vector<std::uint8_t>> units = pruned.surviving_weights();
    for (const WeightedLayer& layer : weighted_layers(pruned.network))
        units.push_back(surviving_maps(find_mask(pruned.masks(), layer.name()), layer));
    return units;
}

}  // namespace

Retraining::Retraining(const PruningContext& context, const PruningPoint& point, PrunedNetwork& pruned)
    : context_(context), point_(point), pruned_(pruned), compaction_(pruned) {}

std::unique_ptr<Trainer> Retraining::trainer(Network& network) const {
    TrainerOptions how = context_.retraining(point_.repeat);
    how.teacher = teacher_ ? &teacher_->network : nullptr;
    return std::make_unique<Trainer>(network, context_.dataset.train,
                                     context_.retraining_batches(point_.repeat), &context_.dataset.validation,
                                     how, context_.shards);
}

void Retraining::run(const Checkpoint& baseline) {
    if (context_.options.distil > 0)
        teacher_ = std::make_unique<PrunedNetwork>(
            load_network(baseline, context_.options.baseline_file(), pruned_.network.options()));
    trainer_ = trainer(trained().network);
    restore();
    train();
    if (compaction_.thinner()) widen();
    if (context_.options.train.keep_best) trainer_->restore_best();
}

void Retraining::restore() {
    const std::filesystem::path file = retraining_file(context_.options, point_.name());
    if (!std::filesystem::exists(file)) return;
    const Masks own = trained().masks();
    const auto surviving = surviving_units(trained());
    const Checkpoint stored = read_checkpoint(file);
    context_.require_own(file, stored.resolved_toml, stored.dataset, stored.parent_sha256);
    if (stored.state.epoch > context_.options.retrain_epochs)
        throw FileError(file.string(), "/state @epoch",
                        fmt::format("at most the {} of the retraining", context_.options.retrain_epochs),
                        std::to_string(stored.state.epoch));
    restore_training(stored, file, record_of(context_.dataset), trained(), *trainer_);
    if (surviving_units(trained()) != surviving)
        throw FileError(file.string(), "/mask", "the masks of " + point_.name(), "others");
    trained().set_masks(own);  // in all that they say, where a file leaves out what follows
    context_.resumed(3L * context_.options.train.batch * long(stored.state.step));
}

void Retraining::train() {
    trainer_->on_batch = [&](const BatchProgress&) {
        save_now_and_then();
        return context_.worked(3L * context_.options.train.batch);
    };
    trainer_->on_epoch = [&](const EpochRecord& record) {
        context_.tell(point_.name() + ": retraining, " + epoch_text(record, context_.options.retrain_epochs));
        return true;
    };
    if (trainer_->run() != TrainingEnd::interrupted) return;
    save();
    throw PruningInterrupted{};
}

/// Saving takes a hundredth of the time, and a process that dies loses at most the other ninety-nine.
void Retraining::save_now_and_then() {
    const Clock::time_point begin = Clock::now();
    if (begin < next_save_) return;
    save();
    next_save_ = begin + 100 * (Clock::now() - begin);
}

void Retraining::save() {
    if (!context_.writes) return;
    write_checkpoint(retraining_file(context_.options, point_.name()),
                     checkpoint_of(context_, trained(), trainer_.get()));
}

/// The network, and its trainer, as if it had been trained itself and not the thinner one.
void Retraining::widen() {
    Network& network = pruned_.network;
    TrainerState state = trainer_->state();
    state.optimizer = compaction_.widened(state.optimizer);
    state.best = compaction_.widened(state.best, network.state());
    network.load_state(compaction_.widened(compaction_.thin().network.state(), network.state()));
    trainer_ = trainer(network);
    trainer_->load_state(state);
    if (network.has_mode()) network.set_mode(trainer_->evaluation_mode());
}

}  // namespace fftconv
