// What follows a convolution, done by its engine: against plain loops over the
// engine's own outputs (the same bits, where nothing is multiplied) and over
// the double-precision reference.
#include <cstdlib>
#include <numeric>

#include "fftconv/convolution/simd/highway_targets.hpp"
#include "fftconv/core/error.hpp"
#include "support/convolution_tester.hpp"
#include "support/targets.hpp"

using namespace fftconv;
using namespace fftconv::test;

namespace {

struct Case {
    ConvolutionShape shape;
    int tile = 0;
    double surviving = 1;
    const char* engine = "fft";
};

/// Tiles that hold the image, that cut windows, odd outputs, several blocks,
/// few channels, images that do not fill the lanes, of which two tiles do. The spatial engine: sums of one
/// block of terms and of two.
std::vector<Case> cases() {
    const auto layer = [](int in, int out, PerAxis size, PerAxis kernel, Padding padding, int batch) {
        return ConvolutionShape{.batch = batch,
                                .in_channels = in,
                                .out_channels = out,
                                .height = size.vertical,
                                .width = size.horizontal,
                                .kernel = kernel,
                                .padding = padding};
    };
    return {{layer(8, 5, {8, 8}, 3, 1, 9)},
            {layer(9, 6, {16, 13}, 3, 1, 16), 8},
            {layer(8, 4, {17, 15}, 3, 1, 50), 8, 0.4},
            {layer(8, 5, {15, 16}, {3, 2}, 0, 21), 9},
            {layer(8, 3, {20, 20}, 5, 2, 40), 12},
            {layer(2, 3, {12, 12}, 5, 0, 16), 12},
            {layer(9, 4, {9, 11}, 3, 1, 8), 0, 0.3},
            {layer(8, 3, {10, 10}, 3, 1, 3)},
            {layer(9, 6, {16, 13}, 3, 1, 6), 8},
            {layer(8, 4, {21, 15}, 3, 1, 8), 9, 0.4},
            {layer(3, 6, {16, 13}, 3, 1, 16), 0, 1, "spatial"},
            {layer(30, 5, {8, 9}, 3, 1, 21), 0, 1, "spatial"}};
}

std::vector<Epilogue> poolings() {
    std::vector<Epilogue> all = {{},
                                 {.pooling = Pooling::maximum},
                                 {.pooling = Pooling::maximum, .window = 3},
                                 {.pooling = Pooling::average}};
    for (int k = 0; k < 4; ++k) all.push_back({.pooling = Pooling::pixel, .pixel = k});
    return all;
}

std::string name_of(const Epilogue& e) {
    return "pooling " + std::to_string(int(e.pooling)) + ", window " + std::to_string(e.window) + ", pixel " +
           std::to_string(e.pixel) + (e.relu ? ", ReLU" : "") + (e.factor.empty() ? "" : ", factors");
}

template <class Float>
Float rectified(Float value) {
    return value <= 0 ? 0 : value;
}

/// A window's value and, of a maximum, its place.
template <class Float>
std::pair<Float, int> summary(const std::vector<Float>& window, const std::vector<int>& places,
                              const Epilogue& e) {
    if (e.pooling == Pooling::pixel) return {window[std::size_t(e.pixel)], 0};
    if (e.pooling == Pooling::average)
        return {Float(0.25) * ((window[0] + window[1]) + (window[2] + window[3])), 0};
    std::size_t most = 0;
    for (std::size_t i = 1; i < window.size(); ++i)
        if (window[i] > window[most] || std::isnan(window[i])) most = i;
    for (Float value : window)
        if (std::isnan(value)) return {value, places[most]};
    return {window[most], places[most]};
}

/// The epilogue by its definition, on maps (N, O, H, W).
template <class Float>
struct Followed {
    std::vector<Float> y;
    std::vector<int> winners;

    Followed(std::vector<Float> maps, MapShape shape, int batch, const Epilogue& e) {
        const std::size_t pixels = std::size_t(shape.height) * shape.width;
        for (std::size_t i = 0; i < maps.size() && !e.factor.empty(); ++i) {
            const std::size_t o = i / pixels % shape.channels;
            maps[i] = e.factor[o] * maps[i] + e.offset[o];
        }
        if (e.pooling == Pooling::none) {
            y = maps;
        } else {
            for (int map = 0; map < batch * shape.channels; ++map)
                for (int i = 0; i < shape.height / 2; ++i)
                    for (int j = 0; j < shape.width / 2; ++j)
                        pool(maps.data() + map * pixels, shape, i, j, e);
        }
        if (e.relu)
            for (Float& value : y) value = rectified(value);
    }

