// fftconv-train: trains any architecture on any data set at hand.
#include "common/process.hpp"
#include "common/training_options.hpp"
#include "train/run.hpp"

int main(int argc, char** argv) {
    fftconv::limit_busy_waiting(argv);
    fftconv::TrainOptions train;
    fftconv::Options options(
        "fftconv-train", "Trains a network, with a checkpoint after each epoch, and tests it at the end.");
    fftconv::add_train_options(options, train);
    return options.run(argc, argv, [&] { fftconv::run_training(train, options); });
}
