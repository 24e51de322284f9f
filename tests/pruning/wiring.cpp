// What scores, masks and searches were made of: which images, seeds and units.
#include <chrono>
#include <numeric>
#include <set>

#include "fftconv/convolution/spectral/spectral.hpp"
#include "fftconv/core/random.hpp"
#include "fftconv/pruning/cost.hpp"
#include "fftconv/pruning/criteria.hpp"
#include "fftconv/pruning/reconstruction.hpp"
#include "fftconv/pruning/search.hpp"
#include "fftconv/pruning/spectral_energy.hpp"
#include "fftconv/training/evaluation.hpp"
#include "pruning/pruned.hpp"
#include "support/small_images.hpp"

using namespace fftconv;
using namespace fftconv::test;

BOOST_AUTO_TEST_SUITE(pruning_wiring)

namespace {

const LabelledImages& data() {
    static const LabelledImages images = small_images(28, {2, 14, 14}, 4, "data");
    return images;
}

LabelledImages first_of(const LabelledImages& images, int count) {
    LabelledImages some = images;
    some.truncate(count);
    return some;
}

const PruningScope conv2{Granularity::kernel, {"conv2"}}, maps_of_conv2{Granularity::feature_map, {"conv2"}};

}  // namespace

// The random criterion draws for one layer after the other, by its seed: no two units have the same number.
BOOST_AUTO_TEST_CASE(random_scores_differ_from_layer_to_layer_and_by_seed) {
    PrunedNetwork network = trained_whole(valid_network);
    Batches batches(data(), {.size = 8});
    const PruningScope kernels{Granularity::kernel, {"conv1", "conv2"}};
    std::set<double> different;
    for (std::uint64_t seed : {5, 6})
        for (const auto& layer : unit_scores(network, kernels, Criterion::random, {batches, 1, seed}))
            different.insert(layer.begin(), layer.end());
    BOOST_TEST(different.size() == 2u * (6 * 2 + 8 * 6));
}

// Criteria that look at data take so many batches from its beginning, wherever it was left.
BOOST_AUTO_TEST_CASE(scores_are_of_the_batches_that_were_asked_for) {
    const LabelledImages two_batches = first_of(data(), 16);
    for (const auto& [criterion, scope] :
         {std::pair{Criterion::taylor, conv2}, std::pair{Criterion::taylor_gamma, maps_of_conv2},
          std::pair{Criterion::spectral, conv2}, std::pair{Criterion::reconstruction, conv2}})
        BOOST_TEST_CONTEXT(to_string(criterion)) {
            PrunedNetwork pruned = trained_whole(normalised_network);
            const auto scores = [&, &criterion = criterion, &scope = scope](const LabelledImages& images,
                                                                            int batches) {
                Batches some(images, {.size = 8});
                some.next();
                return unit_scores(pruned, scope, criterion, {.images = some, .batches = batches});
            };
            BOOST_TEST((scores(data(), 2) == scores(two_batches, 2)));
            BOOST_TEST((scores(data(), 2) != scores(data(), 3)));
        }
}

// Of shuffled images those that come first in epoch 0.
BOOST_AUTO_TEST_CASE(scores_are_of_the_first_images_of_epoch_0) {
    std::vector<int> order(28);
    std::iota(order.begin(), order.end(), 0);
    RandomStream random(5, "order/0");
    shuffle(order, random);
    const LabelledImages in_order = data().subset(order);
    for (const Criterion criterion : {Criterion::taylor, Criterion::spectral, Criterion::reconstruction})
        BOOST_TEST_CONTEXT(to_string(criterion)) {
            PrunedNetwork pruned = trained_whole(normalised_network);
            Batches shuffled(data(), {.size = 8, .shuffled = true, .seed = 5}), plain(in_order, {.size = 8});
            BOOST_TEST((unit_scores(pruned, conv2, criterion, {.images = shuffled, .batches = 2}) ==
                        unit_scores(pruned, conv2, criterion, {.images = plain, .batches = 2})));
        }
}

