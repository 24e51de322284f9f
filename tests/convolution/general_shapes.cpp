// Rectangular and large kernels, strides, dilations, groups, padding of four sides, any mode and mask:
// generated layers against the double-precision oracle, over views of all layouts.
#include <boost/test/unit_test.hpp>
#include <cstdlib>

#include "fftconv/convolution/spatial/spatial.hpp"
#include "support/convolution_tester.hpp"

using namespace fftconv;
using namespace fftconv::test;

namespace {

const bool quick = std::getenv("FFTCONV_TEST_QUICK") != nullptr;
const int case_count = quick ? 250 : 1000;
constexpr double most_products = 1e5;  // of one pass, so that the oracle takes milliseconds
constexpr int kernels[] = {1, 2, 3, 3, 4, 5, 6, 7, 9, 11, 12, 15, 21, 31};
constexpr int group_counts[] = {1, 1, 1, 2, 3, 4, 8};
constexpr int group_channels[] = {1, 1, 2, 3, 5, 8, 9};
constexpr double densities[] = {1, 1, 0.6, 0.3};

template <class Values>
auto pick(const Values& values, RandomStream& random) {
    return values[random.below(std::size(values))];
}

double products(const ConvolutionShape& s) {
    return double(s.batch) * double(s.weights()) * s.output_height() * s.output_width();
}

/// The length of an axis with so many outputs or a few pixels more, as a stride leaves them over.
int length_for(int outputs, int kernel, int stride, int dilation, int padding, RandomStream& random) {
    const int length =
        (outputs - 1) * stride + (kernel - 1) * dilation + 1 - padding + int(random.below(stride));
    return std::max(1, length);
}

ConvolutionShape generated_shape(int mode, RandomStream& random) {
    ConvolutionShape s;
    const bool one_dimensional = random.below(6) == 0;
    const bool square = random.below(2);
    s.kernel = {pick(kernels, random), pick(kernels, random)};
    s.stride = {1 + int(random.below(4)), 1 + int(random.below(4))};
    s.dilation = {1 + int(random.below(3)), 1 + int(random.below(3))};
    if (random.below(2)) s.stride = 1;
    if (random.below(2)) s.dilation = 1;
    if (square) s.kernel.vertical = s.kernel.horizontal;
    const auto side = [&](int taps) { return int(random.below(std::uint64_t(taps + 1))); };
    s.padding = {side(s.kernel.vertical), side(s.kernel.horizontal), side(s.kernel.vertical),
                 side(s.kernel.horizontal)};
    const int least = mode == no_mode ? 1 : 2;
    if (one_dimensional && mode == no_mode) {
        s.kernel.vertical = s.stride.vertical = s.dilation.vertical = 1;
        s.padding.top = s.padding.bottom = 0;
        s.height = 1;
    } else {
        s.height = length_for(least + int(random.below(14)), s.kernel.vertical, s.stride.vertical,
                              s.dilation.vertical, s.padding.top + s.padding.bottom, random);
    }
    s.width = length_for(least + int(random.below(14)), s.kernel.horizontal, s.stride.horizontal,
                         s.dilation.horizontal, s.padding.left + s.padding.right, random);
    s.groups = pick(group_counts, random);
    s.in_channels = s.groups * pick(group_channels, random);
    s.out_channels = s.groups * pick(group_channels, random);
    s.batch = 1 + int(random.below(20));
    while (products(s) > most_products && s.batch > 1) s.batch = (s.batch + 1) / 2;
    while (products(s) > most_products && s.groups > 1) {
        s.in_channels /= s.groups;
        s.out_channels /= s.groups;
        s.groups = 1;
    }
    if (products(s) > 4 * most_products) s.in_channels = s.out_channels = 1;
    // Of a few values a norm says nothing: they may all have cancelled.
    if (double(s.batch) * s.in_channels * s.height * s.width < 16) s.batch = 16;
    return s;
}

/// 2 ε log2 of the tile's bins.
double fft_tolerance(const ConvolutionEngine& engine) {
    const auto& spectral = dynamic_cast<const SpectralConvolution&>(engine);
    return 2 * std::numeric_limits<float>::epsilon() *
           std::log2(std::max<double>(4, double(spectral.tile().area())));
}

constexpr auto as_nchw = [](auto* data, int n, int c, int h, int w) { return nchw(data, n, c, h, w); };
constexpr auto as_nhwc = [](auto* data, int n, int c, int h, int w) { return nhwc(data, n, c, h, w); };
constexpr auto as_chwn = [](auto* data, int n, int c, int h, int w) { return chwn(data, n, c, h, w); };

void check_layouts(ConvolutionTester& tester, ConvolutionEngine& engine, int index, double tolerance) {
    switch (index % 5) {
        case 0:
            return tester.check_views(engine, as_nchw, as_nchw, tolerance);
        case 1:
            return tester.check_views(engine, as_nhwc, as_nchw, tolerance);
        case 2:
            return tester.check_views(engine, as_chwn, as_nhwc, tolerance);
        case 3:
            return tester.check_views(engine, as_nchw, as_chwn, tolerance);
        default:
            return tester.check_views(engine, as_nhwc, as_nhwc, tolerance);
    }
}

void check_one(ConvolutionTester& tester, const std::string& name, int index, bool judge_norm) {
    BOOST_TEST_CONTEXT(tester.describe(name) << ", case " << index) {
        auto engine = tester.make(name);
        const double tolerance = judge_norm ? fft_tolerance(*engine) : 1e-6;
        tester.check_passes(*engine, 2e-6 + tolerance);
        check_layouts(tester, *engine, index, tolerance);
    }
}

}  // namespace

BOOST_AUTO_TEST_SUITE(general_shapes)

