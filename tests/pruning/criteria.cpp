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

// Rectangular kernels keep their rows and columns.
BOOST_AUTO_TEST_CASE(energies_of_rectangular_kernels) {
    const ConvolutionShape shape{
        .batch = 3, .in_channels = 1, .out_channels = 2, .height = 7, .width = 6, .kernel = {2, 5}};
    const Tensor x = random_tensor({1, 7, 6}, 3, "x");
    std::vector<float> weights(shape.weights());
    RandomStream random(1, "w");
    for (float& w : weights) w = random.normal();
    const std::vector<double> energies = kernel_energies(shape, weights, x);
    for (int o = 0; o < 2; ++o) {  // as a square kernel whose other rows are zero
        std::vector<float> square(25);
        std::copy_n(weights.begin() + o * 10, 10, square.begin());
        BOOST_CHECK_CLOSE(energies[std::size_t(o)], plain_energy(x, 0, square, 5, 3), 1e-3);
    }
}

// Taps lie as far apart as the dilation says.
BOOST_AUTO_TEST_CASE(energies_of_dilated_kernels) {
    const ConvolutionShape shape{.batch = 3,
                                 .in_channels = 1,
                                 .out_channels = 2,
                                 .height = 7,
                                 .width = 6,
                                 .kernel = {2, 3},
                                 .dilation = {3, 2}};
    const Tensor x = random_tensor({1, 7, 6}, 3, "x");
    std::vector<float> weights(shape.weights());
    RandomStream random(1, "w");
    for (float& w : weights) w = random.normal();
    const std::vector<double> energies = kernel_energies(shape, weights, x);
    for (int o = 0; o < 2; ++o) {  // as a square kernel with zeros between
        std::vector<float> square(25);
        for (int u = 0; u < 2; ++u)
            for (int v = 0; v < 3; ++v)
                square[std::size_t(u * 3 * 5 + v * 2)] = weights[std::size_t(o * 6 + u * 3 + v)];
        BOOST_CHECK_CLOSE(energies[std::size_t(o)], plain_energy(x, 0, square, 5, 3), 1e-3);
    }
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
    BOOST_CHECK_EQUAL(network.density()[1].surviving_kernels, 36);
    // Half of the 36 that are left; a map's kernels after half of the maps.
    const Masks more = masks_of_least(network, scope, 0.5, scores_of(network, scope, Criterion::l2));
    network.set_masks(more);
    BOOST_CHECK_EQUAL(network.density()[1].surviving_kernels, 18);
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
    BOOST_CHECK_EQUAL(pruned(Granularity::feature_map, 0.5)[0].surviving_maps, 3);
    BOOST_CHECK_EQUAL(pruned(Granularity::feature_map, 0.5)[1].surviving_kernels, 4 * 3);
    BOOST_CHECK_EQUAL(pruned(Granularity::feature_map, 1)[1].surviving_maps, 1);  // one is left
    BOOST_CHECK_EQUAL(pruned(Granularity::kernel, 0.25)[1].surviving_kernels, 36);
    BOOST_CHECK_EQUAL(pruned(Granularity::intra_kernel, 1.0 / 3, 3)[1].surviving_weights, 288);
    const auto layers = pruned(Granularity::layer, 0.5);
    BOOST_CHECK_EQUAL((layers[0].surviving_maps == 0) + (layers[1].surviving_maps == 0), 1);
    BOOST_CHECK_EQUAL(pruned_count(10, 0.25), 3);
    BOOST_CHECK_EQUAL(pruned_count(1, 1), 0);
    BOOST_CHECK_EQUAL(pruned_count(0, 1), 0);
    BOOST_CHECK_THROW(pruned(Granularity::intra_kernel, 0.5, 0), UsageError);
    BOOST_CHECK_THROW(live_units(network, {Granularity::kernel, {"dense1"}}), ShapeError);
    BOOST_CHECK_THROW(live_units(network, {Granularity::feature_map, {"dense2"}}), ShapeError);
    BOOST_CHECK_THROW(parse_granularity("filter"), UsageError);
    BOOST_CHECK_THROW(parse_criterion("l1"), UsageError);
}

