#include "evaluate/options.hpp"

namespace fftconv {

void add_evaluate_options(Options& options, EvaluateOptions& evaluate) {
    options.app().add_option("checkpoint", evaluate.checkpoint, "checkpoint of a network")->required();
    options.group("Network");
    options.add("mode", evaluate.mode, {"0", "1", "2", "3", "all"},
                "K of random and ecp poolings; else as trained");
    options.add_call_flag("overrule", evaluate.overrule,
                          "take what is given here where the checkpoint says otherwise");
    add_data_options(options, evaluate);
    options.app().get_option("--dataset")->description("the data set, where the checkpoint names none");
    options.app().get_option("--limit")->description("use only so many test images; 0 = all");
    add_compute_options(options, evaluate);
    options.app()
        .get_option("--engine")
        ->description(options.app().get_option("--engine")->get_description() + "; else as trained");
    options.add("timing-rounds", evaluate.timing_rounds, between(1, 1000),
                "passes, in turns, whose median gives the ms per image of a pruned network");
    options.group("Output");
    options.add("out", evaluate.out, "also write the results here")->type_name("FILE");
    options.add_call_flag("overwrite", evaluate.overwrite, "replace what --out holds");
    options.example("fftconv-evaluate network.h5", "the test set that it was trained with, or for");
    options.example("fftconv-evaluate --mode all --out evaluation.h5 network.h5",
                    "under each K, with the tables in a file");
}

}  // namespace fftconv
