#include <spdlog/fmt/fmt.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <set>
#include <tuple>

#include "common/page.hpp"
#include "common/statistics.hpp"
#include "fftconv/network/architecture.hpp"
#include "prune/published.hpp"
#include "results/page.hpp"

namespace fftconv {

namespace {

using Rows = std::vector<std::vector<page::Cell>>;

page::Cell number_cell(double value, const std::string& more = "") {
    return {page::number(value, 4) + more, value, true};
}

page::Cell verdict(bool reached) {
    return {reached ? "reached" : "not reached", reached ? 1.0 : 0.0, true,
            reached ? "verdict reached" : "verdict missed"};
}

/// Of a number that the paper has for other data than ours.
page::Cell no_verdict(const std::string& dataset) {
    return {"other data: " + dataset, 0.5, true, "verdict open"};
}

/// What the EasyConvPooling paper's tables claim of a method, by the name of a column; the paper's is
/// "paper_" and it.
struct Claim {
    const char *column, *title, *unit;
    bool larger_is_better;
    bool of_any_data;  // a ratio of times, which the images have no part in
};
constexpr Claim claims[] = {
    {"first_epoch_98", "first epoch of 98 %", "", false, false},
    {"training_speed_up", "training, times as fast", "", true, true},
    {"testing_speed_up", "testing, times as fast", "", true, true},
    {"direct_convolution_speed_up", "convolution alone (direct), times as fast", "", true, true},
    {"best_accuracy", "best accuracy, %", "%", true, false},
    {"accuracy_difference", "accuracy against the baseline, points", "", true, false}};

/// Adds the claims of a table that has the paper's numbers next to ours; each of (method, baseline, claim)
/// once.
void add_claims(const Table& table, const std::string& dataset,
                std::set<std::tuple<std::string, std::string, std::string>>& known, Rows& rows) {
    const auto *methods = labels(table, "method"), *baselines = labels(table, "baseline");
    if (!methods || !baselines) return;
    for (const Claim& claim : claims) {
        const auto *ours = numbers(table, claim.column),
                   *paper = numbers(table, std::string("paper_") + claim.column);
        const auto* interval = numbers(table, std::string(claim.column) + "_interval");
        if (!ours || !paper) continue;
        for (std::size_t i = 0; i < ours->size(); ++i) {
            if (!std::isfinite((*ours)[i]) || !std::isfinite((*paper)[i])) continue;
            const bool compares = std::string(claim.column).ends_with("speed_up") ||
                                  std::string(claim.column).ends_with("difference");
            const std::string against = compares ? (*baselines)[i] : "";
            if (!known.insert({(*methods)[i], against, claim.column}).second) continue;
            if (compares && (*paper)[i] == 1 && (*ours)[i] == 1) continue;  // the same work, not a finding
            const bool is_baseline = (*methods)[i].ends_with((*baselines)[i]);
            if (is_baseline && compares) continue;
            const double width = interval && (*interval)[i] > 0 ? (*interval)[i] : 0;
            const bool reached =
                claim.larger_is_better ? (*ours)[i] >= (*paper)[i] : (*ours)[i] <= (*paper)[i];
            rows.push_back(
                {{(*methods)[i] + (against.empty() ? "" : " against " + against)},
                 {claim.title},
                 number_cell((*ours)[i], width > 0 ? fmt::format(" ± {:.2g}", width) : ""),
                 number_cell((*paper)[i]),
                 claim.of_any_data || dataset == "MNIST" ? verdict(reached) : no_verdict(dataset)});
        }
    }
}

/// One pruned network over its repeats.
struct Point {
    std::string name, granularity;
    std::vector<double> pruned = {}, mcr = {};

