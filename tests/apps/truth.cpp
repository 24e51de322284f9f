// A file is the one truth about what it holds: what is taken from it, and what contradicts it is refused.
#include <boost/test/unit_test.hpp>
#include <fstream>
#include <string>

#include "apps/app.hpp"
#include "apps/recorded.hpp"
#include "common/configuration.hpp"
#include "fftconv/core/sha256.hpp"
#include "fftconv/storage/checkpoint.hpp"
#include "fftconv/storage/masks.hpp"
#include "fftconv/storage/results.hpp"
#include "prune/options.hpp"
#include "prune/results.hpp"
#include "support/temporary_folder.hpp"

using namespace fftconv;
using namespace fftconv::test;

namespace {

std::string configured(const std::string& toml, const std::string& name) {
    return text_of(parse_toml(toml, "recorded").at(name));
}

}  // namespace

BOOST_AUTO_TEST_SUITE(truth)

BOOST_AUTO_TEST_CASE(what_contradicts_a_checkpoint_is_refused_unless_it_overrules) {
    const Recorded bench;
    const std::string net = bench.path("n.h5");
    bench.works(bench.train("--mode 2 --validation 0.2 --out " + net));
    BOOST_TEST(configured(read_checkpoint(net).resolved_toml, "dataset") == "mnist");  // never auto
    const std::string evaluate = app("evaluate") + " --threads 1 " + net + " ";
    bench.works(evaluate + "--mode 2 --dataset mnist");
    bench.fails(evaluate + "--mode 1", 2, "--mode: " + net + " was made with 2, found 1");
    bench.fails(evaluate + "--dataset fashion-mnist", 2, "--dataset");
    bench.works(evaluate + "--mode 1 --overrule");
    bench.works(evaluate + "--mode all");
    const std::string prune =
        bench.prune("--ratio 0.5 --checkpoint " + net + " --out " + bench.path("p.h5") + " ");
    bench.fails(prune + "--validation 0.3", 2, "--validation: " + net + " was made with 0.2, found 0.3");
    bench.fails(prune + "--mode 1", 2, "--mode");
    bench.fails(prune + "--architecture two-conv", 2, "--architecture");
    bench.fails(prune + "--preprocess contrast", 2, "--preprocess");
    bench.fails(prune + "--preprocess contrast --overrule", 2, "its weights are of no other");
    bench.fails(prune + "--architecture two-conv --overrule", 2, "its weights are of no other");
    bench.fails(prune + "--width 2", 2, "--architecture");
    bench.fails(prune + "--batch-norm", 2, "--architecture");
    bench.fails(prune + "--layers conv9", 2, "--layers: expected conv1 or dense1, found conv9");
    // Scores that such units do not have are no later finding.
    bench.fails(prune + "--granularity feature-map --criterion l2,gamma", 2, "batch normalisation");
    bench.fails(prune + "--granularity feature-map --criterion best-of-n --candidates-from reconstruction", 2,
                "kernels or groups");
    BOOST_TEST(!std::filesystem::exists(bench.path("p.h5")));
    // Another data set under the same name.
    const TemporaryFolder other;
    write_mnist(other.path());
    write_digits(other.path() / "mnist", "train", 201);
    bench.fails(evaluate + "--data " + other.path().string(), 1, net + ": /dataset/sha256");
    bench.fails(prune + "--data " + other.path().string(), 1, net + ": /dataset/sha256");
}

BOOST_AUTO_TEST_CASE(options_that_others_leave_without_effect_are_refused) {
    const Recorded bench;
    const std::string net = bench.path("n.h5"), again = " --out " + bench.path("t.h5");
    bench.works(bench.train("--validation 0.2 --out " + net));
    const std::string prune =
        bench.prune("--ratio 0.5 --checkpoint " + net + " --out " + bench.path("p.h5") + " ");
    bench.fails(prune + "--rate 0.5", 2, "--rate: without --train");
    bench.fails(prune + "--epochs 3", 2, "--retrain-epochs");
    bench.fails(prune + "--schedule cosine", 2, "--retrain-schedule");
    bench.fails(prune + "--compensate --criterion l2", 2, "--compensate: without --criterion reconstruction");
    bench.fails(prune + "--candidates-from l2 --criterion l2", 2, "without --criterion best-of-n");
    bench.fails(prune + "--stride 3", 2, "--stride: without --granularity intra-kernel");
    bench.fails(prune + "--schedule-every 3", 2, "--schedule-every: without --retrain-schedule step");
    bench.fails(prune + "--retrain-share 0.5", 2, "--retrain-share: without --retrain-epochs");
    bench.fails(prune + "--temperature 2", 2, "--temperature: without --distil");
    bench.fails(prune + "--criterion l2 --candidates 7", 2, "--candidates: without --criterion best-of-n");
    bench.fails(prune + "--criterion l2 --data-batches 3", 2, "--data-batches: without a criterion");
    bench.fails(bench.train("--schedule cosine --schedule-factor 0.5 " + again), 2,
                "--schedule-factor: without --schedule step");
    // Nor what a file says, but for the defaults, which files of all options have.
    const std::string toml = bench.path("options.toml");
    std::ofstream(toml) << "schedule-every = 3\n";
    bench.fails(bench.train("--config " + toml + again), 2, "--schedule-every: without --schedule step");
    std::ofstream(toml) << "schedule-every = 10\n";
    bench.works(bench.train("--config " + toml + again));
    BOOST_TEST(!std::filesystem::exists(bench.path("p.h5")));
}

