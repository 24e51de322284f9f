// Networks with strides, dilations, groups and rectangular kernels are pruned as others are.
#include <boost/test/data/test_case.hpp>
#include <boost/test/unit_test.hpp>

#include "fftconv/pruning/compact.hpp"
#include "fftconv/pruning/dead_ends.hpp"
#include "fftconv/pruning/spectral_energy.hpp"
#include "pruning/pruned.hpp"

using namespace fftconv;
using namespace fftconv::test;

namespace {

constexpr const char* grouped_networks[] = {"4x14x14:8C3s2g2-12C3x5d2g4+BN-P2-7FC-4Softmax",
                                            "4x12x11:8C5x3-8C3dw-6C3s2x1-7FC-4Softmax"};

/// The network whose pruned weights are zero, without a mask.
Network with_zeros(const PrunedNetwork& pruned, const char* architecture, const std::string& engine) {
    Network network = trained(architecture, engine);
    const auto surviving = pruned.surviving_weights();
    const std::vector<WeightedLayer> layers = weighted_layers(network);
    for (std::size_t i = 0; i < layers.size(); ++i) {
        for (std::size_t w = 0; w < surviving[i].size(); ++w)
            if (!surviving[i][w]) layers[i].weight->value[w] = 0;
        layers[i].weight->changed();
    }
    return network;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(grouped_layers)

BOOST_DATA_TEST_CASE(masks_dead_ends_and_compaction,
                     boost::unit_test::data::make({"direct", "fft", "auto"}) *
                         boost::unit_test::data::make(grouped_networks),
                     engine, architecture) {
    for (double ratio : {0.3, 0.7}) {
        PrunedNetwork pruned = trained_whole(architecture, engine);
        pruned.set_masks(mixed_masks(pruned.network, ratio));
        const Tensor images = images_for(pruned.network), answer = pruned.network.forward(images);
        Network zeros = with_zeros(pruned, architecture, engine);
        BOOST_CHECK_LT(difference(zeros.forward(images), answer), 3e-6);
        PrunedNetwork thin = compact(pruned);
        BOOST_CHECK_LT(difference(thin.network.forward(images), answer), 3e-6);
        remove_dead_ends(pruned);
        BOOST_CHECK_LT(difference(pruned.network.forward(images), answer), 3e-6);
        PrunedNetwork thinner = compact(pruned);
        BOOST_CHECK_LT(difference(thinner.network.forward(images), answer), 3e-6);
    }
}

// A pruned map takes along the kernels that read it, which are those of its own group alone.
BOOST_AUTO_TEST_CASE(a_map_is_read_within_its_group) {
    PrunedNetwork pruned = trained_whole("4x12x12:8C3-8C3dw-12C3g4-4Softmax");
    const std::vector<WeightedLayer> layers = weighted_layers(pruned.network);
    Masks masks;
    mask_of(masks, layers, "conv1").feature_map = {1, 1, 1, 0, 1, 1, 1, 1};
    mask_of(masks, layers, "conv2").feature_map = {1, 1, 1, 1, 1, 0, 1, 1};
    pruned.set_masks(masks);
    const auto surviving = pruned.surviving_weights();
    for (int o = 0; o < 8; ++o) BOOST_CHECK_EQUAL(surviving[1][layers[1].at(o, 0)], o != 3 && o != 5);
    for (int o = 0; o < 12; ++o)
        for (int c = 0; c < 2; ++c)  // map 5 is the second of group 2, outputs 6 to 8
            BOOST_CHECK_EQUAL(surviving[2][layers[2].at(o, c)], !(o / 3 == 2 && c == 1));
}

BOOST_AUTO_TEST_CASE(energies_are_those_of_the_group) {
    const ConvolutionShape shape{.in_channels = 4,
                                 .out_channels = 4,
                                 .height = 6,
                                 .width = 6,
                                 .kernel = {3, 1},
                                 .padding = {2, 0},
                                 .groups = 2};
    Tensor x(4, 6, 6, 1);
    for (int i = 0; i < 6; ++i) x(3, i, i, 0) = float(i + 1);  // only map 3, of group 1, holds anything
    const std::vector<double> energies = kernel_energies(shape, std::vector<float>(shape.weights(), 1.0f), x);
    for (int o = 0; o < 4; ++o)
        for (int c = 0; c < 2; ++c) BOOST_CHECK_EQUAL(energies[std::size_t(2 * o + c)] > 0, o >= 2 && c == 1);
}

BOOST_AUTO_TEST_SUITE_END()
