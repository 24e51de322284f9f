// What scores, masks and searches were made of: which images, seeds and units.
#include <chrono>
#include <set>

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
    for (const char* architecture : {valid_network, normalised_network}) {
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
