// Every layer's gradients against finite differences, the adjoint identity where it is linear, and
// independence of the number of threads.
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <memory>

#include "fftconv/convolution/spatial/spatial.hpp"
#include "fftconv/convolution/spectral/spectral.hpp"
#include "fftconv/core/error.hpp"
#include "fftconv/network/activation.hpp"
#include "fftconv/network/batch_norm.hpp"
#include "fftconv/network/convolution.hpp"
#include "fftconv/network/dense.hpp"
#include "fftconv/network/pooling.hpp"
#include "support/gradient_check.hpp"

using namespace fftconv;
using namespace fftconv::test;

namespace {

const char* const engines[] = {"direct", "fft"};

void randomise(Layer& layer) {
    RandomStream random(2, layer.name());
    for (Parameter* parameter : layer.parameters()) {
        for (float& value : parameter->value) value = random.normal();
        parameter->changed();
    }
}

ConvolutionLayer convolution(const std::string& engine, int mode, int padding = 1, int threads = 1) {
    const ConvolutionShape shape{.batch = 3,
                                 .in_channels = 2,
                                 .out_channels = 3,
                                 .height = 7,
                                 .width = 6,
                                 .kernel = 3,
                                 .padding = padding};
    return {"conv1", engine, shape, {.mode = mode, .threads = threads}};
}

const MapShape maps{3, 5, 6};
const PassContext part{.training = true, .valid = 3};  // of five images

}  // namespace

BOOST_AUTO_TEST_SUITE(layers)

BOOST_AUTO_TEST_CASE(convolution_gradients) {
    for (const std::string engine : engines)
        for (int mode : {no_mode, 0, 1, 2, 3}) BOOST_TEST_CONTEXT(engine << ", mode " << mode) {
                ConvolutionLayer layer = convolution(engine, mode);
                randomise(layer);
                const Tensor x = random_tensor(layer.input_maps(), 3, "x");
                check_gradients(layer, x, {}, 0.5f, 1e-4);
                check_gradients(layer, x, {.training = true, .valid = 2}, 0.5f, 1e-4);
                layer.bias().value.assign(3, 0);
                check_adjoint(layer, x);
            }
}

BOOST_AUTO_TEST_CASE(masked_convolution) {
    const std::vector<std::uint8_t> mask = {1, 0, 0, 0, 1, 1};
    for (const std::string engine : engines)
        for (int mode : {no_mode, 3}) BOOST_TEST_CONTEXT(engine << ", mode " << mode) {
                ConvolutionLayer layer = convolution(engine, mode, 0);
                randomise(layer);
                layer.set_kernel_mask(mask);
                BOOST_CHECK(layer.kernel_mask() == mask);
                BOOST_CHECK_EQUAL(layer.surviving_kernels(), 3);
                const Tensor x = random_tensor(layer.input_maps(), 3, "x");
                const Passes masked = run(layer, x, {});
                BOOST_CHECK_EQUAL(layer.engine().surviving_kernels(), 3);
                for (std::size_t i = 0; i < layer.weight().value.size(); ++i)
                    if (!mask[i / 9]) {
                        BOOST_CHECK_EQUAL(layer.weight().value[i], 0.0f);
                        BOOST_CHECK_EQUAL(layer.weight().gradient[i], 0.0f);
                    }
                // The same as zeroed weights that nobody masks; and unmasking brings every kernel back.
                layer.set_kernel_mask({});
                const Passes zeroed = run(layer, x, {});
                BOOST_CHECK_EQUAL(layer.engine().surviving_kernels(), 6);
                BOOST_CHECK_LE(largest_error(masked.y, zeroed.y), 1e-5);
                BOOST_CHECK_LE(largest_error(masked.dx, zeroed.dx), 1e-5);
                BOOST_CHECK_THROW(layer.set_kernel_mask(std::vector<std::uint8_t>(5, 1)), ShapeError);
            }
}

BOOST_AUTO_TEST_CASE(auto_changes_the_engine_with_the_mask) {
    const ConvolutionShape shape{
        .batch = 40, .in_channels = 64, .out_channels = 64, .height = 24, .width = 24, .kernel = 5};
    ConvolutionLayer chosen("conv1", "auto", shape, {.mode = 1}),
        spectral("conv1", "fft", shape, {.mode = 1});
    randomise(chosen);
    randomise(spectral);
    chosen.set_mode(2);
    spectral.set_mode(2);
    const Tensor x = random_tensor(chosen.input_maps(), 40, "x");
    std::vector<std::uint8_t> few(shape.kernels());
    for (std::size_t kernel = 3; kernel < few.size(); kernel += 25) few[kernel] = 1;
    const auto check = [&](bool is_spatial) {
        const Passes found = run(chosen, x, {}), expected = run(spectral, x, {});
        BOOST_CHECK_EQUAL(dynamic_cast<SpatialConvolution*>(&chosen.engine()) != nullptr, is_spatial);
        BOOST_CHECK_EQUAL(chosen.mode(), 2);
        BOOST_CHECK_LE(largest_error(found.y, expected.y), 1e-5);
        BOOST_CHECK_LE(largest_error(found.dx, expected.dx), 1e-5);
    };
    check(false);
    for (ConvolutionLayer* layer : {&chosen, &spectral}) layer->set_kernel_mask(few);
    check(true);
    for (ConvolutionLayer* layer : {&chosen, &spectral}) layer->set_kernel_mask({});
    check(false);
    chosen.keep_pruned_spectra(true);  // a search over masks keeps its engine
    for (ConvolutionLayer* layer : {&chosen, &spectral}) layer->set_kernel_mask(few);
    check(false);
}