// A share that holds out no image: none of them would be classified wrongly.
BOOST_AUTO_TEST_CASE(masks_are_not_chosen_by_no_images) {
    const Recorded bench;
    const std::string net = bench.path("n.h5"), out = bench.path("p.h5");
    bench.works(bench.train("--validation 0.001 --limit 100 --out " + net));
    bench.fails(bench.prune("--ratio 0.5 --checkpoint " + net + " --out " + out), 2, "holds out none of 100");
    bench.fails(bench.train("--validation 0.001 --limit 100 --keep-best --out " + out), 2,
                "need validation images");
    bench.fails(bench.prune("--train --validation 0.001 --limit 100 --ratio 0.5 --out " + out), 2,
                "holds out none of 100");
    BOOST_TEST(!std::filesystem::exists(out));
}

BOOST_AUTO_TEST_CASE(an_architecture_that_is_none_is_the_file_s_fault) {
    const Recorded bench;
    const std::string net = bench.path("n.h5");
    bench.works(bench.train("--validation 0.2 --out " + net));
    Checkpoint altered = read_checkpoint(net);
    altered.architecture = "1x28x28:4C5v-P2(avg)-10Softmax";
    write_checkpoint(net, altered);
    for (const std::string& call : {app("evaluate") + " --threads 1 " + net,
                                    bench.prune("--checkpoint " + net + " --out " + bench.path("p.h5"))})
        bench.fails(call, 1, net + ": /model @architecture");
}

BOOST_AUTO_TEST_CASE(a_pruning_result_records_its_network) {
    const Recorded bench;
    const std::string net = bench.path("n.h5"), out = bench.path("p.h5");
    bench.works(bench.train("--mode 1 --validation 0.2 --preprocess contrast --seed 7 --out " + net));
    bench.works(bench.prune("--ratio 0.5 --retrain-epochs 1 --checkpoint " + net + " --out " + out));
    const ResultRecord record = read_results(out);
    BOOST_TEST(configured(record.resolved_toml, "architecture") == "1x28x28:4C5v-P2(ecp)-10Softmax");
    BOOST_TEST(configured(record.resolved_toml, "batch-norm") == "false");
    BOOST_TEST(configured(record.resolved_toml, "mode") == "1");
    BOOST_TEST(configured(record.resolved_toml, "validation") == "0.2");
    BOOST_TEST(configured(record.resolved_toml, "preprocess") == "contrast");
    BOOST_TEST(configured(record.resolved_toml, "dataset") == "mnist");
    const auto of_baseline = [&](const char* column) {
        return record.column<std::string>(out, "baseline", column).at(0);
    };
    BOOST_TEST(of_baseline("sha256") == sha256_of_file(net));
    BOOST_TEST(of_baseline("configuration") == read_checkpoint(net).resolved_toml);
    BOOST_TEST(record.dataset.split_seed == 7);
    // A pruned checkpoint says what it is, too.
    const std::string point = bench.path("p.h5.points/l2-kernel-0.5.h5");
    BOOST_TEST(read_checkpoint(point).state.values.at("evaluation_mode") == 1);
    const CommandResult evaluated = run(app("evaluate") + " --threads 1 " + point);
    BOOST_TEST(contains(evaluated.output, "K = 1"), evaluated.output);
    BOOST_TEST(contains(evaluated.output, "compact"), evaluated.output);
    // A file that grew by another call has both configurations.
    bench.works(bench.prune("--ratio 0.25:0.5:0.25 --retrain-epochs 1 --resume --checkpoint " + net +
                            " --out " + out));
    const ResultRecord grown = read_results(out);
    const auto& calls = grown.column<std::string>(out, "calls", "configuration");
    BOOST_TEST_REQUIRE(calls.size() == 2u);
    BOOST_TEST(configured(calls[0], "ratio") == "[0.5]");
    BOOST_TEST(configured(calls[1], "ratio") == "[0.25:0.5:0.25]");
    // Everything comes from the file.
    bench.works(app("prune") + " --resume --out " + out);
    // Trained anew, it is another network.
    bench.works(bench.train(
        "--mode 1 --validation 0.2 --preprocess contrast --seed 7 --epochs 3 --overwrite --out " + net));
    bench.fails(bench.prune("--ratio 0.25:0.75:0.25 --retrain-epochs 1 --resume --checkpoint " + net +
                            " --out " + out),
                1, net);
}

