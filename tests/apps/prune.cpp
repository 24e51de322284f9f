// fftconv-prune from the outside: a run, its files, interruption and resume, wrong usage.
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <cstdlib>

#include "apps/app.hpp"
#include "apps/recomputation.hpp"
#include "fftconv/network/architecture.hpp"
#include "fftconv/storage/checkpoint.hpp"
#include "fftconv/storage/masks.hpp"
#include "fftconv/storage/results.hpp"
#include "support/release_alone.hpp"
#include "support/temporary_folder.hpp"

using namespace fftconv;
using namespace fftconv::test;

namespace {

/// A small network on made-up digits.
std::string command(const TemporaryFolder& folder, const std::string& options) {
    write_mnist(folder.path());
    return app("prune") +
           " --train --architecture 1x28x28:6C5v-MP2-8C5v-MP2-20FC-10Softmax --dataset mnist --data " +
           folder.path().string() + " --validation 0.2 --epochs 3 --batch 20 --threads 1 --timing-rounds 1 " +
           "--layers conv2 --out " + (folder / "p.h5").string() + " " + options;
}

const std::vector<double>& numbers(const ResultRecord& record, const std::string& table,
                                   const std::string& column) {
    for (const Table& each : record.tables)
        for (const Column& values : each.columns)
            if (each.name == table && values.name == column)
                return std::get<std::vector<double>>(values.values);
    throw std::runtime_error("no column " + table + "/" + column);
}

std::size_t pruned_kernels(const LayerMask& mask) {
    return std::size_t(std::count(mask.kernel.begin(), mask.kernel.end(), 0));
}

}  // namespace

BOOST_AUTO_TEST_SUITE(prune)

BOOST_AUTO_TEST_CASE(a_sequence_of_granularities_with_retraining) {
    const TemporaryFolder folder;
    const CommandResult done =
        run(command(folder,
                    "--granularity feature-map,kernel --ratio 0.5,0.25:0.5:0.25 --candidates 10 "
                    "--criterion best-of-n,weight-sum --retrain-epochs 1 --compact"));
    BOOST_REQUIRE_MESSAGE(done.status == 0, done.output);
    BOOST_CHECK(contains(done.output, "best-of-n-feature-map-0.5-kernel-0.25"));
    const ResultRecord record = read_results(folder / "p.h5");
    BOOST_REQUIRE_EQUAL(numbers(record, "points", "test_mcr").size(),
                        1 + 2 + 2 * 3);  // baseline, controls of one and of two trainings, maps, kernels
    const std::vector<double>& maps = numbers(record, "points", "pruned_maps");
    const std::vector<double>& macs = numbers(record, "points", "direct_macs");
    const auto& names = record.column<std::string>("p.h5", "points", "point");
    BOOST_CHECK_EQUAL(names[1], "control");
    BOOST_CHECK_EQUAL(names[2], "control-2-times");
    for (std::size_t i = 1; i < 3; ++i) BOOST_CHECK_EQUAL(maps[i], 0);
    for (std::size_t i = 3; i < maps.size(); ++i) {
        BOOST_CHECK_GE(maps[i], 50 - 1e-9);
        BOOST_CHECK_LT(macs[i], macs[0]);
    }
    BOOST_CHECK_EQUAL(numbers(record, "layers", "kept_maps").size(), 8 * 4);
    // Every candidate of the three searches, and every retraining, next to the baseline's training.
    BOOST_CHECK_EQUAL(numbers(record, "candidates", "validation_mcr").size(), 3 * 10);
    BOOST_CHECK_EQUAL(record.curves.size(), 1 + 8);
    for (const Curve& curve : record.curves)
        BOOST_CHECK_EQUAL(curve.validation_mcr.size(), curve.method == "baseline" ? 3 : 1);

    const std::filesystem::path points = folder / "p.h5.points";
    const MaskRecord mask = read_masks(points / "best-of-n-feature-map-0.5-kernel-0.5.mask.h5");
    const LayerMask& conv2 = *find_mask(mask.masks, "conv2");
    BOOST_CHECK_EQUAL(mask.search.seed.size(), 10);
    BOOST_CHECK_EQUAL(
        mask.search.validation_mcr[std::size_t(mask.search.selected)],
        *std::min_element(mask.search.validation_mcr.begin(), mask.search.validation_mcr.end()));
    BOOST_CHECK_EQUAL(pruned_kernels(conv2), 12);  // half of the 24 of four maps
    // What is pruned is zero after retraining, in the checkpoint too, and the compact one is a network by
    // itself.
    const Checkpoint pruned = read_checkpoint(points / "best-of-n-feature-map-0.5-kernel-0.5.h5");
    for (const NamedArray& array : pruned.model)
        if (array.name == "conv2/weight")
            for (std::size_t i = 0; i < array.values.size(); ++i)
                if (!conv2.kernel[i / 25]) BOOST_REQUIRE_EQUAL(array.values[i], 0.0f);
    const Checkpoint compact = read_checkpoint(points / "best-of-n-feature-map-0.5-kernel-0.5.compact.h5");
    const Architecture thin = parse_architecture(compact.architecture);
    BOOST_CHECK_LE(std::get<ConvolutionSpec>(thin.layers[2]).outputs, 4);
    const CommandResult evaluated =
        run(app("evaluate") + " --data " + folder.path().string() + " --threads 1 " +
            (points / "best-of-n-feature-map-0.5-kernel-0.5.compact.h5").string());
    BOOST_CHECK_MESSAGE(evaluated.status == 0, evaluated.output);

    const CommandResult again = run(app("prune") + " --report " + (folder / "p.h5").string());
    BOOST_CHECK_MESSAGE(again.status == 0 && contains(again.output, "weight-sum-feature-map-0.5-kernel-0.25"),
                        again.output);
}

