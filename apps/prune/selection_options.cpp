#include "fftconv/pruning/criteria.hpp"
#include "prune/options.hpp"

namespace fftconv {
namespace {

void add_retraining_options(Options& options, PruneOptions& prune) {
    options.add("retrain-seed", prune.retrain_seed, between(0, 1 << 30),
                "of retraining, counted up by --repeat; 0 = --seed");
    options.add("retrain-share", prune.retrain_share, more_than(0),
                "learning rate of retraining, as a share of the baseline's; --retrain-rate overrules it");
    options.add("retrain-schedule", prune.retrain_schedule, schedule_names.list(),
                "of the rate, step by step");
    options.add("retrain-warm-up", prune.retrain_warm_up, at_least(0),
                "epochs in which the rate of retraining rises from zero");
    options.add("distil", prune.distil, between(0, 1),
                "share of the unpruned network's answers in the loss of retraining: (1 - share) * "
                "cross-entropy + share * T^2 * KL (Hinton et al. 2015); 0 = labels alone");
    options.add("temperature", prune.temperature, more_than(0), "T of --distil: logits are divided by it");
    options.add_flag("no-control", prune.no_control,
                     "leave out the control: the network with nothing pruned, retrained like the others");
}

}  // namespace

void add_selection_options(Options& options, PruneOptions& prune) {
    options.add("recalibrate", prune.recalibrate, between(0, 1 << 30),
                "training batches from which the statistics of batch normalisation are taken anew before "
                "masks are scored and before the MCR without retraining is measured; 0 = stale ones");
    options.add("candidates-from", prune.candidates_from, criterion_names.list(),
                "criterion around whose scores the masks of best-of-n are drawn; random = every unit alike");
    options.add_flag("compensate", prune.compensate,
                     "with the criterion reconstruction: multiply surviving kernels by the factors that make "
                     "up best for what is pruned");
    options.add("steps", prune.steps, between(1, 1000),
                "prune each ratio gradually, in so many steps that each prune the same share of what is left "
                "and are each retrained (Renda et al. 2020)");
    options.add("mask-seed", prune.mask_seed, between(0, 1 << 30),
                "of masks, counted up by --repeat; 0 = --seed");
    add_retraining_options(options, prune);
}

}  // namespace fftconv
