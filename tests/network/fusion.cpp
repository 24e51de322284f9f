// A network's passes, in which convolutions and normalisations do what
// follows them, against its layers one after the other.
#include <boost/test/unit_test.hpp>
#include <cmath>

#include "fftconv/core/error.hpp"
#include "fftconv/network/activation.hpp"
#include "fftconv/network/batch_norm.hpp"
#include "fftconv/network/network.hpp"
#include "fftconv/network/pooling.hpp"
#include "support/gradient_check.hpp"

using namespace fftconv;
using namespace fftconv::test;

namespace {

constexpr int batch = 12;

Network make(const std::string& text, int threads = 1) {
    return Network(parse_architecture(text), {.engine = "fft", .batch = batch, .threads = threads});
}

/// Every layer by itself, and back.
struct LayerByLayer {
    std::vector<Tensor> activations;

    void forward(const std::vector<std::unique_ptr<Layer>>& layers, const Tensor& x,
                 const PassContext& context) {
        activations.assign(1, x);
        for (const auto& layer : layers) {
            Tensor y(layer->output_maps(), x.batch());
            layer->forward(activations.back(), y, context);
            activations.push_back(y);
        }
    }
    /// The gradient to x.
    Tensor backward(const std::vector<std::unique_ptr<Layer>>& layers, Tensor dy,
                    const PassContext& context) {
        for (std::size_t i = layers.size(); i-- > 0;) {
            Tensor dx(activations[i].maps(), dy.batch());
            layers[i]->backward(activations[i], activations[i + 1], dy, &dx, context);
            dy = dx;
        }
        return dy;
    }
};

constexpr MapShape normalised_maps{5, 15, 13};

std::vector<std::unique_ptr<Layer>> normalisation_and(const std::string& behind) {
    std::vector<std::unique_ptr<Layer>> layers;
    layers.push_back(std::make_unique<BatchNorm>("norm1", normalised_maps));
    if (behind.starts_with("maximum of 3 x 3"))
        layers.push_back(std::make_unique<OverlappedMaxPooling>("pool1", normalised_maps));
    if (behind.starts_with("maximum of 2 x 2"))
        layers.push_back(std::make_unique<MaxPooling>("pool1", normalised_maps));
    if (behind.starts_with("mean"))
        layers.push_back(std::make_unique<AveragePooling>("pool1", normalised_maps));
    if (behind.ends_with("ReLU"))
        layers.push_back(std::make_unique<Relu>("relu1", layers.back()->output_maps()));
    return layers;
}

std::vector<std::vector<float>> gradients_of(Network& network) {
    std::vector<std::vector<float>> gradients;
    for (const NamedParameter& named : network.parameters()) gradients.push_back(named.parameter->gradient);
    return gradients;
}

Tensor random_gradient(int images = batch) {
    Tensor gradient = random_tensor({3, 1, 1}, images, "gradient");
    fill_lanes(gradient, images, 0);
    return gradient;
}

/// A pass there and back by the network and by its layers: the same outputs, and the same gradients but for
/// the order of sums.
void check_pass(Network& fused, Network& plain, int images, const PassContext& context) {
    const Tensor x = random_tensor(fused.architecture().input, images, "x");
    Tensor gradient = random_gradient(images);
    fill_lanes(gradient, context.valid_of(gradient), 0);
    LayerByLayer layers;
    layers.forward(plain.layers(), x, context);
    BOOST_CHECK_EQUAL(largest_error(fused.forward(x, context), layers.activations.back()), 0);
    fused.backward(x, gradient, context);
    layers.backward(plain.layers(), gradient, context);
    const auto found = gradients_of(fused), expected = gradients_of(plain);
    for (std::size_t i = 0; i < found.size(); ++i) BOOST_CHECK_LE(largest_error(found[i], expected[i]), 1e-5);
}

const std::vector<std::string> texts = {
    "2x16x16:8C3-MP2-9C3-P2-6FC-3Softmax",       "3x18x14:8C3-8C3-MP2-9C3v-P2(average)-5FC-3Softmax",
    "2x12x12:8C3+BN-MP2-8C3+BN-6FC+BN-3Softmax", "9x10x10:8C3+BN-P2(random)-8C3-P2(random)-3Softmax",
    "9x12x12:8C3-P2(ecp)-8C3+BN-P2-3Softmax",    "2x15x13:8C3+BN-MP2-8C3+BN-P2(average)-8C3+BN-P2-3Softmax"};

}  // namespace

