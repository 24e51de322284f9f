#include "fftconv/training/trainer.hpp"

#include <chrono>
#include <cmath>

#include "fftconv/core/error.hpp"
#include "fftconv/core/number_text.hpp"
#include "fftconv/core/random.hpp"
#include "fftconv/network/batch_norm.hpp"
#include "fftconv/network/loss.hpp"

namespace fftconv {
namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) {
    return std::chrono::duration<double>(Clock::now() - start).count();
}

void check(const TrainerOptions& options) {
    const auto require = [](bool holds, const char* field, const char* expected, int found) {
        if (!holds)
            throw UsageError(std::string("trainer: ") + field + ": expected " + expected + ", found " +
                             std::to_string(found));
    };
    require(options.epochs >= 1, "epochs", "at least 1", options.epochs);
    require(options.mode >= 0 && options.mode <= 3, "mode", "0 to 3", options.mode);
    require(options.patience >= 0, "patience", "at least 0", options.patience);
    require(options.schedule.every >= 1, "schedule", "at least 1 epoch between reductions",
            options.schedule.every);
}

void check_teacher(const Network& network, const TrainerOptions& options, const Shards* shards) {
    if (!options.teacher) return;
    const SoftTargets& soft = options.soft_targets;
    const auto require = [](bool holds, const std::string& what) {
        if (!holds) throw UsageError("trainer: teacher: expected " + what);
    };
    require(soft.share >= 0 && soft.share <= 1,
            "a share of its answers from 0 to 1, found " + std::to_string(soft.share));
    require(soft.temperature > 0 && std::isfinite(soft.temperature),
            "a temperature of more than 0, found " + std::to_string(soft.temperature));
    require(!shards, "a batch that is not cut into shards");
    require(options.teacher->architecture().input == network.architecture().input &&
                options.teacher->classes() == network.classes(),
            "input and classes of " + to_string(network.architecture()) + ", found those of " +
                to_string(options.teacher->architecture()));
}

/// With the images of this process's shards alone.
BatchOptions part_of(BatchOptions batches, const Shards* shards) {
    if (!shards) return batches;
    const int images = shards->images(batches.size);
    batches.part = {.first = shards->first() * images, .count = shards->own() * images};
    return batches;
}

}  // namespace

DivergenceError::DivergenceError(int epoch, int batch, const std::string& what_is)
    : Error("training: epoch " + std::to_string(epoch) + ", batch " + std::to_string(batch) + ": " + what_is +
            ": training has diverged; a smaller learning rate may help"),
      epoch_(epoch),
      batch_(batch) {}

Trainer::Trainer(Network& network, const LabelledImages& train, const BatchOptions& batches,
                 const LabelledImages* validation, const TrainerOptions& options, Shards* shards)
    : network_(network),
      train_(train, fitted(part_of(batches, shards), train.maps, network.architecture().input, false)),
      options_(options),
      optimizer_(network, options.optimizer),
      shards_(shards) {
    check(options);
    check_teacher(network, options, shards);
    if (shards) sharded_.emplace(network, *shards);
    if (train.count() == 0) throw UsageError("trainer: expected at least one training image, found none");
    for (const LabelledImages* images : {&train, validation})
        if (images && images->count() > 0 && std::ranges::max(images->labels) >= network.classes())
            throw ShapeError("trainer: labels: expected less than " + std::to_string(network.classes()) +
                             ", the classes of the network, found " +
                             std::to_string(std::ranges::max(images->labels)));
    check_batches();
    if (validation && validation->count() == 0) validation = nullptr;
    if ((options.patience || options.keep_best) && !validation)
        throw UsageError("trainer: patience and keep_best need validation images");
    if (!validation) return;
    BatchOptions plain;
    plain.size = batches.size;
    validation_ = std::make_unique<Batches>(
        *validation, fitted(plain, validation->maps, network.architecture().input, true));
}

/// Found out now and not at the end of the first epoch.
void Trainer::check_batches() const {
    const int left = train_.images() % train_.size(), fewest = left ? left : train_.size();
    for (const auto& layer : network_.layers()) {
        const auto* norm = dynamic_cast<const BatchNorm*>(layer.get());
        if (norm && fewest < norm->fewest_images())
            throw UsageError("trainer: batch: " + norm->name() +
                             ": batch normalisation cannot train on a batch of one "
                             "image; of " +
                             std::to_string(train_.images()) + " images in batches of " +
                             std::to_string(train_.size()) + " the last batch has one: choose another size");
    }
}

void Trainer::require_finite_weights() const {
    for (const NamedArray& array : network_.state())
        for (float value : array.values)
            if (!std::isfinite(value))
                throw DivergenceError(state_.epoch + 1, state_.batch,
                                      array.name + " has a value that is not finite");
}

TrainingEnd Trainer::run() {
    while (state_.epoch < options_.epochs) {
        if (out_of_patience()) return TrainingEnd::stopped_early;
        const bool whole = train_epoch();
        require_finite_weights();  // before anything is saved or called the best
        if (!whole) return TrainingEnd::interrupted;
        finish_epoch();
        if (!all_go_on(!on_epoch || on_epoch(state_.history.back()))) return TrainingEnd::interrupted;
    }
    return TrainingEnd::finished;
}

