// Numbers that the apps store, computed again by a plain loop over the library: from which images, network,
// mask, K and prepared how.
#include <spdlog/fmt/fmt.h>

#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <string>
#include <vector>

#include "apps/recomputation.hpp"
#include "fftconv/core/random.hpp"
#include "fftconv/dataset/preprocess.hpp"
#include "fftconv/pruning/criteria.hpp"
#include "fftconv/pruning/dead_ends.hpp"
#include "fftconv/pruning/search.hpp"
#include "fftconv/pruning/units.hpp"
#include "fftconv/storage/masks.hpp"
#include "fftconv/training/trainer.hpp"

using namespace fftconv;
using namespace fftconv::test;

namespace {

/// The units that a mask file's search chose, without what follows from them (maps that nothing is left of).
void choose(PrunedNetwork& network, const MaskRecord& mask) {
    const PruningScope scope{Granularity::kernel, {"conv1", "conv2"}, 2};
    if (mask.search.criterion == "best-of-n") {
        const std::uint64_t seed = mask.search.seed[std::size_t(mask.search.selected)];
        network.set_masks(random_masks(network, scope, mask.search.ratio, seed));
        return;
    }
    std::vector<std::vector<double>> norms;
    for (const UnitGroup& group : live_units(network, scope)) {
        norms.emplace_back();
        for (const PruningUnit& unit : group) {
            double sum = 0;
            unit.for_each_weight(scope,
                                 [&](std::size_t i) { sum += std::pow(unit.layer.weight->value[i], 2.0); });
            norms.back().push_back(sum);
        }
    }
    network.set_masks(masks_of_least(network, scope, mask.search.ratio, norms));
}

const std::string small = "--architecture 1x28x28:4C5v-P2-6C3v-P2-10Softmax --batch 16 --rate 0.0015 ";

}  // namespace

BOOST_AUTO_TEST_SUITE(recomputed)

BOOST_AUTO_TEST_CASE(a_training_s_curves_and_test) {
    const Recomputation bench;
    bench.command("train", small + "--epochs 2 --validation 0.3 --seed 5 --out " + bench.path("n.h5"));
    const Checkpoint checkpoint = read_checkpoint(bench.path("n.h5"));
    const Dataset dataset = bench.dataset(0.3, 5);
    BOOST_TEST(checkpoint.dataset.n_validation == 60);
    BOOST_TEST(checkpoint.dataset.split_seed == 5);
    PrunedNetwork pruned = bench.network("n.h5");
    const Curve& curve = checkpoint.curves.at(0);
    BOOST_TEST(curve.validation_mcr.back() == plain(pruned.network, dataset.validation).mcr);
    BOOST_TEST(checkpoint.state.values.at("test_mcr") == plain(pruned.network, dataset.test).mcr);
    TrainerOptions how{.epochs = 2, .seed = 5};
    how.optimizer.rate = 0.0015f;
    Network again(parse_architecture(checkpoint.architecture), {.batch = 16, .threads = 2, .seed = 5});
    Trainer trainer(again, dataset.train, {.size = 16, .shuffled = true, .seed = 5}, &dataset.validation,
                    how);
    trainer.run();
    BOOST_TEST((again.state() == checkpoint.model));
    BOOST_TEST_REQUIRE(curve.train_mcr.size() == 2u);
    for (std::size_t i = 0; i < 2; ++i) {
        BOOST_TEST(curve.train_loss[i] == trainer.history()[i].train_loss);
        BOOST_TEST(curve.train_mcr[i] == trainer.history()[i].train_mcr);
        BOOST_TEST(curve.validation_mcr[i] == trainer.history()[i].validation_mcr);
    }
    BOOST_TEST(curve.validation_mcr.back() != plain(pruned.network, dataset.train).mcr);
    BOOST_TEST(curve.validation_mcr.back() != plain(pruned.network, dataset.test).mcr);
}

