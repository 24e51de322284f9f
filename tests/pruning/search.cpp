#include "fftconv/pruning/search.hpp"

#include "fftconv/convolution/cost_model.hpp"
#include "fftconv/convolution/spectral/spectral.hpp"
#include "fftconv/core/error.hpp"
#include "fftconv/pruning/cost.hpp"
#include "fftconv/pruning/criteria.hpp"
#include "fftconv/training/evaluation.hpp"
#include "fftconv/training/recalibration.hpp"
#include "pruning/pruned.hpp"
#include "support/small_images.hpp"

using namespace fftconv;
using namespace fftconv::test;

namespace {

const LabelledImages& validation_images() {
    static const LabelledImages images = small_images(40, {2, 14, 14}, 4, "validation");
    return images;
}

SpectralConvolution& spectral(Network& network, int layer) {
    return dynamic_cast<SpectralConvolution&>(network.convolutions()[layer]->engine());
}

double seconds_in(Network& network, const std::string& phase) {
    double sum = 0;
    for (const LayerProfile& layer : network.profile())
        for (const Phase& each : layer.phases)
            if (each.name == phase) sum += each.seconds;
    return sum;
}

const PruningScope kernels{Granularity::kernel, {"conv1", "conv2"}};

}  // namespace

BOOST_AUTO_TEST_SUITE(search)

// Each candidate is evaluated as if its masks had been applied, and the network comes back as it was.
BOOST_AUTO_TEST_CASE(a_trial_computes_as_the_masked_network) {
    for (const std::string engine : {"fft", "direct"})
        for (const char* architecture : {valid_network, normalised_network})
            for (Granularity granularity : {Granularity::layer, Granularity::feature_map, Granularity::kernel,
                                            Granularity::intra_kernel})
                BOOST_TEST_CONTEXT(engine << " " << architecture << " " << to_string(granularity)) {
                    PrunedNetwork pruned = trained_whole(architecture, engine);
                    Network& network = pruned.network;
                    Masks before;  // something is pruned already
                    mask_of(before, weighted_layers(network), "conv2").kernel =
                        random_bytes(48, 0.2, "before");
                    pruned.set_masks(before);
                    const std::vector<NamedArray> state = network.state();
                    const Tensor images = images_for(network), whole = network.forward(images);
                    {
                        MaskTrial trial(pruned);
                        for (std::uint64_t seed : {1, 2, 3}) {
                            const PruningScope scope{granularity, {"conv1", "conv2"}};
                            const Masks masks = random_masks(pruned, scope, 0.5, seed);
                            PrunedNetwork plain(trained(architecture, engine), masks);
                            trial.set(masks);
                            const Tensor answer = plain.network.forward(images);
                            BOOST_CHECK_LT(difference(network.forward(images), answer), 2e-6);
                        }
                        trial.set(before);
                        BOOST_CHECK_LT(difference(network.forward(images), whole), 2e-6);
                    }
                    BOOST_CHECK(network.state() == state);
                    const Tensor again = network.forward(images);
                    BOOST_CHECK_EQUAL(difference(again, whole), 0);
                }
}

// Neurons are pruned with their bias, or with scale and shift of their normalisation.
BOOST_AUTO_TEST_CASE(a_trial_prunes_neurons_too) {
    for (const char* architecture : {valid_network, normalised_network}) BOOST_TEST_CONTEXT(architecture) {
            const PruningScope scope{Granularity::feature_map, {"conv2", "dense1"}};
            PrunedNetwork pruned = trained_whole(architecture, "fft");
            const Tensor images = images_for(pruned.network);
            MaskTrial trial(pruned);
            for (std::uint64_t seed : {1, 2, 3}) {
                const Masks masks = random_masks(pruned, scope, 0.5, seed);
                PrunedNetwork plain(trained(architecture, "fft"), masks);
                trial.set(masks);
                const Tensor answer = plain.network.forward(images);
                BOOST_CHECK_LT(difference(pruned.network.forward(images), answer), 2e-6);
            }
        }
}

