// Every column of the tables of pruning, counted again from the weights of the checkpoints; times of networks
// whose forms differ; and what a run's random streams, teachers, budgets and files do.
#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <set>
#include <string>
#include <vector>

#include "apps/recomputation.hpp"
#include "common/configuration.hpp"
#include "fftconv/dataset/preprocess.hpp"
#include "fftconv/pruning/compact.hpp"
#include "fftconv/pruning/criteria.hpp"
#include "fftconv/pruning/dead_ends.hpp"
#include "fftconv/pruning/units.hpp"
#include "fftconv/storage/masks.hpp"
#include "fftconv/training/evaluation.hpp"
#include "fftconv/training/trainer.hpp"

using namespace fftconv;
using namespace fftconv::test;

namespace {

/// What a layer of a checkpoint has left, by its zeros.
struct Left {
    double maps = 0, surviving_maps = 0, kernels = 0, surviving_kernels = 0, weights = 0,
           surviving_weights = 0;
};

bool any_of_part(const std::vector<float>& values, std::size_t part, std::size_t parts) {
    const std::size_t size = values.size() / parts;
    const auto first = values.begin() + std::ptrdiff_t(part * size);
    return std::any_of(first, first + std::ptrdiff_t(size), [](float value) { return value != 0; });
}

/// A dense layer has a kernel for each map before it, too.
Left left_of(const Checkpoint& checkpoint, const std::string& layer, int inputs) {
    Left left;
    for (const NamedArray& array : checkpoint.model) {
        if (array.name != layer + "/weight") continue;
        const std::size_t maps = std::size_t(array.shape[0]), kernels = maps * std::size_t(inputs);
        left = {double(maps), 0, double(kernels), 0, double(array.values.size()), 0};
        for (std::size_t o = 0; o < maps; ++o) left.surviving_maps += any_of_part(array.values, o, maps);
        for (std::size_t k = 0; k < kernels; ++k)
            left.surviving_kernels += any_of_part(array.values, k, kernels);
        left.surviving_weights = double(std::ranges::count_if(array.values, [](float w) { return w != 0; }));
    }
    return left;
}

double percent_gone(double kept, double all) {
    return 100 * (1 - kept / all);
}

/// A row of a result's table, by the names in its text columns.
struct Row {
    const ResultRecord& record;
    std::string table;
    std::size_t index;

    double operator()(const std::string& column) const { return numbers_of(record, table, column).at(index); }
};

Row row_of(const ResultRecord& record, const std::string& table,
           const std::vector<std::pair<std::string, std::string>>& names) {
    const std::size_t rows = record.column<std::string>("result", table, names.front().first).size();
    for (std::size_t i = 0; i < rows; ++i)
        if (std::ranges::all_of(names, [&](const auto& name) {
                return record.column<std::string>("result", table, name.first)[i] == name.second;
            }))
            return {record, table, i};
    throw std::runtime_error("no row " + names.front().second + " in " + table);
}

/// Half of the kernels by their norms, and what follows from it.
void prune_half(PrunedNetwork& network, const LabelledImages& images) {
    const PruningScope kernels{Granularity::kernel, {"conv1", "conv2"}, 2};
    Batches batches(images, {.size = 16});
    network.set_masks(
        masks_of_least(network, kernels, 0.5, unit_scores(network, kernels, Criterion::l2, {batches, 1, 1})));
    remove_dead_ends(network);
}

/// A network whose training, pruning and data are no defaults.
struct Bench : Recomputation {
    void train(const std::string& more) const {
        command("train", "--batch 16 --validation 0.3 --seed 3 --rate 0.004 --epochs 2 --out " +
                             path("n.h5") + " " + more);
    }
    ResultRecord prune(const std::string& more) const {
        command("prune", "--checkpoint " + path("n.h5") + " --batch 16 --timing-rounds 1 --out " +
                             path("p.h5") + " " + more);
        return read_results(path("p.h5"));
    }
    PrunedNetwork loaded(const std::string& file, const NetworkOptions& how) const {
        return load_network(read_checkpoint(path(file)), file, how);
    }
    std::string point(const std::string& name) const { return "p.h5.points/" + name + ".h5"; }
};

const auto nearly = boost::test_tools::tolerance(1e-9);

}  // namespace

BOOST_AUTO_TEST_SUITE(recomputed_tables)

