// What all engines promise besides right values: identities, caches, threads, batches, modes.
#include <boost/test/data/test_case.hpp>
#include <boost/test/unit_test.hpp>
#include <numeric>

#include "fftconv/convolution/direct.hpp"
#include "fftconv/convolution/make_engine.hpp"
#include "fftconv/convolution/spatial/spatial.hpp"
#include "fftconv/convolution/spectral/spectral.hpp"
#include "support/convolution_tester.hpp"

using namespace fftconv;
using namespace fftconv::test;

namespace {

const auto engines = boost::unit_test::data::make({"fft", "direct", "spatial"});

constexpr ConvolutionShape small{
    .batch = 11, .in_channels = 5, .out_channels = 6, .height = 17, .width = 14, .kernel = 5, .padding = 2};
constexpr ConvolutionShape wide{
    .batch = 21, .in_channels = 20, .out_channels = 18, .height = 24, .width = 25, .kernel = 3, .padding = 1};

double dot(const std::vector<float>& a, const std::vector<float>& b) {
    return std::inner_product(a.begin(), a.end(), b.begin(), 0.0, std::plus<>(),
                              [](double u, double v) { return u * v; });
}

struct Results {
    std::vector<float> y, dx, dw;
    bool operator==(const Results&) const = default;
};

Results all_passes(ConvolutionTester& tester, ConvolutionEngine& engine) {
    return {to_nchw(tester.forward(engine)), to_nchw(tester.backward_input(engine)),
            tester.backward_weights(engine)};
}

Results all_passes(ConvolutionTester& tester, const std::string& engine) {
    return all_passes(tester, *tester.make(engine));
}

void check_close(const Results& found, const Results& expected, double tolerance) {
    BOOST_TEST(largest_error(found.y, doubles(expected.y)) <= tolerance);
    BOOST_TEST(largest_error(found.dx, doubles(expected.dx)) <= tolerance);
    BOOST_TEST(largest_error(found.dw, doubles(expected.dw)) <= tolerance);
}

}  // namespace

BOOST_AUTO_TEST_SUITE(engines_keep_their_promises)

BOOST_AUTO_TEST_CASE(auto_is_one_of_the_others) {
    const ConvolutionShape one_channel{
        .batch = 16, .out_channels = 20, .height = 28, .width = 28, .kernel = 5};
    BOOST_TEST(dynamic_cast<SpatialConvolution*>(make_engine("auto", one_channel, {}).get()));
    ConvolutionShape many = one_channel;
    many.in_channels = 64;
    BOOST_TEST(dynamic_cast<SpectralConvolution*>(make_engine("auto", many, {}).get()));
    BOOST_TEST(dynamic_cast<SpectralConvolution*>(make_engine("auto", one_channel, {.tile = 16}).get()));
}

BOOST_AUTO_TEST_CASE(auto_counts_the_kernels_that_survive) {
    const ConvolutionShape layer{
        .batch = 50, .in_channels = 20, .out_channels = 32, .height = 12, .width = 12, .kernel = 5};
    BOOST_TEST(dynamic_cast<SpectralConvolution*>(make_engine("auto", layer, {}).get()));
    BOOST_TEST(dynamic_cast<SpectralConvolution*>(make_engine("auto", layer, {.surviving = 0.9}).get()));
    BOOST_TEST(dynamic_cast<SpatialConvolution*>(make_engine("auto", layer, {.surviving = 0.1}).get()));
}

BOOST_DATA_TEST_CASE(passes_are_adjoint, engines* boost::unit_test::data::xrange(-1, 4), engine, mode) {
    for (const ConvolutionShape& shape : {small, wide}) {
        ConvolutionTester tester(shape);
        tester.mode(mode).density(0.6);
        const Results found = all_passes(tester, engine);
        const auto x = to_nchw(tester.x()), dy = to_nchw(tester.dy());
        const double scale = std::sqrt(dot(found.y, found.y) * dot(dy, dy));
        BOOST_TEST(std::abs(dot(found.y, dy) - dot(x, found.dx)) <= 1e-5 * scale);
        BOOST_TEST(std::abs(dot(found.y, dy) - dot(tester.weights(), found.dw)) <= 1e-5 * scale);
    }
}

BOOST_DATA_TEST_CASE(folded_equals_select_after_inverse, engines* boost::unit_test::data::xrange(4), engine,
                     mode) {
    for (const ConvolutionShape& shape : {small, wide}) {
        ConvolutionTester tester(shape);
        tester.mode(mode);
        const Results full = all_passes(tester.inverse(Inverse::full), engine);
        check_close(all_passes(tester.inverse(Inverse::folded), engine), full, 2e-6);
    }
}

