// Options together that other tests have one at a time: masks, repeats, steps, teachers and budgets; and what
// a file holds that was resumed, merged, overruled or started from another, computed again with the library.
#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <set>
#include <string>
#include <vector>

#include "apps/recomputation.hpp"
#include "common/configuration.hpp"
#include "fftconv/core/random.hpp"
#include "fftconv/dataset/preprocess.hpp"
#include "fftconv/pruning/compact.hpp"
#include "fftconv/pruning/criteria.hpp"
#include "fftconv/pruning/dead_ends.hpp"
#include "fftconv/pruning/search.hpp"
#include "fftconv/pruning/units.hpp"
#include "fftconv/storage/masks.hpp"
#include "fftconv/training/recalibration.hpp"
#include "fftconv/training/trainer.hpp"

using namespace fftconv;
using namespace fftconv::test;

namespace {

struct Bench : Recomputation {
    void train(const std::string& more) const {
        command("train", "--batch 16 --validation 0.3 --seed 3 --rate 0.004 --epochs 2 --out " +
                             path("n.h5") + " " + more);
    }
    void prune(const std::string& out, const std::string& more) const {
        command("prune", "--batch 16 --timing-rounds 1 --checkpoint " + path("n.h5") + " --out " + path(out) +
                             " " + more);
    }
    void refuses(const std::string& name, const std::string& options, int status,
                 const std::string& part) const {
        const CommandResult done = run(app(name) + " --data " + data.string() + " " + options);
        BOOST_TEST(done.status == status, done.output);
        BOOST_TEST(contains(done.output, part), part << " is missing from\n" << done.output);
    }
    PrunedNetwork loaded(const std::string& file, const NetworkOptions& how) const {
        return load_network(read_checkpoint(path(file)), file, how);
    }
    /// A mask file without the first of every so many kernels of conv2, of six maps out and four in.
    std::string mask(const std::string& name, std::size_t every) const {
        LayerMask layer{.layer = "conv2", .out = 6, .in = 4, .kernel = std::vector<std::uint8_t>(24, 1)};
        for (std::size_t i = 0; i < layer.kernel.size(); i += every) layer.kernel[i] = 0;
        MaskRecord record;
        record.search = {.criterion = "by hand", .granularity = "kernel", .seed = {1}, .validation_mcr = {0}};
        record.masks = {layer};
        write_masks(path(name), record);
        return path(name);
    }
};

const std::string two_layers = "--architecture 1x28x28:4C5v-P2-6C3v-P2-10Softmax ";

double number(const ResultRecord& record, const std::string& point, const std::string& column) {
    const auto& names = record.column<std::string>("result", "points", "point");
    return numbers_of(record, "points", column)
        .at(std::size_t(std::ranges::find(names, point) - names.begin()));
}

std::string recorded(const std::string& toml, const std::string& option) {
    return text_of(parse_toml(toml, "recorded").at(option));
}

/// Retrains as fftconv-prune does for an epoch, and returns the weights.
std::vector<NamedArray> retrained(PrunedNetwork& pruned, const Dataset& dataset, std::uint64_t seed,
                                  TrainerOptions how) {
    how.epochs = 1;
    how.seed = seed;
    how.optimizer.method = OptimizerMethod::rmsprop;
    how.optimizer.rate = 0.004f;
    how.schedule = {.kind = Schedule::Kind::cosine};
    how.schedule.warm_up = 0.25f;
    Compaction compaction(pruned);
    Network& trained = compaction.thinner() ? compaction.thin().network : pruned.network;
    Trainer trainer(trained, dataset.train, {.size = 16, .shuffled = true, .seed = seed}, &dataset.validation,
                    how);
    trainer.run();
    if (compaction.thinner())
        pruned.network.load_state(compaction.widened(trained.state(), pruned.network.state()));
    return pruned.network.state();
}

}  // namespace

BOOST_AUTO_TEST_SUITE(recomputed_combinations)

// What --mask prunes is pruned in every repeat, and in the baseline's row; mask files say what was drawn, and
// what it did before retraining.
BOOST_AUTO_TEST_CASE(a_mask_holds_in_every_repeat) {
    const Bench bench;
    bench.train(two_layers + "--epochs 40 --patience 1 --rate 0.01");
    const std::string given = bench.mask("m.h5", 3);
    bench.prune("p.h5", "--mask " + given +
                            " --layers conv2 --ratio 0.5 --criterion random --repeat 2 --mask-seed 8 "
                            "--retrain-epochs 1 --no-control");
    const ResultRecord record = read_results(bench.path("p.h5"));
    BOOST_TEST(number(record, "baseline", "direct_macs") == 4 * 25 * 576 + 16 * 9 * 100 + 1500);
    BOOST_TEST(number(record, "baseline", "parameters") == 4 * 25 + 4 + 16 * 9 + 6 + 1500 + 10);
    const std::int64_t epochs = read_checkpoint(bench.path("n.h5")).state.epoch;
    BOOST_TEST(epochs < 40);
    BOOST_TEST(numbers_of(record, "baseline", "epochs").at(0) == double(epochs));
    const Dataset dataset = bench.dataset(0.3, 3);
    bool tell = false;
    for (int repeat = 0; repeat < 2; ++repeat) {
        const std::string name = repeat == 0 ? "random-kernel-0.5" : "random-kernel-0.5-repeat-2";
        const std::uint64_t seed = 8 + std::uint64_t(repeat);
        PrunedNetwork own = bench.loaded("n.h5", {.engine = "direct", .batch = 16});
        own.set_masks(read_masks(given).masks);
        const PruningScope scope{Granularity::kernel, {"conv2"}, 2};
        Batches images(dataset.train, {.size = 16});
        own.set_masks(
            masks_of_least(own, scope, 0.5, unit_scores(own, scope, Criterion::random, {images, 8, seed})));
        remove_dead_ends(own);
        const MaskRecord found = read_masks(bench.path("p.h5.points/" + name + ".mask.h5"));
        const std::vector<WeightedLayer> layers = weighted_layers(own.network);
        BOOST_TEST((surviving_weights(found.masks, layers) == own.surviving_weights()), name);
        BOOST_TEST(found.search.seed.at(0) == seed);
        const double before = plain(own.network, dataset.validation).mcr;
        BOOST_TEST(found.search.validation_mcr.at(0) == before);
        BOOST_TEST(number(record, name, "validation_mcr_before") == before);
        tell = tell || before != number(record, name, "validation_mcr");
    }
    BOOST_TEST(tell);  // else nothing was seen here
}