// What a checkpoint's masks prune does not count, whatever weights stand there: without kernels the answer is
// one and the same class, whatever the image.
BOOST_AUTO_TEST_CASE(evaluate_and_prune_see_the_masks_of_a_checkpoint) {
    const TemporaryFolder folder;
    BOOST_REQUIRE_EQUAL(run(command(folder, "--ratio 0 --criterion l2")).status, 0);
    const std::filesystem::path baseline = folder / "p.h5.points" / "baseline.h5";
    Checkpoint checkpoint = read_checkpoint(baseline);
    const auto accuracy = [&] {
        write_checkpoint(folder / "pruned.h5", checkpoint);
        const CommandResult done = run(app("evaluate") + " --data " + folder.path().string() +
                                       " --threads 1 " + (folder / "pruned.h5").string());
        BOOST_REQUIRE_MESSAGE(done.status == 0, done.output);
        return std::stod(done.output.substr(done.output.find("accuracy ") + 9));
    };
    BOOST_CHECK_GT(accuracy(), 60);
    checkpoint.masks = {{.layer = "conv2", .out = 8, .in = 6, .kernel = std::vector<std::uint8_t>(48, 0)}};
    const double blind = accuracy();
    BOOST_CHECK_LT(blind, 30);
    const CommandResult pruned =
        run(app("prune") + " --checkpoint " + (folder / "pruned.h5").string() + " --dataset mnist --data " +
            folder.path().string() + " --validation 0.2 --batch 20 --threads 1 --timing-rounds 1 --layers " +
            "conv1 --ratio 0 --criterion l2 --out " + (folder / "again.h5").string());
    BOOST_REQUIRE_MESSAGE(pruned.status == 0, pruned.output);
    BOOST_CHECK_SMALL(numbers(read_results(folder / "again.h5"), "points", "test_mcr")[0] - (100 - blind),
                      0.01);
}

// With the budget of a hundred percent every ratio is within; with none at most few are. Bisection looks at
// few.
BOOST_AUTO_TEST_CASE(a_budget_is_found_by_bisection) {
    const TemporaryFolder folder;
    const CommandResult done =
        run(command(folder, "--ratio 0.1:0.9:0.1 --criterion l2 --retrain-epochs 1 --budget 100"));
    BOOST_REQUIRE_MESSAGE(done.status == 0, done.output);
    const ResultRecord record = read_results(folder / "p.h5");
    BOOST_CHECK_CLOSE(numbers(record, "budget", "requested_ratio").at(0), 90, 1e-9);
    BOOST_CHECK_LE(numbers(record, "points", "test_mcr").size(), 2 + 4);  // baseline, control
}