// γ/σ times the weights is what they are once batch normalisation is folded in.
BOOST_AUTO_TEST_CASE(scaled_magnitudes_are_those_of_the_folded_network) {
    PrunedNetwork network = trained_whole(normalised_network);
    PrunedNetwork folded(fold_batch_norm(network.network));
    for (Granularity granularity : {Granularity::feature_map, Granularity::kernel}) {
        const PruningScope scope{granularity, {"conv1", "conv2"}};
        for (const auto& [scaled, plain] : {std::pair{Criterion::weight_sum_scaled, Criterion::weight_sum},
                                            std::pair{Criterion::l2_scaled, Criterion::l2}}) {
            const auto a = scores_of(network, scope, scaled), b = scores_of(folded, scope, plain);
            for (std::size_t g = 0; g < a.size(); ++g)
                for (std::size_t u = 0; u < a[g].size(); ++u) BOOST_CHECK_CLOSE(a[g][u], b[g][u], 1e-3);
        }
    }
}

BOOST_AUTO_TEST_CASE(gamma_and_its_slope) {
    PrunedNetwork pruned = trained_whole(normalised_network);
    Network& network = pruned.network;
    const PruningScope maps{Granularity::feature_map, {"conv2"}};
    const auto gamma = scores_of(pruned, maps, Criterion::gamma);
    BatchNorm& norm = *weighted_layers(network)[1].norm;
    BOOST_CHECK_EQUAL(gamma[0][5], std::abs(norm.parameters()[0]->value[5]));

    const LabelledImages images = small_images(8, image_maps, 4, "data");
    Batches batches(images, {.size = 8});
    const auto slopes = unit_scores(pruned, maps, Criterion::taylor_gamma, {.images = batches, .batches = 1});
    batches.start(0);
    const Batch& batch = *batches.next();
    const std::vector<float> scale = norm.parameters()[0]->value, shift = norm.parameters()[1]->value;
    const auto loss = [&](int map, float factor) {
        norm.parameters()[0]->value[map] = factor * scale[map];
        norm.parameters()[1]->value[map] = factor * shift[map];
        const double result = softmax_cross_entropy(network.forward(batch.images), batch.labels).mean();
        norm.parameters()[0]->value[map] = scale[map];
        norm.parameters()[1]->value[map] = shift[map];
        return result;
    };
    double worst = 0, largest = 0;
    for (int map = 0; map < 8; ++map) {
        const double slope = (loss(map, 1.01f) - loss(map, 0.99f)) / 0.02;
        worst = std::max(worst, std::abs(std::sqrt(slopes[0][map]) - std::abs(slope)));
        largest = std::max(largest, std::abs(slope));
    }
    BOOST_CHECK_LT(worst, 0.05 * largest);
    for (Criterion criterion : {Criterion::gamma, Criterion::taylor_gamma}) {
        BOOST_CHECK_THROW(scores_of(pruned, {Granularity::kernel, {"conv2"}}, criterion), UsageError);
        PrunedNetwork plain = trained_whole(valid_network);
        BOOST_CHECK_THROW(scores_of(plain, maps, criterion), UsageError);
    }
}

// Energy without the mean: of maps whose mean over all pixels and images has been taken away.
BOOST_AUTO_TEST_CASE(energy_without_what_batch_normalisation_removes) {
    const ConvolutionShape shape{
        .batch = 8, .in_channels = 2, .out_channels = 2, .height = 6, .width = 5, .kernel = 3};
    Tensor centred = random_tensor({2, 6, 5}, 8, "x"), x = centred;
    for (int c = 0; c < 2; ++c) {
        double sum = 0;
        for (int p = 0; p < 30 * 8; ++p) sum += centred(c, p / 8 / 5, p / 8 % 5, p % 8);
        for (int p = 0; p < 30 * 8; ++p) {
            centred(c, p / 8 / 5, p / 8 % 5, p % 8) -= float(sum / 240);
            x(c, p / 8 / 5, p / 8 % 5, p % 8) += 2;  // a mean worth speaking of
        }
    }
    std::vector<float> weights(shape.weights());
    RandomStream random(1, "w");
    for (float& w : weights) w = random.normal();
    const std::vector<double> energies = kernel_energies(shape, weights, x, 0, true);
    for (int o = 0; o < 2; ++o)
        for (int c = 0; c < 2; ++c) {
            const std::span<const float> w(weights.data() + (o * 2 + c) * 9, 9);
            BOOST_CHECK_CLOSE(energies[o * 2 + c], plain_energy(centred, c, w, 3, 8), 1e-2);
        }
}