BOOST_AUTO_TEST_CASE(points_are_not_deleted_unasked) {
    const Recorded bench;
    const std::string net = bench.path("n.h5"), out = bench.path("p.h5");
    const std::string first = bench.path("p.h5.points/l2-kernel-0.5.h5");
    bench.works(bench.train("--validation 0.2 --out " + net));
    bench.works(bench.prune("--ratio 0.5 --checkpoint " + net + " --out " + out));
    bench.fails(bench.prune("--ratio 0.25 --checkpoint " + net + " --out " + out), 2, "--overwrite");
    std::filesystem::remove(out);
    bench.fails(bench.prune("--ratio 0.25 --checkpoint " + net + " --out " + out), 2, "--overwrite");
    bench.fails(bench.prune("--ratio 0.25 --overwrite --checkpoint typo.h5 --out " + out), 1, "typo.h5");
    BOOST_TEST(std::filesystem::exists(first));
    bench.works(bench.prune("--ratio 0.25 --overwrite --checkpoint " + net + " --out " + out));
    BOOST_TEST(!std::filesystem::exists(first));
}

BOOST_AUTO_TEST_CASE(parts_are_merged_whole_and_once) {
    const Recorded bench;
    const std::string net = bench.path("n.h5"), a = bench.path("a.h5"), b = bench.path("b.h5");
    bench.works(bench.train("--validation 0.2 --out " + net));
    for (const auto& [part, out] : {std::pair{"1/2", a}, {"2/2", b}})
        bench.works(bench.prune("--ratio 0.25:0.5:0.25 --retrain-epochs 1 --no-control --points " +
                                std::string(part) + " --checkpoint " + net + " --out " + out));
    const auto merge = [&](const std::string& files) { return app("results") + " merge " + files; };
    const std::string all = bench.path("all.h5"), before = test::text_of(a);
    bench.fails(merge(all + " " + a), 2, "part 2/2 is missing");
    bench.fails(merge(all + " " + a + " " + a), 2, "both are part 1/2");
    bench.fails(merge(a + " " + b), 2, a + ": it exists; --overwrite");
    bench.fails(merge("--overwrite " + a + " " + a + " " + b), 2, "one that is read");
    BOOST_TEST(test::text_of(a) == before);
    BOOST_TEST(!std::filesystem::exists(all));
    bench.works(merge(all + " " + a + " " + b));
    bench.fails(merge(all + " " + a + " " + b), 2, "--overwrite");
    const ResultRecord merged = read_results(all);
    const auto& calls = merged.column<std::string>(all, "calls", "configuration");
    BOOST_TEST_REQUIRE(calls.size() == 2u);  // those that made the parts
    BOOST_TEST(configured(calls[0], "points") == "1/2");
    BOOST_TEST(configured(calls[1], "points") == "2/2");
    BOOST_TEST(configured(merged.resolved_toml, "points") == "1/1");  // so that resuming computes every point
    std::vector<std::string> curves;  // of every training, that of the baseline included
    for (const Curve& curve : merged.curves) curves.push_back(curve.method);
    std::ranges::sort(curves);
    BOOST_TEST(curves == (std::vector<std::string>{"baseline", "l2-kernel-0.25", "l2-kernel-0.5"}),
               boost::test_tools::per_element());
    const CommandResult compared = run(app("results") + " compare " + a + " " + all);
    BOOST_TEST(compared.status == 0, compared.output);
    BOOST_TEST(contains(compared.output, "points: l2-kernel-0.25: test_mcr"), compared.output);
    BOOST_TEST(contains(compared.output, "+0.00 ±"), compared.output);
    // Parts that contradict each other are refused: in the division, the data, or a network that both have.
    const std::string odd = bench.path("odd.h5");
    const auto change = [&](const auto& make) {
        ResultRecord record = read_results(b);
        make(record);
        write_results(odd, record);
    };
    change([](ResultRecord& record) {
        record.resolved_toml.replace(record.resolved_toml.find("2/2"), 3, "2/3");
    });
    bench.fails(merge(bench.path("none.h5") + " " + odd + " " + a), 2, "is one of 3 parts");
    change([](ResultRecord& record) { ++record.dataset.n_test; });
    bench.fails(merge(bench.path("none.h5") + " " + a + " " + odd), 1, "/dataset");
    for (const std::string column : {"pruned_kernels", "validation_mcr", "test_mcr"}) {
        change([&](ResultRecord& record) {
            for (Table& table : record.tables)
                for (Column& each : table.columns)
                    if (table.name == "points" && each.name == column)
                        ++std::get<std::vector<double>>(each.values).front();
        });
        bench.fails(merge(bench.path("none.h5") + " " + a + " " + odd), 1,
                    "/summary/points/" + column + " of baseline");
    }
}