BOOST_AUTO_TEST_CASE(keep_best_ends_with_the_best_epoch_s_weights) {
    const Recomputation bench;
    Checkpoint checkpoint;
    std::uint64_t seed = 0;
    do {  // until the last epoch is not the best one
        bench.command("train", small +
                                   "--epochs 8 --rate 0.05 --validation 0.3 --keep-best --overwrite --seed " +
                                   std::to_string(++seed) + " --out " + bench.path("n.h5"));
        checkpoint = read_checkpoint(bench.path("n.h5"));
    } while (checkpoint.curves.at(0).validation_mcr.back() <=
                 checkpoint.state.values.at("best_validation_mcr") &&
             seed < 20);
    const std::vector<double>& validation = checkpoint.curves.at(0).validation_mcr;
    BOOST_TEST(validation.back() > checkpoint.state.values.at("best_validation_mcr"));
    PrunedNetwork pruned = bench.network("n.h5");
    const Dataset dataset = bench.dataset(0.3, seed);
    BOOST_TEST(plain(pruned.network, dataset.validation).mcr ==
               *std::min_element(validation.begin(), validation.end()));
    BOOST_TEST(checkpoint.state.values.at("test_mcr") == plain(pruned.network, dataset.test).mcr);
}

// Fitted on the training images alone, and applied to those that are evaluated, by evaluate and prune too.
BOOST_AUTO_TEST_CASE(whitening) {
    const Recomputation bench;
    bench.command("train", small + "--epochs 6 --rate 0.004 --validation 0.3 --preprocess whitening --out " +
                               bench.path("n.h5"));
    Dataset dataset = bench.dataset(0.3, 1);
    const LabelledImages raw = dataset.validation;
    const Preprocessing fitted(dataset.train, {}, 1);
    const Checkpoint checkpoint = read_checkpoint(bench.path("n.h5"));
    const std::vector<NamedArray> arrays = fitted.arrays();
    BOOST_TEST((Preprocessing::from_arrays(checkpoint.extra).arrays() == arrays));
    for (LabelledImages* images : {&dataset.train, &dataset.validation, &dataset.test})
        fitted.apply(*images, 1);
    PrunedNetwork pruned = bench.network("n.h5");
    const double test = plain(pruned.network, dataset.test).mcr,
                 validation = plain(pruned.network, dataset.validation).mcr;
    BOOST_TEST(validation != plain(pruned.network, raw).mcr);  // else nothing would be seen here
    BOOST_TEST(checkpoint.state.values.at("test_mcr") == test);
    BOOST_TEST(checkpoint.curves.at(0).validation_mcr.back() == validation);
    bench.command("evaluate", bench.path("n.h5") + " --out " + bench.path("e.h5"));
    BOOST_TEST(numbers_of(read_results(bench.path("e.h5")), "evaluation", "test_mcr").at(0) == test);
    bench.command("prune",
                  "--checkpoint " + bench.path("n.h5") +
                      " --ratio 0.5 --criterion taylor --batch 16 --data-batches 3 --timing-rounds 1 "
                      "--engine direct --out " +
                      bench.path("p.h5"));
    const ResultRecord record = read_results(bench.path("p.h5"));
    BOOST_TEST(numbers_of(record, "points", "test_mcr").at(0) == test);
    BOOST_TEST(numbers_of(record, "points", "validation_mcr").at(0) == validation);
    // Scores are of the training images as the network was trained with them.
    PrunedNetwork own =
        load_network(read_checkpoint(bench.path("n.h5")), "n.h5", {.engine = "direct", .batch = 16});
    const PruningScope scope{Granularity::kernel, {"conv1", "conv2"}, 2};
    Batches images(dataset.train, {.size = 16});
    own.set_masks(
        masks_of_least(own, scope, 0.5, unit_scores(own, scope, Criterion::taylor, {images, 3, 1})));
    remove_dead_ends(own);
    const std::vector<WeightedLayer> layers = weighted_layers(own.network);
    BOOST_TEST((surviving_weights(read_masks(bench.path("p.h5.points/taylor-kernel-0.5.mask.h5")).masks,
                                  layers) == own.surviving_weights()));
    // Training that starts from there has images prepared alike, whatever they are.
    bench.command("train",
                  "--init " + bench.path("n.h5") + " --limit 50 --epochs 1 --out " + bench.path("t.h5"));
    BOOST_TEST((Preprocessing::from_arrays(read_checkpoint(bench.path("t.h5")).extra).arrays() == arrays));
}

