// fftconv-evaluate: how a checkpoint's network does on the test set, and where its time goes.
#include "evaluate/options.hpp"
#include "evaluate/run.hpp"

int main(int argc, char** argv) {
    fftconv::EvaluateOptions evaluate;
    fftconv::Options options(
        "fftconv-evaluate",
        "Tests the network of a checkpoint, with its masks, its K, its data and its preprocessing: accuracy, "
        "confusion table, milliseconds per image, by layer and phase.");
    fftconv::add_evaluate_options(options, evaluate);
    return options.run(argc, argv, [&] { fftconv::run_evaluation(evaluate, options); });
}