BOOST_AUTO_TEST_CASE(auto_changes_the_tile_with_the_mask) {
    ConvolutionShape shape{.batch = 4,
                           .in_channels = 32,
                           .out_channels = 32,
                           .height = 16,
                           .width = 16,
                           .kernel = 7,
                           .padding = 3};
    // A size and a share of kernels for which the FFT engine stays the cheaper one, with another tile.
    int step = 2;
    const auto share = [&] { return std::ceil(20.0 / step) / 20; };
    const auto another_tile = [&] {
        const Plan dense = plan_layer("auto", shape, {}),
                   plan = plan_layer("auto", shape, {.surviving = share()});
        return dense.engine == "fft" && plan.engine == "fft" && !(plan.tile == dense.tile);
    };
    const auto search = [&] {
        for (shape.height = shape.width = 12; shape.height < 60; ++shape.height, ++shape.width)
            for (step = 2; step < 20; ++step)
                if (another_tile()) return true;
        return false;
    };
    BOOST_REQUIRE(search());
    ConvolutionLayer chosen("conv1", "auto", shape, {}), spectral("conv1", "fft", shape, {});
    randomise(chosen);
    randomise(spectral);
    const Tensor x = random_tensor(chosen.input_maps(), 4, "x");
    std::vector<std::uint8_t> few(shape.kernels());
    for (std::size_t kernel = 1; kernel < few.size(); kernel += step) few[kernel] = 1;
    const auto tile_of = [&](ConvolutionLayer& layer) {
        return dynamic_cast<SpectralConvolution&>(layer.engine()).tile();
    };
    for (const std::vector<std::uint8_t>& mask : {std::vector<std::uint8_t>(), few, {}}) {
        for (ConvolutionLayer* layer : {&chosen, &spectral}) layer->set_kernel_mask(mask);
        const Passes found = run(chosen, x, {}), expected = run(spectral, x, {});
        BOOST_CHECK_EQUAL(tile_of(chosen) == tile_of(spectral), mask.empty());  // "fft" keeps the dense one
        BOOST_CHECK_LE(largest_error(found.y, expected.y), 1e-5);
        BOOST_CHECK_LE(largest_error(found.dx, expected.dx), 1e-5);
    }
}

BOOST_AUTO_TEST_CASE(single_weights_held_leave_the_kernel_alive) {
    ConvolutionLayer layer = convolution("direct", no_mode);
    randomise(layer);
    std::vector<std::uint8_t> held(layer.weight().value.size(), 1);
    held[4] = 0;
    std::fill_n(held.begin() + 9, 9, 0);
    layer.weight().hold(held);
    BOOST_CHECK_EQUAL(layer.surviving_kernels(), 5);
    BOOST_CHECK_EQUAL(layer.weight().value[4], 0.0f);
}

BOOST_AUTO_TEST_CASE(convolution_follows_its_weights) {
    for (const std::string engine : engines) BOOST_TEST_CONTEXT(engine) {
            ConvolutionLayer layer = convolution(engine, no_mode);
            randomise(layer);
            const Tensor x = random_tensor(layer.input_maps(), 3, "x");
            const Passes before = run(layer, x, {});
            for (float& value : layer.weight().value) value *= 2;
            layer.weight().changed();
            layer.bias().value.assign(3, 0);
            Tensor twice(layer.output_maps(), 3), again(layer.output_maps(), 3);
            layer.forward(x, twice, {});
            layer.set_threads(2);  // a new engine must get weights, bias and mask again
            layer.forward(x, again, {});
            BOOST_CHECK_GT(largest_error(twice, before.y), 0.1);
            BOOST_CHECK_EQUAL(largest_error(again, twice), 0);
        }
}

BOOST_AUTO_TEST_CASE(max_pooling_gradients) {
    MaxPooling layer("pool1", maps);
    check_gradients(layer, spaced_tensor(maps, 5, "x", 0.125f), {}, 0.03125f, 1e-5);
    check_gradients(layer, spaced_tensor(maps, 5, "x", 0.125f, 3), part, 0.03125f, 1e-5);
}

