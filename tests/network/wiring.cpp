// What a network is made of stays what it is: numbers drawn, masks, modes.
#include <boost/test/unit_test.hpp>
#include <cstdlib>
#include <set>

#include "fftconv/convolution/measured_plan.hpp"
#include "fftconv/convolution/spectral/spectral.hpp"
#include "fftconv/network/activation.hpp"
#include "fftconv/network/network.hpp"
#include "support/gradient_check.hpp"
#include "support/temporary_folder.hpp"

using namespace fftconv;
using namespace fftconv::test;

BOOST_AUTO_TEST_SUITE(network_wiring)

namespace {

std::vector<float> dropped(const std::string& layer, std::uint64_t seed, std::uint64_t step) {
    Dropout dropout(layer, {64, 1, 1}, 0.5f, seed);
    Tensor x(64, 1, 1, 8), y(64, 1, 1, 8);
    x.fill(1);
    dropout.forward(x, y, {.training = true, .step = step});
    return {y.data(), y.data() + y.size()};
}

const char* const two_easy = "1x20x20:4C3v-P2(ecp)-6C3v-P2(ecp)-4Softmax";

}  // namespace

BOOST_AUTO_TEST_CASE(every_dropout_layer_seed_and_step_draws_its_own) {
    std::set<std::vector<float>> draws;
    for (const char* layer : {"dropout1", "dropout2"})
        for (std::uint64_t seed : {1, 2})
            for (std::uint64_t step : {0, 1}) draws.insert(dropped(layer, seed, step));
    BOOST_CHECK_EQUAL(draws.size(), 8);
    BOOST_CHECK(dropped("dropout1", 2, 1) == dropped("dropout1", 2, 1));
    Network network(parse_architecture("8x1x1:8FC-8FC-4Softmax"), {.dropout = 0.5f, .seed = 5});
    Tensor x(8, 1, 1, 16), a(8, 1, 1, 16), b(8, 1, 1, 16), c(8, 1, 1, 16);
    x.fill(1);
    network.layers()[2]->forward(x, a, {.training = true});
    network.layers()[5]->forward(x, b, {.training = true});
    Dropout("dropout1", {8, 1, 1}, 0.5f, 5).forward(x, c, {.training = true});
    BOOST_CHECK(!std::equal(a.data(), a.data() + a.size(), b.data()));
    BOOST_CHECK(std::equal(a.data(), a.data() + a.size(), c.data()));  // of the network's seed
}

// Pruned kernels stay absent, not zero, in a folded network and with another number of threads.
BOOST_AUTO_TEST_CASE(folding_and_threads_keep_the_mask) {
    Network network(parse_architecture("2x12x12:6C3+BN-P2-8C3+BN-4Softmax"), {.engine = "fft", .batch = 8});
    std::vector<std::uint8_t> mask(48, 1);
    for (int kernel = 0; kernel < 48; kernel += 3) mask[std::size_t(kernel)] = 0;
    network.convolutions()[1]->set_kernel_mask(mask);
    Network folded = fold_batch_norm(network);
    BOOST_CHECK(folded.convolutions()[1]->kernel_mask() == mask);
    const Tensor x = random_tensor({2, 12, 12}, 8, "x");
    for (Network* each : {&network, &folded})
        for (int threads : {1, 2}) {
            each->set_threads(threads);
            each->forward(x);
            for (const auto& layer : each->layers()) BOOST_CHECK_EQUAL(layer->threads(), threads);
            for (ConvolutionLayer* convolution : each->convolutions())
                BOOST_CHECK_EQUAL(convolution->engine().options().threads, threads);
            const auto& engine = dynamic_cast<SpectralConvolution&>(each->convolutions()[1]->engine());
            BOOST_CHECK_EQUAL(engine.visited_kernels(), 32);
        }
}

BOOST_AUTO_TEST_CASE(options_reach_every_convolution) {
    const Architecture architecture = parse_architecture(two_easy);
    const auto options_of = [&](const NetworkOptions& options) {
        Network network(architecture, options);
        std::vector<ConvolutionOptions> all;
        for (ConvolutionLayer* convolution : network.convolutions())
            all.push_back(convolution->engine().options());
        return all;
    };
    const NetworkOptions given{
        .batch = 8, .threads = 2, .mode = 3, .tile = 12, .inverse = Inverse::full, .fixed_weights = true};
    for (const ConvolutionOptions& found : options_of(given)) {
        BOOST_CHECK(found.tile == 12);
        BOOST_CHECK(found.inverse == Inverse::full);
        BOOST_CHECK(found.fixed_weights);
        BOOST_CHECK_EQUAL(found.threads, 2);
        BOOST_CHECK_EQUAL(found.mode, 3);
    }
    for (const ConvolutionOptions& found : options_of({.batch = 8})) {
        BOOST_CHECK(found.tile == 0);
        BOOST_CHECK(found.inverse == Inverse::folded);
        BOOST_CHECK(!found.fixed_weights);
    }
    const TemporaryFolder folder;
    ::setenv("FFTCONV_PLANS", (folder / "plans").c_str(), 1);
    for (const bool measure : {false, true}) {
        use_plans({});
        options_of({.batch = 2, .measure = measure});
        BOOST_CHECK_EQUAL(plans_in_use().size(), measure ? 2 : 0);
    }
    use_plans({});
    ::unsetenv("FFTCONV_PLANS");
}

BOOST_AUTO_TEST_CASE(a_mode_reaches_every_layer_and_stays) {
    Network network(parse_architecture(two_easy), {.engine = "direct", .batch = 8});
    network.set_mode(3);
    network.set_threads(2);
    for (ConvolutionLayer* convolution : network.convolutions()) {
        BOOST_CHECK_EQUAL(convolution->mode(), 3);
        BOOST_CHECK_EQUAL(convolution->engine().options().mode, 3);
    }
    Network random(parse_architecture("1x20x20:4C3v-P2(random)-6C3v-P2(random)-4Softmax"),
                   {.engine = "direct", .batch = 8});
    random.set_mode(3);
    network.set_threads(1);
    const Tensor x = random_tensor({1, 20, 20}, 8, "x");
    BOOST_CHECK_LE(largest_error(random.forward(x), network.forward(x)), 1e-5);
    for (Network* each : {&network, &random}) {
        Network made(each->architecture(), {.engine = "direct", .batch = 8, .mode = 3});
        BOOST_CHECK_EQUAL(largest_error(made.forward(x), each->forward(x)), 0);
    }
}

BOOST_AUTO_TEST_SUITE_END()