BOOST_AUTO_TEST_SUITE(fusion)

// Seven images fill eight lanes, 24 are no multiple of the widest vector.
BOOST_AUTO_TEST_CASE(passes_are_those_of_the_layers) {
    for (const std::string& text : texts)
        for (const int images : {7, 12, 24})
            for (const bool training : {false, true})
                BOOST_TEST_CONTEXT(text << ", " << images << " images, training " << training) {
                    Network fused = make(text), plain = make(text);
                    check_pass(fused, plain, images, {.training = training, .step = 1});
                }
}

// What one pass has fused is forgotten by the next: three images are done layer by layer.
BOOST_AUTO_TEST_CASE(passes_of_all_kinds_in_turn) {
    for (const std::string& text : texts) BOOST_TEST_CONTEXT(text) {
            Network fused = make(text), plain = make(text);
            const Tensor x = random_tensor(fused.architecture().input, batch, "x");
            LayerByLayer layers;
            for (const int images : {12, 3, 12, 24, 3, 7}) BOOST_TEST_CONTEXT(images << " images") {
                    check_pass(fused, plain, images, {.training = true, .valid = images - 1});
                    check_pass(fused, plain, images, {});
                    fused.forward(x, {.forward_only = true});
                    for (std::size_t last = 1; last < fused.layers().size(); ++last)
                        fused.forward(x, {}, 0, last);
                    const PassContext recalibration{.forward_only = true, .recalibration = 1};
                    layers.forward(plain.layers(), x, recalibration);
                    BOOST_CHECK_EQUAL(
                        largest_error(fused.forward(x, recalibration), layers.activations.back()), 0);
                }
        }
}

// A normalisation gives back through its pooling and ReLU what these give back by themselves, bit for bit.
BOOST_AUTO_TEST_CASE(a_normalisation_undoes_what_it_did) {
    for (const std::string behind : {"maximum of 3 x 3, ReLU", "maximum of 2 x 2", "mean, ReLU", "ReLU"})
        for (const int images : {7, 12, 24}) BOOST_TEST_CONTEXT(behind << ", " << images << " images") {
                const PassContext context{.training = true, .valid = images - 1};
                const Tensor x = random_tensor(normalised_maps, images, "x");
                BatchNorm fused("norm1", normalised_maps);
                std::vector<std::unique_ptr<Layer>> layers = normalisation_and(behind);
                Epilogue epilogue;
                for (std::size_t i = 1; i < layers.size(); ++i)
                    BOOST_REQUIRE(layers[i]->follow(epilogue, context));
                BOOST_REQUIRE(fused.fuses(epilogue, images));

                LayerByLayer plain;
                plain.forward(layers, x, context);
                Tensor y(layers.back()->output_maps(), images), dx(normalised_maps, images);
                std::vector<std::uint8_t> winners(y.size(), 77);
                epilogue.winners = winners.data();
                y.fill(std::nanf(""));
                fused.forward_fused(x, y, context, epilogue);
                BOOST_CHECK_EQUAL(largest_error(y, plain.activations.back()), 0);

                Tensor dy = random_tensor(y.maps(), images, "dy");
                fill_lanes(dy, context.valid, 0);
                dx.fill(std::nanf(""));
                fused.backward_fused(x, y, dy, &dx, context, epilogue);
                BOOST_CHECK_EQUAL(largest_error(dx, plain.backward(layers, dy, context)), 0);
                for (int i = 0; i < 2; ++i)
                    BOOST_CHECK(fused.parameters()[i]->gradient == layers[0]->parameters()[i]->gradient);
            }
}

// Of random and easy pooling each K takes its own pixel, whoever computes it.
BOOST_AUTO_TEST_CASE(every_mode_is_fused_as_itself) {
    for (const std::string& text : {texts[3], texts[4]})
        for (const int mode : {3, 1, 2, 0}) BOOST_TEST_CONTEXT(text << ", mode " << mode) {
                Network fused = make(text), plain = make(text);
                BOOST_REQUIRE(fused.has_mode());
                fused.set_mode(mode);
                plain.set_mode(mode);
                check_pass(fused, plain, batch, {});
            }
}