BOOST_AUTO_TEST_CASE(overlapped_max_pooling_gradients) {
    for (const MapShape shape : {MapShape{2, 5, 6}, MapShape{2, 2, 3}, MapShape{1, 8, 7}}) {
        OverlappedMaxPooling layer("pool1", shape);
        check_gradients(layer, spaced_tensor(shape, 5, "x", 0.125f), {}, 0.03125f, 1e-5);
        check_gradients(layer, spaced_tensor(shape, 5, "x", 0.125f, 3), part, 0.03125f, 1e-5);
    }
    OverlappedMaxPooling wide("pool1", {1, 4, 4});  // more lanes than one block of the backward pass
    check_gradients(wide, spaced_tensor({1, 4, 4}, 70, "x", 0.125f), {}, 0.03125f, 1e-5);
}

BOOST_AUTO_TEST_CASE(average_pooling_gradients) {
    AveragePooling layer("pool1", maps);
    check_gradients(layer, random_tensor(maps, 5, "x"), {}, 0.5f, 1e-5);
    check_adjoint(layer, random_tensor(maps, 5, "x"));
}

BOOST_AUTO_TEST_CASE(random_pooling_gradients) {
    for (int mode = 0; mode < 4; ++mode) BOOST_TEST_CONTEXT(mode) {
            RandomPooling layer("pool1", maps, mode);
            check_gradients(layer, random_tensor(maps, 5, "x"), {}, 0.5f, 1e-5);
            check_adjoint(layer, random_tensor(maps, 5, "x", 3), part);
        }
}

BOOST_AUTO_TEST_CASE(dense_gradients) {
    DenseLayer layer("dense1", maps, 7);
    randomise(layer);
    check_gradients(layer, random_tensor(maps, 5, "x"), {}, 0.5f, 1e-4);
    check_gradients(layer, random_tensor(maps, 5, "x", 3), part, 0.5f, 1e-4);
    layer.bias().value.assign(7, 0);
    check_adjoint(layer, random_tensor(maps, 5, "x"));
    DenseLayer without("dense2", maps, 7, false);
    BOOST_CHECK_EQUAL(without.parameters().size(), 1);
    BOOST_CHECK_THROW(DenseLayer("dense3", maps, 0), ShapeError);
}

// Of thinner networks any number of inputs is left: the last ones do not fill a vector.
BOOST_AUTO_TEST_CASE(dense_of_any_number_of_inputs) {
    constexpr int batch = 16;
    for (int inputs : {1, 7, 8, 27, 261})
        for (int outputs : {3, 34}) BOOST_TEST_CONTEXT(inputs << " inputs, " << outputs << " outputs") {
                DenseLayer layer("dense1", {inputs, 1, 1}, outputs);
                randomise(layer);
                const Tensor x = random_tensor({inputs, 1, 1}, batch, "x"),
                             dy = random_tensor({outputs, 1, 1}, batch, "dy");
                Tensor y({outputs, 1, 1}, batch), dx({inputs, 1, 1}, batch);
                const std::vector<float> weights = layer.weight().value, bias = layer.bias().value;
                std::vector<float>& dw = layer.weight().gradient;
                std::vector<float> first_dw;
                for (int threads : {1, 2}) {
                    layer.set_threads(threads);
                    y.fill(quiet_nan), dx.fill(quiet_nan);
                    std::fill(dw.begin(), dw.end(), quiet_nan);
                    layer.forward(x, y, {});
                    layer.backward(x, y, dy, &dx, {});
                    double largest = 0;
                    const auto compare = [&](float found, double expected) {
                        const double difference = std::abs(found - expected);
                        largest = std::isnan(difference) ? INFINITY : std::max(largest, difference);
                    };
                    const auto at = [&](const Tensor& tensor, int row, int n) {
                        return double(tensor(row, 0, 0, n));
                    };
                    for (int o = 0; o < outputs; ++o)
                        for (int n = 0; n < batch; ++n) {
                            double sum = bias[o];
                            for (int i = 0; i < inputs; ++i) sum += weights[o * inputs + i] * at(x, i, n);
                            compare(y(o, 0, 0, n), sum);
                        }
                    for (int i = 0; i < inputs; ++i) {
                        for (int n = 0; n < batch; ++n) {
                            double sum = 0;
                            for (int o = 0; o < outputs; ++o) sum += weights[o * inputs + i] * at(dy, o, n);
                            compare(dx(i, 0, 0, n), sum);
                        }
                        for (int o = 0; o < outputs; ++o) {
                            double sum = 0;
                            for (int n = 0; n < batch; ++n) sum += at(dy, o, n) * at(x, i, n);
                            compare(dw[o * inputs + i], sum);
                        }
                    }
                    BOOST_CHECK_LT(largest, 5e-5);
                    if (threads == 1) first_dw = dw;
                    BOOST_TEST((dw == first_dw));
                }
            }
}

