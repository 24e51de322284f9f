#include "fftconv/network/network.hpp"

#include <boost/test/unit_test.hpp>

#include "fftconv/core/error.hpp"
#include "fftconv/network/loss.hpp"
#include "support/gradient_check.hpp"

using namespace fftconv;
using namespace fftconv::test;

namespace {

using Names = std::vector<std::string>;

Network make(const std::string& text, const std::string& engine = "direct", float dropout = 0) {
    return Network(parse_architecture(text), {.engine = engine, .batch = 6, .dropout = dropout});
}

const std::vector<std::uint8_t> batch_labels = {0, 1, 2, 2, 1, 0};

}  // namespace

BOOST_AUTO_TEST_SUITE(network)

BOOST_AUTO_TEST_CASE(layers_and_their_names) {
    BOOST_CHECK(make("two-conv").layer_names() ==
                (Names{"conv1", "pool1", "relu1", "conv2", "pool2", "relu2", "dense1", "relu3", "dense2"}));
    BOOST_CHECK(make("1x9x9:4C3v+BN-P2(ecp)-5C3+BN-MP2-7FC+BN-3Softmax", "direct", 0.5f).layer_names() ==
                (Names{"conv1", "norm1", "relu1", "conv2", "norm2", "pool1", "relu2", "dense1", "norm3",
                       "relu3", "dropout1", "dense2"}));
    BOOST_CHECK(make("1x9x9:4C3v+BN-P2(random)-3Softmax").layer_names() ==
                (Names{"conv1", "pool1", "norm1", "relu1", "dense1"}));
    Network network = make("one-conv");
    Names parameters;
    for (const NamedParameter& named : network.parameters()) parameters.push_back(named.name);
    BOOST_CHECK(parameters == (Names{"conv1/weight", "conv1/bias", "dense1/weight", "dense1/bias",
                                     "dense2/weight", "dense2/bias"}));
    BOOST_CHECK_EQUAL(network.convolutions().size(), 1);
    BOOST_CHECK_EQUAL(network.dense_layers().size(), 2);
}

BOOST_AUTO_TEST_CASE(weights_start_uniform_and_by_the_seed) {
    Network one = make("two-conv"), same = make("two-conv", "fft");
    Network other(parse_architecture("two-conv"), {.engine = "direct", .seed = 2});
    BOOST_CHECK(one.state() == same.state());
    BOOST_CHECK(one.state() != other.state());
    const std::vector<float>& weights = one.dense_layers()[0]->weight().value;  // 512 inputs
    const float bound = std::sqrt(6.0f / 512);
    const auto [least, most] = std::minmax_element(weights.begin(), weights.end());
    BOOST_CHECK(*least >= -bound && *least < -0.99f * bound);
    BOOST_CHECK(*most <= bound && *most > 0.99f * bound);
    for (float bias : one.dense_layers()[0]->bias().value) BOOST_CHECK_EQUAL(bias, 0.0f);
}

