// fftconv-evaluate: how a checkpoint's network does on the test set, and where its time goes.
#include <spdlog/fmt/fmt.h>

#include "common/markdown_table.hpp"
#include "common/options.hpp"
#include "common/process.hpp"
#include "common/training_options.hpp"
#include "fftconv/convolution/make_engine.hpp"
#include "fftconv/core/error.hpp"
#include "fftconv/core/threads.hpp"
#include "fftconv/dataset/dataset.hpp"
#include "fftconv/dataset/preprocess.hpp"
#include "fftconv/network/network.hpp"
#include "fftconv/storage/checkpoint.hpp"
#include "fftconv/storage/training_checkpoint.hpp"
#include "fftconv/training/evaluation.hpp"

namespace {

using namespace fftconv;

struct EvaluateOptions {
    std::string checkpoint, dataset = "as trained", data, engine = "fft";
    int batch = 50, threads = 0, mode = 0, limit = 0;
};

void add_options(Options& options, EvaluateOptions& given) {
    const CLI::Range at_least_one(1, 1 << 30), at_least_zero(0, 1 << 30);
    options.app().add_option("checkpoint", given.checkpoint, "checkpoint of a network")->required();
    options.add("dataset", given.dataset, "mnist, fashion-mnist, cifar-10, svhn, auto, or as trained");
    options.add("data", given.data, "folder with the data sets; else the variable FFTCONV_DATA")
        ->type_name("FOLDER");
    options.add("limit", given.limit, "use only so many images; 0 = all")->check(at_least_zero);
    options.add("engine", given.engine, engine_help)->check(CLI::IsMember(engine_names.list()));
    options.add("mode", given.mode, "K of random and ecp poolings")->check(CLI::Range(0, 3));
    options.add("batch", given.batch, "images of a batch")->check(at_least_one);
    options.add("threads", given.threads, "threads; 0 = all processors")->check(at_least_zero);
}

/// The loader's name of the data set that a file names for people.
std::string loader_name(const std::string& display_name) {
    for (const auto& [prefix, name] :
         {std::pair{"MNIST", "mnist"}, std::pair{"Fashion-MNIST", "fashion-mnist"},
          std::pair{"CIFAR-10", "cifar-10"}, std::pair{"SVHN", "svhn"}}) {
        if (display_name.starts_with(prefix)) return name;
    }
    return "auto";
}

void print_confusion(const Evaluation& evaluation, int classes) {
    std::vector<std::string> header{"label \\ answer"};
    for (int answer = 0; answer < classes; ++answer) header.push_back(std::to_string(answer));
    MarkdownTable table(header);
    for (int label = 0; label < classes; ++label) {
        std::vector<std::string> row{std::to_string(label)};
        for (int answer = 0; answer < classes; ++answer) {
            row.push_back(std::to_string(evaluation.confusion[std::size_t(label * classes + answer)]));
        }
        table.add(row);
    }
    fmt::print("{}\n", table.text());
}

void print_times(const Network& network) {
    MarkdownTable table({"layer", "phase", "seconds"});
    for (const LayerProfile& layer : network.profile()) {
        table.add({layer.layer, "in all", fmt::format("{:.4f}", layer.forward)});
        for (const Phase& phase : layer.phases)
            table.add({"", phase.name, fmt::format("{:.4f}", phase.seconds)});
    }
    fmt::print("{}", table.text());
}

void run(const EvaluateOptions& given) {
    const Checkpoint checkpoint = read_checkpoint(given.checkpoint);
    NetworkOptions how;
    how.engine = given.engine;
    how.batch = given.batch;
    how.threads = given.threads > 0 ? given.threads : available_threads();
    how.mode = given.mode;
    how.fixed_weights = true;
    PrunedNetwork pruned = load_network(checkpoint, given.checkpoint, how);
    Network& network = pruned.network;
    const std::string name =
        given.dataset == "as trained" ? loader_name(checkpoint.dataset.name) : given.dataset;
    Dataset dataset = load_dataset(name, given.data, {.limit = given.limit});
    const Preprocessing preprocessing = Preprocessing::from_arrays(checkpoint.extra);
    if (!preprocessing.arrays().empty()) preprocessing.apply(dataset.test, how.threads);

    network.reset_profile();
    const Evaluation evaluation = evaluate_test(network, dataset.test);
    fmt::print("{}\n{} after {} epochs, on the test set of {}\n\n", given.checkpoint, checkpoint.architecture,
               checkpoint.state.epoch, dataset.name);
    fmt::print("accuracy {:.2f} % of {} images, cross-entropy {:.4f}\n", 100 - evaluation.mcr,
               evaluation.count, evaluation.loss);
    fmt::print("{:.4f} ms per image (batch {}, {} threads, {} engine)\n\n",
               1000 * evaluation.seconds / evaluation.count, given.batch, how.threads, given.engine);
    print_confusion(evaluation, network.classes());
    print_times(network);
}

}  // namespace

int main(int argc, char** argv) {
    fftconv::limit_busy_waiting(argv);
    EvaluateOptions given;
    fftconv::Options options(
        "fftconv-evaluate",
        "Tests the network of a checkpoint: accuracy, confusion table, milliseconds per image, "
        "seconds per layer and phase.");
    add_options(options, given);
    return options.run(argc, argv, [&] { run(given); });
}
