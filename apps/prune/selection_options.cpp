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
    options
        .add(
            "steps", prune.steps,
            "prune each ratio gradually, in so many steps that each prune the same share of what is left and "
            "are each retrained (Renda et al. 2020)")
        ->check(CLI::Range(1, 1000));
    options.add_flag("no-control", prune.no_control,
                     "leave out the control: the network with nothing pruned, retrained like the others");
    options
        .add("distil", prune.distil,
             "share of the unpruned network's answers in the loss of retraining: (1 - share) * cross-entropy "
             "+ share * T^2 * KL (Hinton et al. 2015); 0 = labels alone")
        ->check(CLI::Range(0.0, 1.0));
    options.add("temperature", prune.temperature, "T of --distil: logits are divided by it")
        ->check(CLI::PositiveNumber);
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
