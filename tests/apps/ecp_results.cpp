#include <boost/test/unit_test.hpp>
#include <cmath>
#include <fstream>
#include <map>
#include <sstream>
#include <string>
#include <tuple>

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

// Between two calls the machine may have changed: only epochs of one call are compared.
BOOST_AUTO_TEST_CASE(times_of_epochs_that_took_no_turns_have_no_ratio) {
    ResultRecord record = example().record();
    Turns turns;
    turns.set("two-conv-max", {1, 2, 2});
    turns.set("two-conv-ecp-0", {3, 3, 2});
    record.tables.push_back(turns.stored());
    const auto results = [&] { return EcpResults(record, example().options(), "a.h5"); };
    BOOST_TEST(results().speed_up("two-conv", easy, max_pooling, &Curve::train_seconds) == 4.4 / 2);
    BOOST_TEST(results().seconds("two-conv", easy, &Curve::train_seconds) == 2);
    BOOST_TEST(apart_text(ecp_tables(results())) == "");

    turns.set("two-conv-max", {1, 2, Turns::unknown});
    turns.set("two-conv-ecp-0", {3, 3, Turns::unknown});
    record.tables.back() = turns.stored();
    BOOST_TEST(std::isnan(results().speed_up("two-conv", easy, max_pooling, &Curve::train_seconds)));
    const std::vector<EcpTable> tables = ecp_tables(results());
    BOOST_TEST(contains(tables.front().text(), " 2000.0 |"), tables.front().text());
    BOOST_TEST(apart_text(tables) ==
               "Not trained in turns, so that their times are not divided: "
               "two-conv, ECP k=0 and Max pooling.\n");

    for (const double wrong : {0.5, -2.0}) {
        std::get<std::vector<double>>(record.tables.back().columns.at(2).values).at(1) = wrong;
        BOOST_CHECK_EXCEPTION(results(), FileError, [](const FileError& error) {
            return contains(error.what(), "a.h5") && contains(error.what(), "epoch 2 of two-conv-ecp-0");
        });
    }
}

// What was trained is shown, also where the paper has no such row, or nothing stands next to it.
BOOST_AUTO_TEST_CASE(no_training_is_left_out_of_the_tables) {
    ResultRecord record = example().record();
    record.curves.push_back(curve("one-conv-ecp-per-batch", {6, 4, 5}, {2, 2, 2}, {1, 1, 1}));
    const std::vector<EcpTable> tables = ecp_tables(EcpResults(record, example().options()));
    BOOST_TEST(tables.back().name == "others");
    BOOST_TEST_REQUIRE(tables.back().rows.size() == 1u);
    BOOST_TEST(contains(tables.back().text(), "one-conv, ECP k per batch |   ours"), tables.back().text());
    BOOST_TEST(contains(tables.back().text(), "96.00 |"), tables.back().text());
    for (const EcpTable& table : ecp_tables(example())) BOOST_TEST(table.name != "others");
}

