#include "results/compare.hpp"

#include <spdlog/fmt/fmt.h>

#include <algorithm>
#include <cmath>
#include <map>

#include "common/markdown_table.hpp"
#include "fftconv/core/error.hpp"
#include "fftconv/storage/checkpoint.hpp"
#include "fftconv/storage/results.hpp"

namespace fftconv {

namespace {

/// Percent, by what they are of: "points: l2-kernel-0.5: test_mcr".
struct Summary {
    struct Rate {
        std::string name;
        double value;
        double half = NAN;  ///< of its 95 % interval over trainings, where the file has one
    };
    std::vector<Rate> values;
    DatasetRecord dataset;

    const Rate* find(const std::string& name) const {
        const auto found = std::ranges::find(values, name, &Rate::name);
        return found == values.end() ? nullptr : &*found;
    }
    /// Images that a value was counted on.
    double images(const std::string& name) const {
        const bool validation = name.find("validation") != std::string::npos;
        return double(validation ? dataset.n_validation : dataset.n_test);
    }
};

bool is_rate(const Column& column) {
    const auto ends = [&](const char* end) { return column.name.ends_with(end); };
    return column.unit == "percent" && !column.name.starts_with("paper_") &&
           (ends("mcr") || ends("mcr_before") || ends("accuracy"));
}

/// Of a column's mean over trainings, in this row.
double interval_of(const Table& table, const Column& column, std::size_t row) {
    for (const Column& other : table.columns)
        if (const auto* values = std::get_if<std::vector<double>>(&other.values);
            values && other.name == column.name + "_interval")
            return (*values)[row];
    return NAN;
}

void add_table(Summary& summary, const Table& table) {
    if (table.columns.empty()) return;
    const auto* names = std::get_if<std::vector<std::string>>(&table.columns.front().values);
    if (!names) return;
    for (std::size_t row = 0; row < names->size(); ++row) {
        if (std::ranges::count(*names, (*names)[row]) > 1) continue;  // nothing says which is which
        for (const Column& column : table.columns)
            if (const auto* values = std::get_if<std::vector<double>>(&column.values);
                values && is_rate(column))
                summary.values.push_back({fmt::format("{}: {}: {}", table.name, (*names)[row], column.name),
                                          (*values)[row], interval_of(table, column, row)});
    }
}

void add_curve(Summary& summary, const Curve& curve) {
    for (const auto& [name, values] :
         {std::pair{"validation_mcr", &curve.validation_mcr}, std::pair{"test_mcr", &curve.test_mcr}})
        if (!values->empty())
            summary.values.push_back({fmt::format("{}: last epoch: {}", curve.method, name), values->back()});
}

Summary summary_of(const std::string& file) {
    Summary summary;
    if (read_file_header(file).kind == "checkpoint") {
        const Checkpoint checkpoint = read_checkpoint(file);
        summary.dataset = checkpoint.dataset;
        const auto test = checkpoint.state.values.find("test_mcr");
        if (test != checkpoint.state.values.end()) {
            if (!(test->second >= 0 && test->second <= 100))
                throw FileError(file, "/state @test_mcr", "0 to 100", fmt::format("{}", test->second));
            summary.values.push_back({"network: test_mcr", test->second});
        }
        for (const Curve& curve : checkpoint.curves) add_curve(summary, curve);
        return summary;
    }
    const ResultRecord record = read_results(file);
    summary.dataset = record.dataset;
    for (const Table& table : record.tables) add_table(summary, table);
    for (const Curve& curve : record.curves) add_curve(summary, curve);
    return summary;
}

/// Half of the 95 % interval of a rate: the file's over its trainings, or that of a share of so many images.
double half_interval(const Summary::Rate& rate, double images) {
    if (std::isfinite(rate.half)) return rate.half;
    const double share = rate.value / 100;
    return images > 0 ? 100 * 1.96 * std::sqrt(share * (1 - share) / images) : NAN;
}

std::string difference_text(const Summary& first, const Summary& other, const std::string& name) {
    const Summary::Rate *a = first.find(name), *b = other.find(name);
    if (!b || std::isnan(a->value) || std::isnan(b->value)) return "";
    const double half =
        std::hypot(half_interval(*a, first.images(name)), half_interval(*b, other.images(name)));
    return std::isnan(half) ? fmt::format("{:+.2f}", b->value - a->value)
                            : fmt::format("{:+.2f} ± {:.2f}", b->value - a->value, half);
}

void require_same_data(const Summary& first, const Summary& other, const std::string& file) {
    if (first.dataset.sha256 != other.dataset.sha256)
        throw FileError(file, "/dataset/sha256", first.dataset.sha256 + " (" + first.dataset.name + ")",
                        other.dataset.sha256 + " (" + other.dataset.name + ")");
}

}  // namespace

std::string comparison_text(const std::vector<std::string>& files) {
    if (files.size() < 2) throw UsageError("compare: expected at least two files, found one");
    std::vector<Summary> all;
    std::vector<std::string> header{"percent", files.front()};
    for (const std::string& file : files) {
        all.push_back(summary_of(file));
        require_same_data(all.front(), all.back(), file);
        if (all.size() > 1) header.push_back(file + ", difference");
    }
    MarkdownTable table(header);
    int rows = 0;
    for (const Summary::Rate& rate : all.front().values) {
        const std::string& name = rate.name;
        std::vector<std::string> row{name, fmt::format("{:.2f}", rate.value)};
        bool any = false;
        for (std::size_t i = 1; i < all.size(); ++i) {
            row.push_back(difference_text(all.front(), all[i], name));
            any = any || !row.back().empty();
        }
        if (!any) continue;
        table.add(row);
        ++rows;
    }
    if (rows == 0) throw Error("compare: the files have no row in common");
    return table.text() +
           "\nIntervals: 95 %, as if each rate were counted on images of its own; of means, those over "
           "trainings.\n";
}

}  // namespace fftconv
