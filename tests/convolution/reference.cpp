// The oracle itself, against sums worked out by hand.
#include "fftconv/convolution/reference.hpp"

#include <boost/test/unit_test.hpp>

#include "fftconv/core/error.hpp"

using namespace fftconv;

namespace {

using Values = std::vector<double>;

constexpr ConvolutionShape three_by_three{.height = 3, .width = 3, .kernel = 2};
const Values image{1, 2, 3, 4, 5, 6, 7, 8, 9}, kernel{1, 10, 100, 1000};

}  // namespace

BOOST_AUTO_TEST_SUITE(reference_convolution)

BOOST_AUTO_TEST_CASE(is_a_cross_correlation) {
    BOOST_TEST(
        (reference::forward(three_by_three, no_mode, image, kernel) == Values{5421, 6532, 8754, 9865}));
}

BOOST_AUTO_TEST_CASE(padding_is_zero_on_every_side) {
    ConvolutionShape shape = three_by_three;
    shape.padding = 1;
    BOOST_TEST((reference::forward(shape, no_mode, image, kernel) == Values{1000, 2100, 3200, 300,  //
                                                                            4010, 5421, 6532, 603,  //
                                                                            7040, 8754, 9865, 906,  //
                                                                            70, 87, 98, 9}));
}

BOOST_AUTO_TEST_CASE(modes_are_the_pixels_of_the_window) {
    for (int mode = 0; mode < 4; ++mode)
        BOOST_TEST(reference::forward(three_by_three, mode, image, kernel) ==
                       Values{reference::forward(three_by_three, no_mode, image, kernel)[mode]},
                   boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(gradients_are_those_of_the_sum) {
    const Values dy{1, 2, 3, 4};
    BOOST_TEST((reference::backward_input(three_by_three, no_mode, dy, kernel) ==
                Values{1, 12, 20, 103, 1234, 2040, 300, 3400, 4000}));
    BOOST_TEST((reference::backward_weights(three_by_three, no_mode, image, dy) == Values{37, 47, 67, 77}));
    BOOST_TEST((reference::backward_weights(three_by_three, 3, image, {2}) == Values{10, 12, 16, 18}));
}

BOOST_AUTO_TEST_CASE(channels_and_images_keep_apart) {
    const ConvolutionShape shape{.batch = 2, .in_channels = 2, .out_channels = 3};
    const Values x{1, 2, 3, 4}, w{1, 10, 2, 20, 3, 30};  // (N, C) and (O, C)
    BOOST_TEST((reference::forward(shape, no_mode, x, w) == Values{21, 42, 63, 43, 86, 129}));
    BOOST_TEST((reference::forward(shape, no_mode, x, w, {1, 0, 0, 1, 0, 0}) == Values{1, 40, 0, 3, 80, 0}));
    BOOST_TEST((reference::backward_weights(shape, no_mode, x, {1, 0, 0, 0, 1, 0}, {1, 1, 1, 0, 1, 1}) ==
                Values{1, 2, 3, 0, 0, 0}));
}

BOOST_AUTO_TEST_CASE(sizes_are_checked) {
    BOOST_CHECK_THROW(reference::forward(three_by_three, no_mode, {1, 2}, kernel), ShapeError);
    BOOST_CHECK_THROW(reference::backward_input(three_by_three, 0, image, kernel), ShapeError);
    BOOST_CHECK_THROW(reference::backward_weights(three_by_three, no_mode, image, image), ShapeError);
}

BOOST_AUTO_TEST_SUITE_END()