BOOST_AUTO_TEST_CASE(candidates_share_the_spectra) {
    PrunedNetwork pruned = trained_whole(valid_network, "fft");
    Network& network = pruned.network;
    const Tensor images = images_for(network);
    MaskTrial trial(pruned);
    trial.set({});
    network.forward(images);
    const double once = seconds_in(network, "kernel spectra");
    BOOST_CHECK_GT(once, 0);
    for (std::uint64_t seed = 0; seed < 5; ++seed) {
        const Masks masks = random_masks(pruned, kernels, 0.75, seed);
        trial.set(masks);
        network.forward(images);
        const PrunedNetwork other(trained(valid_network), masks);
        BOOST_CHECK_EQUAL(spectral(network, 1).visited_kernels(), other.density()[1].surviving_kernels);
        BOOST_CHECK_EQUAL(spectral(network, 1).visited_kernels(), 12);
    }
    BOOST_CHECK_EQUAL(seconds_in(network, "kernel spectra"), once);  // not one more
}

BOOST_AUTO_TEST_CASE(the_winner_depends_on_seed_and_candidate_alone) {
    PrunedNetwork one = trained_whole(valid_network, "fft", 1), four = trained_whole(valid_network, "fft", 4);
    Batches batches(validation_images(), {.size = 8});
    SearchState first, second, halves;
    const SearchOptions options{.ratio = 0.4, .candidates = 12, .seed = 9};
    const Masks masks = best_of_random(one, batches, kernels, options, first);
    BOOST_CHECK(best_of_random(four, batches, kernels, options, second) == masks);
    BOOST_CHECK(first.seed == second.seed && first.validation_mcr == second.validation_mcr);
    // Stopped after five and taken up again.
    best_of_random(one, batches, kernels, options, halves,
                   [](const SearchState& s) { return s.count() < 5; });
    BOOST_CHECK_EQUAL(halves.count(), 5);
    BOOST_CHECK(best_of_random(one, batches, kernels, options, halves) == masks);
    BOOST_CHECK(halves.validation_mcr == first.validation_mcr);
    // The stored seed makes the mask again, and its score is the winner's.
    const std::size_t best = first.best();
    BOOST_CHECK(random_masks(one, kernels, 0.4, first.seed[best]) == masks);
    BOOST_CHECK_EQUAL(first.seed[best], candidate_seed(9, best));
    one.set_masks(masks);
    BOOST_CHECK_EQUAL(evaluate(one.network, batches).mcr, first.validation_mcr[best]);
    BOOST_CHECK_EQUAL(first.validation_mcr[best],
                      *std::min_element(first.validation_mcr.begin(), first.validation_mcr.end()));
    BOOST_CHECK_GT(*std::max_element(first.validation_mcr.begin(), first.validation_mcr.end()),
                   first.validation_mcr[best]);
}

// What comes before the first pruned layer is computed once, and the scores are those of the whole network.
BOOST_AUTO_TEST_CASE(layers_before_the_pruned_ones_run_once) {
    PrunedNetwork pruned = trained_whole(valid_network, "fft");
    Network& network = pruned.network;
    Batches batches(validation_images(), {.size = 16});
    const PruningScope second{Granularity::kernel, {"conv2"}};
    SearchState state;
    std::vector<double> first_layer, second_layer;  // seconds so far
    best_of_random(pruned, batches, second, {.ratio = 0.5, .candidates = 6, .seed = 3}, state,
                   [&](const SearchState&) {
                       const std::vector<LayerProfile> profile = network.profile();
                       first_layer.push_back(profile[0].forward);
                       for (const LayerProfile& layer : profile)
                           if (layer.layer == "conv2") second_layer.push_back(layer.forward);
                       return true;
                   });
    BOOST_CHECK_EQUAL(first_layer.front(), first_layer.back());
    BOOST_CHECK_LT(second_layer.front(), second_layer.back());
    for (std::size_t i = 0; i < state.count(); ++i) {
        PrunedNetwork masked = trained_whole(valid_network, "fft");
        masked.set_masks(random_masks(masked, second, 0.5, state.seed[i]));
        BOOST_CHECK_EQUAL(evaluate(masked.network, batches).mcr, state.validation_mcr[i]);
    }
}

// Layers may be named in any order: the first that is pruned is the network's first.
BOOST_AUTO_TEST_CASE(candidates_do_not_depend_on_the_order_of_layers) {
    for (const int recalibrate : {0, 3}) {
        PrunedNetwork pruned = trained_whole(normalised_network, "fft");
        const LabelledImages training = small_images(24, {2, 14, 14}, 4, "training");
        Batches batches(validation_images(), {.size = 16}), images(training, {.size = 8});
        const SearchOptions options{
            .ratio = 0.5, .candidates = 6, .seed = 3, .recalibrate = recalibrate, .training = &images};
        SearchState forwards, backwards;
        const Masks masks = best_of_random(pruned, batches, kernels, options, forwards);
        BOOST_CHECK(best_of_random(pruned, batches, {Granularity::kernel, {"conv2", "conv1"}}, options,
                                   backwards) == masks);
        BOOST_TEST(backwards.validation_mcr == forwards.validation_mcr, boost::test_tools::per_element());
    }
}