// The slopes of each batch are squared, then their mean is taken, over the batches that there are.
BOOST_AUTO_TEST_CASE(slopes_of_batches_are_squared_before_their_mean) {
    for (const auto& [criterion, scope] :
         {std::pair{Criterion::taylor, conv2}, std::pair{Criterion::taylor_gamma, maps_of_conv2}})
        BOOST_TEST_CONTEXT(to_string(criterion)) {
            PrunedNetwork pruned = trained_whole(normalised_network);
            std::vector<double> mean;
            for (int first = 0; first < 28; first += 8) {
                std::vector<int> indices(std::size_t(std::min(8, 28 - first)));
                std::iota(indices.begin(), indices.end(), first);
                const LabelledImages own = data().subset(indices);
                Batches batch(own, {.size = 8});
                const auto scores = unit_scores(pruned, scope, criterion, {.images = batch, .batches = 1});
                mean.resize(scores[0].size());
                for (std::size_t u = 0; u < mean.size(); ++u) mean[u] += scores[0][u] / 4;
            }
            Batches all(data(), {.size = 8});
            const auto scores = unit_scores(pruned, scope, criterion, {.images = all, .batches = 9});
            const double largest = *std::max_element(mean.begin(), mean.end());
            for (std::size_t u = 0; u < mean.size(); ++u)
                BOOST_CHECK_SMALL(scores[0][u] - mean[u], 1e-4 * largest);
        }
}

// Of parts and of groups of kernels: the energies of these weights alone, as shares of their map's.
BOOST_AUTO_TEST_CASE(spectral_scores_of_parts_and_groups_are_shares_of_their_own_energies) {
    PrunedNetwork pruned = trained_whole("2x14x14:6C3v-P2-7C3v-4Softmax");
    const LabelledImages first = first_of(data(), 8);
    Batches batches(first, {.size = 8});
    const auto scores_of = [&](const PruningScope& scope) {
        return unit_scores(pruned, scope, Criterion::spectral, {.images = batches})[0];
    };
    const Tensor images = batches.next()->images;
    const ConvolutionLayer& conv1 = *pruned.network.convolutions()[0];
    const auto energies_of_part = [&](int stride, int phase) {
        std::vector<float> weights = conv1.weight().value;
        for (std::size_t kernel = 0; kernel < 12; ++kernel)
            for (int tap = 0; tap < 9; ++tap)
                if (tap % stride != phase) weights[kernel * 9 + std::size_t(tap)] = 0;
        return kernel_energies(conv1.shape(), weights, images);
    };
    for (const int stride : {2, 4}) {
        std::vector<std::vector<double>> energies;
        for (int phase = 0; phase < stride; ++phase) energies.push_back(energies_of_part(stride, phase));
        const auto scores = scores_of({Granularity::intra_kernel, {"conv1"}, stride});
        for (int o = 0; o < 6; ++o) {
            double whole = 0;
            for (const std::vector<double>& of_phase : energies)
                whole += of_phase[std::size_t(2 * o)] + of_phase[std::size_t(2 * o + 1)];
            for (int c = 0; c < 2; ++c)
                for (int phase = 0; phase < stride; ++phase)
                    BOOST_CHECK_CLOSE(scores[std::size_t((o * 2 + c) * stride + phase)],
                                      energies[std::size_t(phase)][std::size_t(o * 2 + c)] / whole, 1e-4);
        }
    }
    const std::vector<double> energies = energies_of_part(1, 0);
    const auto groups = scores_of({Granularity::kernel_group, {"conv1"}});
    for (int g = 0; g < 2; ++g)
        for (int c = 0; c < 2; ++c) {
            double shares = 0;
            for (int o = 4 * g; o < std::min(4 * g + 4, 6); ++o)
                shares += energies[std::size_t(2 * o + c)] /
                          (energies[std::size_t(2 * o)] + energies[std::size_t(2 * o + 1)]);
            BOOST_CHECK_CLOSE(groups[std::size_t(2 * g + c)], shares, 1e-4);
        }
}