BOOST_AUTO_TEST_CASE(input_spectra_of_one_block_are_kept_for_the_gradient) {
    ConvolutionTester tester(small);
    const auto engine = tester.make("fft");
    const std::vector<float> expected = tester.backward_weights(*engine);
    Tensor x = tester.x(), y = engine->make_output();
    std::vector<float> dw(expected.size());
    const auto gradient_after = [&](const auto& between) {
        x = tester.x();
        engine->forward(x, y);
        between();
        x.fill(0);  // against the contract: shows which of x and its spectra was read
        engine->backward_weights(x, tester.dy(), dw);
        return dw;
    };
    const std::vector<float> nothing(dw.size(), 0.0f);
    BOOST_TEST((gradient_after([] {}) == nothing), "kept without being asked to");
    engine->keep_input_spectra(true);
    BOOST_TEST((gradient_after([] {}) == expected));
    BOOST_TEST((gradient_after([&] { engine->set_mask({}); }) == nothing), "kept for another mask");
    BOOST_TEST((gradient_after([&] { tester.backward_input(*engine); }) == nothing),
               "kept after another pass");
    const auto easy = tester.mode(1).make("fft");
    easy->keep_input_spectra(true);
    x = tester.x();
    y = easy->make_output();
    easy->forward(x, y);
    easy->set_mode(2);
    x.fill(0);
    easy->backward_weights(x, tester.dy(), dw);
    BOOST_TEST((dw == nothing), "kept for another mode");
}

BOOST_DATA_TEST_CASE(masked_equals_zeroed_weights, engines* boost::unit_test::data::make({no_mode, 1}),
                     engine, mode) {
    ConvolutionTester tester(wide);
    auto masked = tester.mode(mode).density(0.3).make(engine);
    std::vector<float> zeroed = tester.weights();
    for (std::size_t i = 0; i < zeroed.size(); ++i)
        if (!tester.mask()[i / 9]) zeroed[i] = 0;
    auto whole = make_engine(engine, wide, masked->options());
    whole->set_weights(zeroed);
    BOOST_TEST(whole->surviving_kernels() == wide.kernels());
    BOOST_TEST(masked->surviving_kernels() ==
               std::size_t(std::count(tester.mask().begin(), tester.mask().end(), 1)));
    BOOST_TEST(largest_error(to_nchw(tester.forward(*masked)), doubles(to_nchw(tester.forward(*whole)))) <=
               2e-6);
    BOOST_TEST(largest_error(to_nchw(tester.backward_input(*masked)),
                             doubles(to_nchw(tester.backward_input(*whole)))) <= 2e-6);
}

BOOST_DATA_TEST_CASE(everything_pruned_leaves_the_bias, engines, engine) {
    ConvolutionTester tester(small);
    const Results found = all_passes(tester.density(0).biased(), engine);
    auto bare = tester.make(engine);
    bare->set_bias({});
    const auto constant = [](const std::vector<float>& values) { return Results{values, {}, {}}; };
    const std::size_t pixels = found.y.size() / (small.batch * small.out_channels);
    for (std::size_t i = 0; i < found.y.size(); ++i)
        if (found.y[i] != found.y[i / pixels * pixels])
            BOOST_FAIL("output " << i << " is not its map's bias");
    BOOST_TEST((found.dx == std::vector<float>(found.dx.size(), 0.0f)));
    BOOST_TEST((found.dw == std::vector<float>(found.dw.size(), 0.0f)));
    BOOST_TEST(
        (constant(to_nchw(tester.forward(*bare))) == constant(std::vector<float>(found.y.size(), 0.0f))));
}

BOOST_DATA_TEST_CASE(rows_and_columns_of_the_mask_may_be_empty,
                     engines* boost::unit_test::data::make({no_mode, 2}), engine, mode) {
    ConvolutionTester tester(small);
    tester.mode(mode).biased().mask(
        [](int o, int c) { return o != 2 && c != 0 && c != 4 && (o + c) % 3 != 0; });
    tester.check(engine);
    tester.garbage_lanes().threads(2).check(engine);
}

BOOST_DATA_TEST_CASE(padding_lanes_reach_no_result, engines* boost::unit_test::data::make({no_mode, 0, 3}),
                     engine, mode) {
    for (int batch : {3, 5, 9, 15}) {
        ConvolutionShape shape = small;
        shape.batch = batch;
        ConvolutionTester tester(shape);
        const Results clean = all_passes(tester.mode(mode), engine);
        BOOST_TEST((all_passes(tester.garbage_lanes(), engine) == clean));
    }
}

