// fftconv-prune: the experiments of the coarse pruning paper: masks, search, retraining, thinner networks.
#include "common/team.hpp"
#include "prune/options.hpp"
#include "prune/run.hpp"

int main(int argc, char** argv) {
    fftconv::PruneOptions prune;
    fftconv::Options options("fftconv-prune",
                             "Prunes a network by feature maps, kernels or parts of kernels, retrains it "
                             "with what is pruned held at "
                             "zero, and tables and draws misclassification rate (MCR), cost and time by "
                             "ratio next to what the coarse "
                             "pruning paper states.");
    fftconv::add_prune_options(options, prune);
    options.allow_team();
    return options.run(argc, argv, [&] {
        options.require_alone("report", {"figures", "threads"});
        if (prune.report.empty())
            fftconv::run_pruning(prune, options);
        else if (fftconv::team().first())
            fftconv::report_pruning(prune.report, prune.figures_folder());
    });
}
