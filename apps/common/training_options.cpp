#include "common/training_options.hpp"

#include <algorithm>

#include "common/team.hpp"
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

/// The papers' networks, as help lists them.
std::string network_names() {
    std::string all;
    for (const auto& [name, form] : known_architectures()) all += (all.empty() ? "" : ", ") + name;
    return all;
}

void add_network_options(Options& options, TrainOptions& train) {
    options.group("Network");
    options.add("architecture", train.architecture,
                "a name (" + network_names() + ") or a text as 1x28x28:20C5v-P2(ecp)-100FC-10Softmax");
    options
        .add("init", train.init,
             "checkpoint whose weights and masks training starts from; its architecture and preprocessing "
             "hold, unless others are given, and so does its split if the data are the same")
        ->type_name("FILE");
    options.add("mode", train.mode, mode_rule_names, "K of random and ecp poolings");
    options.add_flag("batch-norm", train.batch_norm, "batch normalisation behind every hidden layer");
    options.add("width", train.width, more_than(0), "factor on the widths of hidden layers");
    options.add("dropout", train.dropout, share, "probability behind hidden dense layers");
}

void add_schedule_options(Options& options, TrainOptions& train) {
    options.add("schedule", train.schedule.kind, schedule_names, "of the learning rate");
    options.add("schedule-every", train.schedule.every, at_least(1), "epochs between steps");
    options.add("schedule-factor", train.schedule.factor, more_than(0), "of the rate, at each step");
    options.add("weight-decay", train.weight_decay, at_least(0), "factor of the weights in their gradients");
    options.add("patience", train.patience, at_least(0),
                "stop after so many epochs without a better validation MCR; 0 = never");
    options.add_flag("keep-best", train.keep_best, "end with the weights of the best validation MCR");
}

void add_augmentation_options(Options& options, TrainOptions& train) {
    options.group("Augmentation of training images");
    options.add_flag("flip", train.flip, "mirror them left to right, every second one");
    options.add_flag("flip-vertical", train.flip_vertical, "turn them upside down, every second one");
    options.add("rotation", train.rotation, at_least(0), "turn them, up to so many degrees either way");
    options.add("translation", train.translation, at_least(0), "move them, up to so many pixels each way");
    options.add("scale", train.scale, share, "scale them by 1 ± this");
}

}  // namespace

void add_data_options(Options& options, DataOptions& data) {
    options.group("Data");
    options.add(
        "dataset", data.dataset,
        "mnist, fashion-mnist, cifar-10, svhn, pictures (PNG or PPM, a folder for each class), npz (a file "
        "of "
        "arrays), or auto: the first of these that the folder holds; where none is named, MNIST or else "
        "Fashion-MNIST");
    options.add("data", data.data, "folder with the data sets; else the variable FFTCONV_DATA")
        ->type_name("FOLDER");
    options.add("limit", data.limit, at_least(0), "use only so many images of each set; 0 = all");
}

int ComputeOptions::thread_count() const {
    return threads > 0 ? threads : std::max(1, available_threads() / team().on_this_machine());
}

NetworkOptions ComputeOptions::compute() const {
    NetworkOptions options;
    options.engine = engine;
    options.measure = measure;
    options.batch = batch;
    options.threads = thread_count();
    return options;
}

CLI::Option* add_engine_option(Options& options, std::string& engine) {
    return options.add("engine", engine, "convolution engine: " + engine_names.help())
        ->check([](const std::string& text) {
            const std::vector<std::string> known = engine_names.list();
            if (std::find(known.begin(), known.end(), text) == known.end())
                throw_unknown_name("--engine", known, text);
            return std::string();
        });
}

CLI::Option* add_measure_option(Options& options, bool& measure) {
    return options.add_flag(
        "measure", measure,
        "time tiles (and engines, with auto) for each layer once on this machine, and remember the fastest; "
        "else a cost model chooses");
}