// Of the second repeat the second step: its dropout is its own, and the teacher is the network before any
// step.
BOOST_AUTO_TEST_CASE(gradual_steps_of_repeats_learn_from_the_unpruned_network) {
    const Bench bench;
    bench.train("--architecture 1x28x28:6C5v-P2-6C3v-P2-20FC-10Softmax --dropout 0.4");
    bench.prune("p.h5",
                "--ratio 0.5 --criterion l2 --steps 2 --repeat 2 --seed 5 --retrain-epochs 1 --distil 0.5 "
                "--temperature 3 --no-control");
    const Dataset dataset = bench.dataset(0.3, 3);
    const NetworkOptions how{.batch = 16, .threads = 2, .dropout = 0.4f, .seed = 6};
    const std::string part = "l2-kernel-0.5-step-1-of-2-repeat-2", point = "l2-kernel-0.5-repeat-2";
    PrunedNetwork own = bench.loaded("p.h5.points/" + part + ".h5", how), teacher = bench.loaded("n.h5", how);
    const PruningScope scope{Granularity::kernel, {"conv1", "conv2"}, 2};
    Batches images(dataset.train, {.size = 16});
    own.set_masks(masks_of_least(own, scope, 1 - std::sqrt(0.5),
                                 unit_scores(own, scope, Criterion::l2, {images, 8, 6})));
    remove_dead_ends(own);
    TrainerOptions training;
    training.teacher = &teacher.network;
    training.soft_targets = {0.5f, 3.0f};
    const auto weights = retrained(own, dataset, 6, training);
    BOOST_TEST((read_checkpoint(bench.path("p.h5.points/" + point + ".h5")).model == weights));
    const ResultRecord record = read_results(bench.path("p.h5"));
    BOOST_TEST(number(record, part, "requested_ratio") == 100 * (1 - std::sqrt(0.5)),
               boost::test_tools::tolerance(1e-9));
    BOOST_TEST(number(record, point, "requested_ratio") == 50, boost::test_tools::tolerance(1e-9));
}

// Every point on the way to the largest ratio is in the tables, and every repeat has its controls.
BOOST_AUTO_TEST_CASE(a_budget_of_repeats_and_steps) {
    const Bench bench;
    bench.train(two_layers);
    bench.prune("p.h5",
                "--ratio 0.25:0.5:0.25 --criterion l2 --steps 2 --repeat 2 --retrain-epochs 1 --budget 100");
    const ResultRecord record = read_results(bench.path("p.h5"));
    const std::vector<std::string> expected{"baseline",
                                            "control",
                                            "control-2-times",
                                            "l2-kernel-0.5-step-1-of-2",
                                            "l2-kernel-0.5",
                                            "control-repeat-2",
                                            "control-2-times-repeat-2",
                                            "l2-kernel-0.5-step-1-of-2-repeat-2",
                                            "l2-kernel-0.5-repeat-2"};
    std::set<std::string> curves, layers;
    for (const Curve& curve : record.curves) curves.insert(curve.method);
    for (const std::string& point : record.column<std::string>("result", "layers", "point"))
        layers.insert(point);
    layers.insert("baseline");
    const std::set<std::string> all(expected.begin(), expected.end());
    BOOST_TEST(record.column<std::string>("result", "points", "point") == expected,
               boost::test_tools::per_element());
    BOOST_TEST(curves == all, boost::test_tools::per_element());
    BOOST_TEST(layers == all, boost::test_tools::per_element());
    BOOST_TEST(record.column<std::string>("result", "budget", "point") ==
                   (std::vector<std::string>{"l2-kernel-0.5", "l2-kernel-0.5-repeat-2"}),
               boost::test_tools::per_element());
}

