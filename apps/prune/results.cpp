#include "prune/results.hpp"

#include <algorithm>
#include <string>

#include "common/records.hpp"
#include "fftconv/core/error.hpp"

namespace fftconv {

namespace {

const RowFormat<PruningResult> point_format{
    {{"point", &PruningResult::name},
     {"criterion", &PruningResult::criterion},
     {"granularity", &PruningResult::granularity},
     {"compact_architecture", &PruningResult::architecture}},
    {{"repeat", "1", &PruningResult::repeat},
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
     {"compact_time", "ms", &PruningResult::compact_ms}}};

const RowFormat<PruningLayerResult> layer_format{
    {{"point", &PruningLayerResult::point}, {"layer", &PruningLayerResult::layer}},
    {{"maps", "1", &PruningLayerResult::maps},
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
     {"compact_time", "ms", &PruningLayerResult::compact_ms}}};

const RowFormat<BudgetRow> budget_format{{{"point", &BudgetRow::name},
                                          {"criterion", &BudgetRow::criterion},
                                          {"granularity", &BudgetRow::granularity}},
                                         {{"repeat", "1", &BudgetRow::repeat},
                                          {"requested_ratio", "percent", &BudgetRow::requested},
                                          {"pruned_kernels", "percent", &BudgetRow::pruned_kernels},
                                          {"pruned_weights", "percent", &BudgetRow::pruned_weights},
                                          {"validation_mcr", "percent", &BudgetRow::validation_mcr},
                                          {"test_mcr", "percent", &BudgetRow::test_mcr}}};

std::string best_of_column(int candidates) {
    return "best_of_" + std::to_string(candidates);
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
    Table of_points = point_format.table("points", "Pruned networks", points);
    for (std::size_t n = 0; n < candidate_counts.size(); ++n) {
        std::vector<double> values;
        for (const PruningResult& point : points) values.push_back(point.best_of[n]);
        of_points.columns.push_back({best_of_column(candidate_counts[n]), "percent", std::move(values)});
    }
    std::vector<Table> result{std::move(of_points)};
    if (!layers.empty())
        result.push_back(layer_format.table("layers", "Layers of the pruned networks", layers));
    const std::vector<BudgetRow> within = budget_rows(*this, options);
    if (!within.empty())
        result.push_back(budget_format.table("budget", "Largest ratios within the budget", within));
    return result;
}

PruningResults PruningResults::from(const ResultRecord& record, const std::string& file) {
    PruningResults results;
    results.points = point_format.rows(record, file, "points");
    for (std::size_t n = 0; n < candidate_counts.size(); ++n) {
        const auto& values = record.column<double>(file, "points", best_of_column(candidate_counts[n]));
        for (std::size_t i = 0; i < values.size(); ++i) results.points[i].best_of[n] = values[i];
    }
    if (find_table(record.tables, "layers")) results.layers = layer_format.rows(record, file, "layers");
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