// Each part plans the layers of its own points; a merged result has them all, and refuses two of one layer.
BOOST_AUTO_TEST_CASE(plans_of_all_parts_are_merged) {
    const Recorded bench;
    const std::string net = bench.path("n.h5"), all = bench.path("all.h5");
    bench.works(bench.train("--validation 0.2 --out " + net));
    const auto part = [&](const std::string& number, const std::string& plans) {
        std::ofstream(bench.path("c.toml")) << "plans = [" << plans << "]\n";
        const std::string out = bench.path(number + ".h5");
        bench.works(bench.prune(
            "--ratio 0.25:0.5:0.25 --retrain-epochs 0 --no-control --overwrite --points " + number +
            "/2 --checkpoint " + net + " --config " + bench.path("c.toml") + " --out " + out));
        return out;
    };
    const std::string both = R"("layer a\tfft\t16")", first = R"("layer b\tfft\t8x12")",
                      second = R"("layer c\tspatial\t0")";
    const std::string a = part("1", both + ", " + first), b = part("2", both + ", " + second);
    bench.works(app("results") + " merge " + all + " " + a + " " + b);
    const std::vector<std::string> expected{"layer a\tfft\t16", "layer b\tfft\t8x12", "layer c\tspatial\t0"};
    BOOST_TEST(prune_options_of(read_results(all).resolved_toml).train.plans == expected,
               boost::test_tools::per_element());
    const std::string other = part("2", R"("layer a\tfft\t8")");
    bench.fails(app("results") + " merge --overwrite " + all + " " + a + " " + other, 1, other + ": plans");
}

BOOST_AUTO_TEST_CASE(a_training_starts_from_another_and_a_recorded_one_runs_again) {
    const Recorded bench;
    const std::string net = bench.path("n.h5");
    bench.works(bench.train("--mode 3 --preprocess contrast --out " + net));
    bench.works(app("train") + " --threads 1 --config " + net + " --out " + bench.path("again.h5"));
    BOOST_TEST((read_checkpoint(bench.path("again.h5")).model == read_checkpoint(net).model));
    bench.works(app("train") + " --threads 1 --init " + net + " --mode 3 --epochs 1 --rate 1e-9 --out " +
                bench.path("tuned.h5"));
    const Checkpoint tuned = read_checkpoint(bench.path("tuned.h5")), start = read_checkpoint(net);
    BOOST_TEST(tuned.architecture == start.architecture);
    for (std::size_t i = 0; i < tuned.model.size(); ++i)
        for (std::size_t j = 0; j < tuned.model[i].values.size(); ++j)
            BOOST_REQUIRE_SMALL(tuned.model[i].values[j] - start.model[i].values[j], 1e-5f);
    BOOST_TEST(configured(tuned.resolved_toml, "preprocess") == "contrast");
    bench.fails(app("train") + " --init " + net + " --architecture two-conv --out " + bench.path("x.h5"), 1,
                "/model/architecture");
    bench.works(bench.train("--epochs 1 --repeat 2 --out " + bench.path("r.h5")));
    BOOST_TEST(configured(read_checkpoint(bench.path("r-repeat-2.h5")).resolved_toml, "seed") == "2");
    BOOST_TEST(
        (read_checkpoint(bench.path("r-repeat-2.h5")).model != read_checkpoint(bench.path("r.h5")).model));
}

// Where validation and test images disagree, the budget goes by the former: the latter are for the result.
BOOST_AUTO_TEST_CASE(a_budget_is_judged_by_validation_images) {
    PruneOptions options;
    options.criteria = {"l2"};
    options.ratios = {"0.1:0.3:0.1"};
    options.budget = 1;
    PruningResults results;
    const auto add_point = [&](const char* name, double requested, double validation, double test) {
        PruningResult point;
        point.name = name;
        point.granularity = requested == 0 ? "none" : "kernel";
        point.requested = requested;
        point.validation_mcr = validation;
        point.test_mcr = test;
        results.points.push_back(point);
    };
    add_point("baseline", 0, 10, 10);
    add_point("l2-kernel-0.1", 10, 10.5, 30);
    add_point("l2-kernel-0.2", 20, 11, 30);
    add_point("l2-kernel-0.3", 30, 20, 5);
    const std::vector<BudgetRow> rows = budget_rows(results, options);
    BOOST_TEST_REQUIRE(rows.size() == 1u);
    BOOST_TEST(rows.front().name == "l2-kernel-0.2");
    BOOST_TEST(rows.front().test_mcr == 30);
}

