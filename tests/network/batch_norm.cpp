// Batch normalisation: statistics of the valid images, and folding.
#include "fftconv/network/batch_norm.hpp"

#include <boost/test/unit_test.hpp>

#include "fftconv/core/error.hpp"
#include "fftconv/network/network.hpp"
#include "support/gradient_check.hpp"

using namespace fftconv;
using namespace fftconv::test;

BOOST_AUTO_TEST_SUITE(batch_norm)

BOOST_AUTO_TEST_CASE(statistics_of_the_valid_images) {
    const MapShape maps{3, 4, 5};
    const int batch = 11, valid = 9;
    BatchNorm layer("norm1", maps);
    layer.parameters()[0]->value = {1, 2, -1};
    layer.parameters()[1]->value = {0, 0.5f, 3};
    Tensor x = random_tensor(maps, batch, "x", valid);
    for (int c = 0; c < 3; ++c)
        for (std::size_t i = 0; i < x.size() / 3; ++i) x.pixel(c, 0, 0)[i] += 10.0f * float(c);
    Tensor y(maps, batch);
    layer.forward(x, y, {.training = true, .valid = valid});
    for (int c = 0; c < 3; ++c) {
        double sum = 0, squares = 0;
        const int count = 20 * valid;
        for (int p = 0; p < 20; ++p)
            for (int n = 0; n < valid; ++n) sum += x(c, p / 5, p % 5, n);
        for (int p = 0; p < 20; ++p)
            for (int n = 0; n < valid; ++n) squares += std::pow(x(c, p / 5, p % 5, n) - sum / count, 2);
        const double scale = layer.parameters()[0]->value[c] / std::sqrt(squares / count + 1e-5);
        for (int p = 0; p < 20; ++p)
            for (int n = 0; n < valid; ++n) {
                const double expected =
                    (x(c, p / 5, p % 5, n) - sum / count) * scale + layer.parameters()[1]->value[c];
                BOOST_REQUIRE_SMALL(y(c, p / 5, p % 5, n) - expected, 1e-4);
            }
        BOOST_CHECK_CLOSE(layer.buffers()[0]->value[c] + 1, 0.1 * sum / count + 1, 1e-3);
        BOOST_CHECK_CLOSE(layer.buffers()[1]->value[c], 0.9 + 0.1 * squares / (count - 1), 1e-3);
    }
}

BOOST_AUTO_TEST_CASE(inference_uses_the_running_statistics_and_keeps_them) {
    BatchNorm layer("norm1", {2, 1, 1});
    layer.buffers()[0]->value = {1, 2};
    layer.buffers()[1]->value = {4, 9};
    layer.parameters()[0]->value = {2, 3};
    Tensor x(2, 1, 1, 1), y(2, 1, 1, 1);
    x(0, 0, 0, 0) = 5;
    x(1, 0, 0, 0) = 5;
    layer.forward(x, y, {});
    BOOST_CHECK_CLOSE(y(0, 0, 0, 0), 4.0f, 1e-3);
    BOOST_CHECK_CLOSE(y(1, 0, 0, 0), 3.0f, 1e-3);
    BOOST_CHECK(layer.buffers()[0]->value == (std::vector<float>{1, 2}));
    BOOST_CHECK_CLOSE(layer.inference().factor[1], 1.0f, 1e-3);
    BOOST_CHECK_CLOSE(layer.inference().offset[1], -2.0f, 1e-3);
}

// n batches of a recalibration leave the mean of their means and variances, whatever was there before.
BOOST_AUTO_TEST_CASE(a_recalibration_takes_the_mean_over_its_batches) {
    BatchNorm layer("norm1", {2, 3, 3});
    layer.buffers()[0]->value = {70, -70};
    const std::vector<float> scales = layer.parameters()[0]->value;
    double mean = 0, variance = 0;
    for (int n = 1; n <= 3; ++n) {
        const Tensor x = random_tensor({2, 3, 3}, 8, "batch " + std::to_string(n));
        Tensor y({2, 3, 3}, 8), y_training({2, 3, 3}, 8);
        layer.forward(x, y, {.recalibration = n});
        double sum = 0, squares = 0;
        for (int p = 0; p < 9; ++p)
            for (int i = 0; i < 8; ++i) sum += x(1, p / 3, p % 3, i) / 72.0;
        for (int p = 0; p < 9; ++p)
            for (int i = 0; i < 8; ++i) squares += std::pow(x(1, p / 3, p % 3, i) - sum, 2) / 71;
        mean += sum / 3;
        variance += squares / 3;
        BatchNorm other("norm1", {2, 3, 3});
        other.forward(x, y_training, {.training = true});
        BOOST_CHECK_EQUAL(largest_error(y, y_training), 0);
    }
    BOOST_CHECK_SMALL(layer.buffers()[0]->value[1] - mean, 1e-5);
    BOOST_CHECK_CLOSE(layer.buffers()[1]->value[1], variance, 1e-3);
    BOOST_CHECK(layer.parameters()[0]->value == scales);
}

BOOST_AUTO_TEST_CASE(one_value_has_no_variance) {
    BatchNorm dense("norm3", {4, 1, 1}), maps("norm1", {4, 2, 2});
    Tensor x({4, 1, 1}, 1), y({4, 1, 1}, 1), map({4, 2, 2}, 1), out({4, 2, 2}, 1);
    for (const PassContext& context : {PassContext{.training = true}, PassContext{.recalibration = 1}}) {
        BOOST_CHECK_EXCEPTION(dense.forward(x, y, context), ShapeError, [](const ShapeError& error) {
            return std::string(error.what()).find("norm3: batch normalisation") == 0;
        });
        BOOST_CHECK_NO_THROW(maps.forward(map, out, context));
    }
    BOOST_CHECK_NO_THROW(dense.forward(x, y, {}));
}

BOOST_AUTO_TEST_CASE(folding_leaves_the_outputs_equal) {
    for (const std::string engine : {"direct", "fft"})
        for (const std::string text : {"2x12x12:4C3+BN-MP2-2x5C3+BN-P2-6FC+BN-3Softmax",
                                       "2x12x12:4C3v+BN-P2(ecp)-5C3-P2(random)-6FC-3Softmax",
                                       "2x12x12:4C3v+BN-P2(random)-5C3+BN-P2(average)-3Softmax"})
            BOOST_TEST_CONTEXT(engine << " " << text) {
                Network network(parse_architecture(text), {.engine = engine, .batch = 6, .mode = 2});
                const Tensor x = random_tensor({2, 12, 12}, 6, "x");
                RandomStream random(1, "scales");
                for (const NamedParameter& named : network.parameters())
                    if (named.parameter->name == "scale" || named.parameter->name == "shift")
                        for (float& value : named.parameter->value) value = random.uniform(-2, 2);
                for (int pass = 0; pass < 5; ++pass)
                    network.forward(x, {.training = true});  // running statistics
                Network folded = fold_batch_norm(network);
                for (const std::string& name : folded.layer_names()) BOOST_CHECK(!name.starts_with("norm"));
                const Tensor expected = network.forward(x);
                BOOST_CHECK_LE(largest_error(folded.forward(x), expected), 1e-5);
            }
}

BOOST_AUTO_TEST_SUITE_END()