// A run that grows by another call, or that lost a checkpoint, ends as one that was made at once.
BOOST_AUTO_TEST_CASE(a_resumed_pruning_has_all_of_its_tables) {
    const Bench bench;
    bench.train(two_layers);
    const std::string both = "--ratio 0.25:0.5:0.25 --candidates 10 --retrain-epochs 1",
                      point = "p.h5.points/best-of-n-kernel-0.25.h5";
    bench.prune("whole.h5", both);
    bench.prune("p.h5", "--ratio 0.25 --candidates 10 --retrain-epochs 1");
    bench.prune("p.h5", both + " --resume");
    BOOST_TEST((timeless(bench.path("p.h5")) == timeless(bench.path("whole.h5"))));
    const Checkpoint before = read_checkpoint(bench.path(point));
    std::filesystem::remove(bench.path(point));
    bench.prune("p.h5", both + " --resume");
    BOOST_TEST_REQUIRE(std::filesystem::exists(bench.path(point)));
    BOOST_TEST((read_checkpoint(bench.path(point)).model == before.model));
    BOOST_TEST((timeless(bench.path("p.h5")) == timeless(bench.path("whole.h5"))));
    // The best of ten is that of as many as there were.
    const ResultRecord record = read_results(bench.path("p.h5"));
    const std::vector<double>& mcr = numbers_of(record, "candidates", "validation_mcr");
    BOOST_TEST_REQUIRE(mcr.size() == 20u);
    BOOST_TEST(number(record, "best-of-n-kernel-0.25", "best_of_10") ==
               *std::min_element(mcr.begin(), mcr.begin() + 10));
    BOOST_TEST(std::isnan(number(record, "best-of-n-kernel-0.25", "best_of_20")));
}

// Searches and the mask that they started from, too.
BOOST_AUTO_TEST_CASE(merged_parts_are_the_whole) {
    const Bench bench;
    bench.train(two_layers);
    const std::string how = "--ratio 0.25:0.5:0.25 --candidates 3 --layers conv2 --mask ",
                      first = bench.mask("first.h5", 3), second = bench.mask("second.h5", 5);
    bench.prune("whole.h5", how + first);
    bench.prune("a.h5", how + first + " --points 1/2");
    bench.prune("b.h5", how + first + " --points 2/2");
    bench.prune("c.h5", how + second + " --points 2/2");
    const auto merge = [&](const std::string& out, const std::string& part) {
        return run(app("results") + " merge " + bench.path(out) + " " + bench.path("a.h5") + " " +
                   bench.path(part));
    };
    const CommandResult merged = merge("all.h5", "b.h5");
    BOOST_TEST_REQUIRE(merged.status == 0, merged.output);
    BOOST_TEST((timeless(bench.path("all.h5")) == timeless(bench.path("whole.h5"))));
    // A mask of another name is another command; one of the same name is told by its digest.
    const CommandResult refused = merge("none.h5", "c.h5");
    BOOST_TEST(refused.status != 0, refused.output);
    BOOST_TEST(!std::filesystem::exists(bench.path("none.h5")));
    std::filesystem::copy_file(second, first, std::filesystem::copy_options::overwrite_existing);
    bench.prune("c.h5", "--overwrite " + how + first + " --points 2/2");
    const CommandResult other = merge("none.h5", "c.h5");
    BOOST_TEST(other.status == 1, other.output);
    BOOST_TEST(contains(other.output, "/summary/mask/sha256"), other.output);
}

// What is given holds with --overrule, all of it, and nothing without.
BOOST_AUTO_TEST_CASE(what_is_given_overrules_the_checkpoint) {
    const Bench bench;
    bench.train(
        "--architecture '1x28x28:4C5v-P2(ecp)-20FC-10Softmax' --mode 2 --dropout 0.25 --limit 80 --rate "
        "0.001");
    const std::string how = "--checkpoint " + bench.path("n.h5") + " --out " + bench.path("p.h5") +
                            " --ratio 0.5 --criterion l2 ";
    bench.refuses("prune", how + "--limit 60", 2, "--limit: " + bench.path("n.h5") + " was made with 80");
    bench.refuses("prune", how + "--dropout 0.5", 2,
                  "--dropout: " + bench.path("n.h5") + " was made with 0.25");
    bench.prune("p.h5",
                "--ratio 0.5 --criterion l2 --overrule --mode 1 --limit 60 --validation 0.5 --dropout 0.5 "
                "--retrain-epochs 1 --no-control --engine direct");
    const ResultRecord record = read_results(bench.path("p.h5"));
    for (const auto& [option, value] :
         {std::pair("mode", "1"), {"limit", "60"}, {"validation", "0.5"}, {"dropout", "0.5"}})
        BOOST_TEST(recorded(record.resolved_toml, option) == value, option);
    const Dataset dataset = bench.dataset(0.5, 3, 60);
    BOOST_TEST((record.dataset == record_of(dataset)));
    PrunedNetwork own = bench.network("n.h5", 1), as_trained = bench.network("n.h5", 2);
    BOOST_TEST(number(record, "baseline", "test_mcr") == plain(own.network, dataset.test).mcr);
    BOOST_TEST(number(record, "baseline", "validation_mcr") == plain(own.network, dataset.validation).mcr);
    BOOST_TEST(plain(own.network, dataset.test).mcr !=
               plain(as_trained.network, dataset.test).mcr);  // else nothing is seen
    const Checkpoint point = read_checkpoint(bench.path("p.h5.points/l2-kernel-0.5.h5"));
    BOOST_TEST(point.state.values.at("evaluation_mode") == 1);
}

