// A pruned kernel is absent, not multiplied by zero: a NaN that only pruned kernels would read reaches
// nothing.
#include <boost/test/data/test_case.hpp>
#include <boost/test/unit_test.hpp>
#include <cmath>

#include "support/convolution_tester.hpp"

using namespace fftconv;
using namespace fftconv::test;

namespace {

const auto engines = boost::unit_test::data::make({"fft", "direct", "spatial"});

ConvolutionShape square(int channels) {
    return {.batch = 8,
            .in_channels = channels,
            .out_channels = channels,
            .height = 10,
            .width = 10,
            .kernel = 3,
            .padding = 1};
}

bool channel_is_finite(const Tensor& maps, int channel) {
    for (int h = 0; h < maps.height(); ++h)
        for (int w = 0; w < maps.width(); ++w)
            for (int n = 0; n < maps.batch(); ++n)
                if (!std::isfinite(maps(channel, h, w, n))) return false;
    return true;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(a_pruned_kernel_is_absent)

BOOST_DATA_TEST_CASE(in_every_pass,
                     engines* boost::unit_test::data::make({2, 12}) * boost::unit_test::data::make({-1, 1}),
                     engine, channels, mode) {
    const ConvolutionShape shape = square(channels);
    ConvolutionTester tester(shape);
    tester.mode(mode).mask([](int o, int c) { return o != 0 || c != 0; });
    auto made = tester.make(engine);
    Tensor x = tester.x(), dy = tester.dy(), y = made->make_output(), dx = made->make_input();
    std::vector<float> dw(shape.weights());

    x(0, 5, 5, 3) = not_a_number;
    made->forward(x, y);
    BOOST_TEST(channel_is_finite(y, 0));
    BOOST_TEST(!channel_is_finite(y, 1));  // what is not absent says so
    made->backward_weights(x, dy, dw);
    for (int tap = 0; tap < 9; ++tap) {
        BOOST_TEST(dw[tap] == 0);
        BOOST_TEST(std::isfinite(dw[9 + tap]));
    }
    if (mode == no_mode) BOOST_TEST(!std::isfinite(dw[channels * 9 + 4]));

    dy(0, 2, 2, 3) = not_a_number;
    made->backward_input(dy, dx);
    BOOST_TEST(channel_is_finite(dx, 0));
    BOOST_TEST(!channel_is_finite(dx, 1));
}

// With the spectra of pruned kernels at hand (a search of masks), a mask that leaves no kernel is one like
// any other.
BOOST_DATA_TEST_CASE(all_of_them_between_masks, engines* boost::unit_test::data::make({2, 20}), engine,
                     channels) {
    const ConvolutionShape shape = square(channels);
    ConvolutionTester half(shape), none(shape);
    auto made = half.density(0.5).make(engine);
    made->keep_pruned_spectra(true);
    half.check_passes(*made);
    made->set_mask(none.density(0).mask());
    none.check_passes(*made);
    made->set_mask(half.mask());
    half.check_passes(*made);
}

BOOST_AUTO_TEST_SUITE_END()