    void pool(const Float* map, MapShape shape, int i, int j, const Epilogue& e) {
        std::vector<Float> window;
        std::vector<int> places;
        for (int u = 0; u < e.window && 2 * i + u < shape.height; ++u)
            for (int v = 0; v < e.window && 2 * j + v < shape.width; ++v) {
                window.push_back(map[(2 * i + u) * shape.width + 2 * j + v]);
                places.push_back(u * e.window + v);
            }
        const auto [value, place] = summary(window, places, e);
        y.push_back(value);
        winners.push_back(place);
    }
};

/// A layer with random weights, bias and inputs.
struct Layer {
    explicit Layer(const Case& of, int threads = 1)
        : shape(of.shape),
          engine(make_engine(of.engine, shape, {.tile = of.tile, .threads = threads})),
          x(tensor_of(random_floats(std::size_t(shape.batch) * engine->input_maps().size(), 1, "x"),
                      engine->input_maps(), shape.batch, not_a_number)),
          weights(random_floats(shape.weights(), 2, "weights")),
          bias(random_floats(std::size_t(shape.out_channels), 3, "bias")) {
        engine->set_weights(weights);
        engine->set_bias(bias);
        if (of.surviving == 1) return;
        RandomStream random(4, "mask");
        for (std::size_t kernel = 0; kernel < shape.kernels(); ++kernel)
            mask.push_back(random.uniform() < of.surviving);
        engine->set_mask(mask);
    }

    std::vector<float> unfused() {
        Tensor y = engine->make_output();
        engine->forward(x, y);
        return to_nchw(y);
    }
    std::vector<double> reference() const {
        std::vector<double> y =
            reference::forward(shape, no_mode, doubles(to_nchw(x)), doubles(weights), mask);
        const std::size_t pixels = y.size() / std::size_t(shape.batch * shape.out_channels);
        for (std::size_t i = 0; i < y.size(); ++i) y[i] += bias[i / pixels % std::size_t(shape.out_channels)];
        return y;
    }

    ConvolutionShape shape;
    std::unique_ptr<ConvolutionEngine> engine;
    Tensor x;
    std::vector<float> weights, bias;
    std::vector<std::uint8_t> mask;
};

/// A fused pass, its output filled with NaN before.
struct FusedPass {
    FusedPass(Layer& layer, Epilogue epilogue, bool with_winners)
        : y(epilogue.maps(layer.engine->output_maps()), layer.shape.batch), winners(y.size(), 0xff) {
        y.fill(not_a_number);
        if (with_winners && epilogue.pooling == Pooling::maximum) epilogue.winners = winners.data();
        layer.engine->forward_fused(layer.x, y, epilogue);
    }

    Tensor y;
    std::vector<std::uint8_t> winners;
};

bool same_bits(const std::vector<float>& a, const std::vector<float>& b) {
    return a.size() == b.size() && std::equal(a.begin(), a.end(), b.begin());
}

void check_forward(const Case& of, Epilogue epilogue) {
    Layer layer(of);
    std::vector<float> factor = random_floats(std::size_t(of.shape.out_channels), 5, "factor");
    std::vector<float> offset = random_floats(std::size_t(of.shape.out_channels), 6, "offset");
    const std::vector<float> unfused = layer.unfused();
    const std::vector<double> reference = layer.reference();
    const MapShape maps = layer.engine->output_maps();
    for (const bool affine : {false, true})
        for (const bool relu : {false, true}) {
            epilogue.relu = relu;
            if (affine) epilogue.factor = factor, epilogue.offset = offset;
            if (!layer.engine->fuses(epilogue, of.shape.batch)) continue;
            BOOST_TEST_CONTEXT(name_of(epilogue)) {
                const Followed<float> expected(unfused, maps, of.shape.batch, epilogue);
                const FusedPass pass(layer, epilogue, true), again(layer, epilogue, false);
                const std::vector<float> found = to_nchw(pass.y);
                if (!affine) BOOST_CHECK(same_bits(found, expected.y));
                BOOST_CHECK(same_bits(found, to_nchw(again.y)));
                BOOST_CHECK_LE(
                    largest_error(found, Followed<double>(reference, maps, of.shape.batch, epilogue).y),
                    5e-6);
                if (epilogue.pooling != Pooling::maximum || affine) continue;
                auto winner = expected.winners.begin();
                auto value = expected.y.begin();
                int wrong = 0;
                for (int n = 0; n < of.shape.batch; ++n)
                    for (int c = 0; c < pass.y.channels(); ++c)
                        for (int i = 0; i < pass.y.height(); ++i)
                            for (int j = 0; j < pass.y.width(); ++j, ++winner, ++value) {
                                const std::size_t place =
                                    std::size_t(pass.y.pixel(c, i, j) - pass.y.data()) + n;
                                // Behind a ReLU that gives zero no gradient asks who has won.
                                if (!(relu && *value == 0)) wrong += pass.winners[place] != *winner;
                            }
                BOOST_CHECK_EQUAL(wrong, 0);
            }
        }
}

/// dy of the pooled maps, and the gradient to the convolution's outputs that it
/// stands for.
struct Gradients {
    Tensor pooled, whole;