// Maps and then parts of kernels of one of three layers; what is not asked for is not counted.
BOOST_AUTO_TEST_CASE(columns_of_points_and_layers) {
    const Bench bench;
    bench.train("--architecture 1x28x28:4C5v-P2-6C3v-P2-12FC-10Softmax --batch-norm --preprocess whitening");
    const ResultRecord record = bench.prune(
        "--granularity feature-map,intra-kernel --ratio 0.34,0.5 --stride 3 --criterion l2 --layers conv2 "
        "--retrain-epochs 1 --compact");
    Dataset dataset = bench.dataset(0.3, 3);
    const Preprocessing fitted(dataset.train, {}, 1);
    for (LabelledImages* images : {&dataset.train, &dataset.validation, &dataset.test})
        fitted.apply(*images, 1);
    const double outputs[] = {24 * 24, 10 * 10, 1, 1};
    const std::string layers[] = {"conv1", "conv2", "dense1", "dense2"};
    const int inputs[] = {1, 4, 6, 12};
    for (const std::string name : {"baseline", "control", "control-2-times", "l2-feature-map-0.34",
                                   "l2-feature-map-0.34-intra-kernel-0.5"}) {
        BOOST_TEST_CONTEXT(name) {
            const Row point = row_of(record, "points", {{"point", name}});
            const std::string file = name == "baseline" ? "n.h5" : bench.point(name);
            const Checkpoint checkpoint = read_checkpoint(bench.path(file));
            PrunedNetwork network = bench.network(file);
            BOOST_TEST(point("test_mcr") == plain(network.network, dataset.test).mcr);
            BOOST_TEST(point("validation_mcr") == plain(network.network, dataset.validation).mcr);
            double parameters = 0, direct = 0, spectral = 0;
            for (std::size_t i = 0; i < 4; ++i) {
                const Left left = left_of(checkpoint, layers[i], inputs[i]);
                const double own = left.surviving_weights + (i == 3 ? 1 : 2) * left.surviving_maps,
                             macs = left.surviving_weights * outputs[i];
                parameters += own;
                direct += macs;
                if (name == "baseline") continue;
                const Row layer = row_of(record, "layers", {{"point", name}, {"layer", layers[i]}}),
                          whole = row_of(record, "layers", {{"point", "control"}, {"layer", layers[i]}});
                BOOST_TEST(layer("maps") == left.maps);
                BOOST_TEST(layer("kept_maps") == left.surviving_maps);
                BOOST_TEST(layer("kernels") == left.kernels);
                BOOST_TEST(layer("kept_kernels") == left.surviving_kernels);
                BOOST_TEST(layer("pruned_kernels") == percent_gone(left.surviving_kernels, left.kernels),
                           nearly);
                BOOST_TEST(layer("pruned_weights") == percent_gone(left.surviving_weights, left.weights),
                           nearly);
                BOOST_TEST(layer("parameters") == own, nearly);
                BOOST_TEST(layer("direct_macs") == macs, nearly);
                BOOST_TEST(
                    layer("spectral_macs") ==
                        (i < 2 ? whole("spectral_macs") * left.surviving_kernels / left.kernels : macs),
                    nearly);
                spectral += layer("spectral_macs");
                if (i == 1)
                    BOOST_TEST(layer("requested_ratio") == point("requested_ratio"));
                else
                    BOOST_TEST(std::isnan(layer("requested_ratio")));
            }
            BOOST_TEST(point("parameters") == parameters, nearly);
            BOOST_TEST(point("direct_macs") == direct, nearly);
            BOOST_TEST(
                point("spectral_macs") ==
                    (name == "baseline" ? row_of(record, "points", {{"point", "control"}})("spectral_macs")
                                        : spectral),
                nearly);
            if (name == "baseline") continue;
            const Left conv2 = left_of(checkpoint, "conv2", 4);
            BOOST_TEST(point("pruned_maps") == percent_gone(conv2.surviving_maps, 6), nearly);
            BOOST_TEST(point("pruned_kernels") == percent_gone(conv2.surviving_kernels, 24), nearly);
            BOOST_TEST(point("pruned_weights") == percent_gone(conv2.surviving_weights, 24 * 9), nearly);
            // The thinner network is the same one, by itself.
            Checkpoint compact = read_checkpoint(bench.path("p.h5.points/" + name + ".compact.h5"));
            BOOST_TEST(record.column<std::string>("result", "points", "compact_architecture")[point.index] ==
                       compact.architecture);
            bench.command("evaluate", bench.path("p.h5.points/" + name + ".compact.h5") +
                                          " --overwrite --out " + bench.path("e.h5"));
            BOOST_TEST(numbers_of(read_results(bench.path("e.h5")), "evaluation", "test_mcr").at(0) ==
                       point("test_mcr"));
            BOOST_TEST(left_of(compact, "conv2", 4).surviving_weights == conv2.surviving_weights);
            BOOST_TEST(left_of(compact, "conv2", 4).maps == conv2.surviving_maps);
            const PrunedNetwork thin = bench.network("p.h5.points/" + name + ".compact.h5");
            for (const LayerDensity& layer : thin.density())
                if (layer.layer == "conv2")
                    BOOST_TEST(double(layer.surviving_weights) == conv2.surviving_weights);
        }
    }
}

