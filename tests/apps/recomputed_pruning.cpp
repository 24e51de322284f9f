// Each step of fftconv-prune done again with the library: which images, K, statistics, rate and seed scores,
// masks, retraining and results came from.
#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <string>
#include <vector>

#include "apps/recomputation.hpp"
#include "fftconv/pruning/compact.hpp"
#include "fftconv/pruning/cost.hpp"
#include "fftconv/pruning/criteria.hpp"
#include "fftconv/pruning/dead_ends.hpp"
#include "fftconv/pruning/reconstruction.hpp"
#include "fftconv/pruning/search.hpp"
#include "fftconv/pruning/units.hpp"
#include "fftconv/storage/masks.hpp"
#include "fftconv/training/recalibration.hpp"
#include "fftconv/training/trainer.hpp"

using namespace fftconv;
using namespace fftconv::test;

namespace {

constexpr int batch = 16;

/// A network with batch normalisation and K = 2, trained at a rate and with a split that are no defaults.
struct PruningBench : Recomputation {
    PruningBench() {
        command("train",
                "--architecture '1x28x28:4C5v-P2(ecp)-6C3v-P2-10Softmax' --batch-norm --mode 2 --epochs 3 "
                "--batch 16 --rate 0.004 --validation 0.3 --seed 3 --engine direct --out " +
                    path("n.h5"));
    }

    void prune(const std::string& more) const {
        command("prune", "--checkpoint " + path("n.h5") +
                             " --batch 16 --engine direct --timing-rounds 1 --out " + path("p.h5") + " " +
                             more);
    }
    PrunedNetwork baseline() const {
        return load_network(read_checkpoint(path("n.h5")), "n.h5",
                            {.engine = "direct", .batch = batch, .threads = 2, .mode = 2, .seed = 3});
    }
    double number(const std::string& column, const std::string& point) const {
        const ResultRecord record = read_results(path("p.h5"));
        const auto& names = record.column<std::string>("result", "points", "point");
        return numbers_of(record, "points", column)
            .at(std::size_t(std::ranges::find(names, point) - names.begin()));
    }
    Checkpoint point(const std::string& name) const {
        return read_checkpoint(path("p.h5.points/" + name + ".h5"));
    }
    MaskRecord mask(const std::string& name) const {
        return read_masks(path("p.h5.points/" + name + ".mask.h5"));
    }
    PrunedNetwork loaded(const std::string& name) const {
        return load_network(point(name), name, {.engine = "direct", .batch = 1, .mode = 2});
    }
};

const PruningScope kernels{Granularity::kernel, {"conv1", "conv2"}, 2};

/// Masks say the same in several ways; what counts is which weights they keep.
void check_same_masks(const Masks& found, const PrunedNetwork& expected) {
    const std::vector<WeightedLayer> layers = weighted_layers(expected.network);
    BOOST_TEST((surviving_weights(found, layers) == surviving_weights(expected.masks(), layers)));
}

/// Training images in the order in which statistics are taken from them.
BatchOptions shuffled(std::uint64_t seed) {
    return {.size = batch, .shuffled = true, .seed = seed};
}

}  // namespace

BOOST_AUTO_TEST_SUITE(recomputed_pruning)