/// The rest of the current epoch's batches; false when interrupted.
bool Trainer::train_epoch() {
    if (state_.batch == train_.count()) return true;
    train_.start(state_.epoch, state_.batch);
    for (auto start = Clock::now(); const Batch* batch = train_.next(); start = Clock::now()) {
        const double loss = train_batch(*batch);
        state_.train_seconds += seconds_since(start);
        if (!all_go_on(!on_batch || on_batch({.epoch = state_.epoch + 1,
                                              .epochs = options_.epochs,
                                              .batch = state_.batch,
                                              .batches = train_.count(),
                                              .loss = loss})))
            return false;
    }
    return true;
}

/// One step; its mean loss.
double Trainer::train_batch(const Batch& batch) {
    if (network_.has_mode()) network_.set_mode(training_mode());
    const Loss loss = sharded_ ? sharded_->run(batch, state_.steps) : forward_and_backward(batch);
    if (!std::isfinite(loss.sum))
        throw DivergenceError(state_.epoch + 1, state_.batch + 1, "the loss is " + number_text(loss.mean()));
    optimizer_.step(options_.schedule.rate(options_.optimizer.rate, state_.epoch, options_.epochs,
                                           state_.batch, train_.count()));
    state_.loss_sum += loss.sum;
    state_.correct += loss.correct;
    state_.images += loss.count;
    ++state_.steps;
    ++state_.batch;
    return loss.mean();
}

Loss Trainer::forward_and_backward(const Batch& batch) {
    const PassContext context{.training = true, .valid = batch.valid, .step = state_.steps};
    const Tensor& logits = network_.forward(batch.images, context);
    const Loss loss = loss_of(logits, batch);
    network_.backward(batch.images, gradient_, context);
    return loss;
}

/// Leaves its gradient in gradient_.
Loss Trainer::loss_of(const Tensor& logits, const Batch& batch) {
    Network* teacher = options_.teacher;
    if (!teacher) return softmax_cross_entropy(logits, batch.labels, batch.valid, &gradient_);
    if (teacher->has_mode()) teacher->set_mode(training_mode());
    return distillation_loss(logits, teacher->forward(batch.images, {.valid = batch.valid}), batch.labels,
                             options_.soft_targets, batch.valid, &gradient_);
}

/// Whether this process and all others want to.
bool Trainer::all_go_on(bool here) {
    return shards_ ? shards_->all(here) : here;
}

void Trainer::finish_epoch() {
    constexpr double none = std::numeric_limits<double>::quiet_NaN();
    EpochRecord record{.epoch = state_.epoch + 1,
                       .rate = options_.schedule.rate(options_.optimizer.rate, state_.epoch, options_.epochs),
                       .train_loss = state_.loss_sum / state_.images,
                       .train_mcr = 100.0 * (state_.images - state_.correct) / state_.images,
                       .validation_loss = none,
                       .validation_mcr = none,
                       .train_seconds = state_.train_seconds};
    if (network_.has_mode()) network_.set_mode(evaluation_mode());
    if (validation_) {
        const auto start = Clock::now();
        const Evaluation evaluation = evaluate(network_, *validation_, shards_);
        record.validation_seconds = seconds_since(start);
        record.validation_loss = evaluation.loss;
        record.validation_mcr = evaluation.mcr;
        if (evaluation.undefined > 0)
            throw DivergenceError(state_.epoch + 1, state_.batch,
                                  "the logits of " + std::to_string(evaluation.undefined) +
                                      " validation images are not finite");
    }
    ++state_.epoch;
    state_.batch = state_.correct = state_.images = 0;
    state_.loss_sum = state_.train_seconds = 0;
    state_.history.push_back(record);
    if (record.validation_mcr < state_.best_mcr) {
        state_.best_mcr = record.validation_mcr;
        state_.best_epoch = record.epoch;
        if (options_.keep_best) state_.best = network_.state();
    }
}

bool Trainer::out_of_patience() const {
    return options_.patience && state_.epoch - state_.best_epoch >= options_.patience;
}

int Trainer::training_mode() const {
    const std::uint64_t epoch = state_.epoch;
    switch (options_.mode_choice) {
        case ModeChoice::per_epoch:
            return int(RandomStream(options_.seed, "mode", epoch).below(4));
        case ModeChoice::per_batch:
            return int(RandomStream(options_.seed, "mode", state_.steps).below(4));
        default:
            return evaluation_mode();
    }
}

int Trainer::evaluation_mode() const {
    if (options_.mode_choice != ModeChoice::per_run) return options_.mode;
    return int(RandomStream(options_.seed, "mode").below(4));
}

TrainerState Trainer::state() const {
    TrainerState state = state_;
    state.optimizer = optimizer_.state();
    return state;
}

void Trainer::load_state(const TrainerState& state) {
    if (state.epoch < 0 || state.batch < 0 || state.batch > train_.count())
        throw ShapeError("trainer: state: expected a batch from 0 to " + std::to_string(train_.count()) +
                         ", found " + std::to_string(state.batch));
    optimizer_.load_state(state.optimizer, state.steps);
    state_ = state;
    state_.optimizer.clear();
}

void Trainer::restore_best() {
    if (!state_.best.empty()) network_.load_state(state_.best);
}

}  // namespace fftconv