    Gradients(const Layer& layer, const Epilogue& e, const std::vector<std::uint8_t>& winners)
        : pooled(e.maps(layer.engine->output_maps()), layer.shape.batch),
          whole(layer.engine->output_maps(), layer.shape.batch) {
        pooled = tensor_of(random_floats(pooled.maps().size() * std::size_t(layer.shape.batch), 7, "dy"),
                           pooled.maps(), layer.shape.batch, not_a_number);
        for (int c = 0; c < pooled.channels(); ++c)
            for (int i = 0; i < pooled.height(); ++i)
                for (int j = 0; j < pooled.width(); ++j)
                    for (int n = 0; n < layer.shape.batch; ++n) add(c, i, j, n, e, winners);
    }

    void add(int c, int i, int j, int n, const Epilogue& e, const std::vector<std::uint8_t>& winners) {
        const float gradient = pooled(c, i, j, n);
        const std::size_t at = std::size_t(pooled.pixel(c, i, j) - pooled.data()) + std::size_t(n);
        for (int place = 0; place < e.window * e.window; ++place) {
            const int row = 2 * i + place / e.window, column = 2 * j + place % e.window;
            if (row >= whole.height() || column >= whole.width()) continue;
            if (e.pooling == Pooling::average)
                whole(c, row, column, n) += 0.25f * gradient;
            else if (place == (e.pooling == Pooling::pixel ? e.pixel : winners[at]))
                whole(c, row, column, n) += gradient;
        }
    }
};

void check_backward(const Case& of, Epilogue epilogue) {
    Layer layer(of), plain(of);
    if (!layer.engine->fuses(epilogue, of.shape.batch) || epilogue.pooling == Pooling::none) return;
    FusedPass pass(layer, epilogue, true);
    epilogue.winners = pass.winners.data();
    const Gradients dy(layer, epilogue, pass.winners);
    for (const bool kept : {false, true}) {
        layer.engine->keep_input_spectra(kept);
        if (kept) FusedPass(layer, epilogue, true);
        Tensor dx = layer.engine->make_input(), expected_dx = layer.engine->make_input();
        std::vector<float> dw(of.shape.weights(), not_a_number), expected_dw = dw, only_dw = dw;
        dx.fill(not_a_number);
        const MapsView to = dx;
        layer.engine->backward_fused(layer.x, dy.pooled, &to, dw, epilogue);
        plain.engine->backward(plain.x, dy.whole, expected_dx, expected_dw);
        BOOST_CHECK(same_bits(to_nchw(dx), to_nchw(expected_dx)));
        BOOST_CHECK(same_bits(dw, expected_dw));
        if (!kept) layer.engine->backward_fused(layer.x, dy.pooled, nullptr, only_dw, epilogue);
        if (!kept) BOOST_CHECK(same_bits(only_dw, expected_dw));
    }
}

/// Every layer with every pooling, on every target; with sanitizers every other pair.
void for_each_pair(void (*check)(const Case&, Epilogue)) {
    const bool quick = std::getenv("FFTCONV_TEST_QUICK") != nullptr;
    for_each_target([&] {
        std::size_t layer = 0;
        for (const Case& of : cases()) {
            std::size_t pair = layer++;
            for (const Epilogue& epilogue : poolings()) {
                if (pair++ % 2 == 1 && quick) continue;
                BOOST_TEST_CONTEXT(to_string(of.shape) << ", tile " << of.tile << ", " << name_of(epilogue)) {
                    check(of, epilogue);
                }
            }
        }
    });
}

}  // namespace

BOOST_AUTO_TEST_SUITE(fused)