// The whole chain: every parameter's gradient of the loss, poolings, in-place activations and all.
BOOST_AUTO_TEST_CASE(gradients_of_a_whole_network) {
    for (const std::string engine : {"direct", "fft"})
        for (const std::string text : {"2x10x10:3C3v-P2-4C3-P2(average)-6FC-3Softmax",
                                       "2x10x10:3C3v-P2(ecp)-4C3-P2(random)-6FC-3Softmax",
                                       "2x10x10:3C3+BN-MP2-4C3+BN-6FC+BN-3Softmax"})
            BOOST_TEST_CONTEXT(engine << " " << text) {
                Network net = make(text, engine, 0.3f);
                const Tensor x = random_tensor({2, 10, 10}, 6, "x");
                const PassContext context{.training = true, .valid = 5, .step = 1};
                const auto loss = [&](Tensor* gradient = nullptr) {
                    return softmax_cross_entropy(net.forward(x, context), batch_labels, 5, gradient).mean();
                };
                Tensor gradient;
                loss(&gradient);
                net.backward(x, gradient, context);
                for (const NamedParameter& named : net.parameters()) BOOST_TEST_CONTEXT(named.name) {
                        Parameter& parameter = *named.parameter;
                        double worst = 0, scale = 1e-3;
                        for (std::size_t i = 0; i < parameter.value.size(); i += 5) {
                            const float centre = parameter.value[i], step = 0.0005f;
                            double side[2];
                            for (int s = 0; s < 2; ++s) {
                                parameter.value[i] = s ? centre - step : centre + step;
                                parameter.changed();
                                side[s] = loss();
                            }
                            parameter.value[i] = centre;
                            parameter.changed();
                            const double slope = (side[0] - side[1]) / (2 * step);
                            worst = std::max(worst, std::abs(slope - parameter.gradient[i]));
                            scale = std::max(scale, std::abs(slope));
                        }
                        BOOST_CHECK_LE(worst / scale, 0.02);
                    }
            }
}

BOOST_AUTO_TEST_CASE(images_beyond_the_valid_ones_change_nothing) {
    for (const std::string engine : {"direct", "fft"}) BOOST_TEST_CONTEXT(engine) {
            Network net = make("2x10x10:3C3+BN-P2-4C3+BN-MP2-6FC-3Softmax", engine);
            Tensor x = random_tensor({2, 10, 10}, 6, "x"), gradient;
            const PassContext context{.training = true, .valid = 4};
            std::vector<std::vector<float>> gradients[2];
            for (int pass = 0; pass < 2; ++pass) {
                fill_lanes(x, 4, pass ? -3.0f : 7.0f);
                softmax_cross_entropy(net.forward(x, context), batch_labels, 4, &gradient);
                net.backward(x, gradient, context);
                for (const NamedParameter& named : net.parameters())
                    gradients[pass].push_back(named.parameter->gradient);
            }
            for (std::size_t i = 0; i < gradients[0].size(); ++i)
                BOOST_CHECK_LE(largest_error(gradients[0][i], gradients[1][i]), engine == "fft" ? 1e-5 : 0);
        }
}

BOOST_AUTO_TEST_CASE(both_engines_agree_for_any_batch) {
    Network direct = make("two-conv"), fft = make("two-conv", "fft");
    for (int batch : {6, 1, 9}) {
        const Tensor x = random_tensor({1, 28, 28}, batch, "x");
        const Tensor& expected = direct.forward(x);
        BOOST_CHECK_EQUAL(expected.batch(), batch);
        BOOST_CHECK_LE(largest_error(fft.forward(x), expected), 1e-5);
    }
    BOOST_CHECK_THROW(direct.forward(Tensor(1, 28, 27, 6)), ShapeError);
}

BOOST_AUTO_TEST_CASE(state_goes_out_and_back) {
    Network one = make("2x8x8:3C3+BN-P2-3Softmax");
    Network other(one.architecture(), {.engine = "direct", .batch = 6, .seed = 9});
    const Tensor x = random_tensor({2, 8, 8}, 6, "x");
    one.forward(x, {.training = true});
    const Tensor expected = one.forward(x);
    const std::vector<NamedArray> state = one.state();
    BOOST_CHECK_EQUAL(state[3].name, "norm1/running_mean");
    BOOST_CHECK_GT(largest_error(other.forward(x), expected), 0.01);
    other.load_state(state);
    BOOST_CHECK_EQUAL(largest_error(other.forward(x), expected), 0);

    std::vector<NamedArray> missing(state.begin() + 1, state.end()), reshaped = state;
    reshaped[0].shape = {2, 3, 3, 3};
    for (const auto& bad : {missing, reshaped}) {
        BOOST_CHECK_EXCEPTION(other.load_state(bad), ShapeError, [](const ShapeError& error) {
            return std::string(error.what()).find("conv1/weight") != std::string::npos;
        });
        BOOST_CHECK(other.state() == state);
    }
}