// Every test of images that are larger than the network's is one of ten crops; masks are chosen by the
// middle.
BOOST_AUTO_TEST_CASE(ten_crops) {
    const Bench bench;
    bench.train("--architecture 1x23x23:4C5v-P2-6C3v-10Softmax --batch-norm=false");
    const ResultRecord record = bench.prune("--ratio 0.5 --criterion l2 --retrain-epochs 1");
    const Dataset dataset = bench.dataset(0.3, 3);
    bool tell = false;
    for (const std::string name : {"baseline", "control", "l2-kernel-0.5"}) {
        const Row point = row_of(record, "points", {{"point", name}});
        PrunedNetwork network = bench.loaded(name == "baseline" ? "n.h5" : bench.point(name), {.batch = 16});
        BOOST_TEST(point("test_mcr") == evaluate_ten_crops(network.network, dataset.test).mcr);
        BOOST_TEST(point("validation_mcr") == evaluate(network.network, dataset.validation).mcr);
        tell = tell || point("test_mcr") != evaluate(network.network, dataset.test).mcr;
        if (name == "baseline")
            BOOST_TEST(read_checkpoint(bench.path("n.h5")).state.values.at("test_mcr") == point("test_mcr"));
    }
    BOOST_TEST(tell);  // else nothing was seen here
    bench.command("evaluate", bench.path("n.h5") + " --batch 16 --threads 1 --out " + bench.path("e.h5"));
    const ResultRecord evaluated = read_results(bench.path("e.h5"));
    BOOST_TEST(numbers_of(evaluated, "evaluation", "test_mcr").at(0) ==
               numbers_of(record, "points", "test_mcr")[0]);
    const auto& phases = evaluated.column<std::string>("result", "layers", "phase");
    double sum = 0;  // of an image: its ten passes
    for (std::size_t i = 0; i < phases.size(); ++i)
        sum += phases[i] == "in all" ? numbers_of(evaluated, "layers", "time")[i] : 0;
    BOOST_TEST(sum < 1.2 * numbers_of(evaluated, "evaluation", "time").at(0));
    BOOST_TEST(sum > 0.3 * numbers_of(evaluated, "evaluation", "time").at(0));
}

// Under the network's own K and under the others.
BOOST_AUTO_TEST_CASE(ten_crops_under_each_k) {
    const Bench bench;
    bench.train("--architecture '1x23x23:4C5v-P2(ecp)-10Softmax' --mode per-batch --rate 0.0005");
    bench.command("evaluate", "--mode all --batch 16 " + bench.path("n.h5") + " --out " + bench.path("e.h5"));
    const ResultRecord record = read_results(bench.path("e.h5"));
    const Dataset dataset = bench.dataset(0.3, 3);
    bool tell = false;
    for (int mode = 0; mode < 4; ++mode) {
        PrunedNetwork network = bench.loaded("n.h5", {.batch = 16, .mode = mode});
        const Evaluation expected = evaluate_ten_crops(network.network, dataset.test),
                         centre = evaluate(network.network, dataset.test);
        BOOST_TEST(numbers_of(record, "evaluation", "test_mcr").at(std::size_t(mode)) == expected.mcr);
        BOOST_TEST(numbers_of(record, "evaluation", "cross_entropy").at(std::size_t(mode)) == expected.loss,
                   boost::test_tools::tolerance(1e-4));
        tell = tell || (mode > 0 && expected.mcr != centre.mcr);
    }
    BOOST_TEST(tell);  // else nothing was seen here
}

