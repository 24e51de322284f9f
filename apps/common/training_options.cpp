#include "common/training_options.hpp"

#include "fftconv/convolution/make_engine.hpp"
#include "fftconv/core/error.hpp"
#include "fftconv/core/threads.hpp"
#include "fftconv/network/architecture.hpp"

namespace fftconv {

namespace {

bool fits(MapShape images, MapShape input) {
    try {
        fitted({}, images, input, true);
        return true;
    } catch (const ShapeError&) {
        return false;
    }
}

}  // namespace

int TrainOptions::thread_count() const {
    return threads > 0 ? threads : available_threads();
}

DatasetOptions TrainOptions::dataset_options() const {
    DatasetOptions options;
    options.validation_fraction = validation;
    options.split_seed = seed;
    options.limit = limit;
    return options;
}

Architecture TrainOptions::network_for(MapShape images) const {
    Architecture result = parse_architecture(architecture);
    if (!fits(images, result.input)) result = parse_architecture(architecture, images);
    if (batch_norm) result = with_batch_norm(result);
    return width == 1 ? result : with_width(result, width);
}

NetworkOptions TrainOptions::network_options() const {
    NetworkOptions options;
    options.engine = engine;
    options.measure = measure;
    options.batch = batch;
    options.threads = thread_count();
    options.dropout = float(dropout);
    options.seed = seed;
    return options;
}

BatchOptions TrainOptions::batch_options() const {
    BatchOptions options;
    options.size = batch;
    options.shuffled = true;
    options.seed = seed;
    options.augmentation.flip_horizontal = flip;
    options.augmentation.rotation = float(rotation);
    options.augmentation.translation = float(translation);
    options.augmentation.scale_low = float(1 - scale);
    options.augmentation.scale_high = float(1 + scale);
    return options;
}

TrainerOptions TrainOptions::trainer_options() const {
    TrainerOptions options;
    options.epochs = epochs;
    options.optimizer.method = parse_optimizer_method(optimizer);
    options.optimizer.rate = float(rate);
    options.optimizer.weight_decay = float(weight_decay);
    options.schedule = {parse_schedule(schedule), schedule_every, float(schedule_factor)};
    options.mode_choice = mode.size() == 1 ? ModeChoice::fixed : parse_mode_choice(mode);
    options.mode = mode.size() == 1 ? std::stoi(mode) : 0;
    options.patience = patience;
    options.keep_best = keep_best;
    options.seed = seed;
    return options;
}

void add_train_options(Options& options, TrainOptions& train) {
    const CLI::Range at_least_one(1, 1 << 30), at_least_zero(0, 1 << 30);
    const CLI::Range share(0.0, 0.999);
    options.add(
        "architecture", train.architecture,
        "a name (one-conv, two-conv, lenet-6-16-120, mnist-16-32-64, cnn-small, cnn-large, svhn) or a text "
        "as 1x28x28:20C5v-P2(ecp)-100FC-10Softmax");
    options.add("dataset", train.dataset, "mnist, fashion-mnist, cifar-10, svhn, or auto");
    options.add("data", train.data, "folder with the data sets; else the variable FFTCONV_DATA")
        ->type_name("FOLDER");
    options.add("preprocess", train.preprocess, "none, contrast (normalisation), or whitening (after it)")
        ->check(CLI::IsMember({"none", "contrast", "whitening"}));
    options.add("validation", train.validation, "share of the training images held out")->check(share);
    options.add("limit", train.limit, "use only so many images of each set; 0 = all")->check(at_least_zero);
    options.add("engine", train.engine, engine_help)->check(CLI::IsMember(engine_names.list()));
    options.add_flag("measure", train.measure, measure_help);
    options.add("mode", train.mode, "K of random and ecp poolings: 0 to 3, per-run, per-epoch or per-batch")
        ->check(CLI::IsMember({"0", "1", "2", "3", "per-run", "per-epoch", "per-batch"}));
    options.add_flag("batch-norm", train.batch_norm, "batch normalisation behind every hidden layer");
    options.add("width", train.width, "factor on the widths of hidden layers")->check(CLI::PositiveNumber);
    options.add("dropout", train.dropout, "probability behind hidden dense layers")->check(share);
    options.add("epochs", train.epochs, "passes over the training set")->check(at_least_one);
    options.add("batch", train.batch, "images of a batch")->check(at_least_one);
    options.add("optimizer", train.optimizer, "sgd, momentum, adam or rmsprop")
        ->check(CLI::IsMember({"sgd", "momentum", "adam", "rmsprop"}));
    options.add("rate", train.rate, "learning rate")->check(CLI::PositiveNumber);
    options.add("schedule", train.schedule, "of the rate: constant, step or cosine")
        ->check(CLI::IsMember({"constant", "step", "cosine"}));
    options.add("schedule-every", train.schedule_every, "epochs between steps")->check(at_least_one);
    options.add("schedule-factor", train.schedule_factor, "of each step")->check(CLI::PositiveNumber);
    options.add("weight-decay", train.weight_decay, "factor of the weights in their gradients")
        ->check(CLI::NonNegativeNumber);
    options
        .add("patience", train.patience,
             "stop after so many epochs without a better validation MCR; 0 = never")
        ->check(at_least_zero);
    options.add_flag("keep-best", train.keep_best, "end with the weights of the best validation MCR");
    options.add_flag("flip", train.flip, "mirror training images at random");
    options.add("rotation", train.rotation, "turn training images at random, up to so many degrees")
        ->check(CLI::NonNegativeNumber);
    options.add("translation", train.translation, "move training images at random, up to so many pixels")
        ->check(CLI::NonNegativeNumber);
    options.add("scale", train.scale, "scale training images at random by 1 ± this")->check(share);
    options.add("seed", train.seed, "of weights, split, order, augmentation and modes");
    options.add("threads", train.threads, "threads; 0 = all processors")->check(at_least_zero);
    options.add("out", train.out, "checkpoint, replaced after each epoch")->type_name("FILE");
    options.add_call_flag("resume", train.resume, "go on from the checkpoint --out");
}

}  // namespace fftconv