BOOST_AUTO_TEST_CASE(scores_statistics_and_retraining_take_training_images) {
    const PruningBench bench;
    bench.prune(
        "--ratio 0.5 --criterion taylor --data-batches 2 --recalibrate 3 --seed 7 --repeat 2 --optimizer "
        "momentum "
        "--retrain-epochs 3 --retrain-share 0.5 --retrain-schedule step --schedule-every 1 "
        "--retrain-warm-up 0.5 --weight-decay 0.001 --keep-best --flip");
    const Dataset dataset = bench.dataset(0.3, 3);
    for (const auto& [name, seed] : {std::pair("taylor-kernel-0.5", 7), {"taylor-kernel-0.5-repeat-2", 8}}) {
        BOOST_TEST_CONTEXT(name) {
            PrunedNetwork own = bench.baseline();
            Batches images(dataset.train, {.size = batch}),
                order(dataset.train, shuffled(std::uint64_t(seed)));
            own.set_masks(masks_of_least(
                own, kernels, 0.5,
                unit_scores(own, kernels, Criterion::taylor, {images, 2, std::uint64_t(seed)})));
            remove_dead_ends(own);
            recalibrate(own.network, order, 3);
            check_same_masks(bench.mask(name).masks, own);
            BOOST_TEST(bench.number("validation_mcr_before", name) ==
                       plain(own.network, dataset.validation).mcr);
            BOOST_TEST(bench.number("test_mcr_before", name) == plain(own.network, dataset.test).mcr);
            TrainerOptions training;
            training.epochs = 3;
            training.optimizer.method = OptimizerMethod::momentum;
            training.optimizer.rate = float(0.5 * 0.004);
            training.optimizer.weight_decay = 0.001f;
            training.schedule = {.kind = Schedule::Kind::step, .every = 1};
            training.schedule.warm_up = 0.5f;
            training.mode = 2;
            training.keep_best = true;
            training.seed = std::uint64_t(seed);
            BatchOptions batches = shuffled(std::uint64_t(seed));
            batches.augmentation.flip_horizontal = true;
            Compaction compaction(own);  // a network that has lost maps is retrained as the thinner one
            Network& trained = compaction.thinner() ? compaction.thin().network : own.network;
            Trainer trainer(trained, dataset.train, batches, &dataset.validation, training);
            BOOST_TEST((trainer.run() == TrainingEnd::finished));
            trainer.restore_best();
            if (compaction.thinner())
                own.network.load_state(compaction.widened(trained.state(), own.network.state()));
            BOOST_TEST((bench.point(name).model == own.network.state()));
            BOOST_TEST(bench.number("validation_mcr", name) == plain(own.network, dataset.validation).mcr);
            BOOST_TEST(bench.number("test_mcr", name) == plain(own.network, dataset.test).mcr);
            PrunedNetwork stored = bench.loaded(name);
            BOOST_TEST(bench.number("test_mcr", name) == plain(stored.network, dataset.test).mcr);
        }
    }
}

BOOST_AUTO_TEST_CASE(reconstruction_measures_training_images_and_makes_up) {
    const PruningBench bench;
    bench.prune("--ratio 0.5 --criterion reconstruction --compensate --data-batches 3 --recalibrate 2");
    const Dataset dataset = bench.dataset(0.3, 3);
    PrunedNetwork own = bench.baseline();
    Batches images(dataset.train, {.size = batch}), order(dataset.train, shuffled(1));
    Reconstruction reconstruction(own, kernels, images, 3);
    own.set_masks(masks_of_least(own, kernels, 0.5, reconstruction.scores()));
    reconstruction.compensate();
    remove_dead_ends(own);
    recalibrate(own.network, order, 2);
    BOOST_TEST((bench.point("reconstruction-kernel-0.5").model == own.network.state()));
    BOOST_TEST(bench.number("test_mcr", "reconstruction-kernel-0.5") == plain(own.network, dataset.test).mcr);
}

// Candidates drawn around scores, each with statistics of its own, judged by validation images.
BOOST_AUTO_TEST_CASE(candidates_have_their_own_statistics_and_are_drawn_around_scores) {
    const PruningBench bench;
    bench.prune("--ratio 0.5 --candidates 12 --candidates-from l2 --recalibrate 2 --mask-seed 5");
    const Dataset dataset = bench.dataset(0.3, 3);
    const MaskRecord found = bench.mask("best-of-n-kernel-0.5");
    BOOST_TEST_REQUIRE(found.search.seed.size() == 12u);
    for (std::size_t i = 0; i < found.search.seed.size(); ++i) {
        BOOST_TEST(found.search.seed[i] == candidate_seed(5, i));
        PrunedNetwork own = bench.baseline();
        Batches images(dataset.train, {.size = batch}), order(dataset.train, shuffled(5));
        const auto scores = unit_scores(own, kernels, Criterion::l2, {images, 8, 5});
        own.set_masks(drawn_masks(own, kernels, 0.5, scores, found.search.seed[i]));
        recalibrate(own.network, order, 2);
        BOOST_TEST(found.search.validation_mcr[i] == plain(own.network, dataset.validation).mcr);
        if (std::int64_t(i) != found.search.selected) continue;
        remove_dead_ends(own);
        check_same_masks(found.masks, own);
    }
    const std::vector<double>& mcr = found.search.validation_mcr;
    BOOST_TEST(found.search.selected == std::ranges::min_element(mcr) - mcr.begin());
    BOOST_TEST(bench.number("best_of_10", "best-of-n-kernel-0.5") ==
               *std::min_element(mcr.begin(), mcr.begin() + 10));
}