BOOST_AUTO_TEST_CASE(a_mask_from_elsewhere) {
    const Recorded bench;
    const std::string net = bench.path("n.h5"), out = bench.path("p.h5");
    bench.works(bench.train("--validation 0.2 --out " + net));
    MaskRecord mask;
    mask.search = {.criterion = "by hand", .granularity = "kernel", .seed = {1}, .validation_mcr = {0}};
    mask.masks = {{.layer = "conv1", .out = 4, .in = 1, .kernel = {1, 0, 1, 0}}};
    write_masks(bench.path("m.h5"), mask);
    bench.works(
        bench.prune("--ratio 0 --mask " + bench.path("m.h5") + " --checkpoint " + net + " --out " + out));
    BOOST_TEST(read_results(out).column<double>(out, "points", "pruned_kernels").back() == 50);
    Checkpoint masked = read_checkpoint(net);  // what it has pruned itself stays pruned
    masked.masks = {{.layer = "conv1", .out = 4, .in = 1, .kernel = {0, 0, 1, 1}}};
    write_checkpoint(bench.path("masked.h5"), masked);
    const std::string both = bench.path("both.h5");
    bench.works(bench.prune("--ratio 0 --mask " + bench.path("m.h5") + " --checkpoint " +
                            bench.path("masked.h5") + " --out " + both));
    BOOST_TEST(read_results(both).column<double>(both, "points", "pruned_kernels").back() == 75);
    mask.masks.front().kernel = {1, 1, 1, 0};  // points of two masks would stand in one table
    write_masks(bench.path("m.h5"), mask);
    bench.fails(app("prune") + " --resume --out " + out, 1, "digest of --mask");
    mask.masks.front().layer = "conv7";
    write_masks(bench.path("m7.h5"), mask);
    bench.fails(bench.prune("--ratio 0 --mask " + bench.path("m7.h5") + " --checkpoint " + net + " --out " +
                            bench.path("q.h5")),
                1, "m7.h5");
}

// Fine-tuning computes the network as it was trained, and holds out the images that it held out.
BOOST_AUTO_TEST_CASE(what_a_training_starts_from_says_how) {
    const Recorded bench;
    const std::string net = bench.path("n.h5"), out = bench.path("t.h5");
    bench.works(
        bench.train("--architecture '1x28x28:4C5v-P2(ecp)-6FC-10Softmax' --mode 2 --validation 0.25 --seed 6 "
                    "--preprocess contrast --dropout 0.25 --out " +
                    net));
    const auto recorded = [&](const char* option) {
        return configured(read_checkpoint(out).resolved_toml, option);
    };
    bench.works(app("train") + " --threads 1 --epochs 1 --init " + net + " --out " + out);
    BOOST_TEST(recorded("mode") == "2");
    BOOST_TEST(recorded("validation") == "0.25");
    BOOST_TEST(recorded("seed") == "6");
    BOOST_TEST(recorded("preprocess") == "contrast");
    BOOST_TEST(recorded("dropout") == "0.25");
    BOOST_TEST(read_checkpoint(out).state.values.at("evaluation_mode") == 2);
    BOOST_TEST((read_checkpoint(out).dataset == read_checkpoint(net).dataset));
    bench.works(app("train") + " --threads 1 --epochs 1 --mode 1 --seed 8 --overwrite --init " + net +
                " --out " + out);
    BOOST_TEST(recorded("mode") == "1");
    BOOST_TEST(recorded("seed") == "8");
    // With repeats, too, and what is given holds.
    bench.fails(app("train") + " --threads 1 --epochs 1 --repeat 2 --architecture two-conv --init " + net +
                    " --out " + bench.path("r.h5"),
                1, "/model/architecture");
    bench.fails(
        bench.prune("--init " + net + " --ratio 0.5 --checkpoint " + net + " --out " + bench.path("p.h5")), 2,
        "--init");
}

// The same command again has nothing to do; another one is refused. Neither touches the file.
BOOST_AUTO_TEST_CASE(a_command_that_was_done_is_told_so) {
    const Recorded bench;
    const std::string net = bench.path("n.h5");
    bench.works(bench.train("--out " + net));
    const std::string before = test::text_of(net);
    const CommandResult again = run(bench.train("--threads 2 --out " + net));
    BOOST_TEST(again.status == 0, again.output);
    BOOST_TEST(contains(again.output, "made it already"), again.output);
    for (const char* other : {"--epochs 3", "--seed 2", "--rate 0.5", "--limit 100", "--validation 0.3"})
        bench.fails(bench.train(std::string(other) + " --out " + net), 2, "it exists");
    write_digits(bench.data / "mnist", "train", 199);
    bench.fails(bench.train("--out " + net), 2, "it exists");
    BOOST_TEST(test::text_of(net) == before);
}