// Energies of a last batch that is not full are means over the images that it has; of a map they are what its
// normalisation makes of them.
BOOST_AUTO_TEST_CASE(spectral_energies_leave_empty_lanes_out_and_follow_the_normalisation) {
    for (const char* architecture : {valid_network, normalised_network}) {
        PrunedNetwork pruned = trained_whole(architecture);
        ConvolutionLayer& first = *pruned.network.convolutions()[0];
        const BatchNorm* norm = weighted_layers(pruned.network)[0].norm;
        Batches batches(data(), {.size = 8});  // the last one has four
        const auto scores = unit_scores(pruned, {Granularity::feature_map, {"conv1"}}, Criterion::spectral,
                                        {.images = batches});
        std::vector<double> expected(6, 0.0);
        batches.start(0);
        while (const Batch* batch = batches.next()) {
            Tensor images(batch->images.maps(), batch->valid);
            for (int c = 0; c < 2; ++c)
                for (int h = 0; h < 14; ++h)
                    for (int w = 0; w < 14; ++w)
                        for (int n = 0; n < batch->valid; ++n) images(c, h, w, n) = batch->images(c, h, w, n);
            const std::vector<double> energies =
                kernel_energies(first.shape(), first.weight().value, images, 0, norm != nullptr);
            for (int kernel = 0; kernel < 12; ++kernel) {
                const double factor = norm ? norm->inference().factor[std::size_t(kernel / 2)] : 1;
                expected[std::size_t(kernel / 2)] += factor * factor * energies[std::size_t(kernel)];
            }
        }
        for (int map = 0; map < 6; ++map) BOOST_CHECK_CLOSE(scores[0][map], expected[map], 1e-3);
    }
}

BOOST_AUTO_TEST_CASE(random_scores_are_the_numbers_of_their_seed) {
    PrunedNetwork pruned = trained_whole(valid_network);
    for (std::uint64_t seed : {1, 2, 7}) {
        Batches batches(data(), {.size = 8});
        const auto scores = unit_scores(pruned, conv2, Criterion::random, {.images = batches, .seed = seed});
        RandomStream random(seed, "criterion");
        for (double score : scores[0]) BOOST_CHECK_EQUAL(score, double(random.uniform()));
    }
}

BOOST_AUTO_TEST_CASE(a_scale_below_zero_scores_by_its_size) {
    PrunedNetwork pruned = trained_whole(normalised_network);
    std::vector<float>& scale = weighted_layers(pruned.network)[1].norm->parameters()[0]->value;
    for (int map = 0; map < 8; ++map) scale[std::size_t(map)] = map % 2 ? -0.5f - map : 0.5f + map;
    Batches batches(data(), {.size = 8});
    const auto scores = unit_scores(pruned, maps_of_conv2, Criterion::gamma, {.images = batches});
    for (int map = 0; map < 8; ++map) BOOST_CHECK_EQUAL(scores[0][map], 0.5 + map);
}