// The layers' times are those of the pass under the network's own K, whichever others are tested too.
BOOST_AUTO_TEST_CASE(layers_are_timed_under_the_network_s_k) {
    const Bench bench;
    bench.train("--architecture '1x28x28:24C5-P2(ecp)-32C5-P2(ecp)-10Softmax' --limit 40");
    bench.command("evaluate", "--mode all --batch 16 --engine direct " + bench.path("n.h5") + " --out " +
                                  bench.path("e.h5"));
    const ResultRecord record = read_results(bench.path("e.h5"));
    const auto& phases = record.column<std::string>("result", "layers", "phase");
    double sum = 0;
    for (std::size_t i = 0; i < phases.size(); ++i)
        sum += phases[i] == "in all" ? numbers_of(record, "layers", "time")[i] : 0;
    const double time = numbers_of(record, "evaluation", "time").at(0);
    BOOST_TEST(sum <= time);
    BOOST_TEST(sum > 0.4 * time);  // else those of three other passes would not be seen
}

/// Times of a network on a machine that does other things too: whether they are in order in one of some runs.
template <class InOrder>
void check_times(const std::string& what, const InOrder& in_order) {
    bool held = false;
    for (int run = 0; run < 8 && !held; ++run) held = in_order();
    BOOST_TEST(held, what);
}

// Maps without which a convolution is nearly nothing, and a dense layer that only the thinner network has
// not.
BOOST_AUTO_TEST_CASE(times_of_three_forms) {
    const Bench bench;
    bench.command(
        "train",
        "--architecture 1x28x28:24C5-P2-150FC-10Softmax --limit 40 --batch 20 --epochs 1 --validation 0.3 "
        "--out " +
            bench.path("n.h5"));
    const std::string name = "l2-feature-map-0.9",
                      how = " --batch 20 --threads 1 --engine direct --overwrite ";
    check_times("fftconv-prune", [&] {
        bench.command("prune", "--checkpoint " + bench.path("n.h5") +
                                   " --granularity feature-map --layers conv1 --ratio 0.9 --criterion l2 "
                                   "--timing-rounds 15 --out " +
                                   bench.path("p.h5") + how);
        const ResultRecord record = read_results(bench.path("p.h5"));
        const Row point = row_of(record, "points", {{"point", name}}),
                  baseline = row_of(record, "points", {{"point", "baseline"}}),
                  conv = row_of(record, "layers", {{"point", name}, {"layer", "conv1"}}),
                  dense = row_of(record, "layers", {{"point", name}, {"layer", "dense1"}});
        BOOST_TEST(baseline("masked_time") == baseline("dense_time"));
        return point("masked_time") < 0.85 * point("dense_time") &&
               point("compact_time") < 0.7 * point("masked_time") &&
               baseline("dense_time") < 4 * point("dense_time") &&
               baseline("dense_time") > 0.25 * point("dense_time") &&
               conv("masked_time") < 0.6 * conv("dense_time") &&
               conv("compact_time") < 0.6 * conv("dense_time") &&
               dense("masked_time") > 0.5 * dense("dense_time") &&
               dense("compact_time") < 0.6 * dense("masked_time");
    });
    check_times("fftconv-evaluate", [&] {
        bench.command("evaluate", bench.path(bench.point(name)) + " --timing-rounds 15 --out " +
                                      bench.path("e.h5") + how);
        const ResultRecord record = read_results(bench.path("e.h5"));
        const std::vector<double>& forms = numbers_of(record, "forms", "time");
        return forms.at(0) < 0.85 * forms.at(1) && forms.at(2) < 0.7 * forms.at(0);
    });
}