// Three steps that each prune a fifth of what is left (of 48 kernels 10, 8 and 6), each retrained; the
// control is retrained as often. Distillation is another training than by labels alone.
BOOST_AUTO_TEST_CASE(gradual_pruning_and_distillation, *in_release_alone) {
    const TemporaryFolder folder, distilled;
    const std::string options = "--ratio 0.488 --criterion l2 --steps 3 --retrain-epochs 1 ";
    for (const auto& [where, more] : {std::pair{&folder, ""}, {&distilled, "--distil 0.7 --temperature 3"}}) {
        const CommandResult done = run(command(*where, options + more));
        BOOST_REQUIRE_MESSAGE(done.status == 0, done.output);
    }
    const ResultRecord record = read_results(folder / "p.h5");
    const std::vector<std::string> expected{"baseline",
                                            "control",
                                            "control-2-times",
                                            "control-3-times",
                                            "l2-kernel-0.488-step-1-of-3",
                                            "l2-kernel-0.488-step-2-of-3",
                                            "l2-kernel-0.488"};
    const auto& names = record.column<std::string>("p.h5", "points", "point");
    BOOST_TEST(names == expected, boost::test_tools::per_element());
    const std::vector<double>& pruned = numbers(record, "points", "pruned_kernels");
    const std::vector<double> least{0, 0, 0, 0, 10, 18, 24};  // kernels of 48
    for (std::size_t i = 4; i < 7; ++i) BOOST_CHECK_GE(pruned[i], 100 * least[i] / 48 - 1e-9);
    BOOST_CHECK_CLOSE(numbers(record, "points", "requested_ratio")[6], 48.8, 1e-9);
    for (const char* step : {"-step-1-of-3", "-step-2-of-3", ""})
        BOOST_CHECK_CLOSE(
            read_masks(folder / ("p.h5.points/l2-kernel-0.488" + std::string(step) + ".mask.h5"))
                .search.ratio,
            0.2, 1e-9);
    const ResultRecord other = read_results(distilled / "p.h5");
    BOOST_CHECK(record.curves[0].train_loss != other.curves[0].train_loss);
    BOOST_CHECK(run(command(folder, "--ratio 0.5 --distil 0.5")).status == 2);  // nothing is retrained
}

/// Points that an earlier call finished are timed again and get their thinner networks; all else stays.
BOOST_AUTO_TEST_CASE(finished_points_are_timed_again_and_made_thinner, *in_release_alone) {
    const TemporaryFolder folder, at_once;
    const std::string
        out = (folder / "p.h5").string(),
        options = "--granularity feature-map,kernel --ratio 0.5,0.5 --criterion l2 --retrain-epochs 1 ";
    BOOST_TEST(run(command(folder, options + "--time-again")).status == 2);  // nothing has been timed
    for (const auto& [where, more] : {std::pair(&folder, ""), {&at_once, "--compact"}})
        BOOST_TEST_REQUIRE(run(command(*where, options + more)).status == 0);
    const ResultRecord before = read_results(out);
    const std::vector<char> all_else = timeless(out);
    const CommandResult again = run(app("prune") + " --resume --time-again --compact --out " + out);
    BOOST_TEST_REQUIRE(again.status == 0, again.output);
    BOOST_TEST((timeless(out) == all_else));
    const ResultRecord after = read_results(out);
    for (const char* table : {"points", "layers"})
        for (const char* column : {"dense_time", "masked_time", "compact_time"}) {
            const std::vector<double>&then = numbers(before, table, column),
                  &now = numbers(after, table, column);
            BOOST_TEST_REQUIRE(now.size() == then.size());
            for (std::size_t i = 0; i < now.size(); ++i) {
                BOOST_TEST(now[i] > 0);
                BOOST_TEST(now[i] != then[i], table << ' ' << column << ' ' << i);
            }
        }
    for (const char* point : {"control-2-times", "l2-feature-map-0.5", "l2-feature-map-0.5-kernel-0.5"}) {
        const std::string file = "p.h5.points/" + std::string(point) + ".compact.h5";
        BOOST_TEST((read_checkpoint(folder / file).model == read_checkpoint(at_once / file).model));
    }
    // Without being asked, a finished point keeps its times.
    BOOST_TEST_REQUIRE(run(app("prune") + " --resume --out " + out).status == 0);
    BOOST_TEST(numbers(read_results(out), "points", "masked_time") ==
               numbers(after, "points", "masked_time"));
}