// Layers of one shape lose other kernels, other seeds others again.
BOOST_AUTO_TEST_CASE(every_layer_and_seed_draws_its_own_mask) {
    const PrunedNetwork pruned = trained_whole("4x14x14:4C3v-P2-4C3v-P2-4Softmax");
    const PruningScope scope{Granularity::kernel, {"conv1", "conv2"}};
    const std::vector<std::vector<double>> even(2, std::vector<double>(16, 1.0));
    std::set<std::vector<std::uint8_t>> random, drawn;
    for (std::uint64_t seed : {1, 2, 3})
        for (const char* layer : {"conv1", "conv2"}) {
            random.insert(find_mask(random_masks(pruned, scope, 0.5, seed), layer)->kernel);
            drawn.insert(find_mask(drawn_masks(pruned, scope, 0.5, even, seed), layer)->kernel);
        }
    std::vector<std::vector<double>> own(2, std::vector<double>(16, 0.0));  // of each layer other kernels
    std::fill_n(own[0].begin(), 8, 1.0);
    std::fill_n(own[1].begin() + 8, 8, 1.0);
    const Masks by_scores = drawn_masks(pruned, scope, 0.5, own, 1);
    for (int kernel = 0; kernel < 16; ++kernel) {
        BOOST_CHECK_EQUAL(int(find_mask(by_scores, "conv1")->kernel[std::size_t(kernel)]), kernel < 8);
        BOOST_CHECK_EQUAL(int(find_mask(by_scores, "conv2")->kernel[std::size_t(kernel)]), kernel >= 8);
    }
    BOOST_CHECK_EQUAL(random.size(), 6);
    BOOST_CHECK_EQUAL(drawn.size(), 6);
}

// A stored seed makes its mask again, in every version: the streams and what is drawn from them.
BOOST_AUTO_TEST_CASE(masks_are_the_numbers_of_their_seed) {
    const PrunedNetwork pruned = trained_whole("4x14x14:4C3v-P2-4C3v-P2-5FC-4Softmax");
    for (std::uint64_t seed : {1, 2, 3, 4}) {
        std::vector<int> units(16), layers{0, 1, 2};
        std::iota(units.begin(), units.end(), 0);
        RandomStream of_layer(seed, "mask/conv2"), of_layers(seed, "mask/layers"),
            drawn(seed, "mask/conv2/drawn");
        shuffle(units, of_layer);
        std::vector<std::uint8_t> expected(16, 1);
        for (int unit = 0; unit < 6; ++unit) expected[std::size_t(units[std::size_t(unit)])] = 0;
        const Masks random = random_masks(pruned, conv2, 6.0 / 16, seed);
        BOOST_TEST(find_mask(random, "conv2")->kernel == expected, boost::test_tools::per_element());

        shuffle(layers, of_layers);
        const Masks whole =
            random_masks(pruned, {Granularity::layer, {"conv1", "conv2", "dense1"}}, 1.0 / 3, seed);
        const std::string names[] = {"conv1", "conv2", "dense1"};
        for (int layer = 0; layer < 3; ++layer)
            BOOST_TEST((find_mask(whole, names[layer]) != nullptr) == (layer == layers[0]));

        std::vector<std::pair<double, int>> keys;
        std::vector<std::vector<double>> scores(1);
        for (int unit = 0; unit < 16; ++unit) {
            scores[0].push_back(1 + unit % 5);
            keys.emplace_back(std::log(double(drawn.uniform()) + 0x1p-25) / scores[0].back(), unit);
        }
        std::sort(keys.begin(), keys.end());
        std::fill(expected.begin(), expected.end(), 1);
        for (int unit = 0; unit < 6; ++unit) expected[std::size_t(keys[std::size_t(unit)].second)] = 0;
        const Masks around = drawn_masks(pruned, conv2, 6.0 / 16, scores, seed);
        BOOST_TEST(find_mask(around, "conv2")->kernel == expected, boost::test_tools::per_element());
    }
}

// With a stride of more than a kernel's weights every weight is a part of its own.
BOOST_AUTO_TEST_CASE(a_stride_beyond_the_kernel_makes_each_weight_a_unit) {
    const PrunedNetwork pruned = trained_whole(valid_network);
    const PruningScope scope{Granularity::intra_kernel, {"conv2"}, 100};
    const std::vector<UnitGroup> groups = live_units(pruned, scope);
    BOOST_REQUIRE_EQUAL(groups[0].size(), 48 * 9);
    for (const PruningUnit& unit : groups[0]) {
        std::vector<std::size_t> weights;
        unit.for_each_weight(scope, [&](std::size_t weight) { weights.push_back(weight); });
        BOOST_REQUIRE_EQUAL(weights.size(), 1);
        BOOST_REQUIRE_EQUAL(weights[0], std::size_t(unit.index));
    }
}