// What overruled the checkpoint when the run was started overrules it when the run is resumed, which takes
// every option from the file.
BOOST_AUTO_TEST_CASE(a_resumed_run_is_still_overruled) {
    const Bench bench;
    bench.train("--architecture '1x28x28:4C5v-P2(ecp)-20FC-10Softmax' --mode 2 --dropout 0.25 --limit 80");
    const std::string how =
        "--criterion l2 --overrule --mode 1 --limit 60 --validation 0.5 --dropout 0.5 --retrain-epochs 1 ";
    bench.prune("whole.h5", how + "--ratio 0.25:0.5:0.25");
    bench.prune("p.h5", how + "--ratio 0.25");
    bench.command("prune", "--resume --ratio 0.25:0.5:0.25 --out " + bench.path("p.h5"));
    const ResultRecord record = read_results(bench.path("p.h5"));
    for (const auto& [option, value] :
         {std::pair("mode", "1"), {"limit", "60"}, {"validation", "0.5"}, {"dropout", "0.5"}})
        BOOST_TEST(recorded(record.resolved_toml, option) == value, option);
    BOOST_TEST((record.dataset == record_of(bench.dataset(0.5, 3, 60))));
    BOOST_TEST((timeless(bench.path("p.h5")) == timeless(bench.path("whole.h5"))));
    const Checkpoint one = read_checkpoint(bench.path("whole.h5.points/l2-kernel-0.5.h5")),
                     other = read_checkpoint(bench.path("p.h5.points/l2-kernel-0.5.h5"));
    BOOST_TEST((one.model == other.model));
    BOOST_TEST(other.state.values.at("evaluation_mode") == 1);
}

// No K contradicts a network that was trained under drawn ones: the one that is given holds, also when the
// run is resumed; without one it is drawn again.
BOOST_AUTO_TEST_CASE(k_is_chosen_for_a_network_of_drawn_ones) {
    const Bench bench;
    bench.train(
        "--architecture '1x28x28:4C5v-P2(ecp)-10Softmax' --mode per-batch --rate 0.001 --engine direct");
    bench.prune("p.h5", "--ratio 0.25 --criterion l2 --engine direct --mode 2");
    bench.command("prune", "--resume --ratio 0.25:0.5:0.25 --out " + bench.path("p.h5"));
    bench.prune("drawn.h5", "--ratio 0.5 --criterion l2 --engine direct");
    const ResultRecord record = read_results(bench.path("p.h5")),
                       drawn = read_results(bench.path("drawn.h5"));
    const Dataset dataset = bench.dataset(0.3, 3);
    PrunedNetwork second = bench.network("n.h5", 2), first = bench.network("n.h5", 0);
    BOOST_TEST(recorded(record.resolved_toml, "mode") == "2");
    BOOST_TEST(recorded(drawn.resolved_toml, "mode") == "per-batch");
    BOOST_TEST(number(record, "baseline", "test_mcr") == plain(second.network, dataset.test).mcr);
    BOOST_TEST(number(drawn, "baseline", "test_mcr") == plain(first.network, dataset.test).mcr);
    BOOST_TEST(number(record, "baseline", "test_mcr") != number(drawn, "baseline", "test_mcr"));
    for (const std::string ratio : {"0.25", "0.5"}) {
        const Checkpoint point = read_checkpoint(bench.path("p.h5.points/l2-kernel-" + ratio + ".h5"));
        BOOST_TEST(point.state.values.at("evaluation_mode") == 2);
        BOOST_TEST(point.state.values.at("mode_is_drawn") == 0);
    }
}

// A repeat that is resumed is the run of its own seed, of two epochs in all.
BOOST_AUTO_TEST_CASE(resumed_repeats_of_a_training) {
    const Bench bench;
    const std::string how = two_layers + "--batch 16 --validation 0.3 --keep-best ";
    bench.command("train", how + "--repeat 2 --epochs 1 --out " + bench.path("r.h5"));
    bench.command("train", "--resume --epochs 2 --out " + bench.path("r.h5"));  // the file says how many
    for (const auto& [file, seed] : {std::pair("r.h5", "1"), {"r-repeat-2.h5", "2"}}) {
        bench.command("train", how + "--overwrite --epochs 2 --seed " + std::string(seed) + " --out " +
                                   bench.path("one.h5"));
        const Checkpoint one = read_checkpoint(bench.path("one.h5")),
                         resumed = read_checkpoint(bench.path(file));
        BOOST_TEST((resumed.model == one.model), file);
        BOOST_TEST((resumed.dataset == one.dataset), file);
        BOOST_TEST((resumed.curves.at(0).validation_mcr == one.curves.at(0).validation_mcr), file);
        BOOST_TEST(resumed.state.values.at("test_mcr") == one.state.values.at("test_mcr"), file);
    }
}

