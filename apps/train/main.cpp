// fftconv-train: trains any architecture on any data set at hand.
#include "common/training_options.hpp"
#include "train/run.hpp"

int main(int argc, char** argv) {
    fftconv::TrainOptions train;
    fftconv::Options options(
        "fftconv-train", "Trains a network, with a checkpoint after each epoch, and tests it at the end.");
    fftconv::add_train_options(options, train);
    fftconv::add_shards_option(options, train);
    fftconv::add_repeat_option(options, train);
    options.example("fftconv-train --architecture two-conv --epochs 5 --out network.h5",
                    "the papers' network");
    options.example("fftconv-train --resume --out network.h5", "what was interrupted, with all its options");
    options.example("fftconv-train --init network.h5 --rate 0.0001 --epochs 2 --out tuned.h5", "fine-tuning");
    options.example(
        "mpirun -np 4 fftconv-train --shards 8 --architecture cnn-small --batch-norm --out network.h5",
        "four processes, each with two of the eight shards of every batch");
    options.allow_team();
    return options.run(argc, argv, [&] { fftconv::run_training(train, options); });
}
