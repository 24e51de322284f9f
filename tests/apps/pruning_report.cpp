// What the figures of pruning show, from results made by hand.
#include <boost/test/unit_test.hpp>
#include <filesystem>
#include <string>

#include "apps/app.hpp"
#include "common/plot.hpp"
#include "fftconv/network/architecture.hpp"
#include "prune/figures.hpp"
#include "prune/pooled.hpp"
#include "prune/tables.hpp"
#include "support/temporary_folder.hpp"

using namespace fftconv;

namespace {

PruningResult point(const std::string& name, const std::string& granularity, double kernels, double mcr) {
    PruningResult result;
    result.name = name;
    result.granularity = granularity;
    result.criterion = name.substr(0, name.find('-'));
    result.architecture = "3x32x32:8C3-10Softmax";
    result.pruned_kernels = kernels;
    result.test_mcr = mcr;
    return result;
}

PruningRecord record(const std::string& name, std::vector<std::string> granularities,
                     std::vector<std::string> ratios, std::vector<PruningResult> points) {
    PruningRecord made;
    made.name = name;
    made.dataset = "images";
    made.options.granularities = std::move(granularities);
    made.options.ratios = std::move(ratios);
    made.options.criteria = {"l2"};
    made.results.points = std::move(points);
    made.results.points.insert(made.results.points.begin(), point("baseline", "none", 0, 10));
    return made;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(pruning_report)

BOOST_AUTO_TEST_CASE(networks_of_the_papers_are_named_at_any_width) {
    const auto title = [](const std::string& architecture) {
        PruningRecord made =
            record("figure_5/kernels", {"kernel"}, {"0.6"}, {point("l2-kernel-0.6", "kernel", 60, 11)});
        for (PruningResult& result : made.results.points) result.architecture = architecture;
        return pruning_figures({made}).at(0).plot.title;
    };
    const Architecture whole = parse_architecture("cnn-large");
    BOOST_TEST(title(to_string(whole)) == "cnn-large, images: l2, not retrained");
    BOOST_TEST(title(to_string(with_batch_norm(with_width(whole, 0.5)))) ==
               "cnn-large at 0.5 of its width, images: l2, not retrained");
}

// Nine lines have eight colours: the ninth is drawn with other points. A single point shows its interval.
BOOST_AUTO_TEST_CASE(lines_are_told_apart_and_a_single_point_has_its_interval) {
    const test::TemporaryFolder folder;
    const std::filesystem::path file = folder / "plot.svg";
    const auto circles = [&](const Plot& plot) {  // the points of the first eight are filled
        write_svg(plot, file);
        const std::string svg = test::text_of(file), mark = "xlink:href='#gpPt5'";
        int found = 0;
        for (std::size_t at = svg.find(mark); at != svg.npos; at = svg.find(mark, at + 1)) ++found;
        return found;
    };
    Plot plot{"lines", "x", "y", {}};
    for (int i = 0; i < 8; ++i) plot.series.push_back({std::to_string(i), {1, 2}, {1.0 + i, 2.0 + i}});
    const int with_eight = circles(plot);
    plot.series.push_back({"8", {1, 2}, {9, 10}});
    BOOST_TEST(circles(plot) >= with_eight + 2);

    const auto drawn = [&](std::vector<double> low, std::vector<double> high) {
        write_svg(Plot{"point", "x", "y", {{"one", {1}, {5}, std::move(low), std::move(high)}}}, file);
        return test::text_of(file).size();
    };
    BOOST_TEST(drawn({4}, {6}) > drawn({}, {}) + 50);
}

BOOST_AUTO_TEST_CASE(a_sequence_is_drawn_over_the_kernels_that_its_steps_pruned) {
    const PruningRecord sequence =
        record("figure_4b/sequence", {"feature-map", "kernel"}, {"0.5", "0.75"},
               {point("l2-feature-map-0.5", "feature-map", 72, 12),
                point("l2-feature-map-0.5-kernel-0.75", "feature-map+kernel", 93, 15)});
    const PruningRecord kernels =
        record("figure_4b/kernels", {"kernel"}, {"0.6"}, {point("l2-kernel-0.6", "kernel", 60, 11)});
    const std::vector<PruningFigure> figures = pruning_figures({sequence, kernels});
    BOOST_REQUIRE_EQUAL(figures.size(), 1);
    BOOST_TEST(figures[0].name == "figure_4b-pruning");
    // The network of the results, whatever the options name.
    BOOST_TEST(figures[0].plot.title == "3x32x32:8C3-10Softmax, images: l2, not retrained");
    const std::vector<PlotSeries>& series = figures[0].plot.series;
    BOOST_REQUIRE_EQUAL(series.size(), 4);  // and the baseline, and 1 % above it; none for the way alone
    BOOST_TEST(series[0].title == "feature maps 50 %, then kernels");
    BOOST_TEST(series[0].x == (std::vector<double>{72, 93}), boost::test_tools::per_element());
    BOOST_TEST(series[0].y == (std::vector<double>{12, 15}), boost::test_tools::per_element());
    BOOST_TEST(series[1].title == "kernels");
    BOOST_TEST(series[1].x == (std::vector<double>{60}), boost::test_tools::per_element());
    BOOST_TEST(series[2].x == (std::vector<double>{0, 100}), boost::test_tools::per_element());
}

// Points of one line from two files are one line, whatever file they are in; other recipes are other lines.
BOOST_AUTO_TEST_CASE(a_line_for_each_granularity_and_recipe) {
    const PruningRecord low = record("figure_3/low", {"kernel"}, {"0.6"},
                                     {point("l2-kernel-0.6", "kernel", 60, 11)}),
                        high = record("figure_3/high", {"kernel"}, {"0.9"},
                                      {point("l2-kernel-0.9", "kernel", 90, 19)});
    PruningRecord stale = high;
    stale.options.recalibrate = 0;
    const std::vector<PlotSeries> series = pruning_figures({high, low, stale}).at(0).plot.series;
    BOOST_REQUIRE_EQUAL(series.size(), 4);
    BOOST_TEST(series[0].x == (std::vector<double>{60, 90}), boost::test_tools::per_element());
    BOOST_TEST(series[0].title == "kernels (recalibrate 8)");
    BOOST_TEST(series[1].title == "kernels (recalibrate 0)");
}

// Baselines that two runs trained alike are one, whatever times their files hold; what draws nothing is one
// computation for all seeds; a network that is pruned already, or was trained otherwise, is another one.
BOOST_AUTO_TEST_CASE(one_computation_counts_once) {
    const auto run = [](const std::string& digest, double mcr) {
        PruningRecord made = record("", {"kernel"}, {"0.6"}, {point("l2-kernel-0.6", "kernel", 60, mcr)});
        made.baseline = digest;
        made.options.train_baseline = true;
        return made;
    };
    const auto counted = [](const std::vector<PruningRecord>& runs) {
        const std::vector<PooledRuns> groups = pooled(runs);
        BOOST_TEST_REQUIRE(groups.size() == 1u);
        return std::pair(groups[0].baseline()->samples.size(),
                         groups[0].find("l2-kernel-0.6")->samples.size());
    };
    PruningRecord one = run("a", 11), again = run("b", 11);
    BOOST_TEST((counted({one, again}) == std::pair<std::size_t, std::size_t>(1, 1)));
    again.options.train.seed += 1;
    BOOST_TEST((counted({one, again}) == std::pair<std::size_t, std::size_t>(2, 2)));

    PruningRecord repeated = run("a", 11);
    repeated.options.recalibrate = repeated.options.retrain_epochs = 0;
    PruningResult second = point("l2-kernel-0.6-repeat-2", "kernel", 60, 11);
    second.repeat = 1;
    repeated.results.points.push_back(second);
    BOOST_TEST((counted({repeated}) == std::pair<std::size_t, std::size_t>(1, 1)));

    PruningRecord pruned_before = run("c", 11), longer = run("d", 11);
    for (PruningResult& result : pruned_before.results.points)
        if (result.is_baseline()) result.pruned_weights = 50;
    one.baseline_configuration = "epochs = 3\n";
    longer.baseline_configuration = "epochs = 9\n";
    BOOST_TEST(pooled({run("a", 11), pruned_before}).size() == 2u);
    BOOST_TEST(pooled({one, longer}).size() == 2u);
}

// Times of several machines have no mean: what is left is what took turns.
BOOST_AUTO_TEST_CASE(times_of_several_machines_are_shares) {
    std::vector<PruningRecord> runs;
    for (const std::string machine : {"one", "other"}) {
        PruningResult pruned = point("l2-kernel-0.6", "kernel", 60, 11);
        pruned.timed_on = machine;
        pruned.dense_ms = machine == "one" ? 2 : 10;
        pruned.masked_ms = 1;
        pruned.compact_ms = 0.5;
        runs.push_back(record("", {"kernel"}, {"0.6"}, {pruned}));
        runs.back().baseline = machine;
    }
    BOOST_TEST(test::contains(pruning_text(runs), "|           | 0.30 of dense | 0.15 of dense |"),
               pruning_text(runs));
    runs[1].results.points.back().timed_on = "one";
    BOOST_TEST(test::contains(pruning_text(runs), "6.0000 |     1.0000 |      0.5000 |"), pruning_text(runs));
}

// Runs of one recipe are pooled, whichever their seeds; those on other data and of other networks are not.
BOOST_AUTO_TEST_CASE(runs_of_one_recipe_are_pooled) {
    const auto run = [](double mcr) {
        PruningRecord made = record("", {"kernel"}, {"0.6"}, {point("l2-kernel-0.6", "kernel", 60, mcr)});
        made.baseline = "digest";
        return made;
    };
    PruningRecord one = run(11), masks = run(11), retrained = run(11), seed = run(11), data = run(17),
                  network = run(19);
    masks.options.mask_seed = 7;  // equal by chance
    retrained.options.retrain_seed = 8;
    seed.options.train.seed = 9;
    data.dataset = "other images";
    network.results.points[0].architecture = "3x32x32:9C3-10Softmax";
    PruningResult repeated = point("l2-kernel-0.6-repeat-2", "kernel", 61, 13);
    repeated.repeat = 1;
    one.results.points.push_back(repeated);
    PruningRecord second = run(13);  // what the first one's second repeat is
    second.options.train.seed = one.options.train.seed + 1;
    const std::vector<PruningRecord> runs{one, masks, one, retrained, data, seed, network, second};
    const std::vector<PooledRuns> groups = pooled(runs);
    BOOST_TEST_REQUIRE(groups.size() == 3u);
    const PooledPoint& pruned = *groups[0].find("l2-kernel-0.6");
    BOOST_TEST(pruned.samples.size() == 5u);
    BOOST_TEST(pruned.mean(&PruningResult::test_mcr).mean == (4 * 11 + 13) / 5.0,
               boost::test_tools::tolerance(1e-12));
    BOOST_TEST(groups[0].find("l2-kernel-0.6-repeat-2") == nullptr);
    BOOST_TEST(groups[1].find("l2-kernel-0.6")->mean(&PruningResult::test_mcr).mean == 17);
    BOOST_TEST(groups[2].find("l2-kernel-0.6")->mean(&PruningResult::test_mcr).mean == 19);
}

// 11 and 13 above baselines of 10 and 11: 12 ± 12.71, and 1.5 ± 6.35 above them.
BOOST_AUTO_TEST_CASE(several_baselines_give_an_interval) {
    PruningRecord one =
        record("figure_3/one", {"kernel"}, {"0.6"}, {point("l2-kernel-0.6", "kernel", 60, 11)});
    PruningRecord two =
        record("figure_3/two", {"kernel"}, {"0.6"}, {point("l2-kernel-0.6", "kernel", 60, 13)});
    one.baseline = "a";
    two.baseline = "b";
    two.options.train.seed = 2;
    two.results.points[0].test_mcr = 11;
    PruningRecord again = one;  // the same run, collected twice
    again.name = "figure_3/again";
    const std::string text = pruning_text({one, two, again});
    for (const char* shown : {"| l2-kernel-0.6 |    2 |", "12.00 ± 12.71", "1.50 ± 6.35", "10.50 ± 6.35"})
        BOOST_CHECK_MESSAGE(text.find(shown) != std::string::npos, shown << " is missing from\n" << text);
    const PlotSeries line = pruning_figures({one, two, again}).at(0).plot.series.at(0);
    BOOST_TEST(line.low.at(0) == 12 - 12.706205, boost::test_tools::tolerance(1e-6));
    BOOST_TEST(line.high.at(0) == 12 + 12.706205, boost::test_tools::tolerance(1e-6));
}

// Each claim of the paper about its figure is drawn: a level, a point 1 % above our baseline, a share.
BOOST_AUTO_TEST_CASE(claims_are_marks) {
    PruningRecord run = record("figure_4a", {"kernel"}, {"0.6"}, {point("l2-kernel-0.6", "kernel", 60, 17)});
    run.results.points[0].architecture =
        "3x32x32:2x128C3+BN-MP2-2x128C3+BN-MP2-2x256C3+BN-256FC+BN-10Softmax";
    run.results.points.push_back(point("control", "control", 0, 9.5));
    const std::vector<PlotSeries> series = pruning_figures({run}).at(0).plot.series;
    const auto has = [&](const std::string& title, std::vector<double> x, std::vector<double> y, bool mark) {
        return std::any_of(series.begin(), series.end(), [&](const PlotSeries& each) {
            return each.title.find(title) != std::string::npos && each.x == x && each.y == y &&
                   each.marks == mark;
        });
    };
    BOOST_TEST(has("baseline MCR 16.6 %", {0, 100}, {16.6, 16.6}, false));
    BOOST_TEST(has("within +1 % MCR 62 %", {62}, {11}, true));
    BOOST_TEST(has("within +1 % MCR 70 %", {70}, {11}, true));
    BOOST_TEST(has("control", {0, 100}, {9.5, 9.5}, false));
    run.name = "figure_4b";
    bool ratio = false;
    const std::vector<PruningFigure> of_4b = pruning_figures({run});
    for (const PlotSeries& each : of_4b.at(0).plot.series)
        ratio = ratio || each.x == std::vector<double>{87.5, 87.5};
    BOOST_TEST(ratio);
}

BOOST_AUTO_TEST_CASE(a_sequence_has_its_layers_printed) {
    PruningRecord sequence = record("", {"feature-map", "kernel"}, {"0.5", "0.75"},
                                    {point("l2-feature-map-0.5-kernel-0.75", "feature-map+kernel", 93, 15)});
    PruningLayerResult layer;
    layer.point = "l2-feature-map-0.5-kernel-0.75";
    layer.layer = "conv2";
    layer.maps = 128, layer.surviving_maps = 96;
    layer.kernels = 16384, layer.surviving_kernels = 2048, layer.pruned_kernels = 87.5;
    sequence.results.layers = {layer};
    PruningRecord later = sequence;  // the first run's are shown
    later.baseline = "other";
    later.options.train.seed = 2;
    later.results.layers[0].surviving_kernels = 4096, later.results.layers[0].pruned_kernels = 75;
    const std::string text = pruning_text({sequence, later});
    for (const char* shown :
         {"layers of l2-feature-map-0.5-kernel-0.75", "| conv2 ", " 25.0 |", " 2048 |", " 87.5 |"})
        BOOST_CHECK_MESSAGE(text.find(shown) != std::string::npos, shown << " is missing from\n" << text);
}

BOOST_AUTO_TEST_SUITE_END()