// Statistics are taken anew where nothing is pruned, too: else the control would not be the like of the
// others.
BOOST_AUTO_TEST_CASE(the_control_is_recalibrated) {
    const Bench bench;
    bench.train(two_layers + "--batch-norm --engine direct --rate 0.0015");
    bench.prune("p.h5",
                "--ratio 0.5 --criterion l2 --retrain-epochs 1 --recalibrate 2 --seed 7 --engine direct");
    const ResultRecord record = read_results(bench.path("p.h5"));
    const Dataset dataset = bench.dataset(0.3, 3);
    PrunedNetwork own = bench.loaded("n.h5", {.engine = "direct", .batch = 16, .threads = 2});
    const Plain stale_test = plain(own.network, dataset.test),
                stale_validation = plain(own.network, dataset.validation);
    Batches order(dataset.train, {.size = 16, .shuffled = true, .seed = 7});
    recalibrate(own.network, order, 2);
    const Plain test = plain(own.network, dataset.test), validation = plain(own.network, dataset.validation);
    BOOST_TEST(number(record, "control", "test_mcr_before") == test.mcr);
    BOOST_TEST(number(record, "control", "validation_mcr_before") == validation.mcr);
    BOOST_TEST(
        (test.mcr != stale_test.mcr || validation.mcr != stale_validation.mcr));  // else nothing is seen
}

// Scores that take data take as many batches as they are told, around which candidates are drawn as well.
BOOST_AUTO_TEST_CASE(candidates_around_scores_of_data) {
    const Bench bench;
    bench.train(two_layers + "--engine direct");
    bench.prune(
        "p.h5",
        "--ratio 0.5 --candidates 6 --candidates-from taylor --data-batches 2 --seed 5 --engine direct");
    const Dataset dataset = bench.dataset(0.3, 3);
    const MaskRecord found = read_masks(bench.path("p.h5.points/best-of-n-kernel-0.5.mask.h5"));
    const PruningScope scope{Granularity::kernel, {"conv1", "conv2"}, 2};
    BOOST_TEST_REQUIRE(found.search.seed.size() == 6u);
    bool tell = false;
    for (std::size_t i = 0; i < found.search.seed.size(); ++i) {
        std::vector<std::vector<std::uint8_t>> surviving;
        for (const int batches : {2, 8}) {
            PrunedNetwork own = bench.loaded("n.h5", {.engine = "direct", .batch = 16, .threads = 2});
            Batches images(dataset.train, {.size = 16});
            const auto scores = unit_scores(own, scope, Criterion::taylor, {images, batches, 5});
            own.set_masks(drawn_masks(own, scope, 0.5, scores, found.search.seed[i]));
            if (batches == 2) {
                BOOST_TEST(found.search.validation_mcr[i] == plain(own.network, dataset.validation).mcr);
                surviving = own.surviving_weights();
            } else {
                tell = tell || own.surviving_weights() != surviving;
            }
        }
    }
    BOOST_TEST(tell);  // else nothing was seen here
}

// K is drawn once for each training, and its curve is tested under it.
BOOST_AUTO_TEST_CASE(k_that_is_drawn_for_a_run_of_a_comparison) {
    const Bench bench;
    const auto [seed, mode] = seed_of_a_drawn_mode();
    bench.command("ecp",
                  "--network one-conv --method ecp --mode per-run --epochs 1 --batch 16 --rate 0.00006 "
                  "--convolution-rounds 0 --seed " +
                      std::to_string(seed) + " --out " + bench.path("e.h5"));
    const ResultRecord record = read_results(bench.path("e.h5"));
    const Dataset dataset = bench.dataset(0, 1);
    const std::string file = "e.h5.checkpoints/one-conv-ecp-per-run.h5";
    PrunedNetwork own = bench.network(file, mode), other = bench.network(file, 0);
    const double mcr = plain(own.network, dataset.test).mcr;
    BOOST_TEST(plain(other.network, dataset.test).mcr != mcr);  // else nothing is seen here
    const auto curve = [&](const std::string& name) {
        return *std::ranges::find(record.curves, name, &Curve::method);
    };
    BOOST_TEST(curve("one-conv-ecp-per-run").test_mcr.at(0) == mcr);
    BOOST_TEST(curve("one-conv-ecp-per-run-k" + std::to_string(mode)).test_mcr.at(0) == mcr);
    BOOST_TEST(curve("one-conv-ecp-per-run-k0").test_mcr.at(0) == plain(other.network, dataset.test).mcr);
    BOOST_TEST(read_checkpoint(bench.path(file)).state.values.at("evaluation_mode") == mode);
}

// Arrays of a preprocessing hold though no option names them, as in files of the Python package; and without
// them a file that names one is refused.
BOOST_AUTO_TEST_CASE(a_training_starts_with_the_preprocessing_of_its_network) {
    const Bench bench;
    bench.train(two_layers + "--limit 60 --epochs 1");
    Checkpoint start = read_checkpoint(bench.path("n.h5"));
    NamedArray whitening{"preprocessing/whitening", {784, 784}, std::vector<float>(784 * 784)};
    for (std::size_t i = 0; i < 784; ++i) whitening.values[785 * i] = 3;
    start.extra = {{"preprocessing/mean", {1, 28, 28}, std::vector<float>(784, 0.2f)}, whitening};
    write_checkpoint(bench.path("s.h5"), start);
    bench.command("train",
                  "--init " + bench.path("s.h5") + " --epochs 1 --rate 1e-9 --out " + bench.path("t.h5"));
    const Checkpoint found = read_checkpoint(bench.path("t.h5"));
    BOOST_TEST((Preprocessing::from_arrays(found.extra).arrays() == start.extra));
    Dataset dataset = bench.dataset(0.3, 3, 60);
    Preprocessing::from_arrays(start.extra).apply(dataset.test, 1);
    PrunedNetwork network = bench.network("s.h5");
    const Plain expected = plain(network.network, dataset.test);
    bench.command("evaluate", bench.path("t.h5") + " --out " + bench.path("e.h5"));
    BOOST_TEST(
        numbers_of(read_results(bench.path("e.h5")), "evaluation", "cross_entropy").at(0) == expected.loss,
        boost::test_tools::tolerance(1e-4));
    PrunedNetwork plainly = bench.network("n.h5");
    BOOST_TEST(std::abs(plain(plainly.network, bench.dataset(0.3, 3, 60).test).loss - expected.loss) > 1e-3);
    bench.command("train",
                  "--preprocess contrast --limit 60 --epochs 1 --batch 16 --out " + bench.path("c.h5"));
    Checkpoint without = read_checkpoint(bench.path("c.h5"));
    without.extra.clear();
    write_checkpoint(bench.path("c.h5"), without);
    bench.refuses("evaluate", bench.path("c.h5"), 1, bench.path("c.h5") + ": /extra/preprocessing");
    without.extra = {{"preprocessing/contrast", {3}, {1, 2, 3}}};
    write_checkpoint(bench.path("c.h5"), without);
    bench.refuses("evaluate", bench.path("c.h5"), 1, "two numbers, found 3");
}

