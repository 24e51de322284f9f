#include "prune/results.hpp"

#include <algorithm>
#include <string>

#include "fftconv/core/error.hpp"

namespace fftconv {

namespace {

template <class Row>
struct Label {
    const char* name;
    std::string Row::*member;
};

template <class Row>
struct Number {
    const char *name, *unit;
    double Row::*member;
};

const Label<PruningResult> point_labels[] = {{"point", &PruningResult::name},
                                             {"criterion", &PruningResult::criterion},
                                             {"granularity", &PruningResult::granularity},
                                             {"compact_architecture", &PruningResult::architecture}};
const Number<PruningResult> point_numbers[] = {
    {"repeat", "1", &PruningResult::repeat},
    {"requested_ratio", "percent", &PruningResult::requested},
    {"pruned_maps", "percent", &PruningResult::pruned_maps},
    {"pruned_kernels", "percent", &PruningResult::pruned_kernels},
    {"pruned_weights", "percent", &PruningResult::pruned_weights},
    {"validation_mcr_before", "percent", &PruningResult::validation_before},
    {"test_mcr_before", "percent", &PruningResult::test_before},
    {"validation_mcr", "percent", &PruningResult::validation_mcr},
    {"test_mcr", "percent", &PruningResult::test_mcr},
    {"parameters", "1", &PruningResult::parameters},
    {"direct_macs", "1", &PruningResult::direct_macs},
    {"spectral_macs", "1", &PruningResult::spectral_macs},
    {"dense_time", "ms", &PruningResult::dense_ms},
    {"masked_time", "ms", &PruningResult::masked_ms},
    {"compact_time", "ms", &PruningResult::compact_ms}};

const Label<PruningLayerResult> layer_labels[] = {{"point", &PruningLayerResult::point},
                                                  {"layer", &PruningLayerResult::layer}};
const Number<PruningLayerResult> layer_numbers[] = {
    {"maps", "1", &PruningLayerResult::maps},
    {"kept_maps", "1", &PruningLayerResult::kept_maps},
    {"kernels", "1", &PruningLayerResult::kernels},
    {"kept_kernels", "1", &PruningLayerResult::kept_kernels},
    {"requested_ratio", "percent", &PruningLayerResult::requested},
    {"pruned_kernels", "percent", &PruningLayerResult::pruned_kernels},
    {"pruned_weights", "percent", &PruningLayerResult::pruned_weights},
    {"parameters", "1", &PruningLayerResult::parameters},
    {"direct_macs", "1", &PruningLayerResult::direct_macs},
    {"spectral_macs", "1", &PruningLayerResult::spectral_macs},
    {"dense_time", "ms", &PruningLayerResult::dense_ms},
    {"masked_time", "ms", &PruningLayerResult::masked_ms},
    {"compact_time", "ms", &PruningLayerResult::compact_ms}};

const Label<BudgetRow> budget_labels[] = {{"point", &BudgetRow::name},
                                          {"criterion", &BudgetRow::criterion},
                                          {"granularity", &BudgetRow::granularity}};
const Number<BudgetRow> budget_numbers[] = {{"repeat", "1", &BudgetRow::repeat},
                                            {"requested_ratio", "percent", &BudgetRow::requested},
                                            {"pruned_kernels", "percent", &BudgetRow::pruned_kernels},
                                            {"pruned_weights", "percent", &BudgetRow::pruned_weights},
                                            {"validation_mcr", "percent", &BudgetRow::validation_mcr},
                                            {"test_mcr", "percent", &BudgetRow::test_mcr}};

std::string best_of_column(int candidates) {
    return "best_of_" + std::to_string(candidates);
}

template <class Row, class Labels, class Numbers>
Table table_of(const std::string& name, const std::string& title, const std::vector<Row>& rows,
               const Labels& labels, const Numbers& numbers) {
    Table table{name, title, {}};
    for (const auto& label : labels) {
        std::vector<std::string> values;
        for (const Row& row : rows) values.push_back(row.*label.member);
        table.columns.push_back({label.name, "", std::move(values)});
    }
    for (const auto& number : numbers) {
        std::vector<double> values;
        for (const Row& row : rows) values.push_back(row.*number.member);
        table.columns.push_back({number.name, number.unit, std::move(values)});
    }
    return table;
}

template <class Row, class Labels, class Numbers>
std::vector<Row> rows_of(const ResultRecord& record, const std::string& file, const std::string& table,
                         const Labels& labels, const Numbers& numbers) {
    std::vector<Row> rows(record.column<std::string>(file, table, labels[0].name).size());
    for (const auto& label : labels) {
        const auto& values = record.column<std::string>(file, table, label.name);
        for (std::size_t i = 0; i < rows.size(); ++i) rows[i].*label.member = values[i];
    }
    for (const auto& number : numbers) {
        const auto& values = record.column<double>(file, table, number.name);
        for (std::size_t i = 0; i < rows.size(); ++i) rows[i].*number.member = values[i];
    }
    return rows;
}

BudgetRow budget_row(const PruningResult& point) {
    return {point.name,           point.criterion,      point.granularity,    point.repeat,  point.requested,
            point.pruned_kernels, point.pruned_weights, point.validation_mcr, point.test_mcr};
}

}  // namespace

const PruningResult* PruningResults::find(const std::string& name) const {
    for (const PruningResult& point : points)
        if (point.name == name) return &point;
    return nullptr;
}

std::vector<Table> PruningResults::tables(const PruneOptions& options) const {
    Table of_points = table_of("points", "Pruned networks", points, point_labels, point_numbers);
    for (std::size_t n = 0; n < candidate_counts.size(); ++n) {
        std::vector<double> values;
        for (const PruningResult& point : points) values.push_back(point.best_of[n]);
        of_points.columns.push_back({best_of_column(candidate_counts[n]), "percent", std::move(values)});
    }
    std::vector<Table> result{std::move(of_points)};
    if (!layers.empty())
        result.push_back(
            table_of("layers", "Layers of the pruned networks", layers, layer_labels, layer_numbers));
    const std::vector<BudgetRow> within = budget_rows(*this, options);
    if (!within.empty())
        result.push_back(
            table_of("budget", "Largest ratios within the budget", within, budget_labels, budget_numbers));
    return result;
}

PruningResults PruningResults::from(const ResultRecord& record, const std::string& file) {
    PruningResults results;
    results.points = rows_of<PruningResult>(record, file, "points", point_labels, point_numbers);
    for (std::size_t n = 0; n < candidate_counts.size(); ++n) {
        const auto& values = record.column<double>(file, "points", best_of_column(candidate_counts[n]));
        for (std::size_t i = 0; i < values.size(); ++i) results.points[i].best_of[n] = values[i];
    }
    const auto has_layers = std::any_of(record.tables.begin(), record.tables.end(),
                                        [](const Table& t) { return t.name == "layers"; });
    if (has_layers)
        results.layers = rows_of<PruningLayerResult>(record, file, "layers", layer_labels, layer_numbers);
    return results;
}

std::vector<BudgetRow> budget_rows(const PruningResults& results, const PruneOptions& options) {
    std::vector<BudgetRow> rows;
    const PruningResult* baseline = results.baseline();
    if (!options.has_budget() || !baseline) return rows;
    for (const std::string& criterion : options.criteria)
        for (int repeat = 0; repeat < options.repeat; ++repeat)
            for (const PruningPoint& start : options.starts(criterion, repeat)) {
                const PruningResult* largest = nullptr;
                for (double ratio : options.last_ratios()) {
                    const PruningResult* point = results.find(options.with_ratio(start, ratio).name());
                    if (point && point->validation_mcr <= baseline->validation_mcr + options.budget)
                        largest = point;
                }
                if (largest) rows.push_back(budget_row(*largest));
            }
    return rows;
}

}  // namespace fftconv
