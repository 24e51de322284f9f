// What the figures of pruning show, from results made by hand.
#include <boost/test/unit_test.hpp>

#include "prune/tables.hpp"

using namespace fftconv;

namespace {

PruningResult point(const std::string& name, const std::string& granularity, double kernels, double mcr) {
    PruningResult result;
    result.name = name;
    result.granularity = granularity;
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

BOOST_AUTO_TEST_CASE(a_sequence_is_drawn_over_the_kernels_that_its_steps_pruned) {
    const PruningRecord sequence =
        record("figure_4b/sequence", {"feature-map", "kernel"}, {"0.5", "0.75"},
               {point("l2-feature-map-0.5", "feature-map", 72, 12),
                point("l2-feature-map-0.5-kernel-0.75", "feature-map+kernel", 93, 15)});
    const PruningRecord kernels =
        record("figure_4b/kernels", {"kernel"}, {"0.6"}, {point("l2-kernel-0.6", "kernel", 60, 11)});
    const std::vector<PruningFigure> figures = pruning_figures({sequence, kernels});
    BOOST_REQUIRE_EQUAL(figures.size(), 2);
    BOOST_TEST(figures[1].name == "figure_4b-kernels-pruned");
    // The network of the results, whatever the options name.
    BOOST_TEST(figures[1].plot.title == "Pruning of 3x32x32:8C3-10Softmax (images), before retraining");
    const std::vector<PlotSeries>& series = figures[1].plot.series;
    BOOST_REQUIRE_EQUAL(series.size(), 4);  // and the baseline, and the budget
    BOOST_TEST(series[0].x == (std::vector<double>{72, 93}), boost::test_tools::per_element());
    BOOST_TEST(series[0].y == (std::vector<double>{12, 15}), boost::test_tools::per_element());
    BOOST_TEST(series[1].x == (std::vector<double>{60}), boost::test_tools::per_element());
    BOOST_TEST(series[2].x == (std::vector<double>{0, 100}), boost::test_tools::per_element());

    BOOST_TEST(pruning_figures({kernels}).size() == 1u);  // of one granularity: nothing to compare
}

BOOST_AUTO_TEST_CASE(a_sequence_has_its_layers_printed) {
    PruningRecord sequence = record("", {"feature-map", "kernel"}, {"0.5", "0.75"},
                                    {point("l2-feature-map-0.5-kernel-0.75", "feature-map+kernel", 93, 15)});
    PruningLayerResult layer;
    layer.point = "l2-feature-map-0.5-kernel-0.75";
    layer.layer = "conv2";
    layer.maps = 128, layer.kept_maps = 96;
    layer.kernels = 16384, layer.kept_kernels = 2048, layer.pruned_kernels = 87.5;
    sequence.results.layers = {layer};
    const std::string text = pruning_text(sequence);
    for (const char* shown :
         {"layers of l2-feature-map-0.5-kernel-0.75", "| conv2 ", " 25.0 |", " 2048 |", " 87.5 |"})
        BOOST_CHECK_MESSAGE(text.find(shown) != std::string::npos, shown << " is missing from\n" << text);
}

BOOST_AUTO_TEST_SUITE_END()