// What a file says of itself is compared with what it holds.
BOOST_AUTO_TEST_CASE(contradictions_within_a_checkpoint) {
    const Bench bench;
    bench.train("--architecture '1x28x28:4C5v-P2(ecp)-6C3v-P2-10Softmax' --limit 60 --epochs 1");
    const auto refused = [&](const std::string& part, const auto& change) {
        Checkpoint other = read_checkpoint(bench.path("n.h5"));
        change(other);
        write_checkpoint(bench.path("other.h5"), other);
        bench.refuses("evaluate", bench.path("other.h5"), 1, bench.path("other.h5") + ": " + part);
    };
    refused("/state @evaluation_mode: expected a whole number of 0 to 3, found 1.5",
            [](Checkpoint& other) { other.state.values["evaluation_mode"] = 1.5; });
    refused("/state @mode_is_drawn", [](Checkpoint& other) { other.state.values["mode_is_drawn"] = 5; });
    refused("/model @layer_names: expected conv1, relu1, conv2, pool1, relu2, dense1, found conv2, conv1",
            [](Checkpoint& other) {
                other.layer_names = {"conv2", "conv1"};
            });
}

// A point that is pruned or trained again is judged by the images that its network never saw, whichever the
// seed of its run; a network of fftconv-ecp held none out.
BOOST_AUTO_TEST_CASE(the_split_is_that_of_the_first_training) {
    const Bench bench;
    bench.train(two_layers + "--limit 60");
    bench.prune("p.h5", "--ratio 0.5 --criterion l2 --seed 7 --retrain-epochs 1 --no-control");
    const std::string point = bench.path("p.h5.points/l2-kernel-0.5.h5");
    bench.command("prune", "--batch 16 --timing-rounds 1 --ratio 0 --criterion l2 --checkpoint " + point +
                               " --out " + bench.path("q.h5"));
    const ResultRecord first = read_results(bench.path("p.h5")), again = read_results(bench.path("q.h5"));
    BOOST_TEST((again.dataset == first.dataset));
    BOOST_TEST(number(again, "baseline", "validation_mcr") ==
               number(first, "l2-kernel-0.5", "validation_mcr"));
    // Without --data and the variable the folder is the recorded one, and so are the images.
    ::unsetenv("FFTCONV_DATA");
    const auto tuned = [&](const std::string& start) {
        const CommandResult done = run(app("train") + " --threads 1 --epochs 1 --overwrite --init " + start +
                                       " --out " + bench.path("t.h5"));
        BOOST_TEST_REQUIRE(done.status == 0, done.output);
        return read_checkpoint(bench.path("t.h5"));
    };
    BOOST_TEST((tuned(bench.path("n.h5")).dataset == read_checkpoint(bench.path("n.h5")).dataset));
    BOOST_TEST((tuned(point).dataset == read_checkpoint(bench.path("n.h5")).dataset));
    // The same data in another folder have the same split, whichever the seed of the run and its repeats.
    const std::string moved = bench.path("moved"), changed = bench.path("changed");
    std::filesystem::copy(bench.data, moved, std::filesystem::copy_options::recursive);
    const auto started = [&](const std::string& folder, const std::string& more) {
        const CommandResult done = run(
            app("train") + " --threads 1 --epochs 1 --rate 1e-9 --overwrite --init " + bench.path("n.h5") +
            " --dataset mnist --data " + folder + " " + more + " --out " + bench.path("t.h5"));
        BOOST_TEST_REQUIRE(done.status == 0, done.output);
        return read_checkpoint(bench.path("t.h5"));
    };
    const Checkpoint start = read_checkpoint(bench.path("n.h5"));
    BOOST_TEST((started(moved, "").dataset == start.dataset));
    const Checkpoint repeated = started(moved, "--seed 8 --repeat 2");
    BOOST_TEST((repeated.dataset == start.dataset));
    BOOST_TEST((read_checkpoint(bench.path("t-repeat-2.h5")).dataset == start.dataset));
    BOOST_TEST(repeated.curves.at(0).validation_mcr.back() == start.curves.at(0).validation_mcr.back());
    const CommandResult resumed = run(app("train") + " --threads 1 --resume --epochs 2 --data " + moved +
                                      " --repeat 1 --out " + bench.path("t-repeat-2.h5"));
    BOOST_TEST(resumed.status == 0, resumed.output);
    BOOST_TEST((read_checkpoint(bench.path("t-repeat-2.h5")).dataset == start.dataset));
    // Other data have a split of their own, and all of their images.
    std::filesystem::copy(bench.data, changed, std::filesystem::copy_options::recursive);
    {
        std::fstream labels(changed + "/mnist/train-labels-idx1-ubyte",
                            std::ios::in | std::ios::out | std::ios::binary);
        BOOST_REQUIRE(labels.good());
        labels.seekg(8);
        const int label = labels.get();
        labels.seekp(8);
        labels.put(char((label + 1) % 10));
    }
    const Checkpoint elsewhere = started(changed, "");
    BOOST_TEST(elsewhere.dataset.split_seed == 1u);
    BOOST_TEST(elsewhere.dataset.n_train + elsewhere.dataset.n_validation > 60);
    bench.command("ecp",
                  "--network one-conv --method max --epochs 1 --limit 60 --convolution-rounds 0 --out " +
                      bench.path("e.h5"));
    const std::string method = bench.path("e.h5.checkpoints/one-conv-max.h5");
    BOOST_TEST((tuned(method).dataset == read_checkpoint(method).dataset));
    BOOST_TEST(tuned(method).dataset.n_validation == 0);
    // Where as many images are not found, it is another split.
    for (const std::string field : {"n_train", "n_validation", "n_test"}) {
        Checkpoint other = read_checkpoint(bench.path("n.h5"));
        ++(field == "n_train"        ? other.dataset.n_train
           : field == "n_validation" ? other.dataset.n_validation
                                     : other.dataset.n_test);
        write_checkpoint(bench.path("other.h5"), other);
        bench.refuses("prune",
                      "--ratio 0.5 --checkpoint " + bench.path("other.h5") + " --out " + bench.path("x.h5"),
                      1, bench.path("other.h5") + ": /dataset/" + field);
    }
}

