#include "fftconv/pruning/criteria.hpp"
#include "prune/options.hpp"

namespace fftconv {

void add_selection_options(Options& options, PruneOptions& prune) {
    const CLI::Range at_least_zero(0, 1 << 30);
    options
        .add("recalibrate", prune.recalibrate,
             "training batches from which the statistics of batch normalisation are taken anew before masks "
             "are "
             "scored and before the MCR without retraining is measured; 0 = stale ones")
        ->check(at_least_zero);
    options
        .add("candidates-from", prune.candidates_from,
             "criterion around whose scores the masks of best-of-n are drawn; random = every unit alike")
        ->check(CLI::IsMember(criterion_names.list()));
    options.add_flag(
        "compensate", prune.compensate,
        "with the criterion reconstruction: multiply surviving kernels by the factors that make up best "
        "for what is pruned");
    options.add("mask-seed", prune.mask_seed, "of masks, counted up by --repeat; 0 = --seed")
        ->check(at_least_zero);
    options.add("retrain-seed", prune.retrain_seed, "of retraining, counted up by --repeat; 0 = --seed")
        ->check(at_least_zero);
    options
        .add("retrain-share", prune.retrain_share,
             "learning rate of retraining, as a share of the baseline's; --retrain-rate overrules it")
        ->check(CLI::PositiveNumber);
    options
        .add("retrain-schedule", prune.retrain_schedule,
             "of the rate, step by step: constant, step or cosine")
        ->check(CLI::IsMember(schedule_names.list()));
    options
        .add("retrain-warm-up", prune.retrain_warm_up,
             "epochs in which the rate of retraining rises from zero")
        ->check(CLI::NonNegativeNumber);
}

}  // namespace fftconv
