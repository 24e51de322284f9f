#include "fftconv/core/tensor.hpp"

#include <boost/test/unit_test.hpp>
#include <cstdint>
#include <numeric>

#include "fftconv/core/error.hpp"

using namespace fftconv;

BOOST_AUTO_TEST_SUITE(tensors)

BOOST_AUTO_TEST_CASE(batches_are_padded_to_whole_vectors) {
    const std::pair<int, int> expected[] = {{1, 1}, {2, 2},  {3, 4},   {4, 4},  {5, 8},
                                            {8, 8}, {9, 16}, {50, 56}, {64, 64}};
    for (auto [batch, padded] : expected) {
        BOOST_TEST(padded_batch(batch) == padded, "batch " << batch);
        const Tensor tensor(2, 3, 4, batch);
        BOOST_TEST(tensor.batch_stride() == padded);
        BOOST_TEST(tensor.size() == std::size_t(2 * 3 * 4 * padded));
    }
}

BOOST_AUTO_TEST_CASE(new_tensors_are_zero_and_aligned) {
    for (int batch : {1, 3, 16}) {
        const Tensor tensor(3, 5, 7, batch);
        for (std::size_t i = 0; i < tensor.size(); ++i) BOOST_REQUIRE_EQUAL(tensor.data()[i], 0.0f);
        BOOST_TEST(reinterpret_cast<std::uintptr_t>(tensor.data()) % 64 == 0u);
    }
}

BOOST_AUTO_TEST_CASE(elements_lie_batch_innermost) {
    Tensor tensor(2, 3, 4, 5);
    tensor(1, 2, 3, 4) = 7;
    BOOST_TEST(tensor.data()[((1 * 3 + 2) * 4 + 3) * 8 + 4] == 7);
    BOOST_TEST(tensor.pixel(1, 2, 3)[4] == 7);
    BOOST_TEST(tensor.pixel(0, 0, 1) - tensor.data() == 8);
}

BOOST_AUTO_TEST_CASE(shapes_are_compared_without_contents) {
    const Tensor tensor(2, 3, 4, 5);
    BOOST_TEST(tensor.same_shape(Tensor({2, 3, 4}, 5)));
    BOOST_TEST(!tensor.same_shape(Tensor(2, 3, 4, 6)));
    BOOST_TEST(!tensor.same_shape(Tensor(2, 4, 3, 5)));
}

BOOST_AUTO_TEST_CASE(empty_extents_are_refused) {
    const auto says = [](const std::string& shape) {
        return [=](const ShapeError& error) {
            return std::string(error.what()).find(shape) != std::string::npos;
        };
    };
    BOOST_CHECK_EXCEPTION(Tensor(0, 1, 1, 1), ShapeError, says("(0, 1, 1, 1)"));
    BOOST_CHECK_EXCEPTION(Tensor(1, 0, 1, 1), ShapeError, says("(1, 0, 1, 1)"));
    BOOST_CHECK_EXCEPTION(Tensor(1, 1, -2, 1), ShapeError, says("(1, 1, -2, 1)"));
    BOOST_CHECK_EXCEPTION(Tensor(1, 1, 1, 0), ShapeError, says("(1, 1, 1, 0)"));
}

BOOST_AUTO_TEST_CASE(reshape_keeps_the_strides_right) {
    Tensor tensor(1, 2, 2, 3);
    tensor.reshape({4, 5, 6}, 9);
    BOOST_TEST((tensor.maps() == MapShape{4, 5, 6}));
    BOOST_TEST(tensor.batch() == 9);
    BOOST_TEST(tensor.batch_stride() == 16);
    BOOST_TEST(tensor.size() == std::size_t(4 * 5 * 6 * 16));
}

BOOST_AUTO_TEST_CASE(nchw_goes_round) {
    for (int batch : {1, 2, 3, 7, 8, 33}) {
        const MapShape maps{3, 4, 5};
        std::vector<float> nchw(batch * maps.size());
        std::iota(nchw.begin(), nchw.end(), 1.0f);
        const Tensor tensor = from_nchw(nchw, maps, batch);
        for (int n = 0; n < batch; ++n)
            for (int c = 0; c < 3; ++c)
                for (int h = 0; h < 4; ++h)
                    for (int w = 0; w < 5; ++w)
                        BOOST_REQUIRE_EQUAL(tensor(c, h, w, n), nchw[((n * 3 + c) * 4 + h) * 5 + w]);
        for (int lane = batch; lane < tensor.batch_stride(); ++lane)
            BOOST_TEST(tensor.pixel(2, 3, 4)[lane] == 0);
        BOOST_TEST(to_nchw(tensor) == nchw, boost::test_tools::per_element());
    }
    BOOST_CHECK_EXCEPTION(from_nchw(std::vector<float>(59), {3, 4, 5}, 1), ShapeError,
                          [](const ShapeError& error) {
                              return std::string(error.what()) == "from_nchw: expected 60 floats, found 59";
                          });
}

BOOST_AUTO_TEST_SUITE_END()
