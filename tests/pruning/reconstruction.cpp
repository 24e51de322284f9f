#include "fftconv/pruning/reconstruction.hpp"

#include "fftconv/core/error.hpp"
#include "pruning/pruned.hpp"
#include "support/small_images.hpp"

using namespace fftconv;
using namespace fftconv::test;

namespace {

const LabelledImages& images() {
    static const LabelledImages made = small_images(64, {2, 14, 14}, 4, "data");
    return made;
}

/// One map behind conv2, of six maps that all say something.
PrunedNetwork lively() {
    PrunedNetwork pruned = trained_whole("2x14x14:6C3v-P2-1C3v-P2(average)-7FC-4Softmax");
    for (ConvolutionLayer* convolution : pruned.network.convolutions()) {
        std::fill(convolution->bias().value.begin(), convolution->bias().value.end(), 1.0f);
        convolution->bias().changed();
    }
    pruned.network.convolutions()[1]->bias().value[0] = 50;  // alive behind its ReLU, whatever the weights
    std::fill(pruned.network.dense_layers()[0]->bias().value.begin(),
              pruned.network.dense_layers()[0]->bias().value.end(), 1.0f);
    return pruned;
}

/// What conv2 gives, behind the first layers.
Tensor behind_conv2(Network& network) {
    Batches batches(images(), {.size = 64});
    return network.forward(batches.next()->images, {}, 0, 4);
}

/// Mean square of what is lost of conv2's maps, their means apart.
double lost(const Tensor& now, const Tensor& before) {
    double sum = 0;
    for (int o = 0; o < now.channels(); ++o) {
        double mean = 0, squares = 0;
        const double count = double(now.height()) * now.width() * now.batch();
        for (int pass = 0; pass < 2; ++pass)
            for (int h = 0; h < now.height(); ++h)
                for (int w = 0; w < now.width(); ++w)
                    for (int n = 0; n < now.batch(); ++n) {
                        const double error = now(o, h, w, n) - before(o, h, w, n);
                        pass == 0 ? mean += error / count : squares += (error - mean) * (error - mean);
                    }
        sum += squares;
    }
    return sum;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(reconstruction)

// A kernel whose work a copy of its input map can do costs nothing, and its twin's factor doubles.
BOOST_AUTO_TEST_CASE(a_twin_makes_up_for_a_kernel) {
    PrunedNetwork pruned = lively();
    Parameter& first = pruned.network.convolutions()[0]->weight();
    std::copy_n(first.value.begin() + 2 * 18, 18, first.value.begin() + 4 * 18);  // map 4 is map 2
    first.changed();
    Parameter& second = pruned.network.convolutions()[1]->weight();
    std::copy_n(second.value.begin() + 2 * 9, 9, second.value.begin() + 4 * 9);
    second.changed();
    const Tensor before = behind_conv2(pruned.network);
    const PruningScope scope{Granularity::kernel, {"conv2"}};
    Batches batches(images(), {.size = 16});
    Reconstruction reconstruction(pruned, scope, batches, 4);
    const auto scores = reconstruction.scores();
    const Masks masks = masks_of_least(pruned, scope, 1.0 / 6, scores);
    BOOST_CHECK_EQUAL(masks[0].kernel[2] + masks[0].kernel[4], 1);
    const std::vector<float> weights = second.value;
    pruned.set_masks(masks);
    const double without = lost(behind_conv2(pruned.network), before);
    reconstruction.compensate();
    BOOST_CHECK_LT(lost(behind_conv2(pruned.network), before), 1e-4 * without);
    const int left = masks[0].kernel[2] ? 2 : 4;
    BOOST_CHECK_CLOSE(second.value[left * 9], 2 * weights[left * 9], 1);
}

// A dilated kernel of unlike sides is the one with zeros between its taps.
BOOST_AUTO_TEST_CASE(dilated_kernels_are_those_with_zeros_between) {
    PrunedNetwork dilated = trained_whole("2x14x14:6C3v-P2-2C3x2vd2-P2(average)-7FC-4Softmax"),
                  whole = trained_whole("2x14x14:6C3v-P2-2C5x3v-P2(average)-7FC-4Softmax");
    const auto &from = dilated.network.layers(), &to = whole.network.layers();
    BOOST_REQUIRE_EQUAL(from.size(), to.size());
    for (std::size_t i = 0; i < from.size(); ++i) {
        const auto mine = from[i]->parameters(), others = to[i]->parameters();
        for (std::size_t j = 0; j < mine.size(); ++j) {
            if (mine[j]->value.size() == others[j]->value.size()) {
                others[j]->value = mine[j]->value;
            } else {
                std::ranges::fill(others[j]->value, 0.0f);
                for (std::size_t kernel = 0; kernel < 12; ++kernel)
                    for (std::size_t tap = 0; tap < 6; ++tap)
                        others[j]->value[kernel * 15 + tap / 2 * 2 * 3 + tap % 2 * 2] =
                            mine[j]->value[kernel * 6 + tap];
            }
            others[j]->changed();
        }
    }
    const auto scores = [](PrunedNetwork& pruned) {
        Batches batches(images(), {.size = 16});
        return Reconstruction(pruned, {Granularity::kernel, {"conv2"}}, batches, 4).scores().at(0);
    };
    const std::vector<double> found = scores(dilated), expected = scores(whole);
    BOOST_REQUIRE_EQUAL(found.size(), 12);
    const double largest = *std::ranges::max_element(expected);
    BOOST_CHECK_GT(largest, 0);
    for (std::size_t i = 0; i < found.size(); ++i) BOOST_CHECK_SMALL(found[i] - expected[i], 1e-4 * largest);
}

// Half of a map's kernels: less of it is lost than by nine of ten masks of so many. (Not by all: the terms
// are measured with the border that a valid convolution does not have.)
BOOST_AUTO_TEST_CASE(less_is_lost_than_by_nine_of_ten_masks) {
    for (Granularity granularity : {Granularity::kernel, Granularity::kernel_group}) {
        PrunedNetwork pruned = lively();
        const PruningScope scope{granularity, {"conv2"}};
        const Tensor before = behind_conv2(pruned.network);
        std::vector<double> of_masks;
        for (std::uint64_t seed = 0; seed < 200; ++seed) {  // of 20 masks that there are
            PrunedNetwork other = lively();
            other.set_masks(random_masks(other, scope, 0.5, seed));
            of_masks.push_back(lost(behind_conv2(other.network), before));
        }
        std::sort(of_masks.begin(), of_masks.end());
        Batches batches(images(), {.size = 16});
        Reconstruction reconstruction(pruned, scope, batches, 4);
        for (const auto& group : reconstruction.scores())
            for (double score : group) BOOST_CHECK(std::isfinite(score) && score >= 0);
        pruned.set_masks(masks_of_least(pruned, scope, 0.5, reconstruction.scores()));
        BOOST_CHECK_EQUAL(pruned.density()[1].surviving_kernels, 3);
        const double alone = lost(behind_conv2(pruned.network), before);
        reconstruction.compensate();
        const double with = lost(behind_conv2(pruned.network), before);
        BOOST_CHECK_LT(with, alone);
        BOOST_CHECK_LT(with, of_masks[of_masks.size() / 10]);
    }
}

// A map that the loss does not feel is pruned first, whatever its energy.
BOOST_AUTO_TEST_CASE(maps_weigh_by_the_slope_of_the_loss) {
    PrunedNetwork pruned = trained_whole(valid_network);
    ConvolutionLayer& second = *pruned.network.convolutions()[1];
    std::fill(second.bias().value.begin(), second.bias().value.end(), 5.0f);
    second.bias().value[3] = -1000;  // behind its ReLU: nothing
    second.bias().changed();
    Batches batches(images(), {.size = 16});
    const auto scores = Reconstruction(pruned, {Granularity::kernel, {"conv2"}}, batches, 2).scores();
    for (int kernel = 0; kernel < 48; ++kernel) BOOST_CHECK_EQUAL(scores[0][kernel] == 0, kernel / 6 == 3);
}

// Squares of slopes: a map that the loss feels twice as much weighs four times as much.
BOOST_AUTO_TEST_CASE(maps_weigh_by_the_squares_of_slopes) {
    PrunedNetwork pruned = trained_whole(valid_network);
    ConvolutionLayer& second = *pruned.network.convolutions()[1];
    std::fill(second.bias().value.begin(), second.bias().value.end(), 50.0f);  // alive behind their ReLUs
    std::copy_n(second.weight().value.begin(), 54, second.weight().value.begin() + 54);  // map 1 is map 0
    second.weight().changed();
    const WeightedLayer dense = weighted_layers(pruned.network)[2];
    for (int o = 0; o < dense.out; ++o)
        for (int pixel = 0; pixel < dense.area; ++pixel)
            dense.kernel(o, 1)[std::size_t(pixel)] = 2 * dense.kernel(o, 0)[std::size_t(pixel)];
    std::fill(dense.bias->value.begin(), dense.bias->value.end(), 1e4f);
    dense.weight->changed();
    Batches batches(images(), {.size = 16});
    const auto scores = Reconstruction(pruned, {Granularity::kernel, {"conv2"}}, batches, 2).scores()[0];
    for (int c = 0; c < 6; ++c) {
        BOOST_CHECK_GT(scores[std::size_t(c)], 0);
        BOOST_CHECK_CLOSE(scores[std::size_t(6 + c)], 4 * scores[std::size_t(c)], 1e-3);
    }
}

// A group is judged by all of its maps: where one alone is felt, by that one, whichever it is.
BOOST_AUTO_TEST_CASE(every_map_of_a_group_counts) {
    for (const int alive : {0, 2}) {
        PrunedNetwork pruned = trained_whole(valid_network);
        ConvolutionLayer& second = *pruned.network.convolutions()[1];
        std::fill(second.bias().value.begin(), second.bias().value.end(), -1000.0f);  // behind ReLU: nothing
        second.bias().value[std::size_t(alive)] = 5;
        second.bias().changed();
        Batches batches(images(), {.size = 16});
        const auto kernels = Reconstruction(pruned, {Granularity::kernel, {"conv2"}}, batches, 2).scores()[0],
                   groups =
                       Reconstruction(pruned, {Granularity::kernel_group, {"conv2"}}, batches, 2).scores()[0];
        for (int c = 0; c < 6; ++c) {
            BOOST_CHECK_GT(groups[std::size_t(c)], 0);
            BOOST_CHECK_CLOSE(groups[std::size_t(c)], kernels[std::size_t(alive * 6 + c)], 1e-6);
            BOOST_CHECK_EQUAL(groups[std::size_t(6 + c)], 0);
        }
    }
}

// Of two kernels that undo each other almost, the second is needless once the first is gone. It does not
// score less all the same: the one that goes first is never worth more than those after it.
BOOST_AUTO_TEST_CASE(who_goes_later_matters_at_least_as_much) {
    PrunedNetwork pruned = lively();
    Parameter& first = pruned.network.convolutions()[0]->weight();
    std::copy_n(first.value.begin() + 2 * 18, 18, first.value.begin() + 4 * 18);  // map 4 is map 2, but for
    first.value[4 * 18] += 0.01f;                                                 // a little
    first.changed();
    Parameter& second = pruned.network.convolutions()[1]->weight();
    for (int tap = 0; tap < 9; ++tap) second.value[4 * 9 + tap] = -second.value[2 * 9 + tap];
    second.changed();
    Masks masks;
    mask_of(masks, weighted_layers(pruned.network), "conv2").kernel = {0, 0, 1, 0, 1, 0};
    pruned.set_masks(masks);
    Batches batches(images(), {.size = 16});
    const auto scores = Reconstruction(pruned, {Granularity::kernel, {"conv2"}}, batches, 4).scores()[0];
    BOOST_REQUIRE_EQUAL(scores.size(), 2);
    BOOST_CHECK_GT(scores[0], 0);
    BOOST_CHECK_EQUAL(scores[0], scores[1]);
}

BOOST_AUTO_TEST_CASE(only_kernels) {
    PrunedNetwork pruned = trained_whole(valid_network);
    Batches batches(images(), {.size = 16});
    for (Granularity granularity : {Granularity::layer, Granularity::feature_map, Granularity::intra_kernel})
        BOOST_CHECK_THROW(Reconstruction(pruned, {granularity, {"conv2"}}, batches, 1), UsageError);
}

BOOST_AUTO_TEST_SUITE_END()