BOOST_AUTO_TEST_CASE(an_evaluation) {
    const Recomputation bench;
    bench.command("train", small + "--epochs 2 --out " + bench.path("n.h5"));
    bench.command(
        "evaluate",
        bench.path("n.h5") + " --batch 16 --threads 1 --out " + bench.path("e.h5"));  // a partial batch
    const ResultRecord record = read_results(bench.path("e.h5"));
    PrunedNetwork pruned = bench.network("n.h5");
    const Dataset dataset = bench.dataset(0.1, 1);
    const Plain expected = plain(pruned.network, dataset.test);
    BOOST_TEST(numbers_of(record, "evaluation", "accuracy").at(0) == 100 - expected.mcr,
               boost::test_tools::tolerance(1e-12));
    BOOST_TEST(numbers_of(record, "evaluation", "cross_entropy").at(0) == expected.loss,
               boost::test_tools::tolerance(1e-4));
    for (int label = 0; label < 10; ++label)
        for (int answer = 0; answer < 10; ++answer)
            BOOST_TEST(
                numbers_of(record, "confusion", "answer_" + std::to_string(answer)).at(std::size_t(label)) ==
                expected.confusion[std::size_t(10 * label + answer)]);
    // Of an image, not of a batch: all layers together take about what the pass takes.
    const std::vector<double>& times = numbers_of(record, "layers", "time");
    const auto& phases = record.column<std::string>("result", "layers", "phase");
    double sum = 0;
    for (std::size_t i = 0; i < times.size(); ++i) sum += phases[i] == "in all" ? times[i] : 0;
    const double time = numbers_of(record, "evaluation", "time").at(0);
    BOOST_TEST(sum <= 1.05 * time);
    BOOST_TEST(sum >= 0.3 * time);
    // A network that is as new as the app's: its first pass makes spectra and takes memory.
    const auto time_here = [&] {
        PrunedNetwork fresh = bench.network("n.h5");
        const Evaluation again_here = evaluate_test(fresh.network, dataset.test);
        return 1000 * again_here.seconds / again_here.count;
    };
    // What else the machine does may hold up a pass of milliseconds: the fastest of a few counts, on either
    // side.
    double fastest = time, own = time_here();
    for (int again = 0; again < 10 && (fastest >= 8 * own || fastest <= own / 8); ++again) {
        bench.command("evaluate",
                      bench.path("n.h5") + " --batch 16 --threads 1 --overwrite --out " + bench.path("e.h5"));
        fastest = std::min(fastest, numbers_of(read_results(bench.path("e.h5")), "evaluation", "time").at(0));
        own = std::min(own, time_here());
    }
    BOOST_TEST(fastest < 8 * own);
    BOOST_TEST(fastest > own / 8);
}

