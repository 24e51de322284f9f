#include "prune/tables.hpp"

#include <spdlog/fmt/fmt.h>

#include <algorithm>
#include <cmath>

#include "common/markdown_table.hpp"
#include "common/process.hpp"
#include "fftconv/core/error.hpp"
#include "prune/published.hpp"
#include "prune/run.hpp"

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

Mean mean_over(const std::vector<const PruningResult*>& points, double PruningResult::*value) {
    std::vector<double> values;
    for (const PruningResult* point : points) values.push_back(point->*value);
    return mean_of(values);
}

void add(PlotSeries& series, double ratio, const std::vector<double>& values, bool band) {
    series.x.push_back(100 * ratio);
    series.y.push_back(mean_of(values).mean);
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

void add_line(Plot& plot, PlotSeries series) {
    if (!series.x.empty()) plot.series.push_back(std::move(series));
}

/// The baselines, and how much worse a network may be: once each, over the first to the last ratio.
void add_levels(Plot& plot, const PruningRecord& run, const std::vector<double>& ratios) {
    const PruningResult* baseline = run.results.baseline();
    if (!baseline) return;
    const double budget = run.options.has_budget() ? run.options.budget : 1;
    for (PlotSeries line : {level("baseline", baseline->test_mcr, ratios),
                            level(fmt::format("+{:g} %", budget), baseline->test_mcr + budget, ratios)}) {
        const auto same = [&](const PlotSeries& other) {
            return other.title == line.title && other.y == line.y;
        };
        if (std::none_of(plot.series.begin(), plot.series.end(), same)) plot.series.push_back(line);
    }
}

void add_ratios(Plot& plot, const PruningRecord& run) {
    const PruneOptions& options = run.options;
    for (const std::string& criterion : options.criteria)
        for (const PruningPoint& start : options.starts(criterion, 0)) {
            PlotSeries series{title(start, options), {}, {}, {}, {}};
            for (double ratio : options.last_ratios()) {
                std::vector<double> values;
                for (const PruningResult* point :
                     repeats(run.results, options, options.with_ratio(start, ratio)))
                    values.push_back(point->test_mcr);
                if (!values.empty()) add(series, ratio, values, options.repeat > 1);
            }
            add_line(plot, std::move(series));
        }
}

/// The same over the share of kernels that is gone in the end, so that maps and kernels can be compared. A
/// sequence is drawn from its first step to its last.
void add_kernels_pruned(Plot& plot, const PruningRecord& run) {
    const PruneOptions& options = run.options;
    for (const std::string& criterion : options.criteria)
        for (const PruningPoint& start : options.starts(criterion, 0)) {
            PlotSeries series{title(start, options), {}, {}, {}, {}};
            const auto add_point = [&](const PruningPoint& point) {
                std::vector<double> values;
                const std::vector<const PruningResult*> found = repeats(run.results, options, point);
                for (const PruningResult* each : found) values.push_back(each->test_mcr);
                if (!values.empty())
                    add(series, mean_over(found, &PruningResult::pruned_kernels).mean / 100, values,
                        options.repeat > 1);
            };
            PruningPoint on_the_way = start;
            on_the_way.steps.clear();
            for (const PruningStep& step : start.steps) {
                on_the_way.steps.push_back(step);
                add_point(on_the_way);
            }
            for (double ratio : options.last_ratios()) add_point(options.with_ratio(start, ratio));
            add_line(plot, std::move(series));
        }
}

void add_candidates(Plot& plot, const PruningRecord& run) {
    const PruneOptions& options = run.options;
    if (std::count(options.criteria.begin(), options.criteria.end(), "best-of-n") == 0) return;
    for (const PruningPoint& start : options.starts("best-of-n", 0))
        for (std::size_t n = 0; n < candidate_counts.size(); ++n) {
            PlotSeries series{fmt::format("N = {}", candidate_counts[n]), {}, {}, {}, {}};
            for (double ratio : options.last_ratios()) {
                std::vector<double> values;
                for (const PruningResult* point :
                     repeats(run.results, options, options.with_ratio(start, ratio)))
                    if (!std::isnan(point->best_of[n])) values.push_back(point->best_of[n]);
                if (!values.empty()) add(series, ratio, values, options.repeat > 1);
            }
            add_line(plot, std::move(series));
        }
}

/// "figure_3b/kernels" is part of "figure_3b".
std::string figure_of(const std::string& experiment) {
    return split(experiment, '/').front();
}

std::string number(double value, int digits = 2) {
    return std::isnan(value) ? "" : fmt::format("{:.{}f}", value, digits);
}

std::vector<std::string> row(const std::string& name, const std::vector<const PruningResult*>& points) {
    const auto of = [&](double PruningResult::*value, int digits = 2) {
        return number(mean_over(points, value).mean, digits);
    };
    return {name,
            of(&PruningResult::pruned_kernels, 1),
            of(&PruningResult::pruned_weights, 1),
            of(&PruningResult::test_before),
            of(&PruningResult::test_mcr),
            number(mean_over(points, &PruningResult::test_mcr).deviation),
            of(&PruningResult::validation_mcr),
            number(mean_over(points, &PruningResult::direct_macs).mean / 1e6, 3),
            number(mean_over(points, &PruningResult::spectral_macs).mean / 1e6, 3),
            number(mean_over(points, &PruningResult::parameters).mean / 1e3, 1),
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

/// The paper's Table 2: the layers of each sequence of steps.
std::string layers_text(const PruningResults& results) {
    std::string text;
    for (const PruningResult& result : results.points) {
        if (result.granularity.find('+') == std::string::npos || result.repeat > 0) continue;
        MarkdownTable table({"layers of " + result.name, "maps", "surviving maps", "maps pruned, %",
                             "kernels", "surviving kernels", "kernels pruned, %"});
        for (const PruningLayerResult& layer : results.layers)
            if (layer.point == result.name)
                table.add({layer.layer, number(layer.maps, 0), number(layer.kept_maps, 0),
                           number(100 * (1 - layer.kept_maps / layer.maps), 1), number(layer.kernels, 0),
                           number(layer.kept_kernels, 0), number(layer.pruned_kernels, 1)});
        text += "\n" + table.text();
    }
    return text;
}

std::string candidates_text(const PruningResults& results) {
    std::vector<std::string> header{"validation MCR of the best of N, %"};
    for (int n : candidate_counts) header.push_back(fmt::format("N = {}", n));
    MarkdownTable table(header);
    bool any = false;
    for (const PruningResult& result : results.points) {
        if (std::isnan(result.best_of.front()) || result.repeat > 0) continue;
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

/// The paper's name, or else the architecture.
std::string network_name(const PruningResults& results) {
    const std::string name = paper_name(results);
    return name.empty() && results.baseline() ? results.baseline()->architecture : name;
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

std::vector<PruningRecord> read_pruning_records(const std::filesystem::path& file) {
    std::vector<PruningRecord> runs;
    for (const Experiment& each : read_experiments(file))
        runs.push_back({each.name, prune_options_of(each.record.resolved_toml),
                        PruningResults::from(each.record, file.string()), each.record.dataset.name,
                        fmt::format("fftconv {}, commit {}{}", each.header.library_version,
                                    each.header.git_commit, each.header.git_dirty ? " with changes" : "")});
    return runs;
}

std::vector<PruningFigure> pruning_figures(const std::vector<PruningRecord>& runs) {
    if (runs.empty()) return {};
    const std::string figure = figure_of(runs.front().name), prefix = figure.empty() ? "" : figure + "-";
    const bool retrained = runs.front().options.retrain_epochs > 0;
    const std::string subject =
        fmt::format("{} ({})", network_name(runs.front().results), runs.front().dataset);
    Plot ratios{fmt::format("Pruning of {}, {} retraining", subject, retrained ? "after" : "before"),
                "requested ratio, %",
                "test MCR, %",
                {},
                true};
    Plot candidates{fmt::format("Best of N random masks, {}, before retraining", subject),
                    "requested ratio, %",
                    "validation MCR, %",
                    {},
                    true};
    Plot kernels{ratios.title, "kernels pruned in all, %", "test MCR, %", {}, true};
    for (const PruningRecord& run : runs) add_ratios(ratios, run);
    for (const PruningRecord& run : runs) add_candidates(candidates, run);
    std::vector<PruningFigure> figures;
    if (!ratios.series.empty()) {
        for (const PruningRecord& run : runs) add_levels(ratios, run, run.options.last_ratios());
        figures.push_back({prefix + "pruning", std::move(ratios)});
        const auto like_first = [&](const PruningRecord& run) {
            return run.options.granularities == runs.front().options.granularities;
        };
        if (!std::all_of(runs.begin(), runs.end(), like_first)) {
            for (const PruningRecord& run : runs) add_kernels_pruned(kernels, run);
            for (const PruningRecord& run : runs) add_levels(kernels, run, {0, 1});
            figures.push_back({prefix + "kernels-pruned", std::move(kernels)});
        }
    }
    if (!candidates.series.empty()) figures.push_back({prefix + "candidates", std::move(candidates)});
    return figures;
}

std::string pruning_text(const PruningRecord& run) {
    const PruneOptions& options = run.options;
    const std::string network = run.results.baseline() ? run.results.baseline()->architecture : "";
    const std::string repeats =
        options.repeat > 1 ? fmt::format(", means over {} seeds (MCR: of the test set)", options.repeat) : "";
    return fmt::format("{}Pruning of {} on {}, {} engine{}; made by {}\n\n",
                       run.name.empty() ? "" : run.name + ": ", network, run.dataset, options.train.engine,
                       repeats, run.made_by) +
           points_text(run.results, options) + layers_text(run.results) + candidates_text(run.results) +
           budget_text(run.results, options) + paper_text(run.results);
}

void report_pruning(const std::filesystem::path& file, const std::filesystem::path& figures) {
    const std::vector<PruningRecord> runs = read_pruning_records(file);
    std::vector<std::vector<PruningRecord>> by_figure;
    for (const PruningRecord& run : runs) {
        if (by_figure.empty() || figure_of(by_figure.back().front().name) != figure_of(run.name))
            by_figure.emplace_back();
        by_figure.back().push_back(run);
        fmt::print("{}{}", &run == &runs.front() ? "" : "\n", pruning_text(run));
    }
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
