#include <boost/test/unit_test.hpp>
#include <cmath>
#include <fstream>
#include <sstream>
#include <string>

#include "common/markdown_table.hpp"
#include "ecp/figures.hpp"
#include "ecp/options.hpp"
#include "ecp/published.hpp"
#include "ecp/results.hpp"
#include "ecp/tables.hpp"
#include "support/temporary_folder.hpp"
#include "support/text.hpp"

using namespace fftconv;
using test::contains;

namespace {

const EcpMethod max_pooling{PoolingMethod::max}, easy{PoolingMethod::ecp};

Curve curve(const std::string& name, std::vector<double> mcr, std::vector<double> train,
            std::vector<double> test) {
    Curve result;
    result.method = name;
    for (std::size_t i = 0; i < mcr.size(); ++i) result.epoch.push_back(double(i + 1));
    result.train_loss.assign(mcr.size(), 0.5);
    result.test_mcr = std::move(mcr);
    result.train_seconds = std::move(train);
    result.test_seconds = std::move(test);
    return result;
}

/// Two methods after three epochs; one epoch was disturbed, for both alike.
EcpResults example(int repeat = 1) {
    EcpOptions ecp;
    Options options("fftconv-ecp", "");
    add_ecp_options(options, ecp);
    ecp.networks = {"two-conv"};
    ecp.methods = {"max", "ecp"};
    ecp.modes = {"0"};
    ecp.epochs = 3;
    ecp.repeat = repeat;
    ResultRecord record;
    record.resolved_toml = options.resolved_toml();
    record.dataset.name = "MNIST";
    record.curves = {curve("two-conv-max", {3, 2, 1.5}, {4, 40, 4.4}, {1, 1, 1}),
                     curve("two-conv-ecp-0", {2, 1.8, 1.9}, {2, 20, 2}, {0.5, 0.25, 0.5})};
    if (repeat == 2) {
        record.curves.push_back(curve("two-conv-max-repeat-2", {5, 2, 0.5}, {4, 4, 4}, {1, 1, 1}));
        record.curves.push_back(curve("two-conv-ecp-0-repeat-2", {5, 4, 3}, {2, 2, 2}, {1, 1, 1}));
    }
    record.tables = {{convolution_table,
                      "",
                      {{"round", "1", std::vector<double>{1, 2, 3}},
                       {"two_conv_direct_full", "s", std::vector<double>{8, 8, 80}},
                       {"two_conv_direct_ecp", "s", std::vector<double>{2, 2.5, 20}}}}};
    return EcpResults(record, ecp);
}

}  // namespace

BOOST_AUTO_TEST_CASE(times_are_medians_and_ratios_are_medians_of_the_same_epochs_ratios) {
    const EcpResults results = example();
    BOOST_TEST(results.seconds("two-conv", max_pooling, &Curve::train_seconds) == 4.4);
    BOOST_TEST(results.seconds("two-conv", easy, &Curve::train_seconds) == 2);
    BOOST_TEST(results.speed_up("two-conv", easy, max_pooling, &Curve::train_seconds) == 2);
    BOOST_TEST(results.speed_up("two-conv", easy, max_pooling, &Curve::test_seconds) == 2);
    BOOST_TEST(results.convolution_seconds("two-conv", "direct", true) == 2.5);
    BOOST_TEST(results.convolution_speed_up("two-conv", "direct") == 4);
    BOOST_TEST(std::isnan(results.convolution_speed_up("two-conv", "fft")));
}

BOOST_AUTO_TEST_CASE(accuracies_and_first_epochs) {
    const EcpResults results = example();
    BOOST_TEST(results.first_epoch("two-conv", max_pooling, 98)->mean == 2);
    BOOST_TEST(results.first_epoch("two-conv", easy, 98)->mean == 1);
    BOOST_TEST(!results.first_epoch("two-conv", easy, 99).has_value());
    BOOST_TEST(results.best_accuracy("two-conv", easy).mean == 98.2);
    BOOST_TEST(results.common_accuracy() == 98);
}

// The last accuracy is the mean of the last ten epochs; under each K the one after the last epoch counts,
// not the best.
BOOST_AUTO_TEST_CASE(last_epochs) {
    EcpOptions ecp;
    ecp.epochs = 12;
    ResultRecord record;
    record.curves = {curve("one-conv-max", {90, 80, 5, 5, 5, 5, 5, 5, 5, 5, 5, 15}, {}, {}),
                     curve("one-conv-ecp-per-batch", {50, 30, 40}, {}, {})};
    for (int mode = 0; mode < 4; ++mode)
        record.curves.push_back(
            curve("one-conv-ecp-per-batch-k" + std::to_string(mode), {50, 30, 40.0 + mode}, {}, {}));
    const EcpResults results(record, ecp);
    BOOST_TEST(results.last_accuracy("one-conv", max_pooling).mean == 94);
    BOOST_TEST(results.best_accuracy("one-conv", max_pooling).mean == 95);
    const std::vector<Mean> by_mode =
        results.accuracy_by_mode("one-conv", {PoolingMethod::ecp, ModeChoice::per_batch, 0});
    const double expected[] = {60, 59, 58, 57, 58.5};
    for (std::size_t i = 0; i < 5; ++i) BOOST_TEST(by_mode.at(i).mean == expected[i]);
}