BOOST_AUTO_TEST_CASE(every_number_of_a_pruned_network) {
    const Recomputation bench;
    bench.command("train", small + "--epochs 3 --validation 0.3 --seed 3 --out " + bench.path("n.h5"));
    bench.command("prune",
                  "--checkpoint " + bench.path("n.h5") +
                      " --ratio 0.5:0.75:0.25 --criterion l2,best-of-n --candidates 10 --retrain-epochs 1 "
                      "--repeat 2 --batch 16 --timing-rounds 1 --optimizer adam --no-control --out " +
                      bench.path("p.h5"));
    const ResultRecord record = read_results(bench.path("p.h5"));
    const Dataset dataset = bench.dataset(0.3, 3);  // the baseline's split
    const auto& names = record.column<std::string>("result", "points", "point");
    BOOST_TEST_REQUIRE(names.size() == 9u);
    for (std::size_t i = 0; i < names.size(); ++i) {
        BOOST_TEST_CONTEXT(names[i]) {
            const std::string file = i == 0 ? "n.h5" : "p.h5.points/" + names[i] + ".h5";
            PrunedNetwork pruned = bench.network(file);
            BOOST_TEST(numbers_of(record, "points", "validation_mcr")[i] ==
                       plain(pruned.network, dataset.validation).mcr);
            BOOST_TEST(numbers_of(record, "points", "test_mcr")[i] ==
                       plain(pruned.network, dataset.test).mcr);
            if (i == 0) continue;
            // Before retraining: the baseline's weights under the units that were chosen.
            const MaskRecord mask = read_masks(bench.path("p.h5.points/" + names[i] + ".mask.h5"));
            PrunedNetwork before = bench.network("n.h5");
            choose(before, mask);
            BOOST_TEST(numbers_of(record, "points", "validation_mcr_before")[i] ==
                       plain(before.network, dataset.validation).mcr);
            BOOST_TEST(numbers_of(record, "points", "test_mcr_before")[i] ==
                       plain(before.network, dataset.test).mcr);
            // A score's mask is its only candidate, judged as the search judges its own: not yet retrained.
            if (mask.search.criterion != "best-of-n") {
                BOOST_TEST_REQUIRE(mask.search.validation_mcr.size() == 1u);
                BOOST_TEST(mask.search.validation_mcr[0] ==
                           numbers_of(record, "points", "validation_mcr_before")[i]);
            }
            // The stored mask is the checkpoint's zeros.
            BOOST_TEST((read_checkpoint(bench.path(file)).masks == mask.masks));
            std::size_t kernels = 0, absent = 0;
            double macs = 0;
            const int outputs[] = {24 * 24, 10 * 10};
            for (int c = 1; c <= 2; ++c) {
                const LayerMask& layer = *find_mask(mask.masks, "conv" + std::to_string(c));
                const Network& network = pruned.network;
                for (const NamedArray& array : network.state())
                    if (array.name == "conv" + std::to_string(c) + "/weight") {
                        const std::size_t area = std::size_t(array.shape[2] * array.shape[3]);
                        for (std::size_t k = 0; k < array.values.size() / area; ++k) {
                            const auto first = array.values.begin() + long(k * area);
                            const bool zero =
                                std::all_of(first, first + long(area), [](float w) { return w == 0; });
                            const bool map =
                                layer.feature_map.empty() || layer.feature_map[k / std::size_t(layer.in)];
                            const LayerMask* before_it = c == 2 ? find_mask(mask.masks, "conv1") : nullptr;
                            const std::size_t from = k % std::size_t(layer.in);
                            const bool read =
                                !before_it || before_it->feature_map.empty() || before_it->feature_map[from];
                            const bool kept = map && read && (layer.kernel.empty() || layer.kernel[k]);
                            BOOST_TEST(zero == !kept);
                            ++kernels;
                            absent += zero;
                            macs += zero ? 0 : double(area) * outputs[c - 1];
                        }
                    }
            }
            BOOST_TEST(
                numbers_of(record, "points", "pruned_kernels")[i] == 100.0 * double(absent) / double(kernels),
                boost::test_tools::tolerance(1e-9));
            for (const NamedArray& array : pruned.network.state())
                if (array.name == "dense1/weight")
                    macs += double(std::count_if(array.values.begin(), array.values.end(),
                                                 [](float w) { return w != 0; }));
            BOOST_TEST(numbers_of(record, "points", "direct_macs")[i] == macs,
                       boost::test_tools::tolerance(1e-9));
        }
    }
}

