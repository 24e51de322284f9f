#include "bench/network.hpp"

#include <spdlog/fmt/fmt.h>

#include <algorithm>
#include <iostream>
#include <memory>

#include "bench/layer.hpp"
#include "bench/peer.hpp"
#include "fftconv/core/error.hpp"
#include "fftconv/core/random.hpp"
#include "fftconv/network/loss.hpp"
#include "fftconv/network/network.hpp"
#include "fftconv/training/optimizer.hpp"

namespace fftconv {
namespace {

/// A network, random images and labels, and what a step needs.
class NetworkRun {
  public:
    NetworkRun(const Architecture& architecture, const NetworkOptions& options, NetworkPass pass,
               double pruned, bool kernel_groups)
        : pass_(pass),
          network_(architecture, options),
          optimizer_(network_, {}),
          images_(architecture.input, options.batch),
          labels_(options.batch) {
        RandomStream random(1, "benchmark images");
        for (std::size_t p = 0; p < architecture.input.size(); ++p)
            for (int n = 0; n < options.batch; ++n)
                images_.data()[p * images_.batch_stride() + n] = random.uniform(-1, 1);
        for (auto& label : labels_) label = std::uint8_t(random.below(architecture.classes()));
        const auto convolutions = network_.convolutions();
        for (std::size_t i = 1; i < convolutions.size() && pruned > 0; ++i)
            convolutions[i]->set_kernel_mask(random_mask(convolutions[i]->shape(), pruned, kernel_groups));
    }

    void run() {
        if (pass_ == NetworkPass::inference) {
            network_.forward(images_, {.forward_only = true});
            return;
        }
        compute_gradients();
        optimizer_.step(optimizer_.options().rate);
    }
    void compute_gradients() {
        const PassContext context{.training = true, .step = optimizer_.steps()};
        softmax_cross_entropy(network_.forward(images_, context), labels_, 0, &gradient_);
        network_.backward(images_, gradient_, context);
    }
    /// The logits; of a training step, every gradient.
    std::vector<float> result() {
        if (pass_ == NetworkPass::inference)
            return to_nchw(network_.forward(images_, {.forward_only = true}));
        compute_gradients();
        std::vector<float> gradients;
        for (const NamedParameter& named : network_.parameters())
            gradients.insert(gradients.end(), named.parameter->gradient.begin(),
                             named.parameter->gradient.end());
        return gradients;
    }
    /// Seconds since the last call: of the layers by kind, convolutions by their engine's phases.
    std::vector<Phase> phases() {
        std::vector<Phase> phases{{"convolution"}, {"other layers"}};
        for (const LayerProfile& layer : network_.profile())
            phases[layer.layer.starts_with("conv") ? 0 : 1].seconds += layer.forward + layer.backward;
        network_.reset_profile();
        return phases;
    }

  private:
    NetworkPass pass_;
    Network network_;
    Optimizer optimizer_;
    Tensor images_, gradient_;
    std::vector<std::uint8_t> labels_;
};

/// Gradients may differ by more than outputs: where rounding decides which of two pixels is the maximum, or
/// the sign before a ReLU, a gradient goes another way.
constexpr double largest_allowed_gradient_difference = 2e-3;

void check_same(NetworkRun& run, NetworkRun& reference, NetworkPass pass) {
    const double difference = largest_difference(run.result(), reference.result());
    const double most =
        pass == NetworkPass::inference ? largest_allowed_difference : largest_allowed_gradient_difference;
    if (!(difference <= most))
        throw Error(fmt::format("the engines' results differ by {:.2g} of the largest value", difference));
}

Contender contender_of(const std::string& name, int threads, const std::shared_ptr<NetworkRun>& run) {
    return {.name = name,
            .threads = threads,
            .run = [run] { run->run(); },
            .result = [run] { return run->result(); },
            .phases = [run] { return run->phases(); }};
}

std::shared_ptr<NetworkRun> make_run(const BenchmarkOptions& options, const std::string& engine, int threads,
                                     double pruned, NetworkPass pass) {
    return std::make_shared<NetworkRun>(
        options.architecture(), options.network_options(engine, pass == NetworkPass::inference, threads),
        pass, pruned, options.kernel_groups);
}

}  // namespace

std::string network_work(const BenchmarkOptions& options, NetworkPass pass) {
    return fmt::format("{}, batch {}, {}", to_string(options.architecture()), options.batch,
                       pass == NetworkPass::inference ? "inference" : "training step");
}

Contender network_contender(const BenchmarkOptions& options, const std::string& engine, int threads,
                            double pruned, NetworkPass pass) {
    return contender_of(engine, threads, make_run(options, engine, threads, pruned, pass));
}

std::vector<BenchmarkRow> time_network(const BenchmarkOptions& options, NetworkPass pass) {
    const Architecture architecture = options.architecture();
    for (const std::string& peer : options.peers)
        if (peer == "onednn") throw UsageError("--peer onednn: it offers layers, not networks");
    const std::string work = network_work(options, pass);
    std::cout << "## " << work << "\n\n";
    std::vector<Entry> entries;
    const std::vector<std::string> rivals = options.rivals();
    const bool with_direct = std::find(rivals.begin(), rivals.end(), "direct") != rivals.end();
    for (int threads : options.thread_counts()) {
        for (const PeerProgram& program : peer_programs(options))
            if (auto peer = peer_contender(program, to_string(architecture), options.batch, threads, pass,
                                           options.simd))
                entries.push_back({.contender = std::move(*peer), .rival = true});
        for (double pruned : options.pruned_ratios()) {
            const auto make = [&](const std::string& engine) {
                return make_run(options, engine, threads, pruned, pass);
            };
            const auto direct = make("direct");
            for (const std::string& engine : options.engines) {
                const auto run = make(engine);
                check_same(*run, *direct, pass);
                entries.push_back({contender_of(engine, threads, run), pruned});
            }
            if (with_direct)
                entries.push_back({contender_of("direct", threads, direct), pruned, pruned == 0});
        }
    }
    return time_entries(work, entries, options.round_options(), 0);
}

}  // namespace fftconv