// Killed again and again, a little later each time, a run resumes and ends as one that was left alone.
BOOST_AUTO_TEST_CASE(a_killed_run_goes_on, *in_release_alone) {
    const TemporaryFolder whole, killed;
    const std::string options = "--ratio 0.3:0.6:0.3 --candidates 60 --repeat 2 --retrain-epochs 1";
    const CommandResult one = run(command(whole, options));
    BOOST_REQUIRE_MESSAGE(one.status == 0, one.output);
    int kills = 0;
    const auto resume = [&] { return std::filesystem::exists(killed / "p.h5") ? " --resume" : ""; };
    const auto killed_after = [&](double seconds) {
        return run("timeout -s KILL " + std::to_string(seconds) + " " + command(killed, options + resume()))
                   .status != 0;
    };
    while (kills < 20 && killed_after(0.1 + 0.2 * kills)) ++kills;
    BOOST_CHECK_GE(kills, 1);
    const CommandResult rest = run(command(killed, options + resume()));
    BOOST_REQUIRE_MESSAGE(rest.status == 0, rest.output);
    const ResultRecord a = read_results(whole / "p.h5"), b = read_results(killed / "p.h5");
    for (const char* column :
         {"validation_mcr_before", "validation_mcr", "test_mcr", "pruned_kernels", "best_of_50"})
        BOOST_CHECK(numbers(a, "points", column).back() == numbers(b, "points", column).back());
}

namespace {

/// Interrupted while it retrains, with a mark in the file that it resumes from.
class InterruptedRetraining {
  public:
    explicit InterruptedRetraining(const std::string& granularity) : granularity(granularity) {
        const CommandResult stopped =
            run(command(folder, options) + "& app=$!; while [ ! -e " + file.string() +
                " ] && kill -0 $app; do sleep 0.02; done; kill -TERM $app; wait $app");
        BOOST_REQUIRE_MESSAGE(stopped.status == 3, stopped.output);
        stored = read_checkpoint(file);
        if (stored.state.epoch == 0)
            stored.state.values.at("epoch_train_seconds") = mark;
        else
            stored.curves.front().train_seconds.front() = mark;
    }

    CommandResult resume() const {
        write_checkpoint(file, stored);
        return run(app("prune") + " --resume --out " + (folder / "p.h5").string());
    }

    static constexpr double mark = 12345;
    const std::string granularity, point = "l2-" + granularity + "-0.5";
    /// Long enough to be interrupted; the sanitizers are slow.
    const std::string epochs = std::getenv("FFTCONV_TEST_QUICK") ? "12" : "300";
    const std::string options = "--granularity " + granularity +
                                " --ratio 0.5 --criterion l2 --no-control --retrain-epochs " + epochs +
                                " --keep-best --distil 0.5 --rate 0.0001";
    const TemporaryFolder folder;
    const std::filesystem::path file = folder / ("p.h5.points/" + point + ".retraining.h5");
    Checkpoint stored;
};

}  // namespace

