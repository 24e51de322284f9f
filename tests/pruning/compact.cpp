#include "fftconv/pruning/compact.hpp"

#include "fftconv/pruning/cost.hpp"
#include "fftconv/pruning/dead_ends.hpp"
#include "fftconv/storage/training_checkpoint.hpp"
#include "fftconv/training/trainer.hpp"
#include "pruning/pruned.hpp"
#include "support/small_images.hpp"
#include "support/temporary_folder.hpp"

using namespace fftconv;
using namespace fftconv::test;

namespace {

/// conv2 without the kernels of these output maps.
Masks without_rows(const Network& network, const std::vector<int>& rows) {
    Masks masks;
    LayerMask& mask = mask_of(masks, weighted_layers(network), "conv2");
    mask.kernel.assign(std::size_t(mask.out) * mask.in, 1);
    for (int row : rows) std::fill_n(mask.kernel.begin() + row * mask.in, mask.in, 0);
    return masks;
}

/// Every kept map has kernels on both sides.
bool has_dead_ends(const PrunedNetwork& pruned) {
    const auto surviving = pruned.surviving_weights();
    const std::vector<WeightedLayer> layers = weighted_layers(pruned.network);
    for (std::size_t i = 0; i + 1 < layers.size(); ++i) {
        const LayerMask* mask = find_mask(pruned.masks(), layers[i].name());
        for (int o = 0; o < layers[i].out; ++o) {
            if (mask && !mask->feature_map.empty() && !mask->feature_map[o]) continue;
            long in = 0, out = 0;
            for (int w = 0; w < layers[i].in * layers[i].area; ++w)
                in += surviving[i][layers[i].at(o, 0) + w];
            for (int to = 0; to < layers[i + 1].out; ++to)
                for (int w = 0; w < layers[i + 1].area; ++w)
                    out += surviving[i + 1][layers[i + 1].at(to, o) + w];
            if (in == 0 || out == 0) return true;
        }
    }
    return false;
}

/// Of arrays of the same names and shapes.
double largest_difference(const std::vector<NamedArray>& a, const std::vector<NamedArray>& b) {
    BOOST_REQUIRE_EQUAL(a.size(), b.size());
    double worst = 0;
    for (std::size_t i = 0; i < a.size(); ++i) {
        BOOST_REQUIRE_EQUAL(a[i].name, b[i].name);
        BOOST_REQUIRE(a[i].shape == b[i].shape);
        for (std::size_t j = 0; j < a[i].values.size(); ++j) {
            const double apart = std::abs(double(a[i].values[j]) - b[i].values[j]);
            worst = std::max(worst, std::isfinite(apart) ? apart : INFINITY);
        }
    }
    return worst;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(compact_networks)

BOOST_AUTO_TEST_CASE(dead_ends_change_nothing_that_is_computed) {
    for (const std::string engine : {"direct", "fft"})
        for (const char* architecture : {valid_network, padded_network, normalised_network})
            for (double ratio : {0.3, 0.7, 0.9})
                BOOST_TEST_CONTEXT(engine << " " << architecture << " " << ratio) {
                    PrunedNetwork pruned = trained_whole(architecture, engine);
                    Network& network = pruned.network;
                    pruned.set_masks(mixed_masks(network, ratio));
                    const Tensor images = images_for(network), answer = network.forward(images);
                    const std::vector<DeadEnd> found = remove_dead_ends(pruned);
                    BOOST_CHECK(ratio < 0.5 || !found.empty());
                    BOOST_CHECK_LT(difference(network.forward(images), answer), 3e-6);
                    BOOST_CHECK(std::string(architecture) == padded_network || !has_dead_ends(pruned));
                    BOOST_CHECK_EQUAL(
                        remove_dead_ends(pruned).size(),
                        std::count_if(found.begin(), found.end(), [](auto& d) { return !d.removed; }));
                }
}

// A constant behind conv2 goes into dense1; with it gone, conv1's maps that only it read go too.
BOOST_AUTO_TEST_CASE(a_constant_is_folded_on_and_the_chain_followed) {
    Network network = trained(valid_network);
    Masks masks = without_rows(network, {1, 4});
    LayerMask& second = mask_of(masks, weighted_layers(network), "conv2");
    for (int o = 0; o < second.out; ++o)
        if (o != 4) second.kernel[std::size_t(o) * second.in + 3] = 0;  // conv1's map 3 goes to map 4 alone …
    network.convolutions()[1]->bias().value[1] = 0.7f;
    network.convolutions()[1]->bias().value[4] = -0.2f;
    network.convolutions()[1]->bias().changed();
    PrunedNetwork pruned(std::move(network), masks);
    const std::vector<DeadEnd> found = remove_dead_ends(pruned);
    BOOST_REQUIRE_EQUAL(found.size(), 3);  // … which is gone
    const auto has = [&](const std::string& layer, int map, bool constant, float value) {
        return std::any_of(found.begin(), found.end(), [&](const DeadEnd& d) {
            return d.layer == layer && d.map == map && d.constant == constant && d.value == value &&
                   d.removed;
        });
    };
    BOOST_CHECK(has("conv2", 1, true, 0.7f));
    BOOST_CHECK(has("conv2", 4, true, 0));  // negative: zero behind ReLU
    BOOST_CHECK(has("conv1", 3, false, 0));
    BOOST_CHECK_EQUAL(to_string(compact(pruned).network.architecture()),
                      "2x14x14:5C3v-P2-6C3v-P2(average)-7FC-4Softmax");
}

/// Of conv1, with six maps of two: all of its third map's kernels are pruned, so that its bias is left.
void make_third_map_constant(PrunedNetwork& pruned, float bias) {
    pruned.network.convolutions()[0]->bias().value[2] = bias;
    Masks masks;
    LayerMask& mask = mask_of(masks, weighted_layers(pruned.network), "conv1");
    mask.kernel.assign(12, 1);
    mask.kernel[4] = mask.kernel[5] = 0;
    pruned.set_masks(masks);
}

// Near the border of a padded convolution a positive constant meets zeros: it must stay, and says so.
BOOST_AUTO_TEST_CASE(a_positive_constant_before_padding_stays) {
    for (float bias : {0.5f, -0.5f}) BOOST_TEST_CONTEXT(bias) {
            PrunedNetwork pruned = trained_whole(padded_network);
            Network& network = pruned.network;
            make_third_map_constant(pruned, bias);
            const Tensor images = images_for(network), answer = network.forward(images);
            const std::vector<DeadEnd> found = remove_dead_ends(pruned);
            BOOST_REQUIRE_EQUAL(found.size(), 1);
            BOOST_CHECK_EQUAL(found[0].removed, bias < 0);
            BOOST_CHECK_EQUAL(found[0].value, std::max(bias, 0.0f));
            PrunedNetwork thin = compact(pruned);
            BOOST_CHECK_EQUAL(thin.network.convolutions()[0]->shape().out_channels, bias < 0 ? 5 : 6);
            BOOST_CHECK_LT(difference(thin.network.forward(images), answer), 1e-6);
        }
}

// Zeros on one side alone are a border too.
BOOST_AUTO_TEST_CASE(a_positive_constant_before_padding_of_any_side_stays) {
    for (const std::string padding : {"p1x0x0x0", "p0x1x0x0", "p0x0x1x0", "p0x0x0x1", "v"})
        BOOST_TEST_CONTEXT(padding) {
            PrunedNetwork pruned = trained_whole("2x12x12:6C3-MP2-8C3" + padding + "-P2-7FC-4Softmax");
            Network& network = pruned.network;
            make_third_map_constant(pruned, 0.5f);
            const Tensor images = images_for(network), answer = network.forward(images);
            const std::vector<DeadEnd> found = remove_dead_ends(pruned);
            BOOST_REQUIRE_EQUAL(found.size(), 1);
            BOOST_CHECK_EQUAL(found[0].removed, padding == "v");
            BOOST_CHECK_LT(difference(network.forward(images), answer), 3e-6);
        }
}

// While a pruned network with batch normalisation is trained on, its statistics make up for what was folded.
BOOST_AUTO_TEST_CASE(folding_into_running_means_holds_in_training_too) {
    PrunedNetwork pruned = trained_whole(normalised_network);
    pruned.set_masks(without_rows(pruned.network, {0, 5}));
    PrunedNetwork without(trained(normalised_network), pruned.masks());
    remove_dead_ends(without);
    Network &network = pruned.network, &folded = without.network;
    const Tensor images = images_for(network);
    const Tensor answer = network.forward(images, {.training = true});
    BOOST_CHECK_LT(difference(folded.forward(images, {.training = true}), answer), 3e-6);
    // In inference, then: the masked network's constant maps are still on the way to their batch's
    // statistics.
    for (int i = 0; i < 300; ++i)
        for (Network* each : {&network, &folded}) each->forward(images, {.training = true});
    const Tensor later = network.forward(images);
    BOOST_CHECK_LT(difference(folded.forward(images), later), 3e-6);
}

BOOST_AUTO_TEST_CASE(compact_equals_masked) {
    for (const std::string engine : {"direct", "fft"})
        for (const char* architecture : {valid_network, padded_network, normalised_network})
            for (double ratio : {0.0, 0.5, 0.9})
                BOOST_TEST_CONTEXT(engine << " " << architecture << " " << ratio) {
                    PrunedNetwork pruned = trained_whole(architecture, engine);
                    Network& network = pruned.network;
                    pruned.set_masks(mixed_masks(network, ratio));
                    const Tensor images = images_for(network), answer = network.forward(images);
                    if (ratio == 0.9) remove_dead_ends(pruned);
                    PrunedNetwork thin = compact(pruned);
                    BOOST_CHECK_LT(difference(thin.network.forward(images), answer), 1e-6);
                    BOOST_CHECK_EQUAL(ratio > 0, thin.network.architecture() != network.architecture());
                    const LayerDensity before = pruned.density()[1], after = thin.density()[1];
                    BOOST_CHECK_EQUAL(before.surviving_weights, after.surviving_weights);
                    BOOST_CHECK_EQUAL(before.surviving_maps, after.maps);
                }
}

// K, dropout and the seed of its numbers go on in the thinner network.
BOOST_AUTO_TEST_CASE(a_compact_network_has_the_options_of_the_masked_one) {
    for (const std::string pooling : {"P2(ecp)", "P2(random)"})
        for (const int mode : {1, 2, 3}) BOOST_TEST_CONTEXT(pooling << " " << mode) {
                PrunedNetwork pruned(
                    Network(parse_architecture("2x13x13:6C3-" + pooling + "-8C3v-7FC-4Softmax"),
                            {.engine = "direct", .batch = 8, .dropout = 0.25f, .seed = 9}));
                Network& network = pruned.network;
                network.set_mode(mode);
                pruned.set_masks(mixed_masks(network, 0.5));
                PrunedNetwork thin = compact(pruned);
                BOOST_CHECK(thin.network.architecture() != network.architecture());
                BOOST_CHECK_EQUAL(thin.network.options().mode, mode);
                BOOST_CHECK_EQUAL(thin.network.options().dropout, 0.25f);
                BOOST_CHECK_EQUAL(thin.network.options().seed, 9);
                BOOST_CHECK(thin.network.layer_names() == network.layer_names());
                const Tensor images = images_for(network), answer = network.forward(images);
                BOOST_CHECK_LT(difference(thin.network.forward(images), answer), 1e-6);
            }
}

BOOST_AUTO_TEST_CASE(compact_is_an_ordinary_checkpoint) {
    const TemporaryFolder folder;
    PrunedNetwork pruned = trained_whole(valid_network);
    Network& network = pruned.network;
    pruned.set_masks(mixed_masks(network, 0.5));
    PrunedNetwork thin = compact(pruned);
    Checkpoint checkpoint;
    checkpoint.architecture = to_string(thin.network.architecture());
    checkpoint.layer_names = thin.network.layer_names();
    checkpoint.model = thin.network.state();
    checkpoint.masks = thin.masks();
    write_checkpoint(folder / "thin.h5", checkpoint);
    const Checkpoint stored = read_checkpoint(folder / "thin.h5");
    Network again = load_network(stored, folder / "thin.h5", {.engine = "direct", .batch = 8}).network;
    const Tensor images = images_for(network);
    BOOST_CHECK_LT(difference(again.forward(images), thin.network.forward(images)), 1e-12);
    BOOST_CHECK_LT(difference(again.forward(images), network.forward(images)), 1e-6);
}

BOOST_AUTO_TEST_CASE(a_layer_of_which_nothing_is_left) {
    PrunedNetwork pruned = trained_whole(valid_network);
    Network& network = pruned.network;
    Masks masks;
    mask_of(masks, weighted_layers(network), "conv2").feature_map.assign(8, 0);
    pruned.set_masks(masks);
    const Tensor images = images_for(network), answer = network.forward(images);
    remove_dead_ends(pruned);
    PrunedNetwork thin = compact(pruned);
    BOOST_CHECK_EQUAL(to_string(thin.network.architecture()),
                      "2x14x14:1C3v-P2-1C3v-P2(average)-1FC-4Softmax");
    BOOST_CHECK_LT(difference(thin.network.forward(images), answer), 1e-6);
}

// What is trained as the thinner network and widened again is what the masked network would have become:
// weights, statistics and the optimizer's memory.
BOOST_AUTO_TEST_CASE(training_compacted_equals_training_masked) {
    const LabelledImages images = small_images(40, {2, 14, 14}, 4, "train");
    const TrainerOptions options{.epochs = 2,
                                 .optimizer = {.method = OptimizerMethod::momentum, .rate = 0.01f}};
    for (const std::string engine : {"direct", "fft"})
        for (const char* architecture : {valid_network, normalised_network})
            for (double ratio : {0.0, 0.5, 0.9})
                BOOST_TEST_CONTEXT(engine << " " << architecture << " " << ratio) {
                    PrunedNetwork masked = trained_whole(architecture, engine);
                    masked.set_masks(mixed_masks(masked.network, ratio));
                    remove_dead_ends(masked);
                    const std::vector<NamedArray> before = masked.network.state();
                    Compaction compaction(masked);
                    BOOST_CHECK_EQUAL(compaction.thinner(), ratio > 0);
                    Trainer of_masked(masked.network, images, {.size = 8}, nullptr, options);
                    Trainer of_thin(compaction.thin().network, images, {.size = 8}, nullptr, options);
                    of_masked.run();
                    of_thin.run();
                    const std::vector<NamedArray> after =
                        compaction.widened(compaction.thin().network.state(), before);
                    // Of maps that are gone the masked network's statistics alone go on, and nothing reads
                    // them.
                    const std::vector<NamedArray> state = masked.network.state();
                    BOOST_CHECK_LT(largest_difference(
                                       compaction.widened(compaction.thin().network.state(), state), state),
                                   1e-4);
                    BOOST_CHECK_GT(largest_difference(after, before), 0.01);
                    BOOST_CHECK_LT(largest_difference(compaction.widened(of_thin.state().optimizer),
                                                      of_masked.state().optimizer),
                                   1e-4);
                    PrunedNetwork widened = trained_whole(architecture, engine);
                    widened.set_masks(masked.masks());
                    widened.network.load_state(after);
                    const Tensor x = images_for(masked.network);
                    BOOST_CHECK_LT(difference(widened.network.forward(x), masked.network.forward(x)), 1e-4);
                }
}

// Thin arrays widened are the masked network's again, with groups and normalised dense layers too.
BOOST_AUTO_TEST_CASE(what_is_widened_stands_where_it_stood) {
    for (const char* architecture :
         {"4x14x14:8C3s2g2-12C3x5d2g4+BN-P2-7FC+BN-4Softmax", "4x12x11:8C5x3-8C3dw-6C3s2x1-7FC+BN-4Softmax"})
        BOOST_TEST_CONTEXT(architecture) {
            PrunedNetwork pruned = trained_whole(architecture);
            const std::vector<WeightedLayer> layers = weighted_layers(pruned.network);
            Masks masks;
            mask_of(masks, layers, "conv2").kernel = random_bytes(layers[1].units(), 0.4, "kernels");
            mask_of(masks, layers, layers[layers.size() - 2].name()).feature_map = {1, 0, 1, 1, 0, 1, 1};
            pruned.set_masks(masks);
            Compaction compaction(pruned);
            BOOST_CHECK(compaction.thinner());
            std::vector<NamedArray> nothing = pruned.network.state();
            for (NamedArray& array : nothing) std::fill(array.values.begin(), array.values.end(), 0.0f);
            const std::vector<NamedArray> found =
                compaction.widened(compaction.thin().network.state(), nothing);
            const std::vector<NamedArray> expected = pruned.network.state();
            BOOST_REQUIRE_EQUAL(found.size(), expected.size());
            for (std::size_t i = 0; i < found.size(); ++i) {
                const bool statistic = found[i].name.find("running") != std::string::npos;
                BOOST_CHECK_EQUAL(found[i].name, expected[i].name);
                BOOST_CHECK(found[i].shape == expected[i].shape);
                for (std::size_t j = 0; j < found[i].values.size(); ++j)  // of maps that are gone: nothing
                    BOOST_REQUIRE(found[i].values[j] == expected[i].values[j] ||
                                  (statistic && found[i].values[j] == 0));
            }
        }
}

// Maps that are held at zero without being gone stay so when the thin network is trained.
BOOST_AUTO_TEST_CASE(what_is_held_stays_held_in_the_thin_network) {
    PrunedNetwork masked = trained_whole("4x12x12:8C3v+BN-P2-6C3vg2+BN-4Softmax");
    Masks masks;
    mask_of(masks, weighted_layers(masked.network), "conv2").feature_map = {1, 0, 1, 1, 1, 0};
    masked.set_masks(masks);
    PrunedNetwork thin = compact(masked);
    const LabelledImages images = small_images(16, {4, 12, 12}, 4, "train");
    Trainer(thin.network, images, {.size = 8}, nullptr, {.epochs = 1}).run();
    Trainer(masked.network, images, {.size = 8}, nullptr, {.epochs = 1}).run();
    const Tensor x = images_for(masked.network);
    BOOST_CHECK_LT(difference(thin.network.forward(x), masked.network.forward(x)), 1e-4);
}

// … and count as pruned: in its masks, its density and its costs.
BOOST_AUTO_TEST_CASE(what_is_held_counts_as_pruned_in_the_thin_network) {
    PrunedNetwork masked = trained_whole("4x12x12:8C3v+BN-P2-6C3vg2+BN-7FC-4Softmax");
    const std::vector<WeightedLayer> layers = weighted_layers(masked.network);
    const std::vector<std::uint8_t> maps{1, 0, 1, 1, 1, 0};
    Masks masks;
    mask_of(masks, layers, "conv2").feature_map = maps;
    mask_of(masks, layers, "dense1").feature_map.assign(7, 0);  // of which one neuron stays, held
    masked.set_masks(masks);
    const PrunedNetwork thin = compact(masked);
    BOOST_REQUIRE(find_mask(thin.masks(), "conv2") && find_mask(thin.masks(), "dense1"));
    BOOST_TEST(find_mask(thin.masks(), "conv2")->feature_map == maps, boost::test_tools::per_element());
    const std::vector<LayerDensity> before = masked.density(), after = thin.density();
    const std::vector<LayerCost> costs = layer_costs(masked), thin_costs = layer_costs(thin);
    for (std::size_t i = 0; i < layers.size(); ++i) BOOST_TEST_CONTEXT(layers[i].name()) {
            BOOST_CHECK_EQUAL(after[i].surviving_maps, before[i].surviving_maps);
            BOOST_CHECK_EQUAL(after[i].surviving_weights, before[i].surviving_weights);
            BOOST_CHECK_EQUAL(thin_costs[i].parameters, costs[i].parameters);
        }
}

BOOST_AUTO_TEST_CASE(an_array_of_no_layer_is_refused) {
    const PrunedNetwork pruned = trained_whole(valid_network);
    Compaction compaction(pruned);
    BOOST_CHECK_THROW(compaction.widened({{"conv9/weight", {1}, {1}}}), ShapeError);
    std::vector<NamedArray> arrays = compaction.thin().network.state();
    BOOST_CHECK_NO_THROW(compaction.widened(arrays));
    BOOST_CHECK_THROW(compaction.widened(arrays, {{arrays[0].name, {1}, {1}}}), ShapeError);
    arrays[0].values.push_back(0);
    BOOST_CHECK_THROW(compaction.widened(arrays), ShapeError);
}

BOOST_AUTO_TEST_SUITE_END()