    double share() const { return mean_of(pruned).mean; }
};

/// The points of runs that make one figure, and the baseline's MCR.
struct Pruning {
    std::string network, dataset;
    double baseline = NAN;
    std::vector<Point> points;
};

/// The paper's name of a network, batch normalisation aside; empty when it has none.
std::string paper_name(const std::string& architecture) {
    try {
        const Architecture own = with_batch_norm(parse_architecture(architecture), false);
        for (const auto& [name, full] : known_architectures())
            if (with_batch_norm(parse_architecture(full), false) == own) return name;
    } catch (const ArchitectureError&) {  // of another program, or a later grammar
    }
    return "";
}

void add_points(const PageSource& source, Pruning& pruning) {
    const Table& table = *source.table("points");
    const auto &names = *labels(table, "point"), &granularities = *labels(table, "granularity"),
               &architectures = *labels(table, "compact_architecture");
    const auto &mcr = *numbers(table, "test_mcr"), &pruned = *numbers(table, "pruned_kernels");
    for (std::size_t i = 0; i < names.size(); ++i) {
        if (granularities[i] == "none") {
            pruning.baseline = mcr[i];
            pruning.network = paper_name(architectures[i]);
            pruning.dataset = source.dataset.name;
            continue;
        }
        const std::string name = names[i].substr(0, names[i].find("-repeat-"));
        auto found = std::find_if(pruning.points.begin(), pruning.points.end(),
                                  [&](const Point& p) { return p.name == name; });
        if (found == pruning.points.end())
            found = pruning.points.insert(pruning.points.end(), {name, granularities[i]});
        found->pruned.push_back(pruned[i]);
        found->mcr.push_back(mcr[i]);
    }
}

/// The largest share of kernels pruned with a mean MCR of at most the baseline's and 1 %.
const Point* best_within(const Pruning& pruning, paper::Measure measure) {
    const auto counts = [&](const Point& point) {
        const bool sequence = point.granularity.find('+') != std::string::npos;
        switch (measure) {
            case paper::Measure::maps_pruned:
                return point.granularity == "feature-map";
            case paper::Measure::kernels_pruned:
                return point.granularity == "kernel";
            default:
                return sequence;
        }
    };
    const Point* best = nullptr;
    for (const Point& point : pruning.points)
        if (counts(point) && mean_of(point.mcr).mean <= pruning.baseline + 1 &&
            (!best || point.share() > best->share()))
            best = &point;
    return best;
}

bool has_any(const Pruning& pruning, paper::Measure measure) {
    Pruning anything = pruning;
    anything.baseline = 1000;
    return best_within(anything, measure) != nullptr;
}

std::vector<page::Cell> pruning_row(const Pruning& pruning, const paper::CoarsePruningStatement& statement) {
    const std::string subject = std::string(statement.where) + ": " + std::string(statement.subject);
    const std::string network = std::string(statement.network) + " on " + pruning.dataset;
    if (statement.measure == paper::Measure::baseline_mcr)
        return {{network},
                {subject + ", %"},
                number_cell(pruning.baseline),
                number_cell(statement.value),
                verdict(pruning.baseline <= statement.value)};
    const Point* best = best_within(pruning, statement.measure);
    if (!best)
        return {
            {network}, {subject + ", %"}, {"none within +1 %"}, number_cell(statement.value), verdict(false)};
    const double share = best->share();
    const std::string more = fmt::format(" (MCR {} %, n = {})", mean_of(best->mcr).text(), best->mcr.size());
    return {{network},
            {subject + ", % of kernels"},
            number_cell(share, more),
            number_cell(statement.value),
            verdict(share >= statement.value)};
}

/// The runs of a network on a data set together.
std::map<std::string, Pruning> pruning_by_network(const std::vector<PageSource>& sources) {
    std::map<std::string, Pruning> networks;
    for (const PageSource& source : sources) {
        const Table* points = source.table("points");
        if (!points || !labels(*points, "compact_architecture") || !numbers(*points, "pruned_kernels"))
            continue;
        Pruning run;
        add_points(source, run);
        Pruning& all = networks[run.network + " on " + run.dataset];
        if (all.points.empty())
            all = run;
        else
            all.points.insert(all.points.end(), run.points.begin(), run.points.end());
    }
    return networks;
}

void add_statements(const Pruning& pruning, Rows& rows) {
    for (const paper::CoarsePruningStatement& statement : paper::coarse_pruning()) {
        if (pruning.network.empty() || statement.network != pruning.network) continue;
        if (statement.measure == paper::Measure::none) continue;
        if (statement.measure != paper::Measure::baseline_mcr && !has_any(pruning, statement.measure))
            continue;
        rows.push_back(pruning_row(pruning, statement));
    }
}

bool is_reached(const std::vector<page::Cell>& row) {
    return row.back().text == "reached";
}

bool is_missed(const std::vector<page::Cell>& row) {
    return row.back().text == "not reached";
}

std::string span(double low, double high) {
    return low == high ? page::number(low, 4) : page::number(low, 4) + " to " + page::number(high, 4);
}

/// How many of each kind of number are reached.
std::string summary(const Rows& rows) {
    std::vector<std::string> kinds;
    for (const auto& row : rows)
        if (std::find(kinds.begin(), kinds.end(), row[1].text) == kinds.end()) kinds.push_back(row[1].text);
    Rows result;
    for (const std::string& kind : kinds) {
        double reached = 0, all = 0, low[2] = {1e300, 1e300}, high[2] = {-1e300, -1e300};
        for (const auto& row : rows) {
            if (row[1].text != kind) continue;
            ++all;
            if (is_reached(row)) ++reached;
            for (std::size_t i : {0, 1}) {
                low[i] = std::min(low[i], row[2 + i].value);
                high[i] = std::max(high[i], row[2 + i].value);
            }
        }
        result.push_back({{kind},
                          {span(low[0], high[0]), low[0], true},
                          {span(low[1], high[1]), low[1], true},
                          {fmt::format("{:.0f} of {:.0f} reached", reached, all), reached / all, true,
                           reached == all ? "verdict reached"
                           : reached == 0 ? "verdict missed"
                                          : "verdict open"}});
    }
    return page::sorting_table({{"number", ""}, {"ours", ""}, {"the paper's", ""}, {"verdict", ""}}, result);
}

}  // namespace

std::string paper_section(const std::vector<PageSource>& sources) {
    Rows rows;
    for (const PageSource& source : sources) {
        std::set<std::tuple<std::string, std::string, std::string>> known;
        for (const Table& table : source.tables) add_claims(table, source.dataset.name, known, rows);
    }
    for (const auto& [network, pruning] : pruning_by_network(sources)) add_statements(pruning, rows);
    if (rows.empty()) return "";
    const auto missed = std::count_if(rows.begin(), rows.end(), is_missed);
    const std::string head = fmt::format(
        "<p>{} of {} published numbers {} not reached. Ours is the mean over the repeats where there are "
        "several; a "
        "number is reached when the mean is at least as good. Times of the paper's machine are not compared, "
        "their "
        "ratios are.</p>\n",
        missed, rows.size(), missed == 1 ? "is" : "are");
    const std::string all = page::sorting_table(
        {{"what", ""}, {"number", ""}, {"ours", ""}, {"the paper's", ""}, {"verdict", ""}}, rows);
    constexpr std::size_t most_open_rows = 20;
    if (rows.size() <= most_open_rows) return head + all;
    return head + summary(rows) + "<details><summary>each of them</summary>" + all + "</details>\n";
}

}  // namespace fftconv