// The best of three epochs is not held against the best of one, nor a seed against another.
BOOST_AUTO_TEST_CASE(accuracies_are_compared_over_as_many_epochs_of_the_same_seed) {
    ResultRecord record = example(2).record();
    record.curves.at(0) = curve("two-conv-max", {3}, {4}, {1});
    record.curves.erase(record.curves.begin() + 2);  // Max of the second seed
    const EcpResults results(record, example(2).options());
    BOOST_TEST(results.accuracy_difference("two-conv", easy, max_pooling).mean == 98.0 - 97);
    BOOST_TEST(results.accuracy_difference("two-conv", easy, max_pooling).count == 1);
    BOOST_TEST(results.best_accuracy("two-conv", easy).mean == (98.2 + 97) / 2);
    BOOST_TEST(contains(results.conditions(), "epochs 1 of 3, 1 of 2 seeds"), results.conditions());
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
    record.curves.push_back(curve("one-conv-ecp-per-batch-mean", {20, 25, 35}, {}, {}));
    const EcpResults results(record, ecp);
    BOOST_TEST(results.last_accuracy("one-conv", max_pooling).mean == 94);
    BOOST_TEST(results.best_accuracy("one-conv", max_pooling).mean == 95);
    const std::vector<Mean> by_mode =
        results.accuracy_by_mode("one-conv", {PoolingMethod::ecp, ModeChoice::per_batch, 0});
    const double expected[] = {60, 59, 58, 57, 58.5, 65};
    for (std::size_t i = 0; i < 6; ++i) BOOST_TEST(by_mode.at(i).mean == expected[i]);
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

namespace {

/// A curve of each of two repeats, of numbers that no other curve has.
std::vector<Curve> repeated(const std::string& name, double mcr, double s) {
    return {curve(name, {mcr + 2, mcr, mcr + 1}, {s, 3 * s + 2, 1.5 * s + 5}, {s + 21, s + 13, 2 * s + 17}),
            curve(name + "-repeat-2", {mcr + 3, mcr + 2, mcr + 0.5}, {7 * s + 1, 1.25 * s + 9, 5 * s + 3},
                  {s + 31, 4 * s + 1, 1.1 * s + 19})};
}

/// Both networks under Max, Average and several K.
EcpResults both_networks() {
    EcpOptions ecp;
    ecp.epochs = 3;
    ecp.repeat = 2;
    ResultRecord record;
    record.dataset.name = "MNIST";
    for (const auto& [name, mcr, seconds] : {std::tuple("two-conv-max", 1.1, 11.0),
                                             {"two-conv-average", 1.7, 17.0},
                                             {"two-conv-random-0", 2.3, 7.0},
                                             {"two-conv-ecp-0", 1.3, 3.0},
                                             {"two-conv-ecp-1", 1.9, 2.0},
                                             {"one-conv-max", 3.1, 5.5},
                                             {"one-conv-average", 4.7, 6.5},
                                             {"one-conv-ecp-0", 5.3, 2.5},
                                             {"one-conv-ecp-2", 4.3, 1.5}})
        for (Curve& each : repeated(name, mcr, seconds)) record.curves.push_back(std::move(each));
    for (int mode = 0; mode < 4; ++mode) {
        std::vector<Curve> both = repeated("two-conv-ecp-per-batch", 2.5 + mode, 1);
        for (Curve& each : both) {
            each.method += "-k" + std::to_string(mode);
            record.curves.push_back(std::move(each));
        }
    }
    const auto column = [](const std::string& name, double seconds) {
        return Column{name, "s", std::vector<double>{seconds, 2 * seconds, 1.5 * seconds}};
    };
    record.tables = {{convolution_table,
                      "",
                      {{"round", "1", std::vector<double>{1, 2, 3}},
                       column("two_conv_fft_full", 31),
                       column("two_conv_fft_ecp", 13),
                       column("two_conv_direct_full", 83),
                       column("two_conv_direct_ecp", 17)}}};
    return EcpResults(record, ecp);
}

/// A number of the row of this method, compared with this baseline.
double number_of(const Table& table, const std::string& column, const std::string& method,
                 const std::string& baseline) {
    std::vector<std::string> methods, baselines;
    std::vector<double> numbers;
    for (const Column& each : table.columns) {
        if (each.name == "method") methods = std::get<std::vector<std::string>>(each.values);
        if (each.name == "baseline") baselines = std::get<std::vector<std::string>>(each.values);
        if (each.name == column) numbers = std::get<std::vector<double>>(each.values);
    }
    for (std::size_t i = 0; i < methods.size(); ++i)
        if (methods[i] == method && baselines[i] == baseline) return numbers.at(i);
    throw std::runtime_error("no row " + method + " against " + baseline);
}

std::vector<Table> stored_tables(const EcpResults& results) {
    std::vector<Table> tables;
    for (const EcpTable& table : ecp_tables(results)) tables.push_back(table.stored());
    return tables;
}

}  // namespace

// Each number of a table from its own column of its own repeats, and from the baseline of its own block.
BOOST_AUTO_TEST_CASE(columns_of_the_tables_of_several_repeats) {
    const EcpResults results = both_networks();
    BOOST_TEST(results.common_accuracy() == 94);  // of the one that is worst in its best epoch
    const std::vector<Table> tables = stored_tables(results);
    BOOST_TEST_REQUIRE(tables.size() == 5u);  // and "others"
    const auto joined = [&](const std::string& name, std::vector<double> Curve::*values) {
        std::vector<double> all;
        for (const std::string repeat : {"", "-repeat-2"}) {
            const std::vector<double>& own = results.curve(name + repeat)->*values;
            all.insert(all.end(), own.begin(), own.end());
        }
        return all;
    };
    const auto ratio = [&](const std::string& slow, const std::string& fast,
                           std::vector<double> Curve::*values) {
        return median(ratios(joined(slow, values), joined(fast, values)));
    };
    const auto best = [&](const std::string& name) {
        const std::vector<double> mcr = joined(name, &Curve::test_mcr);
        return mean_of({100 - mcr[1], 100 - mcr[5]});
    };
    const auto last = [&](const std::string& name) {
        const std::vector<double> mcr = joined(name, &Curve::test_mcr);
        return mean_of({100 - (mcr[0] + mcr[1] + mcr[2]) / 3, 100 - (mcr[3] + mcr[4] + mcr[5]) / 3});
    };
    const auto nearly = boost::test_tools::tolerance(1e-12);
    const auto check = [&](std::size_t table, const std::string& network, const std::string& method,
                           const std::string& title, const std::string& baseline,
                           const std::string& baseline_title) {
        const std::string own = network + "-" + method, other = network + "-" + baseline;
        const auto number = [&](const char* column) {
            return number_of(tables[table], column, network + ", " + title, baseline_title);
        };
        BOOST_TEST_CONTEXT(tables[table].name << ": " << own << " against " << baseline) {
            BOOST_TEST(number("training_time") == 1000 * median(joined(own, &Curve::train_seconds)), nearly);
            BOOST_TEST(number("testing_time") == 1000 * median(joined(own, &Curve::test_seconds)), nearly);
            BOOST_TEST(number("training_speed_up") == ratio(other, own, &Curve::train_seconds), nearly);
            BOOST_TEST(number("testing_speed_up") == ratio(other, own, &Curve::test_seconds), nearly);
            BOOST_TEST(number("best_accuracy") == best(own).mean, nearly);
            BOOST_TEST(number("best_accuracy_deviation") == best(own).deviation, nearly);
            BOOST_TEST(number("best_accuracy_interval") == best(own).interval, nearly);
            BOOST_TEST(number("last_accuracy") == last(own).mean, nearly);
            BOOST_TEST(number("last_accuracy_interval") == last(own).interval, nearly);
            BOOST_TEST(number("accuracy_difference") == best(own).mean - best(other).mean,
                       boost::test_tools::tolerance(1e-9));
        }
    };
    for (const auto& [baseline, title] : {std::pair("max", "Max pooling"), {"average", "Average pooling"}}) {
        check(0, "two-conv", "ecp-0", "ECP k=0", baseline, title);
        check(0, "two-conv", "random-0", "Random k=0", baseline, title);
        check(1, "two-conv", "ecp-1", "ECP k=1", baseline, title);
    }
    for (const std::string network : {"one-conv", "two-conv"}) {
        check(2, network, "ecp-0", "ECP k=0", "max", "Max pooling");
        check(3, network, "ecp-0", "ECP k=0", "average", "Average pooling");
    }
    // One K stands for its family where the paper shows one.
    for (std::size_t table : {0, 2, 3})
        BOOST_CHECK_THROW(number_of(tables[table], "best_accuracy", "two-conv, ECP k=1",
                                    table == 3 ? "Average pooling" : "Max pooling"),
                          std::runtime_error);
    // Of convolutions alone there is what was timed, and what the paper has of two-conv.
    const auto of_convolutions = [&](const char* column, const std::string& network) {
        return number_of(tables[2], column, network + ", ECP k=0", "Max pooling");
    };
    BOOST_TEST(of_convolutions("fft_convolution_time", "two-conv") == 19500);
    BOOST_TEST(of_convolutions("fft_convolution_speed_up", "two-conv") == 31.0 / 13, nearly);
    BOOST_TEST(of_convolutions("direct_convolution_time", "two-conv") == 25500);
    BOOST_TEST(of_convolutions("direct_convolution_speed_up", "two-conv") == 83.0 / 17, nearly);
    BOOST_TEST(of_convolutions("paper_direct_convolution_time", "two-conv") == paper::easy_convolution_ms);
    BOOST_TEST(std::isnan(of_convolutions("paper_direct_convolution_time", "one-conv")));
    BOOST_TEST(std::isnan(of_convolutions("paper_direct_convolution_speed_up", "one-conv")));
}

BOOST_AUTO_TEST_CASE(drawn_k_of_several_repeats) {
    const std::vector<Mean> means =
        both_networks().accuracy_by_mode("two-conv", {PoolingMethod::ecp, ModeChoice::per_batch, 0});
    for (int mode = 0; mode < 4; ++mode) {
        const Mean& mean = means.at(std::size_t(mode));
        BOOST_TEST(mean.count == 2);
        BOOST_TEST(mean.mean == 100 - (3.5 + mode + 3 + mode) / 2, boost::test_tools::tolerance(1e-12));
    }
    BOOST_TEST(means.at(4).mean == 100 - (5 + 4.5) / 2, boost::test_tools::tolerance(1e-12));
    BOOST_TEST(means.at(5).count == 0);  // of a file that was made before it was computed
    BOOST_TEST(means.at(5).text() == "");
}

// What all have finished stands in the titles.
BOOST_AUTO_TEST_CASE(an_unfinished_run_says_how_far_it_is) {
    EcpResults results = both_networks();
    BOOST_TEST(contains(results.conditions(), "epochs 3, 2 seeds"), results.conditions());
    ResultRecord record = results.record();
    for (Curve& each : record.curves)
        if (each.method == "two-conv-average-repeat-2")
            for (auto values : {&Curve::epoch, &Curve::test_mcr}) (each.*values).pop_back();
    results = EcpResults(record, results.options());
    BOOST_TEST(contains(results.conditions(), "epochs 2 of 3, 2 seeds"), results.conditions());
}

// Lines are means over the repeats, each figure's of its own network and family.
BOOST_AUTO_TEST_CASE(figures_of_several_repeats) {
    std::map<std::string, std::map<std::string, PlotSeries>> lines;
    const EcpResults results = both_networks();
    for (const EcpFigure& figure : ecp_figures(results))
        for (const PlotSeries& each : figure.plot.series) lines[figure.name][each.title] = each;
    const auto check = [&](const std::string& figure, const std::string& title, double mcr) {
        BOOST_TEST_CONTEXT(figure << ": " << title) {
            const PlotSeries& line = lines.at(figure).at(title);
            const double first[] = {mcr + 2, mcr, mcr + 1}, second[] = {mcr + 3, mcr + 2, mcr + 0.5};
            BOOST_TEST_REQUIRE(line.y.size() == 3u);
            for (std::size_t i = 0; i < 3; ++i) {
                const Mean mean = mean_of({100 - first[i], 100 - second[i]});
                BOOST_TEST(line.y[i] == mean.mean, boost::test_tools::tolerance(1e-12));
                BOOST_TEST(line.low[i] == mean.mean - mean.interval, boost::test_tools::tolerance(1e-9));
                BOOST_TEST(line.high[i] == mean.mean + mean.interval, boost::test_tools::tolerance(1e-9));
            }
        }
    };
    check("figure_5", "Random k=0", 2.3);
    check("figure_6", "ECP k=0", 1.3);
    check("figure_6", "ECP k=1", 1.9);
    check("figure_8", "Random k=0", 2.3);
    check("figure_8", "Average pooling", 1.7);
    check("figure_9", "ECP k=0", 5.3);
    check("figure_9", "Max pooling", 3.1);
    check("figure_10", "ECP k=0", 1.3);
    check("figure_10", "Max pooling", 1.1);
    BOOST_TEST(!lines.contains("figure_7"));  // nothing was pooled at random
    BOOST_TEST(lines.at("figure_5").size() == 1u);
    BOOST_TEST(lines.at("figure_9").size() == 3u);
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