// With recalibration each candidate is scored as a network that has its masks and statistics of its own, and
// the network comes back with its old ones.
BOOST_AUTO_TEST_CASE(candidates_are_scored_with_statistics_of_their_own) {
    const LabelledImages training = small_images(60, {2, 14, 14}, 4, "training");
    for (const bool drawn : {false, true}) {
        PrunedNetwork pruned = trained_whole(normalised_network, "fft");
        const std::vector<NamedArray> state = pruned.network.state();
        Batches validation(validation_images(), {.size = 8}), images(training, {.size = 8});
        const PruningScope second{Granularity::kernel, {"conv2"}};
        SearchOptions options{
            .ratio = 0.5, .candidates = 5, .seed = 4, .recalibrate = 4, .training = &images};
        if (drawn) options.scores = unit_scores(pruned, second, Criterion::l2, {.images = images});
        SearchState search;
        const Masks best = best_of_random(pruned, validation, second, options, search);
        BOOST_CHECK(pruned.network.state() == state);
        for (std::size_t i = 0; i < search.count(); ++i) {
            PrunedNetwork other = trained_whole(normalised_network, "fft");
            const Masks masks = drawn ? drawn_masks(other, second, 0.5, options.scores, search.seed[i])
                                      : random_masks(other, second, 0.5, search.seed[i]);
            BOOST_CHECK(i != search.best() || masks == best);
            other.set_masks(masks);
            Batches again(training, {.size = 8});
            recalibrate(other.network, again, 4);
            BOOST_CHECK_EQUAL(evaluate(other.network, validation).mcr, search.validation_mcr[i]);
        }
    }
}

BOOST_AUTO_TEST_CASE(a_candidate_without_numbers_is_an_error) {
    PrunedNetwork pruned = trained_whole(valid_network);
    LabelledImages images = small_images(10, {2, 14, 14}, 4, "validation");
    std::get<std::vector<float>>(images.pixels)[100] = NAN;
    Batches batches(images, {.size = 8});
    SearchState state;
    BOOST_CHECK_THROW(best_of_random(pruned, batches, kernels, {.candidates = 3}, state), Error);
}

BOOST_AUTO_TEST_CASE(ties_go_to_the_lowest_index) {
    const SearchState state{{1, 2, 3, 4}, {5, 3, 3, 2}};
    BOOST_CHECK_EQUAL(state.best(), 3);
    BOOST_CHECK_EQUAL(state.best(3), 1);
    BOOST_CHECK_EQUAL(state.best(1), 0);
    BOOST_CHECK_EQUAL(state.best(99), 3);
}

// 90 % of kernels pruned: no spectrum is stored or visited for them, in any pass.
BOOST_AUTO_TEST_CASE(pruned_kernels_cost_nothing) {
    const ConvolutionShape shape{.batch = 2,
                                 .in_channels = 32,
                                 .out_channels = 32,
                                 .height = 16,
                                 .width = 16,
                                 .kernel = 3,
                                 .padding = 1};
    SpectralConvolution dense(shape), pruned(shape);
    std::vector<float> weights(shape.weights(), 0.5f), gradient(shape.weights());
    const std::vector<std::uint8_t> mask = random_bytes(shape.kernels(), 0.9, "mask");
    const std::size_t surviving = std::count(mask.begin(), mask.end(), 1);
    pruned.set_mask(mask);
    const Tensor x = random_tensor(dense.input_maps(), 2, "x"),
                 dy = random_tensor(dense.output_maps(), 2, "dy");
    Tensor y = dense.make_output(), dx = dense.make_input();
    for (SpectralConvolution* engine : {&dense, &pruned}) {
        const std::size_t visits = engine == &dense ? shape.kernels() : surviving;
        engine->set_weights(weights);
        engine->forward(x, y);
        BOOST_CHECK_EQUAL(engine->visited_kernels(), visits);
        engine->backward_input(dy, dx);
        BOOST_CHECK_EQUAL(engine->visited_kernels(), visits);
        engine->backward_weights(x, dy, gradient);
        BOOST_CHECK_EQUAL(engine->visited_kernels(), visits);
    }
    // Kernel spectra of a dense layer stand in three stores, of a pruned one in two; the rest is the same.
    const double spectrum = sizeof(float) * double(pruned.tile()) * pruned.tile();
    const double saved = double(dense.workspace_bytes()) - double(pruned.workspace_bytes());
    BOOST_CHECK_GT(saved, spectrum * (3 * double(shape.kernels()) - 2.3 * double(surviving)));
}