// Contrast alone is not whitening; and test images are prepared where no others were held out.
BOOST_AUTO_TEST_CASE(contrast_normalisation) {
    const Bench bench;
    for (const double validation : {0.3, 0.0}) {
        bench.train(two_layers + "--overwrite --preprocess contrast --epochs 3 --validation " +
                    std::to_string(validation));
        Dataset dataset = bench.dataset(validation, 3);
        PreprocessOptions contrast;
        contrast.whitening = false;
        const Preprocessing own(dataset.train, contrast, 1);
        const Checkpoint checkpoint = read_checkpoint(bench.path("n.h5"));
        const std::vector<NamedArray> arrays = own.arrays();
        BOOST_TEST((Preprocessing::from_arrays(checkpoint.extra).arrays() == arrays));
        own.apply(dataset.test, 1);
        PrunedNetwork network = bench.network("n.h5");
        const double mcr = plain(network.network, dataset.test).mcr;
        BOOST_TEST(checkpoint.state.values.at("test_mcr") == mcr);
        BOOST_TEST(mcr !=
                   plain(network.network, bench.dataset(validation, 3).test).mcr);  // else nothing is seen
        bench.command("evaluate", bench.path("n.h5") + " --overwrite --out " + bench.path("e.h5"));
        BOOST_TEST(numbers_of(read_results(bench.path("e.h5")), "evaluation", "test_mcr").at(0) == mcr);
    }
    // Training that starts from there with another preparation fits it anew.
    bench.command("train", "--init " + bench.path("n.h5") + " --preprocess whitening --epochs 1 --out " +
                               bench.path("w.h5"));
    const Preprocessing whitening(bench.dataset(0, 3).train, {}, 1);
    const std::vector<NamedArray> arrays = whitening.arrays();
    BOOST_TEST((Preprocessing::from_arrays(read_checkpoint(bench.path("w.h5")).extra).arrays() == arrays));
}

// Two epochs in two calls are two epochs, under each K too; what was timed stays, and both calls are told.
BOOST_AUTO_TEST_CASE(a_resumed_comparison_has_all_of_its_curves) {
    const Bench bench;
    const std::string how =
        "--network one-conv --method max,ecp --mode per-batch --batch 16 --repeat 2 --limit 60 "
        "--convolution-rounds 1 ";
    bench.command("ecp", how + "--epochs 2 --out " + bench.path("whole.h5"));
    bench.command("ecp", how + "--epochs 1 --out " + bench.path("e.h5"));
    const ResultRecord before = read_results(bench.path("e.h5"));
    bench.command("ecp", "--resume --epochs 2 --out " + bench.path("e.h5"));
    const ResultRecord whole = read_results(bench.path("whole.h5")),
                       record = read_results(bench.path("e.h5"));
    BOOST_TEST_REQUIRE(record.curves.size() == whole.curves.size());
    for (const Curve& expected : whole.curves) {
        const auto found = std::ranges::find(record.curves, expected.method, &Curve::method);
        BOOST_TEST_REQUIRE((found != record.curves.end()), expected.method);
        BOOST_TEST(found->epoch == expected.epoch, boost::test_tools::per_element());
        BOOST_TEST(found->test_mcr == expected.test_mcr, boost::test_tools::per_element());
        BOOST_TEST(found->train_loss == expected.train_loss, boost::test_tools::per_element());
        BOOST_TEST(found->test_mcr.size() == 2u, expected.method);
    }
    for (const char* column : {"one_conv_fft_full", "one_conv_direct_ecp"})
        BOOST_TEST(
            numbers_of(record, "pure_convolution", column) == numbers_of(before, "pure_convolution", column),
            boost::test_tools::per_element());
    const auto& calls = record.column<std::string>("result", "calls", "configuration");
    BOOST_TEST_REQUIRE(calls.size() == 2u);
    BOOST_TEST(recorded(calls[0], "epochs") == "1");
    BOOST_TEST(recorded(calls[1], "epochs") == "2");
    // More rounds of the convolutions are measured anew, all of them.
    bench.command("ecp", "--resume --convolution-rounds 3 --out " + bench.path("e.h5"));
    BOOST_TEST(numbers_of(read_results(bench.path("e.h5")), "pure_convolution", "one_conv_fft_full").size() ==
               3u);
}

