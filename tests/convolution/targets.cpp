// The frequency-domain loops on every SIMD target that this machine has: dispatch is pinned to one after the
// other.
#include "fftconv/convolution/simd/highway_targets.hpp"
// (before Highway)
#include <hwy/highway.h>

#include <boost/test/unit_test.hpp>
#include <cstdlib>

#include "support/convolution_tester.hpp"
#include "support/targets.hpp"

using namespace fftconv;
using fftconv::test::ConvolutionTester;

namespace {

void check_layers() {
    const int many =
        std::getenv("FFTCONV_TEST_QUICK") ? 17 : 50;  // more than a vector's lanes, and not whole ones
    const ConvolutionShape shapes[] = {
        {.batch = many, .in_channels = 20, .out_channels = 32, .height = 12, .width = 12, .kernel = 5},
        {.batch = 3,
         .in_channels = 7,
         .out_channels = 5,
         .height = 19,
         .width = 30,
         .kernel = 3,
         .padding = 1},
        {.batch = 1,
         .in_channels = 3,
         .out_channels = 4,
         .height = 40,
         .width = 33,
         .kernel = 8,
         .padding = 4},
        {.batch = 20,
         .in_channels = 3,
         .out_channels = 3,
         .height = 13,
         .width = 19,
         .kernel = 7,
         .padding = 3,
         .groups = 3},
        {.batch = 9,
         .in_channels = 24,
         .out_channels = 10,
         .height = 9,
         .width = 11,
         .kernel = 4,
         .padding = 2,
         .groups = 2},
    };
    for (const ConvolutionShape& shape : shapes) {
        ConvolutionTester tester(shape);
        tester.biased().check("fft").check("spatial");
        tester.density(0.4).check("fft").check("spatial");
        tester.mode(1).garbage_lanes().threads(2).check("fft").check("spatial");
        for (int tile : {10, 12, 16, 20}) tester.tile(tile).check("fft");
    }
}

}  // namespace

BOOST_AUTO_TEST_CASE(every_simd_target_of_the_machine) {
    fftconv::test::for_each_target(check_layers);
}
