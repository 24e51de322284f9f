#pragma once
#include <cstdint>
#include <functional>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "fftconv/core/error.hpp"
#include "fftconv/core/named_array.hpp"
#include "fftconv/core/names.hpp"
#include "fftconv/core/public.hpp"
#include "fftconv/dataset/batches.hpp"
#include "fftconv/network/loss.hpp"
#include "fftconv/network/network.hpp"
#include "fftconv/training/evaluation.hpp"
#include "fftconv/training/optimizer.hpp"
#include "fftconv/training/shards.hpp"

namespace FFTCONV_PUBLIC fftconv {

/// How K of random and ECP poolings is chosen: the given one, or drawn at random for the whole run, each
/// epoch or each batch, from the stream "mode".
enum class ModeChoice { fixed, per_run, per_epoch, per_batch };
inline constexpr auto mode_choice_names = names<ModeChoice>("mode", {{"fixed", ModeChoice::fixed},
                                                                     {"per-run", ModeChoice::per_run},
                                                                     {"per-epoch", ModeChoice::per_epoch},
                                                                     {"per-batch", ModeChoice::per_batch}});
/// @throws UsageError on a name that is not one of mode_choice_names.
inline ModeChoice parse_mode_choice(const std::string& name) {
    return mode_choice_names.parse(name);
}
inline std::string to_string(ModeChoice choice) {
    return mode_choice_names.print(choice);
}

/// How long, how fast and with which K.
struct TrainerOptions {
    /// Of the whole run.
    int epochs = 100;
    /// The method, with the rate that the schedule starts from.
    OptimizerOptions optimizer{};
    /// The rate over the run.
    Schedule schedule{};
    /// How K is chosen.
    ModeChoice mode_choice = ModeChoice::fixed;
    int mode = 0;            ///< K when fixed, and at evaluation unless drawn per run
    int patience = 0;        ///< epochs without a better validation MCR before stopping; 0 = never stop early
    bool keep_best = false;  ///< keep a copy of the weights of the best validation MCR, for restore_best
    std::uint64_t seed = 1;  ///< of the stream "mode"
    /// A network of the same input and classes whose answers are learnt besides the labels; null: none. It
    /// must outlive the trainer, which passes it the training images and changes but its K.
    Network* teacher = nullptr;
    SoftTargets soft_targets{};  ///< with a teacher; the loss of training is then the mixed one
};

/// One finished epoch.
struct EpochRecord {
    int epoch = 0;               ///< 1 …
    double rate = 0;             ///< learning rate at its start (of a rising one: 0)
    double train_loss = 0;       ///< mean over the epoch's batches, as they were met
    double train_mcr = 0;        ///< percent, likewise
    double validation_loss = 0;  ///< NaN without validation images, and of epochs that a file has
    double validation_mcr = 0;   ///< percent; NaN without validation images
    double train_seconds = 0;    ///< wall time, without evaluation and callbacks
    /// Wall time of the evaluation; NaN of epochs that a file has.
    double validation_seconds = 0;
    bool operator==(const EpochRecord&) const = default;
};

/// Where a run is, after a batch.
struct BatchProgress {
    int epoch = 0, epochs = 0;   ///< epoch 1 …
    int batch = 0, batches = 0;  ///< of this epoch; batch 1 …
    double loss = 0;             ///< of this batch
};

/// Everything, besides Network::state(), that is needed to resume bit for bit.
struct TrainerState {
    int epoch = 0;                ///< epochs completed
    int batch = 0;                ///< batches completed in the epoch after those
    std::uint64_t steps = 0;      ///< optimizer steps
    double loss_sum = 0;          ///< of the images of the unfinished epoch
    int correct = 0, images = 0;  ///< of the unfinished epoch
    double train_seconds = 0;     ///< of the unfinished epoch
    double best_mcr = std::numeric_limits<double>::infinity();  ///< best validation MCR, percent
    int best_epoch = 0;                                         ///< 1 …; 0 = none yet
    std::vector<NamedArray> optimizer{};                        ///< Optimizer::state()
    std::vector<NamedArray> best{};  ///< Network::state() of the best epoch, with keep_best
    /// Of the finished epochs.
    std::vector<EpochRecord> history{};
};

/// A loss, or weights, that are no numbers: training has diverged and cannot be resumed from here. What was
/// saved before is good.
class DivergenceError : public Error {
  public:
    /// Makes the message of these three.
    DivergenceError(int epoch, int batch, const std::string& what_is);

    int epoch() const { return epoch_; }  ///< 1 …
    int batch() const { return batch_; }  ///< of the epoch, 1 …

  private:
    int epoch_, batch_;
};

enum class TrainingEnd { finished, stopped_early, interrupted };

/// Trains a network over epochs of batches.
class Trainer {
  public:
    /// Network and images must outlive it; `validation` may be null. `batches` says how the training images
    /// are prepared; validation images get its size and border only.
    /// With `shards`, which must outlive it, each batch is cut into shards; every process that has some of
    /// them makes the same calls and ends with the same weights. The network then plans for the images of a
    /// shard.
    /// @throws ShapeError when the images do not fit the network; UsageError on bad options, and on batches
    /// of one image where batch normalisation needs two.
    Trainer(Network& network, const LabelledImages& train, const BatchOptions& batches,
            const LabelledImages* validation, const TrainerOptions& options, Shards* shards = nullptr);

    /// Called after each batch; false = stop now, as an interruption. The state is then complete.
    /// With shards, one process that says so stops them all.
    std::function<bool(const BatchProgress&)> on_batch;
    /// Called after each epoch, its evaluation done and its record in the history, at the evaluation's mode;
    /// false = stop now, as an interruption.
    std::function<bool(const EpochRecord&)> on_epoch;

    /// Trains until the epochs are done, the patience is over or a callback stops it.
    /// @throws DivergenceError when a loss or a weight is not finite; on_epoch has then seen finite weights
    /// alone.
    TrainingEnd run();

    /// As given.
    const TrainerOptions& options() const { return options_; }
    /// Of the finished epochs.
    const std::vector<EpochRecord>& history() const { return state_.history; }
    /// Whether run has nothing left to do.
    bool has_ended() const { return state_.epoch >= options_.epochs || out_of_patience(); }
    /// Of an epoch.
    int batches() const { return train_.count(); }
    /// Between batches.
    TrainerState state() const;
    /// Resumes from there; the network's own state is loaded by the caller. @throws ShapeError
    void load_state(const TrainerState& state);
    /// Gives the network the weights of the best epoch, when keep_best has kept them. For the end of a run.
    void restore_best();
    /// K at evaluation: the fixed one, or the one drawn for the run.
    int evaluation_mode() const;

  private:
    bool train_epoch();
    double train_batch(const Batch& batch);
    Loss forward_and_backward(const Batch& batch);
    Loss loss_of(const Tensor& logits, const Batch& batch);
    bool all_go_on(bool here);
    void check_batches() const;
    void require_finite_weights() const;
    void finish_epoch();
    bool out_of_patience() const;
    int training_mode() const;

    Network& network_;
    Batches train_;
    std::unique_ptr<Batches> validation_;
    TrainerOptions options_;
    Optimizer optimizer_;
    TrainerState state_;
    Tensor gradient_;  ///< to the logits
    Shards* shards_;
    std::optional<ShardedPass> sharded_;
};

}  // namespace fftconv