// The network's own K first, then each of the others; confusion and phases are of its own.
BOOST_AUTO_TEST_CASE(an_evaluation_under_every_k_of_a_network_with_one) {
    const Bench bench;
    bench.train(
        "--architecture '1x28x28:4C5v-P2(ecp)-6C3v-P2-10Softmax' --mode 2 --rate 0.0015 --engine direct");
    bench.command("evaluate",
                  "--mode all --threads 1 --batch 20 " + bench.path("n.h5") + " --out " + bench.path("e.h5"));
    const ResultRecord record = read_results(bench.path("e.h5"));
    const Dataset dataset = bench.dataset(0.3, 3);
    const std::vector<std::string> names{"mode 2 (the network's)", "mode 0", "mode 1", "mode 3",
                                         "mean of the modes' outputs"};
    BOOST_TEST(record.column<std::string>("result", "evaluation", "evaluation") == names,
               boost::test_tools::per_element());
    const int modes[] = {2, 0, 1, 3};
    std::set<std::vector<int>> confusions;
    std::vector<Plain> outputs;
    for (std::size_t i = 0; i < 4; ++i) {
        PrunedNetwork network = bench.network("n.h5", modes[i]);
        const Plain expected = plain(network.network, dataset.test);
        confusions.insert(expected.confusion);
        outputs.push_back(expected);
        BOOST_TEST(numbers_of(record, "evaluation", "mode").at(i) == modes[i]);
        BOOST_TEST(numbers_of(record, "evaluation", "test_mcr").at(i) == expected.mcr);
        for (std::size_t label = 0; i == 0 && label < 10; ++label)
            for (std::size_t answer = 0; answer < 10; ++answer)
                BOOST_TEST(numbers_of(record, "confusion", "answer_" + std::to_string(answer)).at(label) ==
                           expected.confusion[10 * label + answer]);
    }
    BOOST_TEST(confusions.size() > 1u);  // else nothing was seen here
    const Plain mean = mean_of_outputs(outputs, dataset.test);
    BOOST_TEST(numbers_of(record, "evaluation", "test_mcr").at(4) == mean.mcr);
    outputs.push_back(mean);
    for (std::size_t i = 0; i < 5; ++i)
        BOOST_TEST(numbers_of(record, "evaluation", "cross_entropy").at(i) == outputs[i].loss,
                   boost::test_tools::tolerance(1e-4));
    const std::vector<double>& passes = numbers_of(record, "evaluation", "time");
    BOOST_TEST(passes.at(4) >= passes[1] + passes[2] + passes[3]);  // the mean takes the passes of all
    // The phases of a layer are parts of it.
    const auto &layers = record.column<std::string>("result", "layers", "layer"),
               &phases = record.column<std::string>("result", "layers", "phase");
    const std::vector<double>& times = numbers_of(record, "layers", "time");
    for (const std::string layer : {"conv1", "conv2"}) {
        double all = 0, sum = 0;
        for (std::size_t i = 0; i < layers.size(); ++i)
            if (layers[i] == layer) (phases[i] == "in all" ? all : sum) += times[i];
        BOOST_TEST(sum > 0, layer);
        BOOST_TEST(sum <= 1.01 * all, layer);
    }
    // Each form of a pruned network has its architecture.
    bench.prune("p.h5", "--granularity feature-map --layers conv2 --ratio 0.5 --criterion l2");
    const std::string point = "l2-feature-map-0.5";
    bench.command("evaluate", bench.path("p.h5.points/" + point + ".h5") +
                                  " --timing-rounds 1 --overwrite --out " + bench.path("e.h5"));
    const ResultRecord pruned = read_results(bench.path("p.h5")), forms = read_results(bench.path("e.h5"));
    const std::string dense = read_checkpoint(bench.path("n.h5")).architecture,
                      compact = pruned.column<std::string>("result", "points", "compact_architecture").at(1);
    BOOST_TEST(dense != compact);
    BOOST_TEST(numbers_of(record, "machine", "threads").at(0) == 1);
    BOOST_TEST(numbers_of(forms, "machine", "threads").at(0) == 2);
    BOOST_TEST(forms.column<std::string>("result", "forms", "architecture") ==
                   (std::vector<std::string>{dense, dense, compact}),
               boost::test_tools::per_element());
}

BOOST_AUTO_TEST_SUITE_END()