// Groups of maps do not keep a layer from going as a whole.
BOOST_AUTO_TEST_CASE(a_layer_with_groups_is_pruned_as_a_whole) {
    PrunedNetwork pruned = trained_whole("4x12x12:8C3v-P2-6C3vg2-7FC-4Softmax");
    pruned.set_masks(with_pruned(pruned, {Granularity::layer, {"conv2"}},
                                 live_units(pruned, {Granularity::layer, {"conv2"}})[0]));
    BOOST_CHECK_EQUAL(pruned.density()[1].surviving_maps, 0);
    BOOST_CHECK_EQUAL(pruned.density()[1].surviving_weights, 0);
}

// A kernel of which some weights are left can still be pruned; one of which none is left cannot.
BOOST_AUTO_TEST_CASE(what_is_pruned_in_part_is_alive) {
    PrunedNetwork pruned = trained_whole(valid_network);
    Masks masks;
    LayerMask& mask = mask_of(masks, weighted_layers(pruned.network), "conv2");
    mask.intra_kernel.assign(8 * 6 * 9, 1);
    std::fill_n(mask.intra_kernel.begin() + 7 * 9, 9, 0);   // all of kernel 7
    std::fill_n(mask.intra_kernel.begin() + 20 * 9, 8, 0);  // all but the last weight of kernel 20
    pruned.set_masks(masks);
    std::vector<int> expected, found;
    for (int kernel = 0; kernel < 48; ++kernel)
        if (kernel != 7) expected.push_back(kernel);
    const std::vector<UnitGroup> groups = live_units(pruned, conv2);
    for (const PruningUnit& unit : groups[0]) found.push_back(unit.index);
    BOOST_TEST(found == expected, boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(biases_scales_and_shifts_of_pruned_maps_are_held) {
    const char* const random_pooling =
        "2x14x14:6C3v+BN-P2(random)-8C3v-4Softmax";  // before its normalisation
    for (const char* architecture : {valid_network, normalised_network, random_pooling}) {
        PrunedNetwork pruned = trained_whole(architecture);
        Masks masks;
        const std::vector<std::uint8_t> maps{1, 0, 1, 1, 0, 1};
        mask_of(masks, weighted_layers(pruned.network), "conv1").feature_map = maps;
        pruned.set_masks(masks);
        int held = 0;
        for (const NamedParameter& named : pruned.network.parameters()) {
            if (named.name != "conv1/bias" && !named.name.starts_with("norm1/")) continue;
            BOOST_TEST(named.parameter->held == maps, boost::test_tools::per_element());
            for (int map : {1, 4}) BOOST_CHECK_EQUAL(named.parameter->value[std::size_t(map)], 0);
            ++held;
        }
        BOOST_CHECK_EQUAL(held, architecture == valid_network ? 1 : 2);
    }
}

// A search that has more candidates than asked for chooses among the first of them.
BOOST_AUTO_TEST_CASE(the_winner_is_among_the_candidates_asked_for) {
    PrunedNetwork pruned = trained_whole(valid_network, "fft");
    Batches validation(data(), {.size = 8});
    const PruningScope both{Granularity::kernel, {"conv1", "conv2"}};
    SearchState state;
    for (std::uint64_t seed : {1, 2, 7}) {
        BOOST_CHECK_EQUAL(candidate_seed(seed, 3), RandomStream(seed, "candidate", 3).next());
        SearchState own;
        best_of_random(pruned, validation, both, {.ratio = 0.5, .candidates = 2, .seed = seed}, own);
        BOOST_CHECK(own.seed == (std::vector{candidate_seed(seed, 0), candidate_seed(seed, 1)}));
    }
    SearchOptions options{.ratio = 0.5, .candidates = 20, .seed = 1};
    for (; state.count() == 0 || state.best() == 0; ++options.seed) {  // until the first is not the winner
        state = {};
        best_of_random(pruned, validation, both, options, state);
    }
    --options.seed;
    SearchOptions fewer = options;
    fewer.candidates = state.best();  // all before the winner
    const Masks masks = best_of_random(pruned, validation, both, fewer, state);
    BOOST_CHECK(masks == random_masks(pruned, both, 0.5, state.seed[state.best(fewer.candidates)]));
    BOOST_CHECK(masks != best_of_random(pruned, validation, both, options, state));
}

BOOST_AUTO_TEST_CASE(candidates_are_drawn_around_their_scores_without_recalibration_too) {
    PrunedNetwork pruned = trained_whole(valid_network, "fft");
    Batches validation(data(), {.size = 8});
    std::vector<double> scores(48, 0.0);
    std::fill_n(scores.begin(), 24, 1.0);  // those that survive, whatever is drawn
    SearchState state;
    const Masks masks = best_of_random(pruned, validation, conv2,
                                       {.ratio = 0.5, .candidates = 3, .seed = 4, .scores = {scores}}, state);
    for (int kernel = 0; kernel < 48; ++kernel)
        BOOST_CHECK_EQUAL(int(find_mask(masks, "conv2")->kernel[std::size_t(kernel)]), kernel < 24);
}

// Every layer of the scope is compensated: of two the second as if it were alone, which sees the same data.
BOOST_AUTO_TEST_CASE(every_layer_is_compensated) {
    const PruningScope both{Granularity::kernel, {"conv1", "conv2"}};
    Batches batches(data(), {.size = 8});
    const auto compensated = [&](const PruningScope& scope) {
        PrunedNetwork pruned = trained_whole(valid_network);
        const Masks masks = random_masks(pruned, both, 0.5, 3);
        Reconstruction reconstruction(pruned, scope, batches, 3);
        pruned.set_masks(masks);
        reconstruction.compensate();
        std::vector<std::vector<float>> arrays;
        for (ConvolutionLayer* convolution : pruned.network.convolutions()) {
            arrays.push_back(convolution->weight().value);
            arrays.push_back(convolution->bias().value);
        }
        return arrays;
    };
    const auto together = compensated(both), first = compensated({Granularity::kernel, {"conv1"}}),
               second = compensated({Granularity::kernel, {"conv2"}});
    BOOST_TEST((together[0] == first[0]));
    BOOST_TEST((together[1] == first[1]));
    BOOST_TEST((together[2] == second[2]));
    BOOST_TEST((together[3] == second[3]));
    BOOST_TEST((first[0] != second[0]));
    BOOST_TEST((first[2] != second[2]));
}

// A map's bias takes what its pruned kernels gave in the mean.
BOOST_AUTO_TEST_CASE(compensation_keeps_the_means_of_maps) {
    PrunedNetwork pruned = trained_whole("2x14x14:6C3v-P2-4C3v-P2(average)-7FC-4Softmax");
    Network& network = pruned.network;
    for (ConvolutionLayer* convolution : network.convolutions()) {
        for (float& weight : convolution->weight().value) weight = std::abs(weight);  // means worth keeping
        std::fill(convolution->bias().value.begin(), convolution->bias().value.end(), 1.0f);
        convolution->weight().changed();
        convolution->bias().changed();
    }
    const auto means = [&] {  // of conv2's maps, behind layer 3
        Batches batches(data(), {.size = 28});
        const Tensor& y = network.forward(batches.next()->images, {}, 0, 4);
        std::vector<double> of_maps;
        for (int o = 0; o < 4; ++o) {
            of_maps.push_back(0);
            for (int h = 0; h < y.height(); ++h)
                for (int w = 0; w < y.width(); ++w)
                    for (int n = 0; n < 28; ++n)
                        of_maps.back() += y(o, h, w, n) / (28.0 * y.height() * y.width());
        }
        return of_maps;
    };
    const std::vector<double> before = means();
    Batches batches(data(), {.size = 12});  // the last one has four
    Reconstruction reconstruction(pruned, conv2, batches, 3);
    pruned.set_masks(masks_of_least(pruned, conv2, 0.5, reconstruction.scores()));
    const std::vector<double> without = means();
    reconstruction.compensate();
    const std::vector<double> with = means();
    for (int o = 0; o < 4; ++o)
        BOOST_CHECK_LT(std::abs(with[o] - before[o]), 0.01 * std::abs(without[o] - before[o]));
}

// Of maps that are not square, of dense layers, and their sums.
BOOST_AUTO_TEST_CASE(costs_of_every_layer_add_up) {
    const PrunedNetwork pruned = trained_whole("2x12x9:6C3+BN-P2-8C3v-5FC+BN-4Softmax");
    const std::vector<LayerCost> costs = layer_costs(pruned);
    BOOST_REQUIRE_EQUAL(costs.size(), 4);
    BOOST_CHECK_EQUAL(costs[0].direct_macs, 6 * 2 * 9 * 12 * 9);
    BOOST_CHECK_EQUAL(costs[1].direct_macs, 8 * 6 * 9 * 4 * 2);
    BOOST_CHECK_EQUAL(costs[2].direct_macs, 5 * 8 * 4 * 2);
    BOOST_CHECK_EQUAL(costs[2].parameters, 5 * 8 * 4 * 2 + 2 * 5);
    BOOST_CHECK_EQUAL(costs[3].parameters, 4 * 5 + 4);
    for (int dense : {2, 3}) BOOST_CHECK_EQUAL(costs[dense].spectral_macs, costs[dense].direct_macs);
    LayerCost sum;
    for (const LayerCost& cost : costs) {
        sum.parameters += cost.parameters;
        sum.direct_macs += cost.direct_macs;
        sum.spectral_macs += cost.spectral_macs;
    }
    BOOST_CHECK_EQUAL(total(costs).parameters, sum.parameters);
    BOOST_CHECK_EQUAL(total(costs).direct_macs, sum.direct_macs);
    BOOST_CHECK_EQUAL(total(costs).spectral_macs, sum.spectral_macs);
    BOOST_CHECK_NE(sum.direct_macs, sum.spectral_macs);
}

// A strided convolution is transformed phase by phase: as many numbers as its tile has.
BOOST_AUTO_TEST_CASE(spectral_costs_of_strides_count_every_phase) {
    for (const char* text : {"2x9x9:6C3v-4Softmax", "2x9x9:6C3vs2-4Softmax", "2x9x9:6C3vs3x1-4Softmax"}) {
        PrunedNetwork pruned = trained_whole(text, "fft");
        auto& engine = dynamic_cast<SpectralConvolution&>(pruned.network.convolutions()[0]->engine());
        const double of_tile = 6 * 2 * 2.0 * double(engine.tile().area());
        const double macs = layer_costs(pruned)[0].spectral_macs;
        BOOST_CHECK_GE(macs, of_tile);
        BOOST_CHECK_EQUAL(std::fmod(macs, of_tile), 0);
    }
}

BOOST_AUTO_TEST_CASE(costs_count_normalisation_and_are_of_one_image) {
    PrunedNetwork pruned = trained_whole(normalised_network);
    const std::vector<LayerCost> costs = layer_costs(pruned);
    BOOST_CHECK_EQUAL(costs[0].parameters, 6 * 2 * 9 + 2 * 6);  // weights, scale and shift
    BOOST_CHECK_EQUAL(costs[1].parameters, 8 * 6 * 9 + 2 * 8);
    const auto start = std::chrono::steady_clock::now();
    const double of_image = milliseconds_per_image({&pruned.network}, Tensor(2, 14, 14, 8), 9)[0];
    const double all =
        std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start).count();
    BOOST_CHECK_LE(of_image * 8 * 5, all);  // five of nine rounds take the median or longer
}

BOOST_AUTO_TEST_SUITE_END()
