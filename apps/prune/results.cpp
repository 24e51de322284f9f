#include "prune/results.hpp"

#include <spdlog/fmt/fmt.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <iterator>
#include <map>
#include <set>
#include <string>

#include "common/records.hpp"
#include "fftconv/core/error.hpp"

namespace fftconv {

namespace {

const RowFormat<PruningResult> point_format{
    {{"point", &PruningResult::name},
     {"criterion", &PruningResult::criterion},
     {"granularity", &PruningResult::granularity},
     {"compact_architecture", &PruningResult::architecture},
     {"timed_on", &PruningResult::timed_on, true}},
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
     {"kept_maps", "1", &PruningLayerResult::surviving_maps},
     {"kernels", "1", &PruningLayerResult::kernels},
     {"kept_kernels", "1", &PruningLayerResult::surviving_kernels},
     {"requested_ratio", "percent", &PruningLayerResult::requested},
     {"pruned_kernels", "percent", &PruningLayerResult::pruned_kernels},
     {"pruned_weights", "percent", &PruningLayerResult::pruned_weights},
     {"parameters", "1", &PruningLayerResult::parameters},
     {"direct_macs", "1", &PruningLayerResult::direct_macs},
     {"spectral_macs", "1", &PruningLayerResult::spectral_macs},
     {"dense_time", "ms", &PruningLayerResult::dense_ms},
     {"masked_time", "ms", &PruningLayerResult::masked_ms},
     {"compact_time", "ms", &PruningLayerResult::compact_ms}}};

const RowFormat<PruningCandidate> candidate_format{
    {{"point", &PruningCandidate::point}, {"seed", &PruningCandidate::seed}},
    {{"candidate", "1", &PruningCandidate::candidate},
     {"validation_mcr", "percent", &PruningCandidate::validation_mcr}}};

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

/// Where the ratio of the last step's units begins in a point's name without its repeat, or npos.
std::size_t last_ratio(const PruningResult& point) {
    const std::string unit = '-' + point.granularity.substr(point.granularity.rfind('+') + 1) + '-';
    const std::size_t place = point.name_without_repeat().rfind(unit);
    return place == std::string::npos ? place : place + unit.size();
}

/// Whether a point's name ends with the ratio that its row says, of the units of its last step.
bool names_its_ratio(const PruningResult& point) {
    const std::string name = point.name_without_repeat();
    if (name.find("-step-") != name.npos) return true;  // which names the whole ratio
    const std::size_t place = last_ratio(point);
    if (place == name.npos) return false;
    char* end = nullptr;
    const double ratio = std::strtod(name.c_str() + place, &end);
    return *end == '\0' && std::abs(100 * ratio - point.requested) < 1e-3;
}

/// Each point once, under a name that says what its row says, with numbers that a network can have.
void check_points(const std::vector<PruningResult>& points, const std::string& file) {
    const std::string field = "/summary/points/";
    std::set<std::string> names;
    for (const PruningResult& point : points) {
        if (!names.insert(point.name).second)
            throw FileError(file, field + "point", "each point once", point.name + " twice");
        if (!point.name.starts_with(point.is_baseline() ? "baseline" : point.criterion))
            throw FileError(file, field + "criterion of " + point.name, "the one that the name begins with",
                            point.criterion);
        if (!point.is_baseline() && !point.is_control() && !names_its_ratio(point))
            throw FileError(file, field + "granularity and requested_ratio of " + point.name,
                            "those that the name ends with",
                            fmt::format("{} and {:g} %", point.granularity, point.requested));
        for (const auto& number : point_format.numbers)
            if (number.unit == "percent" && !(point.*number.member >= 0 && point.*number.member <= 100))
                throw FileError(file, field + number.name + " of " + point.name, "0 to 100 %",
                                fmt::format("{:g}", point.*number.member));
    }
}

}  // namespace

void require_same_numbers(const PruningResult& known, const PruningResult& found, const std::string& file) {
    for (const auto& number : point_format.numbers)
        if (number.unit != "ms" && known.*number.member != found.*number.member)
            throw FileError(file, "/summary/points/" + number.name + " of " + found.name,
                            fmt::format("{} as in the files before", known.*number.member),
                            fmt::format("{}", found.*number.member));
}

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
    if (!candidates.empty())
        result.push_back(
            candidate_format.table("candidates", "Masks that the searches evaluated", candidates));
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
    check_points(results.points, file);
    if (find_table(record.tables, "layers")) results.layers = layer_format.rows(record, file, "layers");
    if (find_table(record.tables, "candidates"))
        results.candidates = candidate_format.rows(record, file, "candidates");
    for (const Curve& curve : record.curves)
        if (curve.method != "baseline" && results.find(curve.method)) results.curves.push_back(curve);
    return results;
}

std::string origin_digest(const ResultRecord& record, const std::string& file, const std::string& origin) {
    if (find_table(record.tables, origin) == nullptr) return "";
    const auto& digests = record.column<std::string>(file, origin, "sha256");
    if (digests.size() != 1)
        throw FileError(file, "/summary/" + origin + "/sha256", "one row", std::to_string(digests.size()));
    return digests.front();
}

