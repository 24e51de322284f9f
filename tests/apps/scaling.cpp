#include "bench/scaling.hpp"

#include <boost/test/unit_test.hpp>

using namespace fftconv;

namespace {

// A layer of 3 ms with a norm and a megabyte of gradients over one of 5 ms with four megabytes.
const std::vector<LayerLoad> layers{
    {.forward = 1e-3, .backward = 2e-3, .gradient_bytes = 1e6},
    {.forward = 2e-3, .backward = 3e-3, .gradient_bytes = 4e6, .statistics = 3}};

}  // namespace

BOOST_AUTO_TEST_SUITE(scaling)

BOOST_AUTO_TEST_CASE(one_node_only_computes) {
    BOOST_CHECK_CLOSE(modelled_step(layers, 1, {"", 1e9, 1e-3}, 5e-4), 8.5e-3, 1e-6);
}

/// Forward 3 ms and three statistics of one latency; the upper layer's 3 ms, then its two halves of 2 MB at 1
/// GB/s and 10 µs, which outlast the lower layer's 2 ms; then that one's two halves of 0.5 MB.
BOOST_AUTO_TEST_CASE(two_nodes_send_half_of_each_gradient_twice_behind_each_other) {
    const double expected = 3e-3 + 3 * 1e-5 + 3e-3 + 2 * (1e-5 + 2e-3) + 2 * (1e-5 + 0.5e-3) + 5e-4;
    BOOST_CHECK_CLOSE(modelled_step(layers, 2, {"", 1e9, 1e-5}, 5e-4), expected, 1e-6);
}

BOOST_AUTO_TEST_CASE(a_fast_link_hides_behind_the_backward_pass_but_for_the_last_gradient) {
    const double last = 2 * (3 * 1e-7 + 0.75 * 1e6 / 1e11);
    BOOST_CHECK_CLOSE(modelled_step(layers, 4, {"", 1e11, 1e-7}, 0), 8e-3 + 6 * 1e-7 + last, 1e-6);
}

BOOST_AUTO_TEST_CASE(what_bounds_a_step) {
    BOOST_TEST(bound_of_step(layers, 2, {"", 1e12, 1e-7}, 0) == "computing");
    BOOST_TEST(bound_of_step(layers, 2, {"", 1e7, 1e-7}, 0) == "bandwidth");
    BOOST_TEST(bound_of_step(layers, 64, {"", 1e12, 1e-3}, 0) == "latency");
}

BOOST_AUTO_TEST_SUITE_END()
