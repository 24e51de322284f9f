#include "prune/figures.hpp"

#include <spdlog/fmt/fmt.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "fftconv/network/architecture.hpp"
#include "prune/published.hpp"

namespace fftconv {

namespace {

std::string plural(const std::string& granularity) {
    if (granularity == "feature-map") return "feature maps";
    if (granularity == "kernel-group") return "kernel groups";
    if (granularity == "intra-kernel") return "parts of kernels";
    return granularity + "s";
}

std::string criterion_title(const PooledPoint& point) {
    const std::string& criterion = point.first().criterion;
    return criterion == "best-of-n"
               ? fmt::format("best of {} masks", point.samples.front().run->options.candidates)
               : criterion;
}

/// A point's steps before its last one, and the line that it is on: its name without the last ratio.
struct Place {
    std::string before, line, title;
};

Place place_of(const PooledPoint& point) {
    Place place{"", point.first().criterion, ""};
    std::string rest = point.name.substr(place.line.size());
    for (const std::string& granularity : split(point.first().granularity, '+')) {
        const std::size_t number = granularity.size() + 2,
                          end = std::min(rest.find('-', number), rest.size());
        const bool last = end == rest.size();
        place.before = place.line == point.first().criterion ? "" : place.line;
        place.title += (place.title.empty() ? "" : ", then ") + plural(granularity);
        if (!last) place.title += fmt::format(" {:g} %", 100 * std::stod(rest.substr(number, end - number)));
        place.line += rest.substr(0, last ? number - 1 : end);
        rest = rest.substr(end);
    }
    return place;
}

/// What is drawn of a point; nothing where it was not measured.
using Value = Mean (*)(const PooledPoint& point, std::size_t index);

class Lines {
  public:
    Lines(const std::vector<PooledRuns>& groups, Plot& plot) : groups_(groups), plot_(plot) {
        std::set<std::string> criteria;
        for_each_point([&](const PooledRuns&, const PooledPoint& point) {
            criteria.insert(criterion_title(point));
            if (const Place place = place_of(point); !place.before.empty()) on_the_way_.insert(place.before);
        });
        one_criterion_ = criteria.size() == 1 ? *criteria.begin() : "";
    }

    /// That all lines share, or nothing.
    const std::string& one_criterion() const { return one_criterion_; }

    /// A line for each granularity; `name` says which of several values is drawn.
    void add(const Value& value, std::size_t index, const std::string& name) const {
        for (const PooledRuns& group : groups_) {
            std::vector<std::string> done;
            for (const PooledPoint& point : group.points) {
                if (!is_drawn(point)) continue;
                const Place place = place_of(point);
                if (std::count(done.begin(), done.end(), place.line)) continue;
                done.push_back(place.line);
                add_line(group, place, title(group, point, place, name), value, index);
            }
        }
    }

  private:
    static bool is_drawn(const PooledPoint& point) {
        return !point.first().is_baseline() && !point.first().is_control() &&
               point.name.find("-step-") == std::string::npos;
    }

    template <class Visit>
    void for_each_point(const Visit& visit) const {
        for (const PooledRuns& group : groups_)
            for (const PooledPoint& point : group.points)
                if (is_drawn(point)) visit(group, point);
    }

    std::string title(const PooledRuns& group, const PooledPoint& point, const Place& place,
                      const std::string& name) const {
        std::string text = name.empty() ? place.title : name;
        if (!name.empty() && line_count() > 1) text += ", " + place.title;
        if (one_criterion_.empty()) text += ", " + criterion_title(point);
        return group.recipe.empty() ? text : text + " (" + group.recipe + ")";
    }

    std::size_t line_count() const {
        std::set<std::string> lines;
        for_each_point([&](const PooledRuns& group, const PooledPoint& point) {
            lines.insert(group.recipe + place_of(point).line);
        });
        return lines.size();
    }

    /// Points that are nothing but the way to a sequence are on the sequence's line alone.
    void add_line(const PooledRuns& group, const Place& line, const std::string& title, const Value& value,
                  std::size_t index) const {
        std::vector<const PooledPoint*> points;
        bool on_the_way = true;
        for (const PooledPoint& point : group.points) {
            if (!is_drawn(point) || place_of(point).line != line.line) continue;
            points.push_back(&point);
            on_the_way = on_the_way && on_the_way_.contains(point.name);
        }
        if (on_the_way) return;
        if (const PooledPoint* start = group.find(line.before)) points.push_back(start);
        const auto pruned = [](const PooledPoint* point) {
            return point->mean(&PruningResult::pruned_kernels).mean;
        };
        std::sort(points.begin(), points.end(), [&](auto* a, auto* b) { return pruned(a) < pruned(b); });
        PlotSeries series{title, {}, {}, {}, {}};
        for (const PooledPoint* point : points) append(series, pruned(point), value(*point, index));
        if (!series.x.empty()) plot_.series.push_back(std::move(series));
    }

    static void append(PlotSeries& series, double x, const Mean& y) {
        if (y.count == 0 || std::isnan(y.mean)) return;
        series.x.push_back(x);
        series.y.push_back(y.mean);
        series.low.push_back(y.low());
        series.high.push_back(y.high());
    }