BOOST_AUTO_TEST_CASE(against_the_oracle) {
    for (int index = 0; index < case_count; ++index) {
        RandomStream random(20211126, "general shape " + std::to_string(index));
        const int mode = index % 4 == 3 ? int(random.below(4)) : no_mode;
        ConvolutionTester tester(generated_shape(mode, random));
        tester.mode(mode).density(pick(densities, random)).biased(random.below(2)).seed(index + 1);
        tester.threads(1 + index % 2);
        if (mode != no_mode && random.below(3) == 0) tester.inverse(Inverse::full);
        check_one(tester, "fft", index, true);
        if (index % 2 == 0) check_one(tester, "direct", index, false);
        if (spatial_can(tester.shape(), {.mode = mode})) check_one(tester, "spatial", index, false);
    }
}

BOOST_AUTO_TEST_CASE(large_kernels) {
    const ConvolutionShape shapes[] = {
        {.batch = 2,
         .in_channels = 3,
         .out_channels = 3,
         .height = 40,
         .width = 36,
         .kernel = 31,
         .padding = 15,
         .groups = 3},
        {.height = 70, .width = 66, .kernel = 127, .padding = 63},
        {.batch = 3,
         .in_channels = 2,
         .out_channels = 2,
         .height = 130,
         .width = 127,
         .kernel = {127, 100},
         .padding = {0, 9, 4, 2}},
        {.in_channels = 2, .out_channels = 2, .width = 3000, .kernel = {1, 1024}, .padding = {0, 512}},
        {.width = 6000, .kernel = {1, 4096}, .padding = {0, 100, 0, 3}, .stride = {1, 3}},
        {.width = quick ? 16384 : 65536, .kernel = {1, 4096}, .padding = {0, 2048}},
        {.in_channels = 2, .out_channels = 2, .height = 1, .width = quick ? 9000 : 65536, .kernel = {1, 509}},
        {.height = 200, .width = 3, .kernel = {63, 3}, .padding = {31, 1}, .dilation = {2, 1}},
    };
    for (const ConvolutionShape& shape : shapes) {
        ConvolutionTester tester(shape);
        check_one(tester, "fft", 0, true);
        if (shape.kernels() > 1) check_one(tester.density(0.5), "fft", 1, true);
    }
}

BOOST_AUTO_TEST_CASE(integers_are_exact_after_rounding) {
    const ConvolutionShape shape{.batch = 3,
                                 .in_channels = 6,
                                 .out_channels = 4,
                                 .height = 30,
                                 .width = 23,
                                 .kernel = {7, 5},
                                 .padding = {3, 1, 2, 0},
                                 .stride = {1, 2},
                                 .dilation = {2, 1},
                                 .groups = 2};
    RandomStream random(5, "integers");
    const auto integers = [&](std::size_t count) {
        std::vector<float> values(count);
        for (float& value : values) value = float(int(random.below(9)) - 4);
        return values;
    };
    const MapShape in{6, 30, 23}, out{4, shape.output_height(), shape.output_width()};
    const std::vector<float> x = integers(3 * in.size()), w = integers(shape.weights());
    const std::vector<double> expected = reference::forward(shape, no_mode, doubles(x), doubles(w));
    for (const char* name : {"fft", "direct"}) {
        auto engine = make_engine(name, shape, {});
        engine->set_weights(w);
        std::vector<float> y(3 * out.size(), not_a_number);
        engine->forward(nchw(x.data(), 3, in.channels, in.height, in.width),
                        nchw(y.data(), 3, out.channels, out.height, out.width));
        int wrong = 0;
        for (std::size_t i = 0; i < y.size(); ++i) wrong += std::nearbyint(y[i]) != expected[i];
        BOOST_TEST(wrong == 0, name);
    }
}

/// Whatever is in image 0, the results of the others keep every bit.
BOOST_AUTO_TEST_CASE(images_never_mix) {
    for (int index = 0; index < (quick ? 20 : 60); ++index) {
        RandomStream random(7, "images " + std::to_string(index));
        ConvolutionShape shape = generated_shape(no_mode, random);
        shape.batch = 2 + int(random.below(9));
        ConvolutionTester tester(shape);
        auto engine = tester.make("fft");
        Tensor x = tester.x(), y = engine->make_output(), other = engine->make_output();
        engine->forward(x, y);
        for (int c = 0; c < x.channels(); ++c)
            for (int h = 0; h < x.height(); ++h)
                for (int w = 0; w < x.width(); ++w) x(c, h, w, 0) = index % 2 ? not_a_number : 1e20f;
        engine->forward(x, other);
        int changed = 0;
        for (int o = 0; o < y.channels(); ++o)
            for (int h = 0; h < y.height(); ++h)
                for (int w = 0; w < y.width(); ++w)
                    for (int n = 1; n < y.batch(); ++n) changed += y(o, h, w, n) != other(o, h, w, n);
        BOOST_TEST(changed == 0, tester.describe("fft"));
    }
}

BOOST_AUTO_TEST_CASE(fields_that_an_engine_cannot_do_are_named) {
    ConvolutionShape shape{.height = 9, .width = 9, .kernel = 3, .dilation = 2};
    const auto says = [](const std::string& field) {
        return [field](const ShapeError& error) {
            const std::string what = error.what();
            return what.find(field) != what.npos && what.find("fft and direct can") != what.npos;
        };
    };
    BOOST_CHECK_EXCEPTION(make_engine("spatial", shape, {}), ShapeError, says("dilation"));
    shape.dilation = 1;
    shape.stride = 3;
    BOOST_CHECK_EXCEPTION(make_engine("spatial", shape, {}), ShapeError, says("stride"));
    BOOST_TEST(dynamic_cast<SpectralConvolution*>(make_engine("auto", shape, {}).get()));
}

BOOST_AUTO_TEST_SUITE_END()