BOOST_AUTO_TEST_CASE(a_score_that_is_no_number_is_an_error) {
    PrunedNetwork pruned = trained_whole(valid_network);
    pruned.network.convolutions()[1]->weight().value[20 * 9] = NAN;
    const PruningScope scope{Granularity::kernel, {"conv2"}};
    BOOST_CHECK_EXCEPTION(scores_of(pruned, scope, Criterion::l2), Error, [](const Error& error) {
        return std::string(error.what()).find("kernel 20 of conv2") != std::string::npos;
    });
    std::vector<std::vector<double>> scores(1, std::vector<double>(48, 1.0));
    BOOST_CHECK_NO_THROW(masks_of_least(pruned, scope, 0.5, scores));
    scores[0][7] = NAN;
    BOOST_CHECK_THROW(masks_of_least(pruned, scope, 0.5, scores), Error);
    BOOST_CHECK_THROW(drawn_masks(pruned, scope, 0.5, scores, 1), Error);
    scores[0][7] = -1;
    BOOST_CHECK_THROW(drawn_masks(pruned, scope, 0.5, scores, 1), Error);
}

// Of equal scores those that come first go.
BOOST_AUTO_TEST_CASE(ties_are_broken_by_order) {
    const PrunedNetwork pruned = trained_whole(valid_network);
    const Masks masks =
        masks_of_least(pruned, {Granularity::kernel, {"conv2"}}, 0.25, {std::vector<double>(48, 1.0)});
    for (std::size_t kernel = 0; kernel < 48; ++kernel)
        BOOST_CHECK_EQUAL(int(masks[0].kernel[kernel]), kernel >= 12);
}

// A kernel group is one input map's kernels to four neighbouring output maps; the last group has what is
// left.
BOOST_AUTO_TEST_CASE(kernel_groups) {
    PrunedNetwork pruned = trained_whole(valid_network);
    const PruningScope scope{Granularity::kernel_group, {"conv1", "conv2"}};
    const std::vector<UnitGroup> groups = live_units(pruned, scope);
    BOOST_CHECK_EQUAL(groups[0].size(), 2 * 2);  // six maps out, two in
    BOOST_CHECK_EQUAL(groups[1].size(), 2 * 6);
    const auto group_sums = scores_of(pruned, scope, Criterion::weight_sum);
    const auto sums = scores_of(pruned, {Granularity::kernel, {"conv1", "conv2"}}, Criterion::weight_sum);
    for (int g = 0; g < 2; ++g)
        for (int c = 0; c < 2; ++c) {
            double sum = 0;
            for (int o = 4 * g; o < std::min(4 * g + 4, 6); ++o) sum += sums[0][o * 2 + c];
            BOOST_CHECK_CLOSE(group_sums[0][g * 2 + c], sum, 1e-6);
        }
    pruned.set_masks(random_masks(pruned, scope, 0.5, 3));
    for (const LayerMask& mask : pruned.masks())
        for (int o = 0; o < mask.out; ++o)
            for (int c = 0; c < mask.in; ++c)
                BOOST_CHECK_EQUAL(int(mask.kernel[o * mask.in + c]),
                                  int(mask.kernel[o / 4 * 4 * mask.in + c]));
    BOOST_CHECK_EQUAL(live_units(pruned, scope)[1].size(), 6);
    BOOST_CHECK_EQUAL(to_string(Granularity::kernel_group), "kernel-group");
}

// Each candidate keeps the wanted number; over many, a unit of three times the score survives more often, in
// the proportion of a draw of one.
BOOST_AUTO_TEST_CASE(candidates_drawn_around_a_score) {
    PrunedNetwork pruned = trained_whole(valid_network);
    const PruningScope scope{Granularity::feature_map, {"conv1"}};
    const std::vector<std::vector<double>> scores{{3, 1, 1, 1, 0, 0}};
    std::vector<int> survived(6, 0);
    for (std::uint64_t seed = 0; seed < 3000; ++seed) {
        const Masks masks = drawn_masks(pruned, scope, 5.0 / 6, scores, seed);
        BOOST_REQUIRE_EQUAL(std::count(masks[0].feature_map.begin(), masks[0].feature_map.end(), 1), 1);
        for (int map = 0; map < 6; ++map) survived[map] += masks[0].feature_map[map];
    }
    BOOST_CHECK_SMALL(survived[0] / 3000.0 - 0.5, 0.03);
    BOOST_CHECK_SMALL(survived[1] / 3000.0 - 1.0 / 6, 0.03);
    BOOST_CHECK_EQUAL(survived[4] + survived[5], 0);
    BOOST_CHECK(drawn_masks(pruned, scope, 0.5, scores, 7) == drawn_masks(pruned, scope, 0.5, scores, 7));
}

BOOST_AUTO_TEST_SUITE_END()