// The second step goes on from the network that the first one left.
BOOST_AUTO_TEST_CASE(steps_follow_each_other) {
    const PruningBench bench;
    bench.prune(
        "--criterion l2 --granularity kernel,intra-kernel --ratio 0.25,0.5 --stride 3 "
        "--retrain-epochs 1 --recalibrate 0");
    PrunedNetwork own = load_network(bench.point("l2-kernel-0.25"), "first step",
                                     {.engine = "direct", .batch = batch, .mode = 2});
    const PruningScope parts{Granularity::intra_kernel, {"conv1", "conv2"}, 3};
    const Dataset dataset = bench.dataset(0.3, 3);
    Batches images(dataset.train, {.size = batch});
    own.set_masks(masks_of_least(own, parts, 0.5, unit_scores(own, parts, Criterion::l2, {images, 8, 1})));
    remove_dead_ends(own);
    const std::string name = "l2-kernel-0.25-intra-kernel-0.5";
    check_same_masks(bench.mask(name).masks, own);
    BOOST_TEST(bench.number("test_mcr_before", name) == plain(own.network, dataset.test).mcr);
    BOOST_TEST(bench.number("requested_ratio", name) == 50);
}

// A network whose second layer takes nearly all of its time: its times tell masked from dense.
BOOST_AUTO_TEST_CASE(times_are_those_of_their_networks) {
    const Recomputation bench;
    bench.command("train",
                  "--architecture 1x28x28:12C3-24C5-P2-10Softmax --limit 60 --batch 40 --epochs 1 "
                  "--validation 0.3 --out " +
                      bench.path("n.h5"));
    bench.command("prune", "--checkpoint " + bench.path("n.h5") +
                               " --layers conv2 --ratio 0.95 --criterion l2 --batch 40 --timing-rounds 5 "
                               "--engine direct --out " +
                               bench.path("p.h5"));
    const ResultRecord record = read_results(bench.path("p.h5"));
    const auto of_point = [&](const std::string& column) { return numbers_of(record, "points", column)[1]; };
    BOOST_TEST(of_point("masked_time") < 0.7 * of_point("dense_time"));
    BOOST_TEST(of_point("compact_time") < 0.7 * of_point("dense_time"));
    const auto& layers = record.column<std::string>("result", "layers", "layer");
    double sum = 0;
    for (std::size_t i = 0; i < layers.size(); ++i) {
        const double dense = numbers_of(record, "layers", "dense_time")[i];
        sum += dense;
        if (layers[i] == "conv2") BOOST_TEST(numbers_of(record, "layers", "masked_time")[i] < 0.7 * dense);
    }
    BOOST_TEST(sum < 1.5 * of_point("dense_time"));
    BOOST_TEST(sum > 0.5 * of_point("dense_time"));
    // A batch takes forty times as long as an image.
    PrunedNetwork dense = load_network(read_checkpoint(bench.path("n.h5")), "n.h5",
                                       {.engine = "direct", .batch = 40, .threads = 2});
    const Tensor images(dense.network.architecture().input, 40);
    double own = INFINITY;  // the fastest: what else the machine does holds up some
    for (int again = 0; again < 5; ++again)
        own = std::min(own, milliseconds_per_image({&dense.network}, images, 1).front());
    BOOST_TEST(of_point("dense_time") < 12 * own);
    BOOST_TEST(of_point("dense_time") > own / 12);
    // The forms that fftconv-evaluate times.
    const std::string point = bench.path("p.h5.points/l2-kernel-0.95.h5");
    bench.command("evaluate", point + " --batch 40 --engine direct --out " + bench.path("e.h5"));
    const ResultRecord evaluated = read_results(bench.path("e.h5"));
    const auto& forms = evaluated.column<std::string>("result", "forms", "form");
    BOOST_TEST((forms == std::vector<std::string>{"masked", "dense", "compact"}));
    const std::vector<double>& times = numbers_of(evaluated, "forms", "time");
    BOOST_TEST(times[0] < 0.7 * times[1]);
    BOOST_TEST(times[2] < 0.7 * times[1]);
}

BOOST_AUTO_TEST_SUITE_END()