// Repeats differ in what they draw, and layers do.
BOOST_AUTO_TEST_CASE(repeats_draw_numbers_of_their_own) {
    const Bench bench;
    bench.train("--architecture 1x28x28:6C5v-P2-6C3v-P2-20FC-10Softmax --dropout 0.4");
    const ResultRecord record = bench.prune(
        "--ratio 0.5 --criterion random,l2,best-of-n --candidates 3 --repeat 2 --seed 5 --retrain-seed 30 "
        "--retrain-epochs 1 --optimizer momentum --no-control");
    const auto mask = [&](const std::string& point) {
        return read_masks(bench.path("p.h5.points/" + point + ".mask.h5")).masks;
    };
    BOOST_TEST((mask("random-kernel-0.5") != mask("random-kernel-0.5-repeat-2")));
    BOOST_TEST((mask("best-of-n-kernel-0.5") != mask("best-of-n-kernel-0.5-repeat-2")));
    std::set<std::string> seeds;
    const auto& candidates = record.column<std::string>("result", "candidates", "seed");
    for (const std::string& seed : candidates) seeds.insert(seed);
    BOOST_TEST(seeds.size() == 6u);
    for (const std::string repeat : {"", "-repeat-2"}) {
        const MaskRecord found =
            read_masks(bench.path("p.h5.points/best-of-n-kernel-0.5" + repeat + ".mask.h5"));
        for (std::size_t i = 0; i < 3; ++i) {
            const Row row = row_of(record, "candidates",
                                   {{"point", "best-of-n-kernel-0.5" + repeat},
                                    {"seed", std::to_string(found.search.seed.at(i))}});
            BOOST_TEST(row("candidate") == double(i));
            BOOST_TEST(row("validation_mcr") == found.search.validation_mcr[i]);
        }
    }
    const Dataset dataset = bench.dataset(0.3, 3);
    for (int repeat = 0; repeat < 2; ++repeat) {
        const std::string name = repeat == 0 ? "l2-kernel-0.5" : "l2-kernel-0.5-repeat-2";
        PrunedNetwork own = bench.loaded(
            "n.h5", {.batch = 16, .threads = 2, .dropout = 0.4f, .seed = std::uint64_t(5 + repeat)});
        prune_half(own, dataset.train);
        TrainerOptions how{.epochs = 1, .seed = std::uint64_t(30 + repeat)};
        how.optimizer.method = OptimizerMethod::momentum;
        how.optimizer.rate = 0.004f;
        how.schedule = {.kind = Schedule::Kind::cosine};
        how.schedule.warm_up = 0.25f;
        Compaction compaction(own);
        Network& trained = compaction.thinner() ? compaction.thin().network : own.network;
        Trainer trainer(trained, dataset.train,
                        {.size = 16, .shuffled = true, .seed = std::uint64_t(30 + repeat)},
                        &dataset.validation, how);
        trainer.run();
        if (compaction.thinner())
            own.network.load_state(compaction.widened(trained.state(), own.network.state()));
        BOOST_TEST((read_checkpoint(bench.path(bench.point(name))).model == own.network.state()), name);
        for (const Curve& curve : record.curves) {
            if (curve.method != name) continue;
            BOOST_TEST(curve.train_loss.at(0) == trainer.history().at(0).train_loss);
            BOOST_TEST(curve.train_mcr.at(0) == trainer.history().at(0).train_mcr);
            BOOST_TEST(curve.validation_mcr.at(0) == trainer.history().at(0).validation_mcr);
        }
    }
    BOOST_TEST(std::ranges::count(record.curves, "l2-kernel-0.5-repeat-2", &Curve::method) == 1);
}

// The teacher is the network before pruning, under the K of each batch, which is drawn as it was in training.
BOOST_AUTO_TEST_CASE(distillation_from_the_baseline_under_drawn_k) {
    const Bench bench;
    bench.train("--architecture '1x28x28:4C5v-P2(ecp)-6C3v-P2-10Softmax' --mode per-batch");
    bench.prune(
        "--ratio 0.5 --criterion l2 --retrain-epochs 2 --distil 0.3 --temperature 3 --no-control --seed 7");
    const Dataset dataset = bench.dataset(0.3, 3);
    const NetworkOptions how{.batch = 16, .threads = 2, .seed = 7};
    PrunedNetwork own = bench.loaded("n.h5", how), teacher = bench.loaded("n.h5", how);
    prune_half(own, dataset.train);
    TrainerOptions training{.epochs = 2, .seed = 7};
    training.optimizer.method = OptimizerMethod::rmsprop;
    training.optimizer.rate = 0.004f;
    training.schedule = {.kind = Schedule::Kind::cosine};
    training.schedule.warm_up = 0.25f;
    training.mode_choice = ModeChoice::per_batch;
    training.teacher = &teacher.network;
    training.soft_targets = {0.3f, 3.0f};
    Compaction compaction(own);
    Network& trained = compaction.thinner() ? compaction.thin().network : own.network;
    Trainer trainer(trained, dataset.train, {.size = 16, .shuffled = true, .seed = 7}, &dataset.validation,
                    training);
    trainer.run();
    if (compaction.thinner())
        own.network.load_state(compaction.widened(trained.state(), own.network.state()));
    const Checkpoint stored = read_checkpoint(bench.path(bench.point("l2-kernel-0.5")));
    BOOST_TEST((stored.model == own.network.state()));
    BOOST_TEST(stored.state.values.at("mode_is_drawn") == 1);
}

