// Values of the poolings against plain loops, and the three equal forms of easy convolution pooling.
#include "fftconv/network/pooling.hpp"

#include <boost/test/unit_test.hpp>
#include <cmath>
#include <limits>

#include "fftconv/core/error.hpp"
#include "fftconv/network/convolution.hpp"
#include "fftconv/network/network.hpp"
#include "support/gradient_check.hpp"

using namespace fftconv;
using namespace fftconv::test;

namespace {

constexpr int batch = 9;

/// Windows of `window` pixels, stride 2, as reduce(values of the window) says; the border cuts windows.
template <class Reduce>
void check_values(Layer& layer, int window, int images, const Reduce& reduce) {
    const Tensor x = random_tensor(layer.input_maps(), images, "x");
    const Passes passes = run(layer, x, {});
    const MapShape in = layer.input_maps(), out = layer.output_maps();
    BOOST_CHECK(out == (MapShape{in.channels, in.height / 2, in.width / 2}));
    for (int c = 0; c < out.channels; ++c)
        for (int i = 0; i < out.height; ++i)
            for (int j = 0; j < out.width; ++j)
                for (int n = 0; n < images; ++n) {
                    std::vector<float> values;
                    for (int u = 2 * i; u < std::min(2 * i + window, in.height); ++u)
                        for (int v = 2 * j; v < std::min(2 * j + window, in.width); ++v)
                            values.push_back(x(c, u, v, n));
                    BOOST_REQUIRE_SMALL(passes.y(c, i, j, n) - reduce(values), 1e-6f);
                }
}

float most(const std::vector<float>& values) {
    return *std::max_element(values.begin(), values.end());
}

void randomise(ConvolutionLayer& layer) {
    RandomStream random(4, "weights");
    for (float& value : layer.weight().value) value = random.normal();
    for (float& value : layer.bias().value) value = random.normal();
    layer.weight().changed();
}

/// Every pixel of a 2×2 window gets the window's value: the paper's "pad the same value to its neighbours".
Tensor padded_to_neighbours(const Tensor& pooled) {
    Tensor whole(pooled.channels(), 2 * pooled.height(), 2 * pooled.width(), pooled.batch());
    for (int c = 0; c < whole.channels(); ++c)
        for (int i = 0; i < whole.height(); ++i)
            for (int j = 0; j < whole.width(); ++j)
                std::copy_n(pooled.pixel(c, i / 2, j / 2), pooled.batch_stride(), whole.pixel(c, i, j));
    return whole;
}

/// Its adjoint: each window's gradients are summed.
Tensor summed_over_neighbours(const Tensor& whole) {
    Tensor pooled(whole.channels(), whole.height() / 2, whole.width() / 2, whole.batch());
    for (int c = 0; c < whole.channels(); ++c)
        for (int i = 0; i < whole.height(); ++i)
            for (int j = 0; j < whole.width(); ++j)
                for (int n = 0; n < whole.batch(); ++n) pooled(c, i / 2, j / 2, n) += whole(c, i, j, n);
    return pooled;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(pooling)

BOOST_AUTO_TEST_CASE(values) {
    const auto mean = [](const std::vector<float>& v) { return (v[0] + v[1] + v[2] + v[3]) / 4; };
    for (const MapShape maps :
         {MapShape{2, 6, 8}, MapShape{3, 5, 7}, MapShape{1, 2, 3}, MapShape{1, 3, 2}, MapShape{2, 4, 140}})
        for (int images : {1, 2, 3, batch}) {
            MaxPooling max("pool", maps);
            check_values(max, 2, images, most);
            OverlappedMaxPooling overlapped("pool", maps);
            check_values(overlapped, 3, images, most);
            AveragePooling average("pool", maps);
            check_values(average, 2, images, mean);
            for (int mode = 0; mode < 4; ++mode) {
                RandomPooling random("pool", maps, mode);
                check_values(random, 2, images, [&](const std::vector<float>& v) { return v[mode]; });
            }
        }
}

/// Wherever it is in a window, for few images and for many.
BOOST_AUTO_TEST_CASE(a_nan_is_the_maximum) {
    OverlappedMaxPooling layer("pool", {1, 5, 6});
    for (int images : {1, 4, batch})
        for (int pixel = 0; pixel < 30; ++pixel) {
            Tensor x = random_tensor({1, 5, 6}, images, "x");
            x(0, pixel / 6, pixel % 6, images - 1) = std::numeric_limits<float>::quiet_NaN();
            const Passes passes = run(layer, x, {});
            for (int i = 0; i < 2; ++i)
                for (int j = 0; j < 3; ++j) {
                    const int row = pixel / 6 - 2 * i, column = pixel % 6 - 2 * j;
                    const bool within = row >= 0 && row < 3 && column >= 0 && column < 3;
                    BOOST_TEST(std::isnan(passes.y(0, i, j, images - 1)) == within);
                }
        }
}

BOOST_AUTO_TEST_CASE(sizes) {
    BOOST_CHECK(OverlappedMaxPooling("pool", {1, 32, 16}).output_maps() == (MapShape{1, 16, 8}));
    BOOST_CHECK(OverlappedMaxPooling("pool", {1, 7, 14}).output_maps() == (MapShape{1, 3, 7}));
    BOOST_CHECK(MaxPooling("pool", {1, 7, 14}).output_maps() == (MapShape{1, 3, 7}));
    BOOST_CHECK_THROW(MaxPooling("pool", {1, 1, 2}), ShapeError);
    BOOST_CHECK_THROW(OverlappedMaxPooling("pool", {1, 1, 2}), ShapeError);
    BOOST_CHECK_THROW(RandomPooling("pool", {1, 2, 2}, 4), ShapeError);
}

BOOST_AUTO_TEST_CASE(the_first_of_equal_values_gets_the_gradient) {
    const MapShape maps{1, 4, 4};
    Tensor x(maps, 1), dx(maps, 1);
    x.fill(2);
    MaxPooling max("pool", maps);
    Tensor y(max.output_maps(), 1), dy(max.output_maps(), 1);
    dy.fill(1);
    max.forward(x, y, {});
    max.backward(x, y, dy, &dx, {});
    BOOST_CHECK(to_nchw(dx) == (std::vector<float>{1, 0, 1, 0, 0, 0, 0, 0, 1, 0, 1, 0, 0, 0, 0, 0}));
    OverlappedMaxPooling overlapped("pool", maps);
    overlapped.backward(x, y, dy, &dx, {});
    BOOST_CHECK(to_nchw(dx) == (std::vector<float>{1, 0, 1, 0, 0, 0, 0, 0, 1, 0, 1, 0, 0, 0, 0, 0}));
}

// EasyConvPooling paper, sections 3.3 and 3.4: ECP, convolution with random pooling, and ECP padded to the
// neighbours with any pooling behind it are one function, with one gradient.
BOOST_AUTO_TEST_CASE(easy_convolution_pooling_has_three_equal_forms) {
    for (const std::string engine : {"direct", "fft"})
        for (int height : {9, 10})
            for (int mode = 0; mode < 4; ++mode)
                BOOST_TEST_CONTEXT(engine << ", height " << height << ", mode " << mode) {
                    const ConvolutionShape shape{.batch = batch,
                                                 .in_channels = 3,
                                                 .out_channels = 4,
                                                 .height = height,
                                                 .width = 11,
                                                 .kernel = 3};
                    ConvolutionLayer ecp("ecp", engine, shape, {.mode = mode}),
                        whole("whole", engine, shape, {});
                    randomise(ecp);
                    randomise(whole);
                    RandomPooling random("random", whole.output_maps(), mode);
                    const Tensor x = random_tensor(ecp.input_maps(), batch, "x");
                    const Passes easy = run(ecp, x, {});

                    Tensor full(whole.output_maps(), batch), pooled(random.output_maps(), batch);
                    Tensor d_full(full.maps(), batch), dx(x.maps(), batch);
                    whole.forward(x, full, {});
                    random.forward(full, pooled, {});
                    random.backward(full, pooled, easy.dy, &d_full, {});
                    whole.backward(x, full, d_full, &dx, {});
                    BOOST_CHECK_LE(largest_error(easy.y, pooled), 2e-6);
                    BOOST_CHECK_LE(largest_error(easy.dx, dx), 2e-6);
                    BOOST_CHECK_LE(largest_error(ecp.weight().gradient, whole.weight().gradient), 5e-6);
                    BOOST_CHECK_LE(largest_error(ecp.bias().gradient, whole.bias().gradient), 2e-6);

                    const Tensor same = padded_to_neighbours(easy.y);
                    MaxPooling max("max", same.maps());
                    AveragePooling average("average", same.maps());
                    for (Layer* third : std::initializer_list<Layer*>{&max, &average}) {
                        Tensor y(third->output_maps(), batch), d_same(same.maps(), batch);
                        third->forward(same, y, {});
                        third->backward(same, y, easy.dy, &d_same, {});
                        BOOST_CHECK_LE(largest_error(y, easy.y), 0);
                        BOOST_CHECK_LE(largest_error(summed_over_neighbours(d_same), easy.dy), 0);
                    }
                }
}

// A NaN reaches the logits of its own image, and of no other, through every layer.
BOOST_AUTO_TEST_CASE(nan_passes_through) {
    for (const char* text :
         {"1x8x8:2C3-10Softmax", "1x8x8:2C3-P2-10Softmax", "1x8x8:2C3-P2(average)-10Softmax",
          "1x8x8:2C3-P2(ecp)-10Softmax", "1x8x8:2C3-MP2-10Softmax", "1x8x8:20FC-10Softmax",
          "1x8x8:2C3+BN-MP2-20FC+BN-10Softmax"})
        for (const int lane : {0, 5}) BOOST_TEST_CONTEXT(text << " image " << lane) {
                Network network(parse_architecture(text), {.engine = "direct", .batch = 9});
                Tensor x = random_tensor({1, 8, 8}, 9, "x");
                x(0, 4, 4, lane) = NAN;
                const Tensor& y = network.forward(x);
                for (int n = 0; n < 9; ++n)
                    for (int c = 0; c < 10; ++c)
                        BOOST_REQUIRE_EQUAL(bool(std::isnan(y(c, 0, 0, n))), n == lane);
            }
}

// Wherever in the window it stands.
BOOST_AUTO_TEST_CASE(the_largest_of_a_window_with_nan_is_nan) {
    MaxPooling plain("pool1", {1, 2, 2});
    OverlappedMaxPooling overlapped("pool1", {1, 3, 3});
    for (Layer* layer : std::initializer_list<Layer*>{&plain, &overlapped}) {
        const MapShape maps = layer->input_maps();
        for (int p = 0; p < maps.height * maps.width; ++p) {
            Tensor x = random_tensor(maps, batch, "x"), y(layer->output_maps(), batch);
            x(0, p / maps.width, p % maps.width, 3) = NAN;
            layer->forward(x, y, {});
            for (int n = 0; n < batch; ++n) BOOST_CHECK_EQUAL(bool(std::isnan(y(0, 0, 0, n))), n == 3);
        }
    }
}

BOOST_AUTO_TEST_SUITE_END()