// From where it was, as the mark shows that a retraining made anew would not have; with the weights of the
// best epoch kept, of masks and of a network that has lost maps.
BOOST_AUTO_TEST_CASE(an_interrupted_retraining_resumes_bit_for_bit, *in_release_alone) {
    for (const std::string granularity : {"kernel", "feature-map"}) {
        const InterruptedRetraining retraining(granularity);
        const TemporaryFolder whole;
        const CommandResult one = run(command(whole, retraining.options));
        BOOST_REQUIRE_MESSAGE(one.status == 0, one.output);
        const CommandResult rest = retraining.resume();
        BOOST_REQUIRE_MESSAGE(rest.status == 0, rest.output);
        const std::string line = retraining.point + ": retraining, epoch ";
        BOOST_CHECK_MESSAGE(contains(one.output, line + "1/" + retraining.epochs + ": loss "), one.output);
        BOOST_CHECK_MESSAGE(contains(rest.output, line + retraining.epochs + "/" + retraining.epochs + ": "),
                            rest.output);
        const std::string name = "p.h5.points/" + retraining.point + ".h5";
        const Checkpoint a = read_checkpoint(whole / name), b = read_checkpoint(retraining.folder / name);
        BOOST_CHECK_GE(b.curves.at(0).train_seconds.at(0), retraining.mark);
        BOOST_CHECK(a.curves.at(0).train_loss == b.curves.at(0).train_loss);
        BOOST_CHECK(a.curves.at(0).validation_mcr == b.curves.at(0).validation_mcr);
        BOOST_CHECK(a.model == b.model && a.masks == b.masks);
        BOOST_CHECK(a.optimizer_state == b.optimizer_state && a.extra == b.extra);
        BOOST_CHECK(!std::filesystem::exists(retraining.file));
    }
}

BOOST_AUTO_TEST_CASE(the_retraining_of_other_masks_is_refused) {
    InterruptedRetraining retraining("kernel");
    for (std::uint8_t& kept : retraining.stored.masks.at(0).kernel) kept = !kept;
    const CommandResult refused = retraining.resume();
    BOOST_CHECK_EQUAL(refused.status, 1);
    BOOST_CHECK_MESSAGE(contains(refused.output, retraining.file.string() + ": /mask"), refused.output);
}

// What lies in the folder of a run is its own only if it says so.
BOOST_AUTO_TEST_CASE(the_retraining_of_another_run_is_refused) {
    InterruptedRetraining retraining("kernel");
    const Checkpoint own = retraining.stored;
    const auto refused = [&](const std::string& field, const auto& alter) {
        retraining.stored = own;
        alter(retraining.stored);
        const CommandResult done = retraining.resume();
        BOOST_CHECK_EQUAL(done.status, 1);
        BOOST_CHECK_MESSAGE(contains(done.output, retraining.file.string() + ": " + field), done.output);
    };
    refused("/parent @checkpoint_sha256", [](Checkpoint& c) { c.parent_sha256 = std::string(64, 'a'); });
    refused("/state @epoch", [](Checkpoint& c) { c.state.epoch = 301; });
    refused("/config/resolved_toml", [](Checkpoint& c) {
        const std::string rate = "retrain-rate = ";
        c.resolved_toml.insert(c.resolved_toml.find(rate) + rate.size(), "1");
    });
    const std::filesystem::path table = retraining.folder / "p.h5";
    std::filesystem::remove(table);  // nor without a table that could tell
    retraining.stored = own;
    write_checkpoint(retraining.file, own);
    const CommandResult other =
        run(command(retraining.folder, retraining.options + " --retrain-rate 0.5 --resume"));
    BOOST_CHECK_EQUAL(other.status, 1);
    BOOST_CHECK_MESSAGE(contains(other.output, "/config/resolved_toml"), other.output);
}

// Each point once, with percentages.
BOOST_AUTO_TEST_CASE(impossible_rows_are_refused) {
    const TemporaryFolder folder;
    BOOST_REQUIRE_EQUAL(run(command(folder, "--ratio 0.5 --criterion l2")).status, 0);
    const std::filesystem::path file = folder / "p.h5";
    const ResultRecord whole = read_results(file);
    const auto refused = [&](const std::string& field, const auto& value, const std::string& said) {
        const std::string column = field.substr(field.rfind(' ') + 1);
        ResultRecord altered = whole;
        for (Table& table : altered.tables)
            for (Column& each : table.columns)
                if (table.name == "points" && each.name == column)
                    std::get<std::vector<std::decay_t<decltype(value)>>>(each.values).at(1) = value;
        write_results(file, altered);
        for (const char* call : {" --resume --out ", " --report "}) {
            const CommandResult done = run(app("prune") + call + file.string());
            BOOST_CHECK_EQUAL(done.status, 1);
            BOOST_CHECK_MESSAGE(contains(done.output, file.string() + ": /summary/points/" + field) &&
                                    contains(done.output, said),
                                done.output);
        }
    };
    refused("test_mcr", -300.0, "-300");
    refused("validation_mcr", std::nan(""), "nan");
    refused("point", std::string("baseline"), "baseline twice");
    refused("criterion", std::string("taylor"), "taylor");
    refused("granularity and requested_ratio", 60.0, "60 %");
}

