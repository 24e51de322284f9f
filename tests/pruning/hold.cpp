#include <boost/test/unit_test.hpp>

#include "fftconv/network/loss.hpp"
#include "fftconv/training/optimizer.hpp"
#include "pruning/pruned.hpp"

using namespace fftconv;
using namespace fftconv::test;

namespace {

/// How many values are not exactly zero where held says pruned.
std::size_t alive(const std::vector<float>& values, const std::vector<std::uint8_t>& held) {
    std::size_t count = 0;
    for (std::size_t i = 0; i < held.size(); ++i) count += !held[i] && values[i] != 0;
    return count;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(hold)

// Weights, gradients and optimizer state of what is pruned are exactly zero after every step, and all else is
// trained; whatever stood there before the mask was applied.
BOOST_AUTO_TEST_CASE(pruned_units_stay_zero_under_every_optimizer) {
    for (OptimizerMethod method :
         {OptimizerMethod::sgd, OptimizerMethod::momentum, OptimizerMethod::adam, OptimizerMethod::rmsprop})
        for (const std::string engine : {"direct", "fft"})
            BOOST_TEST_CONTEXT(to_string(method) << " " << engine) {
                PrunedNetwork pruned = trained_whole(normalised_network, engine);
                Network& network = pruned.network;
                Optimizer optimizer(network, {.method = method, .weight_decay = 0.01f});
                const Tensor images = images_for(network);
                const std::vector<std::uint8_t> labels{0, 1, 2, 3, 0, 1, 2, 3};
                const auto step = [&] {
                    Tensor gradient;
                    const PassContext context{.training = true};
                    softmax_cross_entropy(network.forward(images, context), labels, 0, &gradient);
                    network.backward(images, gradient, context);
                    optimizer.step(0.01f);
                };
                step();  // state of units that are pruned later
                pruned.set_masks(mixed_masks(network, 0.5));
                const std::vector<NamedArray> before = network.state();
                for (int i = 0; i < 4; ++i) {
                    step();
                    const std::vector<NamedArray> state = optimizer.state();
                    for (const NamedParameter& named : network.parameters()) BOOST_TEST_CONTEXT(named.name) {
                            const Parameter& parameter = *named.parameter;
                            BOOST_CHECK_EQUAL(alive(parameter.value, parameter.held), 0);
                            BOOST_CHECK_EQUAL(alive(parameter.gradient, parameter.held), 0);
                            for (const NamedArray& array : state)
                                if (array.name.starts_with(named.name + "/"))
                                    BOOST_CHECK_EQUAL(alive(array.values, parameter.held), 0);
                        }
                }
                std::size_t held = 0;
                for (const NamedParameter& named : network.parameters()) {
                    const Parameter& parameter = *named.parameter;
                    const NamedArray& old = find_array(before, named.name, parameter.shape);
                    held += std::count(parameter.held.begin(), parameter.held.end(), 0);
                    for (std::size_t w = 0; w < parameter.value.size(); ++w)
                        if (named.name == "conv2/weight" && parameter.held[w])
                            BOOST_REQUIRE_NE(parameter.value[w], old.values[w]);
                }
                BOOST_CHECK_GT(held, 300);
            }
}

BOOST_AUTO_TEST_SUITE_END()