BOOST_AUTO_TEST_CASE(repeats_give_mean_and_deviation) {
    const EcpResults results = example(2);
    const Mean best = results.best_accuracy("two-conv", max_pooling);
    BOOST_TEST(best.count == 2);
    BOOST_TEST(best.mean == 99.0);
    BOOST_TEST(best.deviation == std::sqrt(0.5), boost::test_tools::tolerance(1e-12));
    BOOST_TEST(!results.first_epoch("two-conv", easy, 98).has_value());  // one of the two never
    BOOST_TEST(results.common_accuracy() == 97);
    BOOST_TEST(contains(ecp_tables(results).front().text(), "epoch of 97 %"));
    BOOST_TEST(contains(ecp_tables(results).front().text(), "not reached"));
}

BOOST_AUTO_TEST_CASE(table_3_shows_ours_beside_the_papers) {
    const std::vector<EcpTable> tables = ecp_tables(example());
    BOOST_TEST_REQUIRE(tables.size() == 1u);  // one network and one K: the other tables would repeat it
    const std::string text = tables.front().text();
    for (const char* part :
         {"2000.0 (2.00x)", "500.0 (2.00x)", "299650.2", "243077.5 (1.23x)", "13085.0 (1.82x)",
          "883.6 (5.09x)", "2500.0 (4.00x)", "98.20 (-0.30)", "98.81 (-0.36)"}) {
        BOOST_TEST(contains(text, part), part << " is missing from\n" << text);
    }
}

BOOST_AUTO_TEST_CASE(stored_tables_have_columns_of_equal_length) {
    for (const EcpTable& table : ecp_tables(example())) {
        for (const Column& column : table.stored().columns) BOOST_TEST(column.size() == table.rows.size());
    }
    for (const EcpFigure& figure : ecp_figures(example())) {
        for (const Column& column : figure.stored().columns) BOOST_TEST(column.size() == 3u);
    }
}

BOOST_AUTO_TEST_CASE(a_figure_is_an_svg_with_its_lines) {
    const test::TemporaryFolder folder;
    if (!gnuplot_available()) return;
    const auto files = draw(ecp_figures(example(2)), folder / "figures");
    BOOST_TEST_REQUIRE(files.size() == 2u);  // Figures 6 and 10
    std::stringstream text;
    text << std::ifstream(files.back()).rdbuf();
    BOOST_TEST(contains(text.str(), "<svg"));
    BOOST_TEST(contains(text.str(), "Max pooling"));
    BOOST_TEST(contains(text.str(), "ECP k=0"));
}

BOOST_AUTO_TEST_CASE(methods_are_listed_in_the_tables_order_once_each) {
    EcpOptions ecp;
    ecp.modes = {"per-batch", "all", "0"};
    ecp.methods = {"ecp", "max"};
    std::vector<std::string> names;
    for (const EcpMethod& method : ecp.method_list()) names.push_back(method.name());
    BOOST_TEST(
        names == (std::vector<std::string>{"max", "ecp-per-batch", "ecp-0", "ecp-1", "ecp-2", "ecp-3"}),
        boost::test_tools::per_element());
}

/// The speed-ups and differences that the paper prints follow from the times that it prints.
BOOST_AUTO_TEST_CASE(the_papers_rows_agree_with_its_own_ratios) {
    const auto ratio = [](const char* network, const char* slow, const char* fast) {
        return paper::easy_conv_pooling(network, slow)->training_ms /
               paper::easy_conv_pooling(network, fast)->training_ms;
    };
    BOOST_TEST(std::abs(ratio("two-conv", "max", "ecp-0") - 1.23) < 0.005);
    BOOST_TEST(std::abs(ratio("two-conv", "average", "ecp-0") - 1.45) < 0.005);
    BOOST_TEST(std::abs(ratio("two-conv", "max", "ecp-2") - 1.25) < 0.005);
    BOOST_TEST(std::abs(ratio("two-conv", "average", "random-2") - 1.27) < 0.005);
    BOOST_TEST(std::abs(ratio("one-conv", "max", "ecp-0") - 1.04) < 0.005);
    BOOST_TEST(std::abs(ratio("one-conv", "average", "ecp-0") - 1.47) < 0.005);
    BOOST_TEST(std::abs(paper::full_convolution_ms / paper::easy_convolution_ms - 5.09) < 0.005);
    BOOST_TEST(!paper::easy_conv_pooling("one-conv", "random-0").has_value());
}

BOOST_AUTO_TEST_CASE(columns_of_a_markdown_table_are_aligned) {
    MarkdownTable table({"method", "time"});
    table.add({"Max", "10 µs"});
    table.add({"ECP k=0"});
    BOOST_TEST(table.text() ==
               "| method  |  time |\n"
               "|---------|------:|\n"
               "| Max     | 10 µs |\n"
               "| ECP k=0 |       |\n");
}