BOOST_DATA_TEST_CASE(any_batch_may_come, engines* boost::unit_test::data::make({no_mode, 1}), engine, mode) {
    for (int batch : {1, 2, 7, 32, 65}) {
        ConvolutionShape shape = small;
        shape.batch = batch;
        ConvolutionTester tester(shape);
        tester.mode(mode).planned_batch(16).check(engine);
        tester.threads(2).planned_batch(1).check(engine);
    }
}

// Of more images than a block holds: every block adds to the gradient to the weights, dense and sparse.
BOOST_DATA_TEST_CASE(gradients_add_up_over_blocks_of_images, engines, engine) {
    ConvolutionShape shape = wide;
    shape.height = shape.width = 8;
    shape.batch = 150;
    ConvolutionTester tester(shape);
    tester.check(engine);
    tester.density(0.5).threads(2).check(engine);
}

BOOST_DATA_TEST_CASE(one_engine_takes_batches_in_turn, engines, engine) {
    auto made = make_engine(engine, small, {});
    for (int batch : {11, 3, 40, 1, 11}) {
        ConvolutionShape shape = small;
        shape.batch = batch;
        ConvolutionTester tester(shape);
        made->set_weights(tester.weights());
        tester.check_passes(*made);
    }
}

BOOST_DATA_TEST_CASE(threads_change_no_bit,
                     engines* boost::unit_test::data::make({no_mode, 2}) *
                         boost::unit_test::data::make({1.0, 0.4}),
                     engine, mode, density) {
    for (const ConvolutionShape& shape : {small, wide}) {
        ConvolutionTester tester(shape);
        const Results one = all_passes(tester.mode(mode).density(density).biased().threads(1), engine);
        BOOST_TEST((all_passes(tester.threads(2), engine) == one));
        BOOST_TEST((all_passes(tester.threads(3), engine) == one));
    }
}

BOOST_DATA_TEST_CASE(repeated_calls_change_no_bit, engines, engine) {
    ConvolutionTester tester(wide);
    auto made = tester.density(0.5).make(engine);
    const Results first = all_passes(tester, *made);
    BOOST_TEST((all_passes(tester, *made) == first));
}

BOOST_DATA_TEST_CASE(weights_of_a_version_are_kept, engines, engine) {
    ConvolutionTester first(small), second(small);
    second.seed(2);
    auto made = make_engine(engine, small, {});
    made->set_weights(first.weights(), 7);
    first.check_passes(*made);
    made->set_weights(second.weights(), 7);  // the version already held: nothing changes
    first.check_passes(*made);
    made->set_weights(second.weights(), 8);
    second.check_passes(*made);
    made->set_weights(first.weights());  // no version: always taken
    first.check_passes(*made);
    made->set_weights(second.weights());
    second.check_passes(*made);
}

BOOST_DATA_TEST_CASE(masks_change_between_calls, engines, engine) {
    ConvolutionTester whole(wide), half(wide), few(wide);
    auto made = whole.make(engine);
    whole.check_passes(*made);
    made->set_mask(half.density(0.5).mask());
    half.check_passes(*made);
    made->set_mask(few.density(0.1).mask());
    few.check_passes(*made);
    made->set_mask({});
    whole.check_passes(*made);
}

BOOST_DATA_TEST_CASE(modes_change_between_calls, engines* boost::unit_test::data::make({true, false}), engine,
                     folded) {
    ConvolutionTester tester(small);
    auto made = tester.mode(0).inverse(folded ? Inverse::folded : Inverse::full).make(engine);
    for (int mode : {0, 3, 1, 2, 0}) {
        made->set_mode(mode);
        BOOST_TEST_CONTEXT("mode " << mode) tester.mode(mode).check_passes(*made);
    }
}

// What is pruned under one mode is absent under the next.
BOOST_DATA_TEST_CASE(modes_change_under_a_mask, engines* boost::unit_test::data::make({true, false}), engine,
                     folded) {
    ConvolutionTester tester(small);
    auto made = tester.density(0.5).mode(0).inverse(folded ? Inverse::folded : Inverse::full).make(engine);
    for (int mode : {3, 1}) {
        made->set_mode(mode);
        BOOST_TEST_CONTEXT("mode " << mode) tester.mode(mode).check_passes(*made);
    }
}

BOOST_DATA_TEST_CASE(phases_are_timed, engines, engine) {
    ConvolutionTester tester(wide);
    auto made = tester.make(engine);
    all_passes(tester, *made);
    BOOST_TEST(made->profile().size() >= 3u);
    for (const Phase& phase : made->profile()) BOOST_TEST(phase.seconds > 0, phase.name << " took no time");
    made->reset_profile();
    for (const Phase& phase : made->profile()) BOOST_TEST(phase.seconds == 0, phase.name);
    BOOST_TEST(made->workspace_bytes() > 0u);
}

BOOST_AUTO_TEST_SUITE_END()
