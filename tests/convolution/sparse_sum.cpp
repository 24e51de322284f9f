// The sparse sum by its masks: kernel groups, whole and in part, empty lists, a single kernel, slots of lanes
// that are not full; on every SIMD target.
#include "fftconv/convolution/simd/highway_targets.hpp"
// (before Highway)
#include <boost/test/unit_test.hpp>

#include "fftconv/convolution/spectral/sparse_sum.hpp"
#include "support/convolution_tester.hpp"
#include "support/targets.hpp"

using namespace fftconv;
using namespace fftconv::test;

namespace {

constexpr ConvolutionShape layer{
    .batch = 11, .in_channels = 9, .out_channels = 14, .height = 13, .width = 10, .kernel = 3, .padding = 1};

using Rule = bool (*)(int o, int c);

bool grouped(int o, int c) {
    return (o / 4 + c) % 3 == 0;
}
/// Outputs 4 to 7 do not share a list.
bool partly_grouped(int o, int c) {
    return o / 4 == 1 ? (o * 5 + c) % 4 == 0 : grouped(o, c);
}
/// Of outputs 4 to 7 one has another list of the same length, and of 8 to 11 one has a part of it.
bool nearly_grouped(int o, int c) {
    if (o == 6) return grouped(o, c + 1);
    return grouped(o, c) && !(o == 9 && c == 1);
}
bool groups_without_kernels(int o, int c) {
    return o / 4 % 2 == 0 && c == 7;
}
bool one_kernel(int o, int c) {
    return o == 5 && c == 3;
}
bool one_of_every_output(int o, int c) {
    return c == o % 9;
}

constexpr std::pair<const char*, Rule> rules[] = {{"grouped", grouped},
                                                  {"partly grouped", partly_grouped},
                                                  {"nearly grouped", nearly_grouped},
                                                  {"groups without kernels", groups_without_kernels},
                                                  {"one kernel", one_kernel},
                                                  {"one of every output", one_of_every_output}};

void check_rules(const ConvolutionShape& shape) {
    for (const auto& [name, rule] : rules) BOOST_TEST_CONTEXT("mask " << name << ", batch " << shape.batch) {
            ConvolutionTester tester(shape);
            tester.mask(rule).biased().garbage_lanes().check("fft");
            tester.mode(2).threads(2).check("fft");
        }
}

sparse_sum::KernelList list_of(Rule rule) {
    sparse_sum::KernelList list;
    list.begin.push_back(0);
    for (int o = 0; o < layer.out_channels; ++o) {
        for (int c = 0; c < layer.in_channels; ++c)
            if (rule(o, c)) list.channel.push_back(c);
        list.begin.push_back(int(list.channel.size()));
    }
    sparse_sum::find_shared_panels(list);
    return list;
}

std::vector<float> forward_of(ConvolutionTester& tester, int threads) {
    auto engine = tester.threads(threads).make("fft");
    return to_nchw(tester.forward(*engine));
}

}  // namespace

BOOST_AUTO_TEST_SUITE(sparse_sums)

BOOST_AUTO_TEST_CASE(every_mask_on_every_simd_target) {
    for_each_target([] { check_rules(layer); });
}

BOOST_AUTO_TEST_CASE(slots_need_not_be_full) {
    for (int batch : {1, 17, 40, 70, 90}) {
        ConvolutionShape shape = layer;
        shape.batch = batch;
        ConvolutionTester tester(shape);
        tester.mask(partly_grouped).biased().check("fft");
    }
}

BOOST_AUTO_TEST_CASE(panels_that_share_a_list_are_recognised) {
    const auto shared = [](Rule rule) { return list_of(rule).shared; };
    using Flags = std::vector<std::uint8_t>;
    BOOST_TEST((shared(grouped) == Flags{1, 1, 1, 0}));  // the last panel has two rows
    BOOST_TEST((shared(partly_grouped) == Flags{1, 0, 1, 0}));
    BOOST_TEST((shared(nearly_grouped) == Flags{1, 0, 0, 0}));
    BOOST_TEST((shared(groups_without_kernels) == Flags{1, 0, 1, 0}));
    BOOST_TEST((shared(one_kernel) == Flags{0, 0, 0, 0}));
    const sparse_sum::KernelList list = list_of(partly_grouped);
    const int of_groups = list.begin[4] + list.begin[12] - list.begin[8];
    BOOST_TEST(list.shared_kernels() == std::size_t(of_groups));
}

BOOST_AUTO_TEST_CASE(groups_need_fewer_products) {
    ConvolutionTester groups(layer), free(layer);
    const auto count = [](ConvolutionTester& tester) {
        const auto engine = tester.make("fft");
        const auto& spectral = dynamic_cast<const SpectralConvolution&>(*engine);
        return double(spectral.sum_multiply_adds(layer.batch)) / double(engine->surviving_kernels());
    };
    const double of_groups = count(groups.mask([](int o, int c) { return o < 12 && grouped(o, c); }));
    const double of_free = count(free.mask(one_of_every_output));
    BOOST_TEST(of_groups < 0.8 * of_free);
    BOOST_TEST(of_groups > 0.74 * of_free);
}

BOOST_AUTO_TEST_CASE(threads_change_no_bit_of_a_group) {
    ConvolutionShape shape = layer;
    shape.batch = 70;
    ConvolutionTester tester(shape);
    tester.mask(partly_grouped).biased();
    const std::vector<float> one = forward_of(tester, 1);
    BOOST_TEST((forward_of(tester, 2) == one));
    BOOST_TEST((forward_of(tester, 3) == one));
}

BOOST_AUTO_TEST_CASE(cached_spectra_of_pruned_kernels_serve_every_mask) {
    ConvolutionTester whole(layer);
    auto engine = whole.make("fft");
    engine->keep_pruned_spectra(true);
    whole.check_passes(*engine);
    for (const auto& [name, rule] : rules) BOOST_TEST_CONTEXT("mask " << name) {
            ConvolutionTester tester(layer);
            engine->set_mask(tester.mask(rule).mask());
            tester.check_passes(*engine);
        }
    engine->keep_pruned_spectra(false);
    ConvolutionTester last(layer);
    engine->set_mask(last.mask(grouped).mask());
    last.check_passes(*engine);
}

BOOST_AUTO_TEST_SUITE_END()