BOOST_AUTO_TEST_CASE(what_is_read_is_not_written) {
    const Recorded bench;
    const std::string net = bench.path("n.h5"), link = bench.path("link.h5");
    bench.works(bench.train("--validation 0.2 --out " + net));
    std::filesystem::create_symlink("n.h5", link);
    const std::string before = test::text_of(net);
    for (const std::string& out : {net, link}) {
        bench.fails(app("evaluate") + " --overwrite " + net + " --out " + out, 2, "one that is read");
        bench.fails(bench.prune("--overwrite --checkpoint " + net + " --out " + out), 2, "one that is read");
        bench.fails(bench.train("--overwrite --init " + net + " --out " + out), 2, "one that is read");
        bench.fails(app("results") + " page --overwrite " + net + " --out " + out, 2, "one that is read");
    }
    BOOST_TEST(test::text_of(net) == before);
    // Nor is a mask deleted that the run is to start from.
    const std::string out = bench.path("p.h5"), mask = bench.path("p.h5.points/l2-kernel-0.5.mask.h5");
    bench.works(bench.prune("--ratio 0.5 --checkpoint " + net + " --out " + out));
    bench.works(
        bench.prune("--ratio 0.25 --overwrite --mask " + mask + " --checkpoint " + net + " --out " + out));
    BOOST_TEST(std::filesystem::exists(mask));
}

// Configurations of different apps have options of the same names: what is recorded says whose they are.
BOOST_AUTO_TEST_CASE(a_file_of_another_app_is_not_taken_for_an_own_one) {
    const Recorded bench;
    const std::string net = bench.path("n.h5"), pruned = bench.path("p.h5"), evaluated = bench.path("e.h5"),
                      ecp = bench.path("ecp.h5"), all = bench.path("all.h5");
    bench.works(bench.train("--validation 0.2 --out " + net));
    bench.works(bench.prune("--ratio 0.5 --checkpoint " + net + " --out " + pruned));
    bench.works(app("evaluate") + " --threads 1 " + net + " --out " + evaluated);
    const std::string run_ecp = app("ecp") +
                                " --threads 1 --network two-conv --method max --epochs 1 --batch 20 "
                                "--convolution-rounds 0 --out ";
    bench.works(run_ecp + ecp);
    for (const auto& [name, files] :
         {std::pair{"ecp", std::vector{pruned, evaluated}},
          {"prune", {ecp, evaluated}},
          {"train", {pruned + ".points/l2-kernel-0.5.h5", ecp + ".checkpoints/two-conv-max.h5"}}})
        for (const std::string& file : files) {
            const std::string before = test::text_of(file),
                              expected = "expected a file of fftconv-" + std::string(name);
            bench.fails(app(name) + " --resume --out " + file, 2, file + ": " + expected);
            bench.fails(app(name) + " --config " + file + " --out " + bench.path("x.h5"), 2, expected);
            BOOST_TEST(test::text_of(file) == before);
        }
    bench.fails(app("results") + " merge " + all + " " + ecp, 2, ecp + ": expected a file of fftconv-prune");
    bench.fails(app("prune") + " --report " + ecp, 2, "expected a file of fftconv-prune");
    bench.fails(app("ecp") + " --report " + pruned, 2, "expected a file of fftconv-ecp");
    BOOST_TEST(!std::filesystem::exists(bench.path("x.h5")));
    // Versions that recorded no app are told by their options.
    ResultRecord old = read_results(pruned);
    old.resolved_toml.replace(old.resolved_toml.find("app = 'fftconv-prune'\n"), 22, "");
    BOOST_TEST(app_of(parse_toml(old.resolved_toml, "old")) == "fftconv-prune");
    write_results(bench.path("old.h5"), old);
    bench.fails(app("ecp") + " --resume --out " + bench.path("old.h5"), 2, "found one of fftconv-prune");
}

// --train is fftconv-train with these options.
BOOST_AUTO_TEST_CASE(a_pruning_trains_its_network_as_fftconv_train_does) {
    const Recorded bench;
    const std::string how =
        " --threads 1 --batch 20 --epochs 2 --architecture '1x28x28:4C5v-P2(ecp)-10Softmax' --mode per-epoch "
        "--optimizer momentum --rate 0.003 --seed 6 --validation 0.2 --preprocess contrast --keep-best ";
    bench.works(app("train") + how + "--batch-norm --out " + bench.path("n.h5"));
    bench.works(app("prune") + how + "--train --ratio 0.5 --criterion l2 --timing-rounds 1 --out " +
                bench.path("p.h5"));
    const Checkpoint one = read_checkpoint(bench.path("n.h5")),
                     other = read_checkpoint(bench.path("p.h5.points/baseline.h5"));
    BOOST_TEST((one.model == other.model));
    BOOST_TEST((one.dataset == other.dataset));
    BOOST_TEST(one.state.values.at("test_mcr") == other.state.values.at("test_mcr"));
}

