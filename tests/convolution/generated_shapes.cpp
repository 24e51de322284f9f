// Every engine against the oracle over generated shapes: all three passes, masked and not, every mode, both
// inverses, one thread and two, tiles forced and chosen.
#include <boost/test/unit_test.hpp>
#include <cstdlib>

#include "support/convolution_tester.hpp"

using namespace fftconv;
using fftconv::test::ConvolutionTester;

namespace {

// With sanitizers a third of them.
const int case_count = std::getenv("FFTCONV_TEST_QUICK") ? 110 : 330;
constexpr double most_products = 1e6;  // of one pass, so that the oracle takes milliseconds
constexpr int channel_counts[] = {1, 2, 3, 4, 5, 7, 8, 11, 16, 19, 32, 33};
constexpr double densities[] = {1, 1, 0.75, 0.5, 0.25, 0.1};

template <class Values>
auto pick(const Values& values, RandomStream& random) {
    return values[random.below(std::size(values))];
}

double products(const ConvolutionShape& s) {
    return double(s.batch) * double(s.weights()) * s.output_height() * s.output_width();
}

ConvolutionShape generated_shape(int index, bool windows, RandomStream& random) {
    ConvolutionShape s;
    s.kernel = 1 + index % 11;
    s.padding = int(random.below(s.kernel));
    const int least = std::max(1, s.kernel - 2 * s.padding + (windows ? 1 : 0));
    s.height = least + int(random.below(24));
    s.width = least + int(random.below(24));
    s.batch = 1 + int(random.below(70));
    s.in_channels = pick(channel_counts, random);
    s.out_channels = pick(channel_counts, random);
    for (int* extent : {&s.in_channels, &s.out_channels, &s.batch})
        while (products(s) > most_products && *extent > 3) *extent = (*extent + 1) / 2;
    return s;
}

/// Tiles that overlap-save can use: larger than the kernel; even, so that a mode's windows start on a tile.
int generated_tile(int kernel, RandomStream& random) {
    constexpr int tiles[] = {8, 10, 12, 14, 16, 20, 24, 32};
    int tile;
    do tile = pick(tiles, random);
    while (tile <= kernel);
    return tile;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(generated_shapes)

BOOST_AUTO_TEST_CASE(against_the_oracle) {
    for (int index = 0; index < case_count; ++index) {
        RandomStream random(20201122, "generated shape " + std::to_string(index));
        const int mode = index % 2 ? int(random.below(4)) : no_mode;
        ConvolutionTester tester(generated_shape(index, mode != no_mode, random));
        tester.mode(mode).density(pick(densities, random)).biased(random.below(2)).seed(index + 1);
        tester.threads(1 + index % 2).garbage_lanes(index % 3 == 0);
        if (random.below(2)) tester.tile(generated_tile(tester.shape().kernel, random));
        tester.check("fft").check("direct").check("spatial");
        if (mode != no_mode)
            tester.inverse(Inverse::full)
                .threads(2 - index % 2)
                .tile(0)
                .check("fft")
                .check("direct")
                .check("spatial");
    }
}

BOOST_AUTO_TEST_CASE(larger_layers) {
    const ConvolutionShape shapes[] = {
        {.batch = 16,
         .in_channels = 24,
         .out_channels = 20,
         .height = 32,
         .width = 32,
         .kernel = 3,
         .padding = 1},
        {.batch = 50, .in_channels = 20, .out_channels = 32, .height = 12, .width = 12, .kernel = 5},
        {.batch = 1,
         .in_channels = 3,
         .out_channels = 16,
         .height = 61,
         .width = 83,
         .kernel = 7,
         .padding = 3},
        {.batch = 9,
         .in_channels = 70,
         .out_channels = 65,
         .height = 8,
         .width = 8,
         .kernel = 3,
         .padding = 1},
    };
    for (const ConvolutionShape& shape : shapes) {
        ConvolutionTester tester(shape);
        tester.check("fft").check("direct").check("spatial");
        tester.density(0.3).threads(2).check("fft").check("direct").check("spatial");
        tester.mode(2).check("fft").check("direct").check("spatial");
    }
}

BOOST_AUTO_TEST_SUITE_END()
