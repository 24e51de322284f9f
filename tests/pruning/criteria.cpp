#include "fftconv/pruning/criteria.hpp"

#include "fftconv/core/error.hpp"
#include "fftconv/network/loss.hpp"
#include "fftconv/pruning/spectral_energy.hpp"
#include "pruning/pruned.hpp"
#include "support/small_images.hpp"

using namespace fftconv;
using namespace fftconv::test;

namespace {

const MapShape image_maps{2, 14, 14};

std::vector<std::vector<double>> scores_of(PrunedNetwork& pruned, const PruningScope& scope,
                                           Criterion criterion) {
    static const LabelledImages images = small_images(24, image_maps, 4, "data");
    Batches batches(images, {.size = 8});
    return unit_scores(pruned, scope, criterion, {.images = batches, .batches = 3, .seed = 5});
}

/// Σ (W[o,c] ⋆ x[c])² over every pixel that any tap meets, from the definition, mean over images.
double plain_energy(const Tensor& x, int c, std::span<const float> w, int k, int images) {
    double sum = 0;
    for (int n = 0; n < images; ++n)
        for (int row = 1 - k; row < x.height(); ++row)
            for (int column = 1 - k; column < x.width(); ++column) {
                double y = 0;
                for (int u = 0; u < k; ++u)
                    for (int v = 0; v < k; ++v) {
                        const int h = row + u, q = column + v;
                        if (h >= 0 && h < x.height() && q >= 0 && q < x.width())
                            y += double(w[u * k + v]) * x(c, h, q, n);
                    }
                sum += y * y;
            }
    return sum / images;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(criteria)

BOOST_AUTO_TEST_CASE(energies_are_those_of_the_whole_correlation) {
    for (const auto& [height, width, kernel] : {std::tuple{9, 7, 3}, {5, 5, 5}, {12, 12, 5}, {4, 6, 1}})
        for (int valid : {0, 3}) BOOST_TEST_CONTEXT(height << "x" << width << " " << kernel << " " << valid) {
                const ConvolutionShape shape{.batch = 11,
                                             .in_channels = 3,
                                             .out_channels = 4,
                                             .height = height,
                                             .width = width,
                                             .kernel = kernel};
                const Tensor x = random_tensor({3, height, width}, 11, "x", valid);
                std::vector<float> weights(shape.weights());
                RandomStream random(1, "w");
                for (float& w : weights) w = random.normal();
                const std::vector<double> energies = kernel_energies(shape, weights, x, valid);
                const std::size_t area = std::size_t(kernel) * kernel;
                for (int o = 0; o < 4; ++o)
                    for (int c = 0; c < 3; ++c) {
                        const std::span<const float> w(weights.data() + (o * 3 + c) * area, area);
                        BOOST_CHECK_CLOSE(energies[o * 3 + c],
                                          plain_energy(x, c, w, kernel, valid ? valid : 11), 1e-3);
                    }
            }
    BOOST_CHECK_THROW(kernel_energies({.height = 5, .width = 5, .kernel = 3}, {}, Tensor(1, 5, 5, 1)),
                      ShapeError);
}

BOOST_AUTO_TEST_CASE(magnitudes_of_each_granularity) {
    PrunedNetwork network = trained_whole(valid_network);
    const std::vector<float>& w = network.network.convolutions()[1]->weight().value;  // (8, 6, 3, 3)
    const auto maps = scores_of(network, {Granularity::feature_map, {"conv2"}}, Criterion::weight_sum);
    const auto kernels = scores_of(network, {Granularity::kernel, {"conv2"}}, Criterion::l2);
    const auto parts = scores_of(network, {Granularity::intra_kernel, {"conv2"}, 3}, Criterion::weight_sum);
    BOOST_REQUIRE_EQUAL(maps[0].size(), 8);
    BOOST_REQUIRE_EQUAL(kernels[0].size(), 48);
    BOOST_REQUIRE_EQUAL(parts[0].size(), 144);
    double sum = 0, squares = 0;
    for (int i = 0; i < 54; ++i) sum += std::abs(w[3 * 54 + i]);
    for (int i = 0; i < 9; ++i) squares += double(w[20 * 9 + i]) * w[20 * 9 + i];
    BOOST_CHECK_CLOSE(maps[0][3], sum, 1e-6);
    BOOST_CHECK_CLOSE(kernels[0][20], std::sqrt(squares), 1e-6);
    // Part 1 of kernel 20 is its middle column.
    const double column = std::abs(w[20 * 9 + 1]) + std::abs(w[20 * 9 + 4]) + std::abs(w[20 * 9 + 7]);
    BOOST_CHECK_CLOSE(parts[0][20 * 3 + 1], column, 1e-6);
}

// The score is the square of the loss's slope along the kernel: what taking a little of it away does.
BOOST_AUTO_TEST_CASE(taylor_is_the_slope_of_the_loss_along_a_unit) {
    PrunedNetwork pruned = trained_whole(normalised_network);
    Network& network = pruned.network;
    const LabelledImages images = small_images(8, image_maps, 4, "data");
    Batches batches(images, {.size = 8});
    const auto scores = unit_scores(pruned, {Granularity::kernel, {"conv2"}}, Criterion::taylor,
                                    {.images = batches, .batches = 1});
    batches.start(0);
    const Batch& batch = *batches.next();
    Parameter& weight = network.convolutions()[1]->weight();
    const std::vector<float> before = weight.value;
    const auto loss = [&](int kernel, float factor) {
        weight.value = before;
        for (int i = 0; i < 9; ++i) weight.value[kernel * 9 + i] *= factor;
        weight.changed();
        return softmax_cross_entropy(network.forward(batch.images), batch.labels).mean();
    };
    double worst = 0, largest = 0;
    for (int kernel = 0; kernel < 48; kernel += 5) {
        const double slope = (loss(kernel, 1.01f) - loss(kernel, 0.99f)) / 0.02;
        worst = std::max(worst, std::abs(std::sqrt(scores[0][kernel]) - std::abs(slope)));
        largest = std::max(largest, std::abs(slope));
    }
    BOOST_CHECK_GT(largest, 1e-3);
    BOOST_CHECK_LT(worst, 0.05 * largest);
}

BOOST_AUTO_TEST_CASE(spectral_scores_are_shares_of_a_map) {
    PrunedNetwork network = trained_whole(normalised_network);
    const auto kernels = scores_of(network, {Granularity::kernel, {"conv1", "conv2"}}, Criterion::spectral);
    for (int o = 0; o < 8; ++o) {
        double sum = 0;
        for (int c = 0; c < 6; ++c) sum += kernels[1][o * 6 + c];
        BOOST_CHECK_CLOSE(sum, 1, 1e-6);
    }
    const auto parts = scores_of(network, {Granularity::intra_kernel, {"conv2"}, 2}, Criterion::spectral);
    BOOST_CHECK_EQUAL(parts[0].size(), 96);
    // A map's batch normalisation scales what its kernels give.
    const PruningScope maps{Granularity::feature_map, {"conv2"}};
    const auto before = scores_of(network, maps, Criterion::spectral);
    BatchNorm& norm = *weighted_layers(network.network)[1].norm;
    norm.parameters()[0]->value[3] *= 2;
    const auto after = scores_of(network, maps, Criterion::spectral);
    BOOST_CHECK_CLOSE(after[0][3], 4 * before[0][3], 1e-4);
    BOOST_CHECK_CLOSE(after[0][2], before[0][2], 1e-9);
    BOOST_CHECK_THROW(scores_of(network, {Granularity::feature_map, {"dense1"}}, Criterion::spectral),
                      UsageError);
}

BOOST_AUTO_TEST_CASE(the_least_are_pruned_and_what_is_pruned_already_does_not_count) {
    PrunedNetwork network = trained_whole(valid_network);
    const PruningScope scope{Granularity::kernel, {"conv2"}};
    const auto scores = scores_of(network, scope, Criterion::l2);
    const Masks masks = masks_of_least(network, scope, 0.25, scores);
    double largest_pruned = 0, least_kept = 1e9;
    for (int kernel = 0; kernel < 48; ++kernel)
        (masks[0].kernel[kernel] ? least_kept = std::min(least_kept, scores[0][kernel])
                                 : largest_pruned = std::max(largest_pruned, scores[0][kernel]));
    BOOST_CHECK_LE(largest_pruned, least_kept);
    network.set_masks(masks);
    BOOST_CHECK_EQUAL(network.density()[1].kept_kernels, 36);
    // Half of the 36 that are left; a map's kernels after half of the maps.
    const Masks more = masks_of_least(network, scope, 0.5, scores_of(network, scope, Criterion::l2));
    network.set_masks(more);
    BOOST_CHECK_EQUAL(network.density()[1].kept_kernels, 18);
    BOOST_CHECK(combine(more, masks) == more);
}

BOOST_AUTO_TEST_CASE(ratios_of_every_granularity) {
    PrunedNetwork network = trained_whole(valid_network);
    const auto pruned = [&](Granularity granularity, double ratio, int stride = 2) {
        const PruningScope scope{granularity, {"conv1", "conv2"}, stride};
        network.set_masks({});
        network.set_masks(random_masks(network, scope, ratio, 3));
        return network.density();
    };
    BOOST_CHECK_EQUAL(pruned(Granularity::feature_map, 0.5)[0].kept_maps, 3);
    BOOST_CHECK_EQUAL(pruned(Granularity::feature_map, 0.5)[1].kept_kernels, 4 * 3);
    BOOST_CHECK_EQUAL(pruned(Granularity::feature_map, 1)[1].kept_maps, 1);  // one is left
    BOOST_CHECK_EQUAL(pruned(Granularity::kernel, 0.25)[1].kept_kernels, 36);
    BOOST_CHECK_EQUAL(pruned(Granularity::intra_kernel, 1.0 / 3, 3)[1].kept_weights, 288);
    const auto layers = pruned(Granularity::layer, 0.5);
    BOOST_CHECK_EQUAL((layers[0].kept_maps == 0) + (layers[1].kept_maps == 0), 1);
    BOOST_CHECK_EQUAL(pruned_count(10, 0.25), 3);
    BOOST_CHECK_EQUAL(pruned_count(1, 1), 0);
    BOOST_CHECK_EQUAL(pruned_count(0, 1), 0);
    BOOST_CHECK_THROW(pruned(Granularity::intra_kernel, 0.5, 0), UsageError);
    BOOST_CHECK_THROW(live_units(network, {Granularity::kernel, {"dense1"}}), ShapeError);
    BOOST_CHECK_THROW(live_units(network, {Granularity::feature_map, {"dense2"}}), ShapeError);
    BOOST_CHECK_THROW(parse_granularity("filter"), UsageError);
    BOOST_CHECK_THROW(parse_criterion("l1"), UsageError);
}

BOOST_AUTO_TEST_SUITE_END()
