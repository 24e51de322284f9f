// Started by mpirun for the tests of this room: worker WHAT ARGUMENTS… prints what the first process found.
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <iostream>
#include <string>
#include <thread>
#include <vector>

#include "fftconv/core/error.hpp"
#include "fftconv/distributed/processes.hpp"
#include "fftconv/pruning/compact.hpp"
#include "fftconv/pruning/pruned_network.hpp"
#include "fftconv/training/trainer.hpp"
#include "support/small_images.hpp"

using namespace fftconv;

namespace {

/// Every bit of what training changes, as one number.
std::uint64_t digest(const Network& network) {
    std::uint64_t hash = 14695981039346656037u;
    for (const NamedArray& array : network.state())
        for (const float value : array.values) {
            std::uint32_t bits;
            std::memcpy(&bits, &value, sizeof bits);
            hash = (hash ^ bits) * 1099511628211u;
        }
    return hash;
}

/// worker train SHARDS THREADS OPTIMIZER: two epochs with everything that could tell processes apart.
void train(const Processes& processes, int shard_count, int threads, const std::string& optimizer) {
    const MapShape maps{1, 12, 12};
    const LabelledImages images = test::small_images(45, maps, 4, "train");
    const LabelledImages validation = test::small_images(20, maps, 4, "validation");
    const std::unique_ptr<Shards> shards = processes.shards(shard_count);
    Network network(parse_architecture("1x12x12:4C3v+BN-P2(ecp)-6C3-P2(average)-16FC+BN-4Softmax"),
                    {.batch = shards->images(14), .threads = threads, .dropout = 0.2f});
    std::vector<std::uint8_t> mask(24, 1);
    mask[3] = mask[8] = mask[17] = 0;
    network.convolutions()[1]->set_kernel_mask(mask);
    BatchOptions batches{.size = 14, .shuffled = true};
    batches.augmentation.flip_horizontal = true;
    TrainerOptions options{.epochs = 2, .mode_choice = ModeChoice::per_batch};
    options.optimizer.method = parse_optimizer_method(optimizer);
    Trainer trainer(network, images, batches, &validation, options, shards.get());
    trainer.run();
    if (processes.first())
        std::cout << digest(network) << ' ' << trainer.history().back().train_loss << ' '
                  << trainer.history().back().validation_mcr << '\n';
}

/// worker retrain SHARDS: a masked network retrained as the thinner one that it amounts to, and given its
/// state.
void retrain(const Processes& processes, int shard_count) {
    const MapShape maps{1, 12, 12};
    const LabelledImages images = test::small_images(45, maps, 4, "train");
    const std::unique_ptr<Shards> shards = processes.shards(shard_count);
    PrunedNetwork pruned(Network(parse_architecture("1x12x12:4C3+BN-P2-6C3-16FC-4Softmax"),
                                 {.batch = shards->images(14), .threads = 1}));
    Masks masks;
    mask_of(masks, weighted_layers(pruned.network), "conv1").feature_map = {1, 0, 1, 1};
    std::vector<std::uint8_t>& kernels = mask_of(masks, weighted_layers(pruned.network), "conv2").kernel;
    kernels.assign(24, 1);
    kernels[8] = kernels[19] = 0;
    pruned.set_masks(masks);
    Compaction compaction(pruned);
    Trainer trainer(compaction.thin().network, images, {.size = 14, .shuffled = true}, nullptr, {.epochs = 2},
                    shards.get());
    trainer.run();
    pruned.network.load_state(compaction.widened(compaction.thin().network.state(), pruned.network.state()));
    if (processes.first())
        std::cout << compaction.thinner() << ' ' << digest(pruned.network) << ' '
                  << trainer.history().back().train_loss << '\n';
}

/// worker jobs COUNT STOP: squares of the jobs, the later ones quicker; stops once job STOP is done.
void jobs(const Processes& processes, int count, int stop_after) {
    std::vector<int> found(count, -1);
    bool stop = false;
    const auto square = [&](int job, const std::function<bool()>&) {
        std::this_thread::sleep_for(std::chrono::milliseconds(40 - job));
        stop = stop || job == stop_after;
        const int result = job * job;
        const auto* bytes = reinterpret_cast<const char*>(&result);
        return std::optional(std::vector<char>(bytes, bytes + sizeof result));
    };
    const auto keep = [&](int job, const std::vector<char>& bytes) {
        std::memcpy(&found[job], bytes.data(), sizeof(int));
    };
    const bool all = processes.share_jobs(count, square, keep, [&] { return stop; });
    if (!processes.first()) return;
    for (int result : found) std::cout << result << ' ';
    std::cout << (all ? "all\n" : "stopped\n");
}

/// worker give_up RANK: jobs without an end, until process RANK is asked to stop in the middle of one; then
/// others that end by themselves, which nothing from before disturbs.
void give_up(const Processes& processes, int rank) {
    const auto begun = std::chrono::steady_clock::now();
    const auto stop = [&] {
        return processes.rank() == rank &&
               std::chrono::steady_clock::now() - begun > std::chrono::milliseconds(300);
    };
    const auto endless = [&](int, const std::function<bool()>& goes_on) -> std::optional<std::vector<char>> {
        while (goes_on()) std::this_thread::sleep_for(std::chrono::milliseconds(1));
        return std::nullopt;
    };
    const bool all = processes.share_jobs(
        10, endless, [](int, const auto&) { std::abort(); }, stop);
    if (processes.first()) std::cout << (all ? "all, " : "given up, ");
    jobs(processes, 10, -1);
}

void run(const Processes& processes, const std::vector<std::string>& words) {
    if (words.at(0) == "train") train(processes, std::stoi(words.at(1)), std::stoi(words.at(2)), words.at(3));
    if (words.at(0) == "retrain") retrain(processes, std::stoi(words.at(1)));
    if (words.at(0) == "jobs") jobs(processes, std::stoi(words.at(1)), std::stoi(words.at(2)));
    if (words.at(0) == "give_up") give_up(processes, std::stoi(words.at(1)));
    if (words.at(0) == "machine" && processes.first()) std::cout << processes.on_this_machine() << '\n';
    if (words.at(0) == "differ")
        processes.require_same("data", processes.rank() == std::stoi(words.at(1)) ? "other" : "same");
    if (words.at(0) == "die" && processes.rank() == 1) std::abort();
    processes.meet();
}

}  // namespace

int main(int argc, char** argv) {
    const Processes processes;
    try {
        run(processes, {argv + 1, argv + argc});
    } catch (const Error& error) {
        if (processes.first()) std::cerr << error.what() << '\n';
        return 2;
    }
    return 0;
}