BOOST_AUTO_TEST_CASE(forward_only_is_equal_to_rounding_and_has_no_way_back) {
    for (const std::string& text : texts) BOOST_TEST_CONTEXT(text) {
            Network network = make(text);
            const Tensor x = random_tensor(network.architecture().input, batch, "x");
            network.forward(x, {.training = true});  // running statistics other than 0 and 1
            LayerByLayer layers;
            layers.forward(network.layers(), x, {});
            BOOST_CHECK_LE(
                largest_error(network.forward(x, {.forward_only = true}), layers.activations.back()), 1e-5);
            BOOST_CHECK_THROW(network.backward(x, Tensor(3, 1, 1, batch), {}), Error);
            network.forward(x, {});
            BOOST_CHECK_NO_THROW(network.backward(x, Tensor(3, 1, 1, batch), {}));
        }
}

BOOST_AUTO_TEST_CASE(poolings_and_relus_cost_no_pass_of_their_own) {
    Network network = make(texts[0]);
    const Tensor x = random_tensor(network.architecture().input, batch, "x");
    network.forward(x, {.training = true});
    for (const LayerProfile& layer : network.profile()) {
        const bool own = layer.layer.starts_with("conv") || layer.layer.starts_with("dense") ||
                         layer.layer == "relu3";  // behind a dense layer
        BOOST_CHECK_EQUAL(layer.forward > 0, own);
    }
}

// In training a normalisation does what follows it, there and back.
BOOST_AUTO_TEST_CASE(behind_a_normalisation_neither_do_they) {
    Network network = make(texts[2]);
    const Tensor x = random_tensor(network.architecture().input, batch, "x");
    const PassContext training{.training = true};
    network.forward(x, training);
    network.backward(x, random_gradient(), training);
    for (const LayerProfile& layer : network.profile()) {
        const bool own = !layer.layer.starts_with("pool") && !layer.layer.starts_with("relu");
        BOOST_CHECK_EQUAL(layer.forward > 0, own);
        BOOST_CHECK_EQUAL(layer.backward > 0, own);
    }
}

BOOST_AUTO_TEST_CASE(a_part_of_the_layers_ends_where_it_is_asked_to) {
    Network network = make(texts[0]);
    const Tensor x = random_tensor(network.architecture().input, batch, "x");
    LayerByLayer layers;
    layers.forward(network.layers(), x, {});
    for (std::size_t last = 1; last <= network.layers().size(); ++last)
        BOOST_CHECK_EQUAL(largest_error(network.forward(x, {}, 0, last), layers.activations[last]), 0);
}

BOOST_AUTO_TEST_CASE(masks_decide_anew) {
    Network network = make(texts[0]), plain = make(texts[0]);
    const Tensor x = random_tensor(network.architecture().input, batch, "x");
    LayerByLayer layers;
    for (const double survivors : {1.0, 0.3, 1.0}) {
        for (Network* each : {&network, &plain}) {
            RandomStream random(1, "mask");
            std::vector<std::uint8_t> mask(each->convolutions()[1]->shape().kernels());
            for (auto& kept : mask) kept = random.uniform() < survivors;
            each->convolutions()[1]->set_kernel_mask(mask);
        }
        layers.forward(plain.layers(), x, {});
        BOOST_CHECK_EQUAL(largest_error(network.forward(x, {}), layers.activations.back()), 0);
    }
}

BOOST_AUTO_TEST_CASE(the_same_bits_for_any_number_of_threads) {
    for (const std::string& text : texts) {
        Network one = make(text), three = make(text, 3);
        const Tensor x = random_tensor(one.architecture().input, batch, "x");
        const Tensor gradient = random_gradient();
        const PassContext context{.training = true};
        BOOST_CHECK_EQUAL(largest_error(one.forward(x, context), three.forward(x, context)), 0);
        one.backward(x, gradient, context);
        three.backward(x, gradient, context);
        BOOST_CHECK(gradients_of(one) == gradients_of(three));
    }
}

BOOST_AUTO_TEST_SUITE_END()