// A network that others name by its digest does not become another file when there was nothing to do.
BOOST_AUTO_TEST_CASE(a_finished_training_that_is_resumed_stays_as_it_is) {
    const Recorded bench;
    const std::string net = bench.path("n.h5");
    bench.works(bench.train("--keep-best --validation 0.2 --out " + net));
    const std::string before = test::text_of(net);
    const CommandResult again = run(app("train") + " --resume --out " + net);
    BOOST_TEST(again.status == 0, again.output);
    BOOST_TEST(contains(again.output, "after 2 epochs"), again.output);
    bench.fails(app("train") + " --resume --epochs 1 --out " + net, 2,
                "--epochs: expected at least the 2 that it has, found 1");
    BOOST_TEST(test::text_of(net) == before);
    bench.works(app("train") + " --resume --epochs 3 --out " + net);
    BOOST_TEST(read_checkpoint(net).state.epoch == 3);
    const std::string out = bench.path("e.h5"), ecp = app("ecp") + " --threads 1 --resume --out " + out;
    bench.works(app("ecp") +
                " --threads 1 --network one-conv --method max --epochs 2 --limit 40 --repeat 2 "
                "--convolution-rounds 0 --out " +
                out);
    bench.fails(ecp + " --epochs 1", 2, "--epochs: expected at least the 2");
    bench.fails(ecp + " --repeat 1", 2, "--repeat: expected at least the 2 that it has, found 1");
}

BOOST_AUTO_TEST_CASE(k_of_a_network_without_one_is_refused) {
    const Recorded bench;
    const std::string net = bench.path("n.h5"), out = bench.path("x.h5");
    const std::string plain =
        app("train") + " --threads 1 --epochs 1 --architecture 1x28x28:4C5v-P2-10Softmax ";
    bench.works(plain + "--validation 0.2 --out " + net);
    const std::string expected = "--mode: expected a network with random or ecp pooling";
    bench.fails(plain + "--mode 2 --out " + out, 2, expected);
    bench.fails(app("evaluate") + " --mode 2 " + net, 2, expected);
    bench.fails(app("evaluate") + " --mode all " + net, 2, expected);
    bench.fails(bench.prune("--mode 2 --ratio 0.5 --checkpoint " + net + " --out " + out), 2, expected);
    bench.fails(bench.prune("--mode 2 --ratio 0.5 --overrule --checkpoint " + net + " --out " + out), 2,
                expected);
    bench.fails(bench.prune("--mode 2 --ratio 0.5 --train --architecture one-conv --out " + out), 2,
                expected);
    bench.fails(app("ecp") + " --method max,average --mode 2 --out " + out, 2, "--mode: expected --method");
    BOOST_TEST(!std::filesystem::exists(out));
    // What an evaluation records is taken again.
    bench.works(app("evaluate") + " --threads 1 " + net + " --out " + out);
    bench.works(app("evaluate") + " --threads 1 --config " + out + " --overwrite " + net);
    bench.works(plain + "--config " + net + " --out " + bench.path("y.h5"));
}

// Networks that pruning makes have plans of their own: with them the run is the same on any machine.
BOOST_AUTO_TEST_CASE(a_pruning_records_the_plans_that_it_found) {
    const Recorded bench;
    const std::string net = bench.path("n.h5"), out = bench.path("p.h5"), plans = bench.path("plans");
    ::setenv("FFTCONV_PLANS", plans.c_str(), 1);
    bench.works(bench.train("--validation 0.2 --out " + net));
    bench.works(
        bench.prune("--granularity feature-map --ratio 0.25:0.5:0.25 --measure --retrain-epochs 1 "
                    "--checkpoint " +
                    net + " --out " + out));
    const std::string found = configured(read_results(out).resolved_toml, "plans");
    BOOST_TEST(contains(found, "1->4"), found);
    BOOST_TEST(contains(found, "1->2"), found);
    const std::string point = bench.path("p.h5.points/l2-feature-map-0.5.h5");
    BOOST_TEST(contains(configured(read_checkpoint(point).resolved_toml, "plans"), "1->2"));
    const std::string weights = test::text_of(point);
    std::filesystem::remove(point);
    std::ofstream(plans) << "";  // a plan that is measured anew would be remembered again
    bench.works(app("prune") + " --resume --out " + out);
    BOOST_TEST(test::text_of(plans) == "");
    ::unsetenv("FFTCONV_PLANS");
}