    const std::vector<PooledRuns>& groups_;
    Plot& plot_;
    std::set<std::string> on_the_way_;
    std::string one_criterion_;
};

/// A level over the whole axis, once.
void add_level(Plot& plot, const std::string& title, double value) {
    const auto same = [&](const PlotSeries& other) {
        return other.title == title && other.y.front() == value;
    };
    if (std::none_of(plot.series.begin(), plot.series.end(), same))
        plot.series.push_back({title, {0, 100}, {value, value}, {}, {}, true});
}

double budget_of(const PruningRecord& run) {
    return run.options.has_budget() ? run.options.budget : 1;
}

void add_levels(Plot& plot, const PooledRuns& group) {
    const std::string recipe = group.recipe.empty() ? "" : " (" + group.recipe + ")";
    if (const PooledPoint* baseline = group.baseline()) {
        const double mcr = baseline->mean(&PruningResult::test_mcr).mean,
                     budget = budget_of(*group.runs.front());
        add_level(plot, "baseline", mcr);
        add_level(plot, fmt::format("baseline + {:g} %", budget), mcr + budget);
    }
    for (const PooledPoint& point : group.points)
        if (point.first().is_control())
            add_level(
                plot,
                (point.name == "control" ? "control: nothing pruned, retrained alike" : point.name) + recipe,
                point.mean(&PruningResult::test_mcr).mean);
}

double extreme(const Plot& plot, const double& (*choose)(const double&, const double&), double first) {
    for (const PlotSeries& series : plot.series)
        for (double y : series.y) first = choose(first, y);
    return first;
}

/// What the paper claims about this figure, or, of a run by itself, about the network.
void add_claims(Plot& plot, const std::string& figure, const PooledRuns& runs, bool of_candidates) {
    const PooledPoint* baseline = runs.baseline();
    const std::string network = paper_name(runs.runs.front()->results);
    if (!baseline || plot.series.empty()) return;
    const double low = extreme(plot, std::min<double>, INFINITY),
                 high = extreme(plot, std::max<double>, -INFINITY);
    for (const paper::CoarsePruningStatement& statement : paper::coarse_pruning()) {
        if (statement.network != network || statement.of_candidates != of_candidates) continue;
        if (!figure.empty() && statement.figures.find(figure) == statement.figures.npos) continue;
        const std::string title =
            fmt::format("paper, {}: {} {:g} %", statement.where, statement.subject, statement.value);
        if (statement.mark == paper::Mark::level) add_level(plot, title, statement.value);
        if (statement.mark == paper::Mark::within)
            plot.series.push_back({.title = title,
                                   .x = {statement.at},
                                   .y = {baseline->mean(&PruningResult::test_mcr).mean + 1},
                                   .marks = true});
        if (statement.mark == paper::Mark::ratio)
            plot.series.push_back(
                {.title = title, .x = {statement.at, statement.at}, .y = {low, high}, .dashed = true});
    }
}

/// The paper's network that the results' one is at this part of its width, or nothing.
std::string paper_name(const PruningResults& results, double width) {
    if (!results.baseline()) return "";
    const Architecture own = with_batch_norm(parse_architecture(results.baseline()->architecture), false);
    for (const auto& [name, full] : known_architectures())
        if (with_batch_norm(with_width(parse_architecture(full), width), false) == own) return name;
    return "";
}

/// The network as people call it: one of the papers', or one of them at a part of its width; else as it is
/// written.
std::string name_of(const PruningResults& results) {
    for (const double width : {1.0, 0.75, 0.5, 0.25, 0.125})
        if (const std::string name = paper_name(results, width); !name.empty())
            return width == 1 ? name : fmt::format("{} at {:g} of its width", name, width);
    return results.baseline() ? results.baseline()->architecture : "";
}

std::string subject_of(const PruningRecord& run) {
    return name_of(run.results) + ", " + run.dataset;
}

}  // namespace

std::string figure_of(const std::string& experiment) {
    return split(experiment, '/').front();
}

std::string paper_name(const PruningResults& results) {
    return paper_name(results, 1);
}

std::vector<PruningFigure> pruning_figures(const std::vector<PruningRecord>& runs) {
    if (runs.empty()) return {};
    const PruningRecord& first = runs.front();
    const std::string figure = figure_of(first.name), prefix = figure.empty() ? "" : figure + "-";
    const std::vector<PooledRuns> groups = pooled(runs);
    const int epochs = first.options.retrain_epochs;
    Plot mcr{"", "kernels pruned, % of those of the pruned layers", "test MCR, %", {}, true};
    Plot candidates{"", mcr.x_label, "validation MCR, %", {}, true};
    const Lines lines(groups, mcr);
    const std::string how = lines.one_criterion().empty() ? "" : lines.one_criterion() + ", ";
    mcr.title = subject_of(first) + ": " + how +
                (epochs == 0   ? "not retrained"
                 : epochs == 1 ? "retrained for an epoch"
                               : fmt::format("retrained for {} epochs", epochs));
    candidates.title = subject_of(first) + ": best of N random masks, not retrained";
    lines.add([](const PooledPoint& point, std::size_t) { return point.mean(&PruningResult::test_mcr); }, 0,
              "");
    const Lines of_candidates(groups, candidates);
    for (std::size_t n = 0; n < candidate_counts.size(); ++n)
        of_candidates.add([](const PooledPoint& point, std::size_t index) { return point.best_of(index); }, n,
                          fmt::format("N = {}", candidate_counts[n]));
    std::vector<PruningFigure> figures;
    if (!mcr.series.empty()) {
        for (const PooledRuns& group : groups) add_levels(mcr, group);
        add_claims(mcr, figure, groups.front(), false);
        figures.push_back({prefix + "pruning", std::move(mcr)});
    }
    if (candidates.series.empty()) return figures;
    add_claims(candidates, figure, groups.front(), true);
    figures.push_back({prefix + "candidates", std::move(candidates)});
    return figures;
}

}  // namespace fftconv
