// Wrong shapes, sizes and options: the message names the field, what was expected and what was found.
#include <boost/test/data/test_case.hpp>
#include <boost/test/unit_test.hpp>

#include "fftconv/convolution/make_engine.hpp"
#include "fftconv/core/error.hpp"
#include "support/convolution_tester.hpp"

using namespace fftconv;

namespace {

constexpr ConvolutionShape shape{
    .batch = 4, .in_channels = 2, .out_channels = 3, .height = 8, .width = 9, .kernel = 3, .padding = 1};
const auto made_engines = boost::unit_test::data::make({"fft", "direct", "spatial"});

/// Does the message hold every one of the parts?
auto says(std::vector<std::string> parts) {
    return [parts](const std::exception& error) {
        for (const std::string& part : parts)
            if (std::string(error.what()).find(part) == std::string::npos) {
                BOOST_TEST_MESSAGE(error.what() << " does not say " << part);
                return false;
            }
        return true;
    };
}

template <class Change>
void check_refused(const std::string& engine, std::vector<std::string> parts, Change change) {
    ConvolutionShape changed_shape = shape;
    ConvolutionOptions changed_options;
    change(changed_shape, changed_options);
    BOOST_CHECK_EXCEPTION(make_engine(engine, changed_shape, changed_options), ShapeError, says(parts));
}

}  // namespace

BOOST_AUTO_TEST_SUITE(errors_name_their_field)

BOOST_DATA_TEST_CASE(wrong_shapes, made_engines, engine) {
    using Shape = ConvolutionShape;
    using Options = ConvolutionOptions;
    check_refused(engine, {"batch", "found 0"}, [](Shape& s, Options&) { s.batch = 0; });
    check_refused(engine, {"in_channels", "found -1"}, [](Shape& s, Options&) { s.in_channels = -1; });
    check_refused(engine, {"out_channels", "found 0"}, [](Shape& s, Options&) { s.out_channels = 0; });
    check_refused(engine, {"kernel", "1 to 11", "found 12"}, [](Shape& s, Options&) { s.kernel = 12; });
    check_refused(engine, {"kernel", "found 0"}, [](Shape& s, Options&) { s.kernel = 0; });
    check_refused(engine, {"padding", "found 3"}, [](Shape& s, Options&) { s.padding = 3; });
    check_refused(engine, {"padding", "found -1"}, [](Shape& s, Options&) { s.padding = -1; });
    check_refused(engine, {"height", "found 2"}, [](Shape& s, Options&) { s.height = 2, s.padding = 0; });
    check_refused(engine, {"width", "found 0"}, [](Shape& s, Options&) { s.width = 0; });
    check_refused(engine, {"width", "pooling window", "found 1"},
                  [](Shape& s, Options& o) { s.width = 1, o.mode = 2; });
    check_refused(engine, {"mode", "0 to 3", "found 4"}, [](Shape&, Options& o) { o.mode = 4; });
    check_refused(engine, {"threads", "found 0"}, [](Shape&, Options& o) { o.threads = 0; });
    check_refused(engine, {"surviving", "0 to 1", "found 1.5"},
                  [](Shape&, Options& o) { o.surviving = 1.5; });
    check_refused(engine, {"tile", "found -8"}, [](Shape&, Options& o) { o.tile = -8; });
}

BOOST_AUTO_TEST_CASE(a_tile_must_hold_the_kernel) {
    check_refused("fft", {"tile", "found 2"}, [](ConvolutionShape&, ConvolutionOptions& o) { o.tile = 2; });
}

BOOST_DATA_TEST_CASE(wrong_arrays, made_engines, engine) {
    auto made = make_engine(engine, shape, {});
    const std::vector<float> wrong(7);
    BOOST_CHECK_EXCEPTION(made->set_weights(wrong), ShapeError, says({"weights", "54", "found 7"}));
    BOOST_CHECK_EXCEPTION(made->set_bias(wrong), ShapeError, says({"bias", "3", "found 7"}));
    BOOST_CHECK_EXCEPTION(made->set_mask(std::vector<std::uint8_t>(5)), ShapeError,
                          says({"mask", "6", "found 5"}));
    BOOST_CHECK_EXCEPTION(made->set_mode(1), ShapeError, says({"set_mode"}));
    auto with_mode = make_engine(engine, shape, {.mode = 1});
    BOOST_CHECK_EXCEPTION(with_mode->set_mode(4), ShapeError, says({"mode", "0 to 3", "found 4"}));
    BOOST_CHECK_EXCEPTION(with_mode->set_mode(no_mode), ShapeError, says({"mode", "found -1"}));
}

BOOST_DATA_TEST_CASE(wrong_tensors, made_engines, engine) {
    auto made = make_engine(engine, shape, {});
    made->set_weights(std::vector<float>(shape.weights()));
    const Tensor x = made->make_input(), dy = made->make_output();
    Tensor y = made->make_output(), dx = made->make_input(), small(2, 8, 8, 4);
    std::vector<float> dw(shape.weights()), short_dw(3);
    BOOST_CHECK_EXCEPTION(made->forward(small, y), ShapeError,
                          says({"input", "(2, 8, 9, 4)", "found (2, 8, 8, 4)"}));
    BOOST_CHECK_EXCEPTION(made->forward(x, small), ShapeError,
                          says({"output", "(3, 8, 9, 4)", "found (2, 8, 8, 4)"}));
    Tensor other_batch = made->make_output(5);
    BOOST_CHECK_EXCEPTION(made->forward(x, other_batch), ShapeError, says({"output", "found (3, 8, 9, 5)"}));
    BOOST_CHECK_THROW(made->backward_input(small, dx), ShapeError);
    BOOST_CHECK_THROW(made->backward_input(dy, small), ShapeError);
    BOOST_CHECK_THROW(made->backward_weights(small, dy, dw), ShapeError);
    BOOST_CHECK_THROW(made->backward_weights(x, small, dw), ShapeError);
    BOOST_CHECK_EXCEPTION(made->backward_weights(x, dy, short_dw), ShapeError,
                          says({"weight gradient", "54", "found 3"}));
}

BOOST_AUTO_TEST_CASE(unknown_engines) {
    BOOST_CHECK_EXCEPTION(make_engine("winograd", shape, {}), UsageError,
                          says({"engine", "fft, spatial, direct or auto", "found winograd"}));
}

BOOST_AUTO_TEST_SUITE_END()
