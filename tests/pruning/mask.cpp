#include "fftconv/core/error.hpp"
#include "fftconv/pruning/pruned_network.hpp"
#include "fftconv/pruning/units.hpp"
#include "fftconv/storage/masks.hpp"
#include "pruning/pruned.hpp"
#include "support/temporary_folder.hpp"

using namespace fftconv;
using namespace fftconv::test;

namespace {

/// The same network pruned the plain way: a copy whose weights are multiplied by the mask.
Network multiplied(const Network& network, const Masks& masks) {
    Network copy(network.architecture(), network.options());
    copy.load_state(network.state());
    const std::vector<WeightedLayer> layers = weighted_layers(copy);
    const auto surviving = surviving_weights(masks, layers);
    for (std::size_t i = 0; i < layers.size(); ++i) {
        for (std::size_t w = 0; w < surviving[i].size(); ++w) layers[i].weight->value[w] *= surviving[i][w];
        layers[i].weight->changed();
        const LayerMask* mask = find_mask(masks, layers[i].name());
        for (int o = 0; o < layers[i].out && mask && !mask->feature_map.empty(); ++o) {
            if (mask->feature_map[o]) continue;
            if (layers[i].bias) layers[i].bias->value[o] = 0;
            if (layers[i].norm)
                for (Parameter* parameter : layers[i].norm->parameters()) parameter->value[o] = 0;
        }
    }
    return copy;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(mask)

BOOST_AUTO_TEST_CASE(a_masked_network_computes_with_what_is_kept) {
    for (const std::string engine : {"direct", "fft"})
        for (const char* architecture : {valid_network, padded_network, normalised_network})
            BOOST_TEST_CONTEXT(engine << " " << architecture) {
                PrunedNetwork pruned = trained_whole(architecture, engine);
                Network& network = pruned.network;
                const Masks masks = mixed_masks(network, 0.4);
                Network expected = multiplied(network, masks);
                pruned.set_masks(masks);
                BOOST_CHECK(pruned.masks() == masks);
                const Tensor images = images_for(network);
                const Tensor answer = expected.forward(images);
                BOOST_CHECK_LT(difference(network.forward(images), answer), 2e-6);
                BOOST_CHECK_LT(network.convolutions()[1]->surviving_kernels(), 40);
                pruned.set_masks({});  // frees everything, though what was zeroed stays zero
                BOOST_CHECK_EQUAL(network.convolutions()[1]->surviving_kernels(), 48);
                BOOST_CHECK_LT(difference(network.forward(images), answer), 2e-6);
            }
}

BOOST_AUTO_TEST_CASE(a_pruned_map_takes_its_kernels_along) {
    PrunedNetwork pruned = trained_whole(valid_network);
    Masks masks;
    mask_of(masks, weighted_layers(pruned.network), "conv1").feature_map = {1, 0, 1, 1, 1, 1};
    mask_of(masks, weighted_layers(pruned.network), "conv2").feature_map = {1, 1, 1, 1, 1, 1, 1, 0};
    pruned.set_masks(masks);
    const std::vector<LayerDensity> layers = pruned.density();
    BOOST_CHECK_EQUAL(layers[0].surviving_maps, 5);
    BOOST_CHECK_EQUAL(layers[0].surviving_kernels, 5 * 2);
    BOOST_CHECK_EQUAL(layers[1].surviving_kernels, 7 * 5);
    BOOST_CHECK_EQUAL(layers[1].surviving_weights, 7 * 5 * 9);
    BOOST_CHECK_EQUAL(layers[2].surviving_kernels, 7 * 7);  // the dense layer does not read the pruned map
    BOOST_CHECK_EQUAL(layers[3].surviving_weights, layers[3].weights);
    const LayerDensity both = total(layers, {"conv1", "conv2"});
    BOOST_CHECK_CLOSE(both.kernel_ratio(), 1 - 45.0 / 60, 1e-9);
    BOOST_CHECK_THROW(total(layers, {"conv3"}), ShapeError);
}

BOOST_AUTO_TEST_CASE(combining_and_comparing) {
    Network network = trained(valid_network);
    const std::vector<WeightedLayer> layers = weighted_layers(network);
    Masks a, b;
    mask_of(a, layers, "conv2").kernel = random_bytes(48, 0.5, "a");
    mask_of(b, layers, "conv2").kernel = random_bytes(48, 0.5, "b");
    mask_of(b, layers, "conv1").feature_map = {1, 1, 1, 1, 1, 0};
    BOOST_CHECK_EQUAL(b.front().layer, "conv1");  // in the network's order
    const Masks both = combine(a, b);
    const auto surviving_a = surviving_weights(a, layers), surviving_b = surviving_weights(b, layers),
               surviving_both = surviving_weights(both, layers);
    std::size_t only_a = 0;
    for (std::size_t i = 0; i < surviving_a[1].size(); ++i) {
        BOOST_REQUIRE_EQUAL(int(surviving_both[1][i]), int(surviving_a[1][i] && surviving_b[1][i]));
        only_a += !surviving_a[1][i] && surviving_b[1][i];
    }
    PrunedNetwork pruned(std::move(network), a);
    const std::vector<MaskComparison> counts = pruned.compare(b);
    BOOST_CHECK_EQUAL(counts[1].only_first, only_a);
    BOOST_CHECK_EQUAL(counts[0].only_second, 2 * 9);
    BOOST_CHECK_EQUAL(counts[0].both_surviving, 5 * 2 * 9);
    pruned.set_masks(both);
    BOOST_CHECK_EQUAL(pruned.compare(a)[1].only_second, 0);
}

BOOST_AUTO_TEST_CASE(saved_for_a_network_trained_elsewhere) {
    const TemporaryFolder folder;
    PrunedNetwork pruned = trained_whole(valid_network);
    MaskRecord record{
        .resolved_toml = "",
        .dataset = {},
        .search = {.criterion = "random", .granularity = "kernel", .seed = {7}, .validation_mcr = {1}},
        .masks = mixed_masks(pruned.network, 0.5),
        .checkpoint_sha256 = ""};
    write_masks(folder.path() / "mask.h5", record);
    const MaskRecord stored = read_masks(folder.path() / "mask.h5");
    pruned.set_masks(record.masks);
    PrunedNetwork other(trained(valid_network, "fft"), stored.masks);
    const Tensor images = images_for(pruned.network);
    BOOST_CHECK_LT(difference(other.network.forward(images), pruned.network.forward(images)), 2e-6);
    PrunedNetwork wider = trained_whole("2x14x14:7C3v-P2-8C3v-P2(average)-7FC-4Softmax");
    wider.set_masks(mixed_masks(wider.network, 0.5));
    const Masks own = wider.masks();
    const std::vector<NamedArray> state = wider.network.state();
    BOOST_CHECK_EXCEPTION(wider.set_masks(stored.masks), ShapeError, [](const ShapeError& error) {
        return std::string(error.what()) == "mask: conv1: maps behind the layer: expected 7, found 6";
    });
    BOOST_CHECK(wider.masks() == own && wider.network.state() == state);
}

// Masks of every granularity are joined, also where one of them does not say how large its layer is.
BOOST_AUTO_TEST_CASE(masks_of_all_granularities_are_combined) {
    Network network = trained(valid_network);
    const std::vector<WeightedLayer> layers = weighted_layers(network);
    const LayerMask maps{.layer = "conv2", .out = 8, .feature_map = {1, 0, 1, 1, 1, 1, 0, 1}};
    Masks kernels, weights;
    mask_of(kernels, layers, "conv2").kernel = random_bytes(48, 0.3, "kernels");
    mask_of(weights, layers, "conv2").intra_kernel = random_bytes(48 * 9, 0.3, "weights");
    Masks others = weights;
    others[0].intra_kernel = random_bytes(48 * 9, 0.3, "others");
    const Masks sources[] = {{maps}, kernels, weights, others};
    std::vector<std::uint8_t> expected(48 * 9);
    for (std::size_t w = 0; w < expected.size(); ++w)
        expected[w] = maps.feature_map[w / 54] && kernels[0].kernel[w / 9] && weights[0].intra_kernel[w] &&
                      others[0].intra_kernel[w];
    std::vector<int> order{0, 1, 2, 3};
    do {
        Masks all;
        for (int source : order) all = combine(all, sources[source]);
        BOOST_REQUIRE_EQUAL(all.size(), 1);
        BOOST_TEST(all[0].out == 8);
        BOOST_TEST(all[0].in == 6);
        BOOST_TEST(all[0].kernel_height == 3);
        BOOST_TEST(all[0].kernel_width == 3);
        BOOST_REQUIRE(surviving_weights(all, layers)[1] == expected);
    } while (std::next_permutation(order.begin(), order.end()));
}

// Masks that were combined, or come from a file of somebody else's, may be in any order: what they prune
// stays pruned when more is.
BOOST_AUTO_TEST_CASE(masks_in_any_order_are_added_to) {
    PrunedNetwork pruned = trained_whole(valid_network);
    const std::vector<WeightedLayer> layers = weighted_layers(pruned.network);
    Masks first, second;
    mask_of(first, layers, "conv1").kernel = random_bytes(12, 0.4, "first");
    mask_of(second, layers, "conv2").kernel = random_bytes(48, 0.4, "second");
    const Masks both = combine(second, first);
    pruned.set_masks(both);
    for (const std::string layer : {"conv1", "conv2"}) {
        const Masks more = random_masks(pruned, {Granularity::kernel, {layer}}, 0.5, 3);
        BOOST_CHECK_EQUAL(more.size(), 2);
        BOOST_CHECK(surviving_weights(combine(more, both), layers) == surviving_weights(more, layers));
    }
}

// A kernel of which some weights are left survives; sums are over the layers named.
BOOST_AUTO_TEST_CASE(what_is_pruned_in_part_survives_in_part) {
    PrunedNetwork pruned = trained_whole(valid_network);
    Masks masks;
    LayerMask& mask = mask_of(masks, weighted_layers(pruned.network), "conv2");
    mask.intra_kernel.assign(48 * 9, 1);
    std::fill_n(mask.intra_kernel.begin() + 5 * 9, 9, 0);   // a whole kernel
    std::fill_n(mask.intra_kernel.begin() + 20 * 9, 4, 0);  // four weights of another one
    pruned.set_masks(masks);
    const std::vector<LayerDensity> layers = pruned.density();
    BOOST_CHECK_EQUAL(layers[1].surviving_kernels, 47);
    BOOST_CHECK_EQUAL(layers[1].surviving_weights, 48 * 9 - 13);
    const LayerDensity both = total(layers, {"conv2", "conv1"});
    BOOST_CHECK_EQUAL(both.weights, (48 + 12) * 9);
    BOOST_CHECK_EQUAL(both.surviving_weights, (48 + 12) * 9 - 13);
    BOOST_CHECK_EQUAL(both.surviving_kernels, 59);
    BOOST_CHECK_CLOSE(both.weight_ratio(), 13.0 / 540, 1e-9);
}

// A file of feature maps alone does not say how many maps come in; kernels are pruned on top of it all the
// same.
BOOST_AUTO_TEST_CASE(masks_from_files_can_be_added_to) {
    const TemporaryFolder folder;
    Network network = trained(valid_network);
    MaskRecord record{
        .resolved_toml = "",
        .dataset = {},
        .search = {.criterion = "random", .granularity = "feature-map", .seed = {7}, .validation_mcr = {1}},
        .masks = {},
        .checkpoint_sha256 = ""};
    mask_of(record.masks, weighted_layers(network), "conv2").feature_map = {1, 0, 1, 1, 1, 1, 1, 1};
    write_masks(folder / "maps.h5", record);
    record.masks = read_masks(folder / "maps.h5").masks;
    mask_of(record.masks, weighted_layers(network), "conv2").kernel = random_bytes(48, 0.5, "kernels");
    write_masks(folder / "both.h5", record);
    BOOST_CHECK(read_masks(folder / "both.h5").masks.front().kernel == record.masks.front().kernel);
}

BOOST_AUTO_TEST_CASE(what_does_not_fit_is_refused) {
    Network network = trained(valid_network);
    const auto refused = [&](const LayerMask& mask, const std::string& part) {
        BOOST_CHECK_EXCEPTION(check_masks({mask}, weighted_layers(network)), ShapeError,
                              [&](const ShapeError& error) {
                                  BOOST_TEST_MESSAGE(error.what());
                                  return std::string(error.what()).find(part) != std::string::npos;
                              });
    };
    refused({.layer = "conv9"}, "expected one of conv1, conv2, dense1, dense2, found conv9");
    refused({.layer = "conv1", .feature_map = {1, 0}}, "conv1/feature_map: expected 6 bytes, found 2");
    refused({.layer = "conv2", .kernel_height = 5}, "kernel height: expected 3, found 5");
    refused({.layer = "dense1", .kernel = {1}}, "expected a convolution");
    refused({.layer = "dense2", .feature_map = {1, 1, 0, 1}}, "every class kept");
    Masks a{{.layer = "conv1", .feature_map = {1, 0}}}, b{{.layer = "conv1", .feature_map = {1, 0, 1}}};
    BOOST_CHECK_THROW(combine(a, b), ShapeError);
    const LayerMask once{.layer = "conv1", .feature_map = std::vector<std::uint8_t>(6, 1)};
    BOOST_CHECK_NO_THROW(check_masks({once}, weighted_layers(network)));
    BOOST_CHECK_THROW(check_masks({once, once}, weighted_layers(network)), ShapeError);
}

BOOST_AUTO_TEST_SUITE_END()
