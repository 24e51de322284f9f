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
    std::vector<std::pair<std::string, double>> values;
    DatasetRecord dataset;

    const double* find(const std::string& name) const {
        for (const auto& [known, value] : values)
            if (known == name) return &value;
        return nullptr;
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

void add_table(Summary& summary, const Table& table) {
    if (table.columns.empty()) return;
    const auto* names = std::get_if<std::vector<std::string>>(&table.columns.front().values);
    if (!names) return;
    for (std::size_t row = 0; row < names->size(); ++row) {
        if (std::ranges::count(*names, (*names)[row]) > 1) continue;  // nothing says which is which
        for (const Column& column : table.columns)
            if (const auto* values = std::get_if<std::vector<double>>(&column.values);
                values && is_rate(column))
                summary.values.emplace_back(fmt::format("{}: {}: {}", table.name, (*names)[row], column.name),
                                            (*values)[row]);
    }
}

void add_curve(Summary& summary, const Curve& curve) {
    for (const auto& [name, values] :
         {std::pair{"validation_mcr", &curve.validation_mcr}, std::pair{"test_mcr", &curve.test_mcr}})
        if (!values->empty())
            summary.values.emplace_back(fmt::format("{}: last epoch: {}", curve.method, name),
                                        values->back());
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
            summary.values.emplace_back("network: test_mcr", test->second);
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

/// Half of the 95 % interval of the difference of two rates in percent.
double half_interval(double a, double images_of_a, double b, double images_of_b) {
    const auto variance = [](double percent, double images) {
        return images > 0 ? percent / 100 * (1 - percent / 100) / images : NAN;
    };
    return 100 * 1.96 * std::sqrt(variance(a, images_of_a) + variance(b, images_of_b));
}

std::string difference_text(const Summary& first, const Summary& other, const std::string& name) {
    const double *a = first.find(name), *b = other.find(name);
    if (!b || std::isnan(*a) || std::isnan(*b)) return "";
    const double half = half_interval(*a, first.images(name), *b, other.images(name));
    return std::isnan(half) ? fmt::format("{:+.2f}", *b - *a)
                            : fmt::format("{:+.2f} ± {:.2f}", *b - *a, half);
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
    for (const auto& [name, value] : all.front().values) {
        std::vector<std::string> row{name, fmt::format("{:.2f}", value)};
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
    return table.text() + "\nIntervals: 95 %, as if each rate were counted on images of its own.\n";
}

}  // namespace fftconv
