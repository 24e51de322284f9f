#include "prune/tables.hpp"

#include <spdlog/fmt/fmt.h>

#include <algorithm>
#include <cmath>

#include "common/markdown_table.hpp"
#include "common/process.hpp"
#include "fftconv/core/error.hpp"
#include "prune/figures.hpp"
#include "prune/published.hpp"
#include "prune/run.hpp"

namespace fftconv {

namespace {

std::string number(double value, int digits = 2) {
    return std::isnan(value) ? "" : fmt::format("{:.{}f}", value, digits);
}

std::vector<std::string> row(const PooledPoint& point) {
    const auto of = [&](double PruningResult::*value, double scale, int digits) {
        return number(point.mean(value).mean / scale, digits);
    };
    const auto time = [&](double PruningResult::*value) -> std::string {
        if (point.timed_alike()) return of(value, 1, 4);
        if (value == &PruningResult::dense_ms || point.first().is_baseline()) return "";
        return number(point.share_of_dense(value).mean) + " of dense";
    };
    return {point.name,
            std::to_string(point.samples.size()),
            of(&PruningResult::pruned_kernels, 1, 1),
            of(&PruningResult::pruned_weights, 1, 1),
            point.mean(&PruningResult::test_before).text(),
            point.mean(&PruningResult::test_mcr).text(),
            point.first().is_baseline() ? "" : point.above_baseline().text(),
            point.mean(&PruningResult::validation_mcr).text(),
            of(&PruningResult::direct_macs, 1e6, 3),
            of(&PruningResult::spectral_macs, 1e6, 3),
            of(&PruningResult::parameters, 1e3, 1),
            time(&PruningResult::dense_ms),
            time(&PruningResult::masked_ms),
            time(&PruningResult::compact_ms)};
}

std::string points_text(const PooledRuns& group) {
    MarkdownTable table({"point", "runs", "kernels pruned, %", "weights pruned, %",
                         "MCR before retraining, %", "MCR after, %", "above the baseline",
                         "validation MCR, %", "direct MACs, million", "spectral MACs, million",
                         "parameters, thousand", "dense, ms", "masked, ms", "compact, ms"});
    for (const PooledPoint& point : group.points) table.add(row(point));
    return table.text();
}

/// The paper's Table 2: the layers of each sequence of steps, of its first run.
std::string layers_text(const PooledRuns& group) {
    std::string text;
    for (const PooledPoint& point : group.points) {
        if (point.first().granularity.find('+') == std::string::npos || point.first().is_control()) continue;
        MarkdownTable table({"layers of " + point.name, "maps", "surviving maps", "maps pruned, %", "kernels",
                             "surviving kernels", "kernels pruned, %"});
        for (const PruningLayerResult& layer : point.samples.front().run->results.layers)
            if (layer.point == point.first().name)
                table.add({layer.layer, number(layer.maps, 0), number(layer.surviving_maps, 0),
                           number(100 * (1 - layer.surviving_maps / layer.maps), 1), number(layer.kernels, 0),
                           number(layer.surviving_kernels, 0), number(layer.pruned_kernels, 1)});
        text += "\n" + table.text();
    }
    return text;
}

std::string candidates_text(const PooledRuns& group) {
    std::vector<std::string> header{"validation MCR of the best of N, %"};
    for (int n : candidate_counts) header.push_back(fmt::format("N = {}", n));
    MarkdownTable table(header);
    bool any = false;
    for (const PooledPoint& point : group.points) {
        if (point.best_of(0).count == 0) continue;
        std::vector<std::string> cells{point.name};
        for (std::size_t n = 0; n < candidate_counts.size(); ++n) cells.push_back(point.best_of(n).text());
        table.add(cells);
        any = true;
    }
    return any ? "\n" + table.text() : "";
}

std::string budget_text(const PruningRecord& run) {
    const std::vector<BudgetRow> rows = budget_rows(run.results, run.options);
    const PruneOptions& options = run.options;
    if (!options.has_budget()) return "";
    if (rows.empty())
        return fmt::format("\nNo ratio stays within +{:g} % of the baseline.\n", options.budget);
    MarkdownTable table({fmt::format("largest ratio within +{:g} % (validation)", options.budget),
                         "requested, %", "kernels pruned, %", "weights pruned, %", "validation MCR, %",
                         "test MCR, %"});
    for (const BudgetRow& each : rows)
        table.add({each.name, number(each.requested, 1), number(each.pruned_kernels, 1),
                   number(each.pruned_weights, 1), number(each.validation_mcr), number(each.test_mcr)});
    return "\n" + table.text();
}

std::string paper_text(const PruningResults& results) {
    const std::string network = paper_name(results);
    MarkdownTable table({"the paper states (its text)", "where", "percent"});
    bool any = false;
    for (const paper::CoarsePruningStatement& statement : paper::coarse_pruning()) {
        if (statement.network != network) continue;
        table.add({std::string(statement.subject), std::string(statement.where),
                   fmt::format("{:g}", statement.value)});
        any = true;
    }
    return any ? "\n" + table.text() : "";
}

/// Each once, with commas between them.
template <class Text>
std::string joined(const PooledRuns& group, const Text& text_of_run) {
    std::vector<std::string> all;
    std::string result;
    for (const PruningRecord* run : group.runs) {
        const std::string text = text_of_run(*run);
        if (text.empty() || std::count(all.begin(), all.end(), text)) continue;
        all.push_back(text);
        result += (result.empty() ? "" : ", ") + text;
    }
    return result;
}

std::string heading(const PooledRuns& group) {
    const PruningRecord& first = *group.runs.front();
    const std::string names = joined(group, [](const PruningRecord& run) { return run.name; });
    const auto several = [](const PooledPoint& point) { return point.samples.size() > 1; };
    const bool intervals = std::any_of(group.points.begin(), group.points.end(), several);
    return fmt::format(
        "{}Pruning of {} on {}, {} engine{}{}; made by {}\n\n", names.empty() ? "" : names + ": ",
        first.results.baseline() ? first.results.baseline()->architecture : "", first.dataset,
        first.options.train.engine, group.recipe.empty() ? "" : ", " + group.recipe,
        intervals ? "; MCR of the test set, means over runs, ± 95 % (Student)" : "; MCR of the test set",
        joined(group, [](const PruningRecord& run) { return run.made_by; }));
}

}  // namespace

std::string pruning_text(const std::vector<PruningRecord>& runs) {
    std::string text;
    for (const PooledRuns& group : pooled(runs)) {
        text += (text.empty() ? "" : "\n") + heading(group) + points_text(group) + layers_text(group) +
                candidates_text(group);
        for (const PruningRecord* run : group.runs) text += budget_text(*run);
    }
    return runs.empty() ? text : text + paper_text(runs.front().results);
}

void report_pruning(const std::filesystem::path& file, const std::filesystem::path& figures) {
    const std::vector<PruningRecord> runs = read_pruning_records(file);
    std::vector<std::vector<PruningRecord>> by_figure;
    for (const PruningRecord& run : runs) {
        if (by_figure.empty() || figure_of(by_figure.back().front().name) != figure_of(run.name))
            by_figure.emplace_back();
        by_figure.back().push_back(run);
    }
    for (const std::vector<PruningRecord>& one : by_figure)
        fmt::print("{}{}", &one == &by_figure.front() ? "" : "\n", pruning_text(one));
    if (gnuplot_available()) {
        make_folder(figures);
        for (const std::vector<PruningRecord>& one : by_figure)
            for (const PruningFigure& figure : pruning_figures(one)) {
                write_svg(figure.plot, figures / (figure.name + ".svg"));
                fmt::print(stderr, "figure: {}\n", (figures / (figure.name + ".svg")).string());
            }
    } else {
        fmt::print(stderr,
                   "\nNo figures: gnuplot is not installed (apt-get install gnuplot-nox); then --report {}\n",
                   file.string());
    }
    fmt::print(stderr, "results: {}\n", file.string());
}

}  // namespace fftconv