// A network that was pruned is retrained at the rate of its own baseline, however often it is pruned.
BOOST_AUTO_TEST_CASE(pruning_again_retrains_at_the_same_rate) {
    const TemporaryFolder folder;
    const std::string recipe = "--ratio 0.5 --criterion l2 --no-control --retrain-epochs 1";
    BOOST_REQUIRE_EQUAL(run(command(folder, recipe + " --rate 0.004")).status, 0);
    const auto again = [&](const std::string& options) {
        const std::string out = (folder / "again.h5").string();
        const CommandResult done =
            run(app("prune") + " --checkpoint " + (folder / "p.h5.points/l2-kernel-0.5.h5").string() +
                " --data " + folder.path().string() + " --batch 20 --threads 1 --timing-rounds 1 " + recipe +
                " --overwrite --out " + out + " " + options);
        BOOST_REQUIRE_MESSAGE(done.status == 0, done.output);
        return read_results(out).curves.front().train_loss;
    };
    const auto own = again("");
    BOOST_CHECK(own == again("--retrain-rate 0.004"));
    BOOST_CHECK(own != again("--retrain-rate 0.001"));
}

// Two processes with a part of the points each, joined: the run that was not split.
BOOST_AUTO_TEST_CASE(parts_of_a_run_are_merged, *in_release_alone) {
    const TemporaryFolder whole, odd, even, other;
    const std::string options =
        "--granularity feature-map,kernel --ratio 0.5,0.25:0.75:0.25 --criterion l2,random";
    for (const auto& [folder, part] :
         {std::pair{&whole, ""}, {&odd, " --points 1/2"}, {&even, " --points 2/2"}}) {
        const CommandResult done = run(command(*folder, options + part));
        BOOST_REQUIRE_MESSAGE(done.status == 0, done.output);
    }
    const auto merge = [&](const TemporaryFolder& second) {
        return run(app("results") + " merge --overwrite " + (odd / "all.h5").string() + " " +
                   (even / "p.h5").string() + " " + (second / "p.h5").string());
    };
    const CommandResult merged = merge(odd);
    BOOST_REQUIRE_MESSAGE(merged.status == 0, merged.output);
    const ResultRecord one = read_results(whole / "p.h5"), joined = read_results(odd / "all.h5");
    BOOST_CHECK_EQUAL(numbers(one, "points", "test_mcr").size(), 1 + 2 * 4);
    for (const char* column : {"validation_mcr", "test_mcr", "pruned_kernels", "requested_ratio"})
        BOOST_CHECK(numbers(one, "points", column) == numbers(joined, "points", column));
    BOOST_CHECK(numbers(one, "layers", "kept_kernels") == numbers(joined, "layers", "kept_kernels"));
    const CommandResult report = run(app("prune") + " --report " + (odd / "all.h5").string());
    BOOST_CHECK_MESSAGE(
        report.status == 0 && contains(report.output, "layers of random-feature-map-0.5-kernel-0.75"),
        report.output);

    BOOST_REQUIRE_EQUAL(run(command(other, options + " --points 1/2 --seed 2")).status, 0);
    const CommandResult refused = merge(other);
    BOOST_CHECK_MESSAGE(refused.status == 2 && contains(refused.output, "--seed"), refused.output);
}