BOOST_AUTO_TEST_CASE(batch_norm_gradients) {
    BatchNorm layer("norm1", maps);
    randomise(layer);
    check_gradients(layer, random_tensor(maps, 5, "x"), {.training = true}, 0.02f, 2e-3);
    check_gradients(layer, random_tensor(maps, 5, "x", 3), part, 0.02f, 2e-3);
    check_gradients(layer, random_tensor(maps, 70, "x", 69), {.training = true, .valid = 69}, 0.05f, 2e-3);
    check_gradients(layer, random_tensor(maps, 5, "x"), {}, 0.5f, 1e-4);  // inference: an affine map
}

BOOST_AUTO_TEST_CASE(relu_gradients) {
    Relu layer("relu1", maps);
    const Tensor x = spaced_tensor(maps, 5, "x", 0.125f, 3);
    check_gradients(layer, x, part, 0.03125f, 1e-5);
    check_in_place(layer, x, part);
}

BOOST_AUTO_TEST_CASE(dropout_gradients) {
    Dropout layer("dropout1", maps, 0.4f, 1);
    const Tensor x = random_tensor(maps, 5, "x");
    check_gradients(layer, x, {.training = true, .step = 3}, 0.5f, 1e-5);
    check_in_place(layer, x, {.training = true, .step = 3});
    check_adjoint(layer, x, {.training = true});
    BOOST_CHECK_THROW(Dropout("dropout1", maps, 1, 1), UsageError);
}

BOOST_AUTO_TEST_CASE(dropout_drops_its_share_and_only_in_training) {
    const MapShape wide{100, 10, 10};
    Dropout layer("dropout1", wide, 0.25f, 1);
    Tensor x(wide, 8), y(wide, 8), z(wide, 8);
    x.fill(3);
    layer.forward(x, y, {});
    BOOST_CHECK_EQUAL(std::count(y.data(), y.data() + y.size(), 3.0f), y.size());
    layer.forward(x, y, {.training = true, .step = 1});
    const double dropped = double(std::count(y.data(), y.data() + y.size(), 0.0f)) / double(y.size());
    BOOST_CHECK_CLOSE(dropped, 0.25, 2);
    BOOST_CHECK_EQUAL(std::count(y.data(), y.data() + y.size(), 4.0f),
                      y.size() - std::size_t(std::lround(dropped * y.size())));
    layer.forward(x, z, {.training = true, .step = 2});
    BOOST_CHECK(!std::equal(y.data(), y.data() + y.size(), z.data()));
    layer.set_threads(2);
    layer.forward(x, z, {.training = true, .step = 1});
    BOOST_CHECK(std::equal(y.data(), y.data() + y.size(), z.data()));
}

BOOST_AUTO_TEST_CASE(threads_do_not_change_a_bit) {
    const MapShape large{12, 10, 10};
    std::vector<std::unique_ptr<Layer>> all;
    all.push_back(std::make_unique<MaxPooling>("max", large));
    all.push_back(std::make_unique<OverlappedMaxPooling>("overlapped", large));
    all.push_back(std::make_unique<AveragePooling>("average", large));
    all.push_back(std::make_unique<RandomPooling>("random", large, 2));
    all.push_back(std::make_unique<Relu>("relu", large));
    all.push_back(std::make_unique<BatchNorm>("norm", large));
    all.push_back(std::make_unique<DenseLayer>("dense", large, 130));
    for (const char* engine : engines)
        all.push_back(std::make_unique<ConvolutionLayer>(
            engine, engine,
            ConvolutionShape{
                .batch = 33, .in_channels = 12, .out_channels = 5, .height = 10, .width = 10, .kernel = 3},
            ConvolutionOptions{}));
    const Tensor x = random_tensor(large, 33, "x", 31);
    for (const auto& layer : all) {
        BOOST_TEST_CONTEXT(layer->name()) {
            randomise(*layer);
            std::vector<std::vector<float>> gradients[2];
            Passes passes[2];
            for (int threads : {1, 2}) {
                layer->set_threads(threads);
                passes[threads - 1] = run(*layer, x, {.training = true, .valid = 31});
                for (Parameter* parameter : layer->parameters())
                    gradients[threads - 1].push_back(parameter->gradient);
            }
            BOOST_CHECK_EQUAL(largest_error(passes[0].y, passes[1].y), 0);
            BOOST_CHECK_EQUAL(largest_error(passes[0].dx, passes[1].dx), 0);
            BOOST_CHECK(gradients[0] == gradients[1]);
        }
    }
}

BOOST_AUTO_TEST_SUITE_END()