// Long work is not thrown away at its end.
BOOST_AUTO_TEST_CASE(what_cannot_be_written_is_found_out_before_the_work) {
    const Recorded bench;
    const std::string net = bench.path("n.h5"), out = bench.path("p.h5"), file = bench.path("a.file");
    bench.works(bench.train("--validation 0.2 --out " + net));
    std::ofstream(file) << "text";
    bench.fails(bench.prune("--ratio 0.5 --figures " + file + " --checkpoint " + net + " --out " + out), 1,
                file + ": folder");
    bench.fails(app("ecp") + " --figures " + file + " --out " + out, 1, file + ": folder");
    BOOST_TEST(!std::filesystem::exists(out));
    std::filesystem::permissions(net, std::filesystem::perms::owner_read);
    const CommandResult refused = run(bench.train("--seed 5 --overwrite --out " + net));
    BOOST_TEST(refused.status == 1, refused.output);
    BOOST_TEST(contains(refused.output, net + ": saving: expected a file that may be written"),
               refused.output);
    BOOST_TEST(!contains(refused.output, "epoch 1"), refused.output);
    // A variable that a shell does not know is no option that is not there.
    for (const char* option : {"--init", "--data", "--out", "--config"})
        bench.fails(app("train") + " " + option + " ''", 2,
                    std::string(option) + ": expected a value, found an empty one");
    bench.fails(app("evaluate") + " ''", 2, "found an empty one");
}

// What is computed, not what stands in a default: images of a limit, a batch no larger than the data, the
// plan.
BOOST_AUTO_TEST_CASE(an_evaluation_records_what_it_did) {
    const Recorded bench;
    const std::string net = bench.path("n.h5"), out = bench.path("e.h5"), plans = bench.path("plans");
    ::setenv("FFTCONV_PLANS", plans.c_str(), 1);
    bench.works(bench.train("--measure --limit 40 --out " + net));
    const std::string recorded = configured(read_checkpoint(net).resolved_toml, "plans");
    BOOST_TEST(contains(recorded, "batch 20"), recorded);
    std::ofstream(plans) << "";  // a plan that is measured anew would be remembered again
    bench.works(app("evaluate") + " --threads 1 --batch 20 " + net + " --out " + out);
    BOOST_TEST(test::text_of(plans) == "");
    const std::string toml = read_results(out).resolved_toml;
    BOOST_TEST(configured(toml, "limit") == "40");
    BOOST_TEST(contains(configured(toml, "plans"), "fixed weights"), configured(toml, "plans"));
    bench.works(app("evaluate") + " --threads 1 --overwrite --batch 4000 " + net + " --out " + out);
    BOOST_TEST(configured(read_results(out).resolved_toml, "batch") == "40");
    ::unsetenv("FFTCONV_PLANS");
}

// The text of the configuration in files of schema 1 has no digest: what the rest of the file says about it
// is compared.
BOOST_AUTO_TEST_CASE(a_configuration_of_schema_1_that_contradicts_its_file_is_refused) {
    const Recorded bench;
    const std::string net = bench.path("n.h5"), old = bench.path("old.h5");
    bench.works(bench.train("--keep-best --validation 0.2 --preprocess contrast --out " + net));
    const auto convert = [&](const std::string& change) {
        const CommandResult done = run("/usr/bin/python3 " FFTCONV_SOURCE_DIR "/tests/apps/as_schema_1.py " +
                                       net + " " + old + " " + change);
        BOOST_REQUIRE_MESSAGE(done.status == 0, done.output);
    };
    convert("");
    bench.works(app("evaluate") + " --threads 1 " + old);
    for (const auto& [change, named] :
         {std::pair("'seed = 1' 'seed = 0'", "seed"),
          {"'seed = 1' 'seed = 3'", "seed"},
          {"'batch = 20' 'batch = 30'", "batch"},
          {"'epochs = 2' 'epochs = 0'", "epochs"},
          {"'epochs = 2' 'epochs = 1'", "epochs"},
          {"adam sgd", "optimizer"},
          {"'validation = 0.20000000000000001' 'validation = 0.25'", "validation"},
          {"4C5v 5C5v", "architecture"},
          {"'batch-norm = false' 'batch-norm = true'", "batch-norm"},
          {"contrast none", "preprocess"},
          {"'seed = 1' 'seee = 1'", "seed"},
          {"'limit = 0' 'limit = 8'", "limit"},
          {"'flip = false' 'flip =  false'", "TOML"}})
        BOOST_TEST_CONTEXT(change) {
            convert(change);
            bench.fails(app("evaluate") + " --threads 1 " + old, 1, old + ": /config/resolved_toml");
            bench.fails(app("evaluate") + " --threads 1 " + old, 1, named);
        }
}

BOOST_AUTO_TEST_SUITE_END()
