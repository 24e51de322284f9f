// Trains a small network on made-up images, prunes half of its kernels by weight sum, trains it on with the
// mask held, makes it thinner, and writes a checkpoint that every app reads.
#include <cstdio>
#include <fftconv/fftconv.hpp>
#include <fftconv/storage/checkpoint.hpp>
#include <filesystem>

namespace {

using namespace fftconv;

/// Class d is a bright block at place d, with noise around it.
LabelledImages made_up_images(int count, std::uint64_t seed) {
    RandomStream random(seed, "images");
    LabelledImages images;
    images.maps = {1, 28, 28};
    images.pixels = std::vector<std::uint8_t>(std::size_t(count) * 784);
    auto& pixels = std::get<std::vector<std::uint8_t>>(images.pixels);
    for (std::uint8_t& pixel : pixels) pixel = std::uint8_t(random.below(120));
    for (int i = 0; i < count; ++i) {
        const int label = int(random.below(10)), row = 3 + 12 * (label / 5), column = 2 + 5 * (label % 5);
        images.labels.push_back(std::uint8_t(label));
        for (int p = 0; p < 64; ++p) pixels[std::size_t(i * 784 + (row + p / 4) * 28 + column + p % 4)] = 255;
    }
    return images;
}

void train(Network& network, const LabelledImages& images, int epochs) {
    Trainer trainer(network, images, {.size = 50, .shuffled = true}, nullptr, {.epochs = epochs});
    trainer.run();
}

void say(const char* what, PrunedNetwork& pruned, const LabelledImages& test) {
    std::printf("%-10s %s: %.1f %% wrong\n", what, to_string(pruned.network.architecture()).c_str(),
                evaluate(pruned.network, test).mcr);
}

}  // namespace

int main(int argc, char** argv) {
    const LabelledImages images = made_up_images(1000, 1), test = made_up_images(200, 2);
    PrunedNetwork pruned(Network(parse_architecture("1x28x28:8C5v-P2-16C5v-P2-32FC-10Softmax"),
                                 {.engine = "auto", .threads = 1}));
    train(pruned.network, images, 2);
    say("dense", pruned, test);

    Batches batches(images, {.size = 50});
    const PruningScope scope{Granularity::feature_map, {"conv1", "conv2"}};
    const auto scores = unit_scores(pruned, scope, Criterion::weight_sum, {batches});
    pruned.set_masks(masks_of_least(pruned, scope, 0.5, scores));
    remove_dead_ends(pruned);
    say("pruned", pruned, test);
    train(pruned.network, images, 2);
    say("retrained", pruned, test);

    PrunedNetwork thin = compact(pruned);
    say("compact", thin, test);
    Checkpoint checkpoint;
    checkpoint.architecture = to_string(thin.network.architecture());
    checkpoint.layer_names = thin.network.layer_names();
    checkpoint.model = thin.network.state();
    checkpoint.masks = thin.masks();
    const std::filesystem::path file = argc > 1 ? argv[1] : "thin.h5";
    write_checkpoint(file, checkpoint);
    std::printf("%s: for fftconv-evaluate, fftconv-prune and Python\n", file.c_str());
    return evaluate(thin.network, test).mcr < 20 ? 0 : 1;
}
