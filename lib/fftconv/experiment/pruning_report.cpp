#include "fftconv/experiment/pruning_report.hpp"

#include <spdlog/fmt/fmt.h>

#include <algorithm>
#include <cmath>

#include "fftconv/core/error.hpp"
#include "fftconv/experiment/folder.hpp"
#include "fftconv/experiment/markdown_table.hpp"
#include "fftconv/experiment/paper.hpp"
#include "fftconv/experiment/pruning_run.hpp"

namespace fftconv {

namespace {

/// The results of all repeats of a point, in their order.
std::vector<const PruningResult*> repeats(const PruningResults& results, const PruneOptions& options,
                                          PruningPoint point) {
    std::vector<const PruningResult*> found;
    for (point.repeat = 0; point.repeat < options.repeat; ++point.repeat)
        if (const PruningResult* result = results.find(point.name())) found.push_back(result);
    return found;
}

double mean(const std::vector<const PruningResult*>& points, double PruningResult::*value) {
    double sum = 0;
    for (const PruningResult* point : points) sum += point->*value;
    return points.empty() ? not_measured : sum / double(points.size());
}

/// Sample standard deviation; NaN of a single one.
double spread(const std::vector<const PruningResult*>& points, double PruningResult::*value) {
    double sum = 0;
    for (const PruningResult* point : points) sum += std::pow(point->*value - mean(points, value), 2);
    return points.size() < 2 ? not_measured : std::sqrt(sum / double(points.size() - 1));
}

void add(PlotSeries& series, double ratio, const std::vector<double>& values, bool band) {
    double sum = 0;
    for (double value : values) sum += value;
    series.x.push_back(100 * ratio);
    series.y.push_back(sum / double(values.size()));
    if (!band) return;
    series.low.push_back(*std::min_element(values.begin(), values.end()));
    series.high.push_back(*std::max_element(values.begin(), values.end()));
}

std::string title(const PruningPoint& start, const PruneOptions& options) {
    std::string text = start.criterion;
    if (start.criterion == "best-of-n") text = fmt::format("best of {}", options.candidates);
    for (const PruningStep& step : start.steps)
        text += fmt::format(", {} {:.0f} %", to_string(step.granularity), 100 * step.ratio);
    return text + ", " + options.granularities.back() + "s";
}

PlotSeries level(const std::string& name, double value, const std::vector<double>& ratios) {
    return {name, {100 * ratios.front(), 100 * ratios.back()}, {value, value}, {}, {}, true};
}

PruningFigure by_ratio(const PruningResults& results, const PruneOptions& options,
                       const std::string& dataset) {
    const bool retrained = options.retrain_epochs > 0;
    PruningFigure figure{"pruning",
                         {fmt::format("Pruning of {} ({}), {}", options.granularities.back() + "s", dataset,
                                      retrained ? "after retraining" : "before retraining"),
                          "requested ratio, %",
                          "test MCR, %",
                          {}}};
    for (const std::string& criterion : options.criteria)
        for (const PruningPoint& start : options.starts(criterion, 0)) {
            PlotSeries series{title(start, options), {}, {}, {}, {}};
            for (double ratio : options.last_ratios()) {
                std::vector<double> values;
                for (const PruningResult* point : repeats(results, options, options.with_ratio(start, ratio)))
                    values.push_back(point->test_mcr);
                if (!values.empty()) add(series, ratio, values, options.repeat > 1);
            }
            if (!series.x.empty()) figure.plot.series.push_back(std::move(series));
        }
    if (const PruningResult* baseline = results.baseline(); baseline && !figure.plot.series.empty()) {
        figure.plot.series.push_back(level("baseline", baseline->test_mcr, options.last_ratios()));
        const double budget = options.has_budget() ? options.budget : 1;
        figure.plot.series.push_back(
            level(fmt::format("+{:g} %", budget), baseline->test_mcr + budget, options.last_ratios()));
    }
    return figure;
}

PruningFigure by_candidates(const PruningResults& results, const PruneOptions& options,
                            const std::string& dataset) {
    PruningFigure figure{"candidates",
                         {fmt::format("Figure 2a: best of N random masks ({}), before retraining", dataset),
                          "requested ratio, %",
                          "validation MCR, %",
                          {}}};
    if (std::count(options.criteria.begin(), options.criteria.end(), "best-of-n") == 0) return figure;
    for (const PruningPoint& start : options.starts("best-of-n", 0))
        for (std::size_t n = 0; n < candidate_counts.size(); ++n) {
            PlotSeries series{fmt::format("N = {}", candidate_counts[n]), {}, {}, {}, {}};
            for (double ratio : options.last_ratios()) {
                std::vector<double> values;
                for (const PruningResult* point : repeats(results, options, options.with_ratio(start, ratio)))
                    if (!std::isnan(point->best_of[n])) values.push_back(point->best_of[n]);
                if (!values.empty()) add(series, ratio, values, options.repeat > 1);
            }
            if (!series.x.empty()) figure.plot.series.push_back(std::move(series));
        }
    return figure;
}

std::string number(double value, int digits = 2) {
    return std::isnan(value) ? "" : fmt::format("{:.{}f}", value, digits);
}

std::vector<std::string> row(const std::string& name, const std::vector<const PruningResult*>& points) {
    const auto of = [&](double PruningResult::*value, int digits = 2) {
        return number(mean(points, value), digits);
    };
    return {name,
            of(&PruningResult::pruned_kernels, 1),
            of(&PruningResult::pruned_weights, 1),
            of(&PruningResult::test_before),
            of(&PruningResult::test_mcr),
            number(spread(points, &PruningResult::test_mcr)),
            of(&PruningResult::validation_mcr),
            number(mean(points, &PruningResult::direct_macs) / 1e6, 3),
            number(mean(points, &PruningResult::spectral_macs) / 1e6, 3),
            number(mean(points, &PruningResult::parameters) / 1e3, 1),
            of(&PruningResult::dense_ms, 4),
            of(&PruningResult::masked_ms, 4),
            of(&PruningResult::compact_ms, 4)};
}

std::string points_text(const PruningResults& results, const PruneOptions& options) {
    MarkdownTable table({"point", "kernels pruned, %", "weights pruned, %", "MCR before retraining, %",
                         "MCR after, %", "its deviation", "validation MCR, %", "direct MACs, million",
                         "spectral MACs, million", "parameters, thousand", "dense, ms", "masked, ms",
                         "compact, ms"});
    if (results.baseline()) table.add(row("baseline", {results.baseline()}));
    for (const PruningResult& result : results.points)
        if (!result.is_baseline() && result.repeat == 0) {
            std::vector<const PruningResult*> points;
            for (int repeat = 0; repeat < options.repeat; ++repeat) {
                const std::string suffix = repeat == 0 ? "" : fmt::format("-repeat-{}", repeat + 1);
                if (const PruningResult* point = results.find(result.name + suffix)) points.push_back(point);
            }
            table.add(row(result.name, points));
        }
    return table.text();
}

std::string candidates_text(const PruningResults& results) {
    std::vector<std::string> header{"validation MCR of the best of N, %"};
    for (int n : candidate_counts) header.push_back(fmt::format("N = {}", n));
    MarkdownTable table(header);
    bool any = false;
    for (const PruningResult& result : results.points) {
        if (std::isnan(result.best_of.front())) continue;
        std::vector<std::string> cells{result.name};
        for (double value : result.best_of) cells.push_back(number(value));
        table.add(cells);
        any = true;
    }
    return any ? "\n" + table.text() : "";
}

std::string budget_text(const PruningResults& results, const PruneOptions& options) {
    const std::vector<BudgetRow> rows = budget_rows(results, options);
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

/// The paper's name of the baseline's network, batch normalisation aside; empty when it has none.
std::string paper_name(const PruningResults& results) {
    if (!results.baseline()) return "";
    const Architecture own = with_batch_norm(parse_architecture(results.baseline()->architecture), false);
    for (const auto& [name, full] : known_architectures())
        if (with_batch_norm(parse_architecture(full), false) == own) return name;
    return "";
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

}  // namespace

std::vector<PruningFigure> pruning_figures(const PruningResults& results, const PruneOptions& options,
                                           const std::string& dataset) {
    std::vector<PruningFigure> figures{by_ratio(results, options, dataset),
                                       by_candidates(results, options, dataset)};
    std::erase_if(figures, [](const PruningFigure& figure) { return figure.plot.series.empty(); });
    return figures;
}

std::string pruning_text(const PruningResults& results, const PruneOptions& options,
                         const std::string& dataset) {
    const std::string network = results.baseline() ? results.baseline()->architecture : "";
    const std::string repeats =
        options.repeat > 1 ? fmt::format(", means over {} seeds (MCR: of the test set)", options.repeat) : "";
    return fmt::format("Pruning of {} on {}, {} engine{}\n\n", network, dataset, options.train.engine,
                       repeats) +
           points_text(results, options) + candidates_text(results) + budget_text(results, options) +
           paper_text(results);
}

void report_pruning(const std::filesystem::path& file, const std::filesystem::path& figures) {
    const ResultRecord record = read_results(file);
    const PruneOptions options = prune_options_of(record.resolved_toml);
    const PruningResults results = PruningResults::from(record, file.string());
    fmt::print("{}", pruning_text(results, options, record.dataset.name));
    if (gnuplot_available()) {
        make_folder(figures);
        for (const PruningFigure& figure : pruning_figures(results, options, record.dataset.name)) {
            write_svg(figure.plot, figures / (figure.name + ".svg"));
            fmt::print("figure: {}\n", (figures / (figure.name + ".svg")).string());
        }
    } else {
        fmt::print("\nNo figures: gnuplot is not installed (apt-get install gnuplot-nox); then --report {}\n",
                   file.string());
    }
    fmt::print("results: {}\n", file.string());
}

}  // namespace fftconv