// Candidates of a search: their seeds, what they score on validation images, and who wins; other repeats try
// others.
BOOST_AUTO_TEST_CASE(candidates_of_a_search) {
    const Recomputation bench;
    bench.command("train", small + "--epochs 3 --validation 0.3 --out " + bench.path("n.h5"));
    bench.command(
        "prune",
        "--checkpoint " + bench.path("n.h5") +
            " --ratio 0.5 --candidates 10 --repeat 2 --seed 4 --layers conv2 --timing-rounds 1 --out " +
            bench.path("p.h5"));
    const Dataset dataset = bench.dataset(0.3, 1);
    const MaskRecord first = read_masks(bench.path("p.h5.points/best-of-n-kernel-0.5.mask.h5"));
    const MaskRecord second = read_masks(bench.path("p.h5.points/best-of-n-kernel-0.5-repeat-2.mask.h5"));
    BOOST_TEST_REQUIRE(first.search.seed.size() == 10u);
    const PruningScope scope{Granularity::kernel, {"conv2"}, 2};
    for (std::size_t i = 0; i < 10; ++i) {
        BOOST_TEST(first.search.seed[i] == candidate_seed(4, i));
        BOOST_TEST(second.search.seed[i] == candidate_seed(5, i));
        PrunedNetwork network = bench.network("n.h5");
        network.set_masks(random_masks(network, scope, 0.5, first.search.seed[i]));
        BOOST_TEST(first.search.validation_mcr[i] == plain(network.network, dataset.validation).mcr);
    }
    BOOST_TEST(first.search.selected ==
               std::min_element(first.search.validation_mcr.begin(), first.search.validation_mcr.end()) -
                   first.search.validation_mcr.begin());
    BOOST_TEST((first.masks != second.masks));
}

// Every K is tested under its own K, a drawn one under each.
BOOST_AUTO_TEST_CASE(ecp_under_each_k) {
    const Recomputation bench;
    bench.command("ecp",
                  "--network one-conv --method ecp --mode all,per-batch --epochs 2 --batch 16 --rate 0.00006 "
                  "--convolution-rounds 0 --out " +
                      bench.path("e.h5"));
    const ResultRecord record = read_results(bench.path("e.h5"));
    const Dataset dataset = bench.dataset(0, 1);
    const auto last = [&](const std::string& name) {
        for (const Curve& curve : record.curves)
            if (curve.method == name) return curve.test_mcr.back();
        throw std::runtime_error("no curve " + name);
    };
    std::vector<double> of_drawn;
    std::vector<Plain> outputs;
    for (int mode = 0; mode < 4; ++mode) {
        const std::string own = "one-conv-ecp-" + std::to_string(mode);
        PrunedNetwork fixed = bench.network("e.h5.checkpoints/" + own + ".h5", mode);
        BOOST_TEST(last(own) == plain(fixed.network, dataset.test).mcr);
        PrunedNetwork drawn = bench.network("e.h5.checkpoints/one-conv-ecp-per-batch.h5", mode);
        outputs.push_back(plain(drawn.network, dataset.test));
        of_drawn.push_back(outputs.back().mcr);
        BOOST_TEST(last("one-conv-ecp-per-batch-k" + std::to_string(mode)) == of_drawn.back());
    }
    BOOST_TEST(last("one-conv-ecp-per-batch") == of_drawn.front());
    const Plain mean = mean_of_outputs(outputs, dataset.test);
    BOOST_TEST(last("one-conv-ecp-per-batch-mean") == mean.mcr);
    // Else nothing was seen here.
    BOOST_TEST(std::ranges::min(of_drawn) < std::ranges::max(of_drawn));
    PrunedNetwork any = bench.network("e.h5.checkpoints/one-conv-ecp-0.h5", 0);
    BOOST_TEST(last("one-conv-ecp-0") != plain(any.network, dataset.train).mcr);
    // fftconv-evaluate takes K from the file.
    bench.command("evaluate",
                  bench.path("e.h5.checkpoints/one-conv-ecp-2.h5") + " --out " + bench.path("v.h5"));
    BOOST_TEST(numbers_of(read_results(bench.path("v.h5")), "evaluation", "test_mcr").at(0) ==
               last("one-conv-ecp-2"));
    bench.command("evaluate", "--mode all " + bench.path("e.h5.checkpoints/one-conv-ecp-per-batch.h5") +
                                  " --out " + bench.path("w.h5"));
    of_drawn.push_back(mean.mcr);
    const ResultRecord evaluated = read_results(bench.path("w.h5"));
    BOOST_TEST(numbers_of(evaluated, "evaluation", "test_mcr") == of_drawn, boost::test_tools::per_element());
    const std::vector<double>& entropies = numbers_of(evaluated, "evaluation", "cross_entropy");
    BOOST_TEST(entropies.at(4) == mean.loss, boost::test_tools::tolerance(1e-4));
    for (int mode = 0; mode < 4; ++mode)  // else nothing was seen here
        BOOST_TEST(std::abs(entropies.at(4) - entropies.at(std::size_t(mode))) > 1e-3);
    BOOST_TEST(std::isnan(numbers_of(evaluated, "evaluation", "mode").at(4)));
}