BOOST_AUTO_TEST_CASE(experiments_are_collected_and_reported) {
    const TemporaryFolder folder;
    const std::string all = (folder / "all.h5").string(), part = (folder / "p.h5").string();
    BOOST_REQUIRE_EQUAL(run(command(folder, "--ratio 0.5 --criterion l2")).status, 0);
    const auto collect = [&](const std::string& named) {
        return run(app("results") + " collect " + all + " " + named);
    };
    BOOST_REQUIRE_EQUAL(collect("figure_3/kernels=" + part).status, 0);
    BOOST_REQUIRE_EQUAL(
        run(command(folder, "--granularity feature-map --ratio 0.5 --criterion l2 --overwrite")).status, 0);
    BOOST_REQUIRE_EQUAL(collect("figure_3/maps=" + part + " figure_2=" + part).status, 0);
    const CommandResult report =
        run(app("prune") + " --report " + all + " --figures " + (folder / "drawn").string());
    BOOST_REQUIRE_MESSAGE(report.status == 0, report.output);
    for (const char* shown :
         {"figure_3/kernels, figure_3/maps: Pruning of", "figure_2: Pruning of", "l2-kernel-0.5",
          "l2-feature-map-0.5", "figure_3-pruning.svg", "figure_2-pruning.svg"})
        BOOST_CHECK_MESSAGE(contains(report.output, shown), shown << " is missing from\n" << report.output);
    const auto refused = [&](const std::string& named, int status, const std::string& why) {
        const CommandResult done = collect(named);
        BOOST_CHECK_MESSAGE(done.status == status && contains(done.output, why), done.output);
    };
    refused("figure_3=" + part, 2, "exclude each other");
    refused("Figure=" + part, 2, "NAME=FILE");
    refused(part, 2, "NAME=FILE");
    refused("more=" + all, 1, "collection");
    refused("more=absent.h5", 1, "absent.h5");
    BOOST_CHECK_EQUAL(read_experiments(all).size(), 3);

    // Runs that were stopped after so many points, the second in its bisection.
    const auto stop_after = [&](std::size_t points) {
        ResultRecord stopped = read_results(part);
        std::erase_if(stopped.tables,
                      [](const Table& table) { return table.name == "layers" || table.name == "budget"; });
        for (Table& table : stopped.tables)
            for (Column& column : table.columns)
                if (table.name == "points")
                    std::visit([&](auto& rows) { rows.resize(points); }, column.values);
        write_results(part, stopped);
    };
    stop_after(1);
    refused("more=" + part, 1, "not finished: l2-feature-map-0.5 is missing");
    BOOST_TEST(collect("more=" + part + " --unfinished").status == 0);
    BOOST_TEST_REQUIRE(
        run(command(folder, "--ratio 0.25:0.75:0.25 --criterion l2 --budget 100 --overwrite")).status == 0);
    BOOST_TEST(collect("bisection=" + part).status == 0);
    stop_after(2);
    refused("other=" + part, 1, "not finished: l2-kernel-0.");
}

// Ratios that differ are other points.
BOOST_AUTO_TEST_CASE(points_have_names_of_their_own) {
    const TemporaryFolder folder;
    BOOST_REQUIRE_EQUAL(run(command(folder, "--ratio 0.5 --criterion l2")).status, 0);
    const CommandResult more = run(command(folder, "--ratio 0.5:0.5004:0.0004 --criterion l2 --resume"));
    BOOST_REQUIRE_MESSAGE(more.status == 0, more.output);
    const ResultRecord record = read_results(folder / "p.h5");
    const std::vector<double>& requested = numbers(record, "points", "requested_ratio");
    BOOST_REQUIRE_EQUAL(requested.size(), 3);
    BOOST_CHECK_CLOSE(requested[1], 50, 1e-9);
    BOOST_CHECK_CLOSE(requested[2], 50.04, 1e-9);
}

BOOST_AUTO_TEST_CASE(wrong_usage) {
    const TemporaryFolder folder;
    const auto refused = [&](const std::string& options, const std::string& part) {
        const CommandResult done = run(command(folder, options));
        BOOST_CHECK_MESSAGE(done.status == 2 && contains(done.output, part), done.output);
    };
    refused("--ratio 1.5", "--ratio: expected numbers from 0 to 1");
    refused("--granularity feature-map,kernel --ratio 0.5", "one for each of the 2 granularities");
    refused("--checkpoint x.h5", "either --checkpoint FILE or --train");
    refused("--validation 0", "--validation");
    refused("--granularity filter", "filter");
    refused("--points 3/2", "--points: expected i/n");
    refused("--points 1/2 --budget 1", "--points");
    refused("--layers conv2,conv2", "found conv2 twice");
    refused("--criterion l2,l2", "found l2-kernel-0.1 twice");
    refused("--ratio 0.5:0.500001:0.0000001", "twice");
}

BOOST_AUTO_TEST_SUITE_END()
