#include "ecp/tables.hpp"

#include <spdlog/fmt/fmt.h>

#include <cmath>
#include <functional>
#include <limits>
#include <set>
#include <utility>

#include "common/markdown_table.hpp"
#include "common/records.hpp"
#include "ecp/published.hpp"

namespace fftconv {

namespace {

constexpr EcpNumbers nothing{not_measured, not_measured, not_measured, not_measured, not_measured,
                             not_measured, not_measured, not_measured, not_measured, not_measured,
                             not_measured, not_measured, not_measured, not_measured, not_measured,
                             not_measured, not_measured};

const EcpMethod max_pooling{PoolingMethod::max}, average_pooling{PoolingMethod::average};

/// A baseline and the methods compared with it, on one network.
struct Block {
    std::string network;
    EcpMethod baseline;
    std::vector<EcpMethod> methods;
};

double mean_or_none(const std::optional<Mean>& value) {
    return value ? value->mean : not_measured;
}

EcpNumbers measured(const EcpResults& results, const Block& block, const EcpMethod& method) {
    const std::string& network = block.network;
    const bool easy = method.pooling == PoolingMethod::ecp;
    const Mean best = results.best_accuracy(network, method), last = results.last_accuracy(network, method);
    EcpNumbers numbers = nothing;
    numbers.first_epoch_98 = mean_or_none(results.first_epoch(network, method, 98));
    numbers.first_epoch_common =
        mean_or_none(results.first_epoch(network, method, results.common_accuracy()));
    numbers.training_ms = 1000 * results.seconds(network, method, &Curve::train_seconds);
    numbers.training_speed_up = results.speed_up(network, method, block.baseline, &Curve::train_seconds);
    numbers.testing_ms = 1000 * results.seconds(network, method, &Curve::test_seconds);
    numbers.testing_speed_up = results.speed_up(network, method, block.baseline, &Curve::test_seconds);
    numbers.fft_convolution_ms = 1000 * results.convolution_seconds(network, "fft", easy);
    numbers.fft_convolution_speed_up = easy ? results.convolution_speed_up(network, "fft") : 1;
    numbers.direct_convolution_ms = 1000 * results.convolution_seconds(network, "direct", easy);
    numbers.direct_convolution_speed_up = easy ? results.convolution_speed_up(network, "direct") : 1;
    numbers.best_accuracy = best.mean;
    numbers.accuracy_deviation = best.deviation;
    numbers.accuracy_interval = best.interval;
    numbers.last_accuracy = last.mean;
    numbers.last_interval = last.interval;
    const Mean difference = results.accuracy_difference(network, method, block.baseline);
    numbers.accuracy_difference = difference.mean;
    numbers.difference_interval = difference.interval;
    return numbers;
}

EcpNumbers published(const Block& block, const EcpMethod& method) {
    const auto row = paper::easy_conv_pooling(block.network, method.name());
    const auto base = paper::easy_conv_pooling(block.network, block.baseline.name());
    if (!row || !base) return nothing;
    EcpNumbers numbers = nothing;
    numbers.first_epoch_98 = row->first_epoch_98;
    numbers.training_ms = row->training_ms;
    numbers.training_speed_up = base->training_ms / row->training_ms;
    numbers.testing_ms = row->testing_ms;
    numbers.testing_speed_up = base->testing_ms / row->testing_ms;
    numbers.best_accuracy = row->best_accuracy;
    numbers.accuracy_difference = row->best_accuracy - base->best_accuracy;
    if (block.network == "two-conv") {
        const bool easy = method.pooling == PoolingMethod::ecp;
        numbers.direct_convolution_ms = easy ? paper::easy_convolution_ms : paper::full_convolution_ms;
        numbers.direct_convolution_speed_up = paper::full_convolution_ms / numbers.direct_convolution_ms;
    }
    return numbers;
}

std::string row_title(const std::string& network, const EcpMethod& method) {
    return network + ", " + method.title();
}

void add_rows(EcpTable& table, const EcpResults& results, const Block& block) {
    if (results.curves(block.network, block.baseline).empty() || block.methods.empty()) return;
    const auto add = [&](const EcpMethod& method) {
        table.rows.push_back({row_title(block.network, method), block.baseline.title(),
                              method.title() == block.baseline.title(), measured(results, block, method),
                              published(block, method)});
    };
    add(block.baseline);
    for (const EcpMethod& method : block.methods) add(method);
}

std::vector<EcpMethod> chosen(const EcpResults& results, const std::string& network,
                              const std::function<bool(const EcpMethod&)>& wanted) {
    std::vector<EcpMethod> methods;
    for (const EcpMethod& method : results.methods(network)) {
        if (method.has_mode() && wanted(method)) methods.push_back(method);
    }
    return methods;
}

/// The first listed mode of each family stands for it where the paper shows one K (it shows k=0).
std::vector<EcpMethod> representatives(const EcpResults& results, const std::string& network, bool random) {
    std::vector<EcpMethod> methods;
    for (PoolingMethod pooling : {PoolingMethod::random, PoolingMethod::ecp}) {
        if (pooling == PoolingMethod::random && !random) continue;
        const auto family =
            chosen(results, network, [&](const EcpMethod& m) { return m.pooling == pooling; });
        if (!family.empty()) methods.push_back(family.front());
    }
    return methods;
}

std::string with_ratio(double value, double ratio, bool is_baseline) {
    if (std::isnan(value)) return "";
    return is_baseline || std::isnan(ratio) ? fmt::format("{:.1f}", value)
                                            : fmt::format("{:.1f} ({:.2f}x)", value, ratio);
}

std::string epoch_text(double epoch, bool expected) {
    if (std::isnan(epoch)) return expected ? "not reached" : "";
    return fmt::format("{:.4g}", epoch);
}

std::string accuracy_text(const EcpNumbers& numbers, bool is_baseline) {
    const std::string text = with_interval(numbers.best_accuracy, numbers.accuracy_interval);
    if (text.empty()) return text;
    if (is_baseline || std::isnan(numbers.accuracy_difference)) return text;
    return text + fmt::format(" ({:+.2f})", numbers.accuracy_difference);
}

std::vector<std::string> cells(const EcpTable& table, const EcpRow& row, bool ours) {
    const EcpNumbers& n = ours ? row.ours : row.paper;
    std::vector<std::string> result{ours ? row.method : "", ours ? "ours" : "paper",
                                    epoch_text(n.first_epoch_98, ours)};
    if (table.common_accuracy < 98) result.push_back(epoch_text(n.first_epoch_common, ours));
    result.push_back(with_ratio(n.training_ms, n.training_speed_up, row.is_baseline));
    result.push_back(with_ratio(n.testing_ms, n.testing_speed_up, row.is_baseline));
    if (table.pure_convolution) {
        result.push_back(with_ratio(n.fft_convolution_ms, n.fft_convolution_speed_up, row.is_baseline));
        result.push_back(with_ratio(n.direct_convolution_ms, n.direct_convolution_speed_up, row.is_baseline));
    }
    result.push_back(accuracy_text(n, row.is_baseline));
    result.push_back(with_interval(n.last_accuracy, n.last_interval));
    return result;
}

const RowFormat<EcpRow> row_format{{{"method", &EcpRow::method}, {"baseline", &EcpRow::baseline}}, {}};
const RowFormat<EcpNumbers> number_format{
    {},
    {{"first_epoch_98", "epoch", &EcpNumbers::first_epoch_98},
     {"first_epoch_common", "epoch", &EcpNumbers::first_epoch_common},
     {"training_time", "ms", &EcpNumbers::training_ms},
     {"training_speed_up", "1", &EcpNumbers::training_speed_up},
     {"testing_time", "ms", &EcpNumbers::testing_ms},
     {"testing_speed_up", "1", &EcpNumbers::testing_speed_up},
     {"fft_convolution_time", "ms", &EcpNumbers::fft_convolution_ms},
     {"fft_convolution_speed_up", "1", &EcpNumbers::fft_convolution_speed_up},
     {"direct_convolution_time", "ms", &EcpNumbers::direct_convolution_ms},
     {"direct_convolution_speed_up", "1", &EcpNumbers::direct_convolution_speed_up},
     {"best_accuracy", "percent", &EcpNumbers::best_accuracy},
     {"best_accuracy_deviation", "percent", &EcpNumbers::accuracy_deviation},
     {"best_accuracy_interval", "percent", &EcpNumbers::accuracy_interval},
     {"last_accuracy", "percent", &EcpNumbers::last_accuracy},
     {"last_accuracy_interval", "percent", &EcpNumbers::last_interval},
     {"accuracy_difference", "percent", &EcpNumbers::accuracy_difference},
     {"accuracy_difference_interval", "percent", &EcpNumbers::difference_interval}}};

/// The columns of ours, or of the paper's.
void add_columns(const std::vector<EcpRow>& rows, EcpNumbers EcpRow::*numbers, const std::string& prefix,
                 Table& table) {
    std::vector<EcpNumbers> values;
    for (const EcpRow& row : rows) values.push_back(row.*numbers);
    Table part = number_format.table("", "", values);
    for (Column& column : part.columns) {
        column.name = prefix + column.name;
        table.columns.push_back(std::move(column));
    }
}

void keep(std::vector<EcpTable>& tables, EcpTable table, const EcpResults& results) {
    if (table.rows.empty()) return;
    table.title += " (ours: " + results.conditions() + ")";
    table.common_accuracy = results.common_accuracy();
    tables.push_back(std::move(table));
}

EcpTable table_3(const EcpResults& results) {
    EcpTable table{"table_3", "Table 3: time of ECP against Max and Average pooling", true, 98, {}};
    for (const EcpMethod& baseline : {max_pooling, average_pooling}) {
        add_rows(table, results, {"two-conv", baseline, representatives(results, "two-conv", true)});
    }
    return table;
}

EcpTable table_4(const EcpResults& results) {
    EcpTable table{"table_4", "", false, 98, {}};
    table.title = "Table 4: Random pooling and ECP under mode K against Max and Average pooling";
    const auto all = chosen(results, "two-conv", [](const EcpMethod&) { return true; });
    if (all.size() == representatives(results, "two-conv", true).size()) return table;  // Table 3 has it all
    for (const EcpMethod& baseline : {max_pooling, average_pooling}) {
        add_rows(table, results, {"two-conv", baseline, all});
    }
    return table;
}

/// Tables 5 and 6: one baseline, both networks.
EcpTable by_layers(const EcpResults& results, const std::string& name, const std::string& title,
                   const EcpMethod& baseline) {
    EcpTable table{name, title, false, 98, {}};
    if (results.methods("one-conv").empty()) return table;  // Table 3 has it all
    for (const std::string network : {"one-conv", "two-conv"}) {
        add_rows(table, results, {network, baseline, representatives(results, network, false)});
    }
    return table;
}

/// The rows of no table: methods whose network has neither baseline, and each K but the first where the paper
/// shows one.
EcpTable others(const EcpResults& results, const std::vector<EcpTable>& tables) {
    EcpTable table{"others", "Other trainings", false, 98, {}};
    std::set<std::string> shown;
    for (const EcpTable& each : tables)
        for (const EcpRow& row : each.rows) shown.insert(row.method);
    for (const std::string network : {"one-conv", "two-conv"})
        for (const EcpMethod& method : results.methods(network)) {
            const Block alone{network, method, {}};
            const EcpRow row{row_title(network, method), method.title(), true,
                             measured(results, alone, method), published(alone, method)};
            if (!shown.contains(row.method)) table.rows.push_back(row);
        }
    return table;
}

}  // namespace

std::string EcpTable::text() const {
    std::vector<std::string> header{"method", "source", "epoch of 98 %"};
    if (common_accuracy < 98) header.push_back(fmt::format("epoch of {:g} %", common_accuracy));
    header.insert(header.end(), {"training, ms per epoch", "testing, ms"});
    if (pure_convolution) header.insert(header.end(), {"FFT convolution, ms", "direct convolution, ms"});
    header.insert(header.end(), {"best accuracy, %", "last ten epochs, %"});
    MarkdownTable table(header);
    for (const EcpRow& row : rows) {
        table.add(cells(*this, row, true));
        if (!std::isnan(row.paper.training_ms)) table.add(cells(*this, row, false));
    }
    return title + "\n\n" + table.text();
}

Table EcpTable::stored() const {
    Table table = row_format.table(name, title, rows);
    add_columns(rows, &EcpRow::ours, "", table);
    add_columns(rows, &EcpRow::paper, "paper_", table);
    return table;
}

std::vector<EcpTable> ecp_tables(const EcpResults& results) {
    std::vector<EcpTable> tables;
    keep(tables, table_3(results), results);
    keep(tables, table_4(results), results);
    keep(tables,
         by_layers(results, "table_5", "Table 5: ECP against Max pooling, one and two convolution layers",
                   max_pooling),
         results);
    keep(tables,
         by_layers(results, "table_6", "Table 6: ECP against Average pooling, one and two convolution layers",
                   average_pooling),
         results);
    keep(tables, others(results, tables), results);
    return tables;
}

std::string apart_text(const std::vector<EcpTable>& tables) {
    std::set<std::string> apart;
    for (const EcpTable& table : tables)
        for (const EcpRow& row : table.rows)
            if (!row.is_baseline && !std::isnan(row.ours.training_ms) &&
                std::isnan(row.ours.training_speed_up))
                apart.insert(row.method + " and " + row.baseline);
    if (apart.empty()) return "";
    return fmt::format("Not trained in turns, so that their times are not divided: {}.\n",
                       fmt::join(apart, "; "));
}

std::string random_mode_text(const EcpResults& results) {
    MarkdownTable table(
        {"network drawn at random", "test k=0, %", "k=1", "k=2", "k=3", "their mean", "of the mean output"});
    bool any = false;
    for (const std::string network : {"one-conv", "two-conv"}) {
        for (const EcpMethod& method : results.methods(network)) {
            if (!method.random_mode()) continue;
            std::vector<std::string> row{network + ", " + method.title()};
            for (const Mean& mean : results.accuracy_by_mode(network, method)) row.push_back(mean.text());
            table.add(row);
            any = true;
        }
    }
    return any ? "Random-K networks under each K at test time, after the last epoch\n\n" + table.text() : "";
}

}  // namespace fftconv