// A K that was drawn once, for the whole training, is the network's from then on.
BOOST_AUTO_TEST_CASE(a_k_that_was_drawn_for_the_run_is_taken_from_the_file) {
    const Recomputation bench;
    const auto [seed, mode] = seed_of_a_drawn_mode();
    bench.command("train",
                  "--architecture '1x28x28:4C5v-P2(ecp)-10Softmax' --batch 16 --epochs 1 --rate 0.0005 "
                  "--mode per-run --seed " +
                      std::to_string(seed) + " --out " + bench.path("n.h5"));
    const Dataset dataset = bench.dataset(0.1, seed);
    PrunedNetwork own = bench.network("n.h5", mode), other = bench.network("n.h5", 0);
    const double mcr = plain(own.network, dataset.test).mcr;
    BOOST_TEST(plain(other.network, dataset.test).mcr != mcr);  // else nothing is seen here
    BOOST_TEST(read_checkpoint(bench.path("n.h5")).state.values.at("test_mcr") == mcr);
    const CommandResult again = run(app("train") + " --data " + bench.data.string() +
                                    " --threads 2 --resume --out " + bench.path("n.h5"));
    BOOST_TEST(contains(again.output, fmt::format("test MCR {:.2f} %", mcr)), again.output);
    bench.command("evaluate", bench.path("n.h5") + " --out " + bench.path("e.h5"));
    const ResultRecord evaluated = read_results(bench.path("e.h5"));
    BOOST_TEST(numbers_of(evaluated, "evaluation", "mode").at(0) == mode);
    BOOST_TEST(numbers_of(evaluated, "evaluation", "test_mcr").at(0) == mcr);
    bench.command("prune", "--checkpoint " + bench.path("n.h5") +
                               " --ratio 0.5 --criterion l2 --batch 16 --timing-rounds 1 --out " +
                               bench.path("p.h5"));
    BOOST_TEST(numbers_of(read_results(bench.path("p.h5")), "points", "test_mcr").at(0) == mcr);
    BOOST_TEST(
        read_checkpoint(bench.path("p.h5.points/l2-kernel-0.5.h5")).state.values.at("evaluation_mode") ==
        mode);
}

// Streams that must differ: repeats start from other weights, layers from each other's.
BOOST_AUTO_TEST_CASE(random_streams_differ) {
    const Recomputation bench;
    bench.command(
        "ecp",
        "--network one-conv --method max --epochs 1 --repeat 2 --batch 16 --convolution-rounds 0 --out " +
            bench.path("e.h5"));
    const Checkpoint one = read_checkpoint(bench.path("e.h5.checkpoints/one-conv-max.h5")),
                     two = read_checkpoint(bench.path("e.h5.checkpoints/one-conv-max-repeat-2.h5"));
    BOOST_TEST((one.model != two.model));
    BOOST_TEST(one.random.at(0).seed + 1 == two.random.at(0).seed);
}

BOOST_AUTO_TEST_SUITE_END()