BOOST_AUTO_TEST_CASE(which_layers_fuse_what) {
    const auto fuses = [](const Case& of, const Epilogue& epilogue) {
        return Layer(of).engine->fuses(epilogue, of.shape.batch);
    };
    const std::vector<Case> all = cases();
    for (const Case& of : all) BOOST_TEST(fuses(of, {.relu = true}));
    for (std::size_t i : {0, 1, 2, 3, 4, 6, 8, 9})
        BOOST_TEST(fuses(all[i], {.pooling = Pooling::maximum, .window = 3}));
    BOOST_TEST(!fuses(all[7], {.pooling = Pooling::maximum}));  // tiles of few images
    BOOST_TEST(fuses(all[0], {.pooling = Pooling::average}));
    ConvolutionShape dilated = all[0].shape;
    dilated.dilation = 2;
    BOOST_TEST(!fuses({dilated}, {.pooling = Pooling::maximum}));
    BOOST_TEST(!fuses(all[10], {.pooling = Pooling::maximum}));  // spatial
    BOOST_TEST(!fuses({all[10].shape, 0, 0.4, "spatial"}, {.relu = true}));
    BOOST_TEST(!make_engine("direct", all[0].shape, {})->fuses({.relu = true}, 9));
}

BOOST_AUTO_TEST_CASE(forward_is_the_layers_one_after_the_other) {
    for_each_pair(check_forward);
}

BOOST_AUTO_TEST_CASE(backward_is_that_of_the_layers_one_after_the_other) {
    for_each_pair(check_backward);
}

BOOST_AUTO_TEST_CASE(a_nan_stays_and_no_image_meets_another) {
    const Case of = cases()[1];
    for (const Epilogue& pooling : poolings()) BOOST_TEST_CONTEXT(name_of(pooling)) {
            Epilogue epilogue = pooling;
            epilogue.relu = true;
            Layer layer(of);
            if (!layer.engine->fuses(epilogue, of.shape.batch)) continue;
            const FusedPass clean(layer, epilogue, false);
            for (int c = 0; c < of.shape.in_channels; ++c) layer.x(c, 4, 5, 3) = not_a_number;
            const FusedPass pass(layer, epilogue, false);
            int undefined = 0, changed = 0;
            for (int c = 0; c < pass.y.channels(); ++c)
                for (int i = 0; i < pass.y.height(); ++i)
                    for (int j = 0; j < pass.y.width(); ++j)
                        for (int n = 0; n < of.shape.batch; ++n)
                            if (n == 3)
                                undefined += std::isnan(pass.y(c, i, j, n));
                            else
                                changed += pass.y(c, i, j, n) != clean.y(c, i, j, n);
            BOOST_CHECK_GT(undefined, 0);
            BOOST_CHECK_EQUAL(changed, 0);
        }
}

BOOST_AUTO_TEST_CASE(the_same_bits_for_any_number_of_threads) {
    for (const Case& of : cases())
        for (const Epilogue& epilogue : poolings()) {
            Layer one(of), three(of, 3);
            if (!one.engine->fuses(epilogue, of.shape.batch)) continue;
            BOOST_CHECK(three.engine->fuses(epilogue, of.shape.batch));
            const FusedPass alone(one, epilogue, true), shared(three, epilogue, true);
            BOOST_CHECK(same_bits(to_nchw(alone.y), to_nchw(shared.y)));
            BOOST_CHECK(alone.winners == shared.winners);
        }
}

BOOST_AUTO_TEST_CASE(wrong_arguments_are_named) {
    Layer layer(cases()[0]);
    const Epilogue epilogue{.pooling = Pooling::maximum};
    Tensor whole = layer.engine->make_output();
    BOOST_CHECK_THROW(layer.engine->forward_fused(layer.x, whole, epilogue), ShapeError);
    Tensor pooled(epilogue.maps(layer.engine->output_maps()), layer.shape.batch);
    const std::vector<float> short_of_one(std::size_t(layer.shape.out_channels) - 1);
    Epilogue bad = epilogue;
    bad.factor = bad.offset = short_of_one;
    BOOST_CHECK_THROW(layer.engine->forward_fused(layer.x, pooled, bad), ShapeError);
    MapsView shifted = pooled;
    shifted.column_stride += 1;
    BOOST_CHECK_THROW(layer.engine->forward_fused(layer.x, shifted, epilogue), ShapeError);
    std::vector<float> dw(layer.shape.weights());
    BOOST_CHECK_THROW(layer.engine->backward_fused(layer.x, pooled, nullptr, dw, epilogue), ShapeError);
    const auto direct = make_engine("direct", layer.shape, {});
    BOOST_CHECK_THROW(direct->forward_fused(layer.x, pooled, epilogue), ShapeError);
}

BOOST_AUTO_TEST_SUITE_END()
