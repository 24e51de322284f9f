// Wrong shapes, sizes and options: the message names the field, what was expected and what was found.
#include <boost/test/data/test_case.hpp>
#include <boost/test/unit_test.hpp>
#include <limits>

#include "fftconv/convolution/make_engine.hpp"
#include "fftconv/core/error.hpp"
#include "support/convolution_tester.hpp"

using namespace fftconv;

namespace {

constexpr ConvolutionShape shape{
    .batch = 4, .in_channels = 2, .out_channels = 3, .height = 8, .width = 9, .kernel = 3, .padding = 1};
const auto made_engines = boost::unit_test::data::make({"fft", "direct", "spatial", "auto"});

/// Does the message hold every one of the parts?
auto says(const std::vector<std::string>& parts) {
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
void check_refused(const std::string& engine, const std::vector<std::string>& parts, Change change) {
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
    check_refused(engine, {"height", "room for the kernel", "found 8"},
                  [](Shape& s, Options&) { s.kernel = 12; });
    check_refused(engine, {"width", "room for the kernel", "found 9"}, [](Shape& s, Options&) {
        s.kernel = {3, 12};
    });
    check_refused(engine, {"kernel", "found 0"}, [](Shape& s, Options&) { s.kernel = 0; });
    check_refused(engine, {"stride", "found 0"}, [](Shape& s, Options&) { s.stride = {1, 0}; });
    check_refused(engine, {"dilation", "found -2"}, [](Shape& s, Options&) { s.dilation = {-2, 1}; });
    check_refused(engine, {"padding", "found -1"}, [](Shape& s, Options&) { s.padding = {0, 0, -1, 0}; });
    check_refused(engine, {"groups", "in_channels 2 and out_channels 3", "found 2"},
                  [](Shape& s, Options&) { s.groups = 2; });
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

BOOST_DATA_TEST_CASE(huge_sizes_are_refused_at_once, made_engines, engine) {
    using Shape = ConvolutionShape;
    using Options = ConvolutionOptions;
    constexpr int most = std::numeric_limits<int>::max();
    check_refused(engine, {"height", "at most"}, [](Shape& s, Options&) { s.height = most; });
    check_refused(engine, {"width", "at most"}, [](Shape& s, Options&) { s.width = most - 1; });
    check_refused(engine, {"batch", "at most"}, [](Shape& s, Options&) { s.batch = most; });
    check_refused(engine, {"in_channels", "at most"}, [](Shape& s, Options&) { s.in_channels = most; });
    check_refused(engine, {"padding", "at most"}, [](Shape& s, Options&) { s.padding = most; });
    check_refused(engine, {"dilation", "at most"}, [](Shape& s, Options&) { s.dilation = most; });
    check_refused(engine, {"stride", "at most"}, [](Shape& s, Options&) { s.stride = most; });
    check_refused(engine, {"kernel", "at most"}, [](Shape& s, Options&) { s.kernel = most; });
    check_refused(engine, {"input", "at most"}, [](Shape& s, Options&) { s.height = s.width = 1 << 20; });
    check_refused(engine, {"weights", "at most"},
                  [](Shape& s, Options&) { s.in_channels = s.out_channels = 1 << 20; });
}

BOOST_DATA_TEST_CASE(measured_plans_check_the_layer_first, boost::unit_test::data::make({"fft", "auto"}),
                     engine) {
    check_refused(engine, {"height", "room for the kernel", "found 2"},
                  [](ConvolutionShape& s, auto& o) { s.height = 2, s.padding = 0, o.measure = true; });
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

BOOST_DATA_TEST_CASE(memory_is_not_shared, made_engines, engine) {
    const ConvolutionShape square{
        .batch = 4, .in_channels = 3, .out_channels = 3, .height = 8, .width = 8, .kernel = 3, .padding = 1};
    auto made = make_engine(engine, square, {});
    Tensor x = made->make_input(), y = made->make_output();
    std::vector<float> dw(square.weights());
    BOOST_CHECK_EXCEPTION(made->forward(x, x), ShapeError, says({"output", "shared with the input"}));
    BOOST_CHECK_EXCEPTION(made->backward_input(x, x), ShapeError,
                          says({"input gradient", "shared with the output gradient"}));
    BOOST_CHECK_EXCEPTION(made->backward(x, y, x, dw), ShapeError,
                          says({"input gradient", "shared with the input"}));
    const std::span<float> within(x.data(), dw.size());
    BOOST_CHECK_EXCEPTION(made->backward_weights(x, y, within), ShapeError,
                          says({"weight gradient", "shared with the input"}));
    std::vector<float> memory(2 * 3 * 8 * 8);  // two images, the second with half of the first
    BOOST_CHECK_EXCEPTION(
        made->forward(nchw(memory.data(), 1, 3, 8, 8), nchw(memory.data() + 3 * 8 * 4, 1, 3, 8, 8)),
        ShapeError, says({"output", "shared"}));
    made->forward(nchw(memory.data(), 1, 3, 8, 8), nchw(memory.data() + 3 * 8 * 8, 1, 3, 8, 8));
}

BOOST_DATA_TEST_CASE(tensors_that_were_moved_from_and_empty_batches, made_engines, engine) {
    auto made = make_engine(engine, shape, {});
    Tensor x = made->make_input(), y = made->make_output();
    const Tensor taken = std::move(x);
    BOOST_CHECK_EXCEPTION(made->forward(x, y), ShapeError,  // NOLINT(bugprone-use-after-move): on purpose
                          says({"input", "found (0, 0, 0, 0)"}));
    Tensor none = made->make_input(), no_output = made->make_output();
    none.reshape(none.maps(), 0);
    no_output.reshape(no_output.maps(), 0);
    BOOST_CHECK_EXCEPTION(made->forward(none, no_output), ShapeError,
                          says({"input", "at least one image", "found 0"}));
    std::vector<float> dw(shape.weights());
    BOOST_CHECK_THROW(made->backward_weights(none, no_output, dw), ShapeError);
    BOOST_CHECK_THROW(made->backward_input(no_output, none), ShapeError);
    BOOST_CHECK_EXCEPTION(made->forward(nchw(static_cast<float*>(nullptr), 4, 2, 8, 9), y), ShapeError,
                          says({"input", "null pointer"}));
    MapsView flat = y;
    flat.channel_stride = 0;
    BOOST_CHECK_EXCEPTION(made->forward(taken, flat), ShapeError,
                          says({"output", "strides that keep its elements apart"}));
    MapsView shared = y;  // a row begins where the one before has not ended
    shared.row_stride -= 1;
    BOOST_CHECK_EXCEPTION(made->forward(taken, shared), ShapeError,
                          says({"output", "strides that keep its elements apart"}));
}

BOOST_AUTO_TEST_CASE(unknown_engines) {
    BOOST_CHECK_EXCEPTION(make_engine("winograd", shape, {}), UsageError,
                          says({"engine", "fft, spatial, direct or auto", "found winograd"}));
}

BOOST_AUTO_TEST_SUITE_END()