void PruningResults::sort(const PruneOptions& options) {
    std::map<std::string, std::size_t> order{{"baseline", 0}};
    for (const PruningPoint& point : options.points()) {
        std::vector<std::string> names;
        for (PruningPoint head = point; !head.steps.empty(); head = head.before())
            names.push_back(head.name());
        for (auto name = names.rbegin(); name != names.rend(); ++name) order.emplace(*name, order.size());
    }
    const auto place = [&](const std::string& name) {
        const auto found = order.find(name);
        return found == order.end() ? order.size() : found->second;  // of an older, longer run
    };
    const auto sort = [&](auto& rows, auto name) {
        std::ranges::stable_sort(rows, {}, [&](const auto& row) { return place(row.*name); });
    };
    sort(points, &PruningResult::name);
    sort(layers, &PruningLayerResult::point);
    sort(candidates, &PruningCandidate::point);
    sort(curves, &Curve::method);
}

PruningResults PruningResults::of(const std::string& point) const {
    PruningResults found;
    const auto copy = [&](const auto& from, auto& to, auto name) {
        std::copy_if(from.begin(), from.end(), std::back_inserter(to),
                     [&](const auto& row) { return row.*name == point; });
    };
    copy(points, found.points, &PruningResult::name);
    copy(layers, found.layers, &PruningLayerResult::point);
    copy(candidates, found.candidates, &PruningCandidate::point);
    copy(curves, found.curves, &Curve::method);
    return found;
}

void PruningResults::replace(const PruningResults& found) {
    for (const PruningResult& point : found.points) {
        std::erase_if(points, [&](const PruningResult& each) { return each.name == point.name; });
        std::erase_if(layers, [&](const PruningLayerResult& each) { return each.point == point.name; });
        std::erase_if(candidates, [&](const PruningCandidate& each) { return each.point == point.name; });
        std::erase_if(curves, [&](const Curve& each) { return each.method == point.name; });
    }
    points.insert(points.end(), found.points.begin(), found.points.end());
    layers.insert(layers.end(), found.layers.begin(), found.layers.end());
    candidates.insert(candidates.end(), found.candidates.begin(), found.candidates.end());
    curves.insert(curves.end(), found.curves.begin(), found.curves.end());
}

std::optional<PruningPoint> next_of_bisection(const PruneOptions& options, const PruningPoint& start,
                                              double most, const PruningResults& known) {
    const std::vector<double> ratios = options.last_ratios();
    std::size_t within = 0, beyond = ratios.size();  // of the ratios before `within` the last is good
    while (within < beyond) {
        const std::size_t middle = (within + beyond) / 2;
        PruningPoint point = options.with_ratio(start, ratios[middle]);
        const PruningResult* result = known.find(point.name());
        if (result == nullptr) return point;
        if (result->validation_mcr <= most)
            within = middle + 1;
        else
            beyond = middle;
    }
    return std::nullopt;
}

std::vector<std::string> missing_points(const PruneOptions& options, const PruningResults& results) {
    if (results.baseline() == nullptr) return {"baseline"};
    std::vector<PruningPoint> wanted;
    if (options.has_budget()) {
        for (int repeat = 0; repeat < options.repeat; ++repeat)
            for (const PruningPoint& control : options.controls(repeat)) wanted.push_back(control);
        const double most = results.baseline()->validation_mcr + options.budget;
        for (const PruningPoint& start : options.all_starts())
            if (auto next = next_of_bisection(options, start, most, results)) wanted.push_back(*next);
    } else {
        wanted = options.points_of_part();
    }
    std::vector<std::string> missing;
    for (const PruningPoint& point : wanted)
        if (results.find(point.name()) == nullptr) missing.push_back(point.name());
    return missing;
}

std::vector<BudgetRow> budget_rows(const PruningResults& results, const PruneOptions& options) {
    const PruningResult* baseline = results.baseline();
    if (!options.has_budget() || !baseline) return {};
    const std::string granularity =
        fmt::format("{}", fmt::join(options.granularities, "+"));  // whole sequences
    // Of earlier calls too, whose criteria, ratios and repeats this one need not name.
    std::map<std::string, const PruningResult*>
        largest;  // by what the names have before the last ratio, and repeat
    std::vector<std::string> order;
    for (const PruningResult& point : results.points) {
        const std::string name = point.name_without_repeat();
        if (point.is_baseline() || point.is_control() || point.granularity != granularity ||
            name.find("-step-") != name.npos)
            continue;
        const std::string key = fmt::format("{} {}", name.substr(0, last_ratio(point)), point.repeat);
        if (!largest.contains(key)) order.push_back(key);
        const PruningResult*& found = largest[key];
        const bool within = point.validation_mcr <= baseline->validation_mcr + options.budget;
        if (within && (!found || point.requested > found->requested)) found = &point;
    }
    std::vector<BudgetRow> rows;
    for (const std::string& key : order)
        if (const PruningResult* point = largest[key]) rows.push_back(budget_row(*point));
    return rows;
}

}  // namespace fftconv