void add_compute_options(Options& options, ComputeOptions& compute) {
    options.group("Computation");
    add_engine_option(options, compute.engine);
    add_measure_option(options, compute.measure);
    options.add_record("plans", compute.plans);
    options.add("batch", compute.batch, between(1, 1 << 20), "images of a batch");
    options.add(
        "threads", compute.threads, at_least(0),
        "threads of a process; 0 = as many as processors, or as OMP_NUM_THREADS says, shared with the other "
        "processes of mpirun on this machine");
}

void add_fit_options(Options& options, FitOptions& fit) {
    options.group("Training");
    options.add("epochs", fit.epochs, between(1, 1e6), "passes over the training set");
    options.add("optimizer", fit.optimizer, optimizer_names, "how gradients change the weights");
    options.add("rate", fit.rate, more_than(0), "learning rate");
    options.add("seed", fit.seed, between(0, 1e18),
                "of every random choice: weights, split, order, augmentation, modes");
}

void add_output_options(Options& options, OutputOptions& output, const std::string& what) {
    options.group("Output");
    options.add("out", output.out, what)->type_name("FILE");
    options.add_call_flag("resume", output.resume,
                          "resume what --out holds, with its options; of those that are given only "
                          "--epochs, --patience, --repeat, --threads and --data may differ");
    options.add_call_flag("overwrite", output.overwrite, "replace what --out holds");
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
    NetworkOptions options = compute();
    options.batch = Shards(shards).images(batch);
    options.mode = mode.mode;
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
    options.augmentation.flip_vertical = flip_vertical;
    options.augmentation.rotation = float(rotation);
    options.augmentation.translation = float(translation);
    options.augmentation.scale_low = float(1 - scale);
    options.augmentation.scale_high = float(1 + scale);
    return options;
}

TrainerOptions TrainOptions::trainer_options() const {
    TrainerOptions options;
    options.epochs = epochs;
    options.optimizer.method = optimizer;
    options.optimizer.rate = float(rate);
    options.optimizer.weight_decay = float(weight_decay);
    options.schedule = schedule;
    options.mode_choice = mode.choice;
    options.mode = mode.mode;
    options.patience = patience;
    options.keep_best = keep_best;
    options.seed = seed;
    return options;
}

void require_network_uses(const Options& options, const Architecture& architecture) {
    const auto has_mode = [](const LayerSpec& layer) {
        const auto* pooling = std::get_if<PoolingSpec>(&layer);
        return pooling && (pooling->method == PoolingMethod::random || pooling->method == PoolingMethod::ecp);
    };
    if (options.chosen("mode") && std::ranges::none_of(architecture.layers, has_mode))
        throw UsageError("--mode: expected a network with random or ecp pooling, which has a K, found " +
                         to_string(architecture));
    const auto dense = std::ranges::count_if(
        architecture.layers, [](const LayerSpec& layer) { return std::holds_alternative<DenseSpec>(layer); });
    if (options.chosen("dropout") && dense < 2)
        throw UsageError(
            "--dropout: expected a network with hidden dense layers, behind which it is, found " +
            to_string(architecture));
}

void add_train_options(Options& options, TrainOptions& train) {
    add_network_options(options, train);
    add_data_options(options, train);
    options.add("validation", train.validation, share, "share of the training images held out");
    options.add("preprocess", train.preprocess, preprocess_names, "what images go through");
    add_fit_options(options, train);
    add_schedule_options(options, train);
    add_augmentation_options(options, train);
    add_compute_options(options, train);
    add_output_options(options, train, "checkpoint, replaced after each epoch");
}

void add_shards_option(Options& options, TrainOptions& train) {
    options.group("Training");
    options.add(
        "shards", train.shards, between(1, 4096),
        "pieces of each batch whose gradients are added in their order; as many processes as mpirun starts "
        "share them, any number with the same weights");
}

}  // namespace fftconv