// Test images whose labels mean nothing: by them every ratio is as bad as any. Retraining makes good what
// pruning did, so that what counts is what comes after it.
BOOST_AUTO_TEST_CASE(bisection_goes_by_validation_after_retraining) {
    const Bench bench;
    std::vector<std::uint8_t> labels;
    for (int i = 0; i < 60; ++i) labels.push_back(std::uint8_t(i % 10));
    write_idx(bench.data / "mnist" / "t10k-labels-idx1-ubyte", {60}, labels);
    bench.train("--architecture 1x28x28:4C5v-P2-6C3v-P2-10Softmax --epochs 6");
    const ResultRecord record =
        bench.prune("--ratio 0.1:0.9:0.1 --criterion random --retrain-epochs 4 --budget 20");
    const Row baseline = row_of(record, "points", {{"point", "baseline"}});
    int within = 0, beyond = 9;
    std::set<std::string> visited{"baseline", "control"};
    while (within < beyond) {
        const int middle = (within + beyond) / 2;
        const std::string name = "random-kernel-0." + std::to_string(middle + 1);
        visited.insert(name);
        const double mcr = row_of(record, "points", {{"point", name}})("validation_mcr");
        const bool good = mcr <= baseline("validation_mcr") + 20;
        (good ? within : beyond) = middle + good;
    }
    const auto& names = record.column<std::string>("result", "points", "point");
    BOOST_TEST((std::set<std::string>(names.begin(), names.end()) == visited));
    BOOST_TEST_REQUIRE(within > 0);  // else nothing was seen here
    BOOST_TEST(within < 9);
    BOOST_TEST(record.column<std::string>("result", "budget", "point").at(0) ==
               "random-kernel-0." + std::to_string(within));
}

// What a training starts from is weights and masks; the validation images are limited like the others.
BOOST_AUTO_TEST_CASE(a_pruned_network_stays_pruned_when_training_starts_from_it) {
    const Bench bench;
    bench.train("--architecture 1x28x28:4C5v-P2-6C3v-P2-10Softmax --limit 40");
    const Checkpoint limited = read_checkpoint(bench.path("n.h5"));
    BOOST_TEST(limited.dataset.n_train == 40);
    BOOST_TEST(limited.dataset.n_validation == 40);
    BOOST_TEST(limited.dataset.n_test == 40);
    const ResultRecord record = bench.prune("--ratio 0.5 --criterion l2");
    BOOST_TEST(text_of(parse_toml(record.resolved_toml, "p.h5").at("limit")) == "40");
    const std::string pruned = bench.point("l2-kernel-0.5");
    bench.command("train", "--init " + bench.path(pruned) + " --epochs 1 --out " + bench.path("t.h5"));
    const Checkpoint start = read_checkpoint(bench.path(pruned)), tuned = read_checkpoint(bench.path("t.h5"));
    BOOST_TEST((tuned.masks == start.masks));
    BOOST_TEST(left_of(tuned, "conv2", 4).surviving_kernels == left_of(start, "conv2", 4).surviving_kernels);
    BOOST_TEST(left_of(tuned, "conv2", 4).surviving_kernels <= 12);
    BOOST_TEST((tuned.model != start.model));
    bench.command("train", "--resume --epochs 2 --out " + bench.path("t.h5"));
    const Checkpoint longer = read_checkpoint(bench.path("t.h5"));
    BOOST_TEST((longer.masks == start.masks));
    BOOST_TEST(left_of(longer, "conv2", 4).surviving_kernels == left_of(start, "conv2", 4).surviving_kernels);
}

BOOST_AUTO_TEST_SUITE_END()