BOOST_AUTO_TEST_CASE(what_is_held_stays_zero_when_a_state_is_loaded) {
    Network net = make("2x8x8:3C3-P2-3Softmax");
    const std::vector<NamedArray> state = net.state();
    net.convolutions()[0]->set_kernel_mask(std::vector<std::uint8_t>{1, 0, 1, 1, 1, 1});
    net.load_state(state);
    for (int i = 0; i < 9; ++i) BOOST_CHECK_EQUAL(net.convolutions()[0]->weight().value[9 + i], 0.0f);
    BOOST_CHECK_EQUAL(net.convolutions()[0]->weight().value[0], state[0].values[0]);
}

BOOST_AUTO_TEST_CASE(modes_reach_every_random_and_easy_pooling) {
    const Tensor x = random_tensor({1, 28, 28}, 6, "x");
    Network random(with_pooling(parse_architecture("two-conv"), PoolingMethod::random),
                   {.engine = "direct", .batch = 6});
    Network ecp(with_pooling(parse_architecture("two-conv"), PoolingMethod::ecp),
                {.engine = "direct", .batch = 6});
    BOOST_CHECK(random.has_mode() && ecp.has_mode() && !make("two-conv").has_mode());
    Tensor before = ecp.forward(x);
    for (int mode : {3, 1, 2, 0}) {
        random.set_mode(mode);
        ecp.set_mode(mode);
        if (mode == 1) ecp.set_threads(2);
        const Tensor now = ecp.forward(x);
        BOOST_CHECK_LE(largest_error(random.forward(x), now), 1e-5);
        if (mode != 0) BOOST_CHECK_GT(largest_error(before, now), 1e-3);
    }
    BOOST_CHECK_EQUAL(largest_error(before, ecp.forward(x)), 0);
    BOOST_CHECK_THROW(ecp.set_mode(4), ShapeError);
}

BOOST_AUTO_TEST_CASE(profile_names_layers_and_phases) {
    Network net = make("one-conv");
    const Tensor x = random_tensor({1, 28, 28}, 6, "x");
    Tensor gradient;
    softmax_cross_entropy(net.forward(x), batch_labels, 0, &gradient);
    net.backward(x, gradient, {});
    const std::vector<LayerProfile> profile = net.profile();
    BOOST_REQUIRE_EQUAL(profile.size(), net.layers().size());
    for (const LayerProfile& layer : profile) BOOST_CHECK(layer.forward > 0 && layer.backward > 0);
    BOOST_CHECK_EQUAL(profile[0].layer, "conv1");
    BOOST_CHECK(!profile[0].phases.empty());
    BOOST_CHECK_GT(net.workspace_bytes(), 20u * 24 * 24 * 8 * 4);
    net.reset_profile();
    for (const LayerProfile& layer : net.profile()) BOOST_CHECK(layer.forward == 0 && layer.backward == 0);
}

BOOST_AUTO_TEST_CASE(errors) {
    const Architecture one = parse_architecture("one-conv");
    BOOST_CHECK_THROW(Network(one, {.engine = "winograd"}), UsageError);
    BOOST_CHECK_THROW(Network(one, {.engine = "direct", .batch = 0}), UsageError);
    BOOST_CHECK_THROW(Network(one, {.engine = "direct", .threads = 0}), UsageError);
    BOOST_CHECK_THROW(Network(one, {.engine = "direct", .mode = 4}), UsageError);
    BOOST_CHECK_THROW(Network(one, {.engine = "direct", .dropout = 1}), UsageError);
    Architecture broken = one;
    broken.layers.pop_back();
    broken.layers.push_back(PoolingSpec{});
    BOOST_CHECK_THROW(Network(broken, {.engine = "direct"}), ShapeError);
}

BOOST_AUTO_TEST_SUITE_END()