BOOST_AUTO_TEST_CASE(costs_by_layer) {
    PrunedNetwork both(
        Network(parse_architecture("2x12x12:6C3-P2-8C3v-5FC-4Softmax"), {.engine = "fft", .batch = 8}));
    Network& network = both.network;
    Masks masks;
    mask_of(masks, weighted_layers(network), "conv1").feature_map = {1, 0, 1, 1, 0, 1};
    const std::vector<LayerCost> whole = layer_costs(both);
    both.set_masks(masks);
    const std::vector<LayerCost> pruned = layer_costs(both);
    BOOST_CHECK_EQUAL(whole[0].parameters, 6 * 2 * 9 + 6);
    BOOST_CHECK_EQUAL(whole[0].direct_macs, 6 * 2 * 9 * 144);
    BOOST_CHECK_EQUAL(whole[1].direct_macs, 8 * 6 * 9 * 16);
    BOOST_CHECK_EQUAL(whole[2].direct_macs, 5 * 8 * 16);
    BOOST_CHECK_EQUAL(pruned[0].parameters, 4 * 2 * 9 + 4);
    BOOST_CHECK_EQUAL(pruned[1].direct_macs, 8 * 4 * 9 * 16);
    BOOST_CHECK_CLOSE(pruned[1].spectral_macs / whole[1].spectral_macs, 4.0 / 6, 1e-9);
    const int tile = spectral(network, 1).tile();
    BOOST_CHECK_EQUAL(std::fmod(whole[1].spectral_macs, 48 * 2.0 * tile * tile), 0);
    BOOST_CHECK_EQUAL(total(whole).parameters,
                      whole[0].parameters + whole[1].parameters + whole[2].parameters + whole[3].parameters);
    const std::vector<double> times = milliseconds_per_image({&network, &network}, Tensor(2, 12, 12, 8), 3);
    BOOST_CHECK(times.size() == 2 && times[0] > 0 && times[1] > 0);
    BOOST_CHECK_THROW(milliseconds_per_image({&network}, Tensor(2, 12, 12, 8), 0), UsageError);
}

// Tiles as the layer's engine has them: of nine by nine outputs ECP drops the last row and column.
BOOST_AUTO_TEST_CASE(spectral_costs_are_those_of_the_layer_s_own_tiles) {
    for (const int mode : {no_mode, 0}) {
        const std::string pooling = mode == no_mode ? "P2" : "P2(ecp)";
        const PrunedNetwork pruned(
            Network(parse_architecture("2x11x11:6C3v-" + pooling + "-4Softmax"), {.batch = 8}));
        const ConvolutionShape& shape = weighted_layers(pruned.network)[0].convolution->shape();
        const double of_kernel = spectral_macs_per_kernel(shape, {.mode = mode});
        BOOST_CHECK_EQUAL(layer_costs(pruned)[0].spectral_macs, 6 * 2 * of_kernel);
        BOOST_CHECK_EQUAL(of_kernel != spectral_macs_per_kernel(shape, {}), mode != no_mode);
    }
}

// ECP computes one pixel of each window; a pooling behind its convolution saves nothing.
BOOST_AUTO_TEST_CASE(ecp_costs_a_quarter) {
    for (const bool ecp : {true, false}) {
        const std::string pooling = ecp ? "P2(ecp)" : "P2(random)";
        const PrunedNetwork pruned(Network(
            parse_architecture("2x12x12:6C3-" + pooling + "-8C3v-" + pooling + "-4Softmax"), {.batch = 8}));
        const std::vector<LayerCost> costs = layer_costs(pruned);
        BOOST_CHECK_EQUAL(costs[0].direct_macs, 6 * 2 * 9 * (ecp ? 36 : 144));
        BOOST_CHECK_EQUAL(costs[1].direct_macs, 8 * 6 * 9 * (ecp ? 4 : 16));
    }
}

BOOST_AUTO_TEST_SUITE_END()
