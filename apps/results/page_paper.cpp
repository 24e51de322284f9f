#include <spdlog/fmt/fmt.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <map>
#include <set>
#include <tuple>

#include "common/configuration.hpp"
#include "common/page.hpp"
#include "common/statistics.hpp"
#include "fftconv/network/architecture.hpp"
#include "prune/pooled.hpp"
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

/// The data set, and whether the run took a part of it.
std::string data_text(const std::string& dataset, int limit) {
    return limit == 0 ? dataset : fmt::format("{}, {} images", dataset, limit);
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

/// The --limit of the run; 0: all images.
int limit_of(const PageSource& source) {
    if (source.toml.empty()) return 0;
    const Configuration configuration = parse_toml(source.toml, source.file);
    const auto limit = configuration.find("limit");
    return limit == configuration.end() ? 0 : std::atoi(text_of(limit->second).c_str());
}

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

/// A pruned network over its repeats and its baselines.
struct Point {
    std::string name, granularity;
    double share = 0;  ///< of kernels pruned, percent
    Mean mcr, above;   ///< above: each its own baseline
};

/// The runs of a network on one data set.
struct Pruning {
    std::string network, dataset;
    int limit = 0;  ///< images of each part of the data that the runs took; 0: all
    Mean baseline;
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

/// The largest share of kernels pruned with an MCR of at most the baseline's and `most` percent, in the mean.
const Point* best_within(const Pruning& pruning, paper::Measure measure, double most) {
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
        if (counts(point) && point.above.mean <= most && (!best || point.share > best->share)) best = &point;
    return best;
}

/// "17.30 ± 1.12".
std::string interval_text(const Mean& mean) {
    return std::isnan(mean.interval) ? "" : fmt::format(" ± {:.2f}", mean.interval);
}

/// The data that the paper has the network on.
std::string_view data_of(std::string_view network) {
    return network == "svhn" ? "SVHN" : network.starts_with("cnn") ? "CIFAR-10" : "MNIST";
}

std::vector<page::Cell> pruning_row(const Pruning& pruning, const paper::CoarsePruningStatement& statement) {
    const std::string subject = std::string(statement.where) + ": " + std::string(statement.subject);
    const std::string network = std::string(statement.network) + " on " + pruning.dataset;
    const auto judged = [&](bool reached) {
        const bool same = pruning.dataset.starts_with(data_of(statement.network)) && pruning.limit == 0;
        return same ? verdict(reached) : no_verdict(data_text(pruning.dataset, pruning.limit));
    };
    if (statement.measure == paper::Measure::baseline_mcr)
        return {{network},
                {subject + ", %"},
                number_cell(pruning.baseline.mean, interval_text(pruning.baseline)),
                number_cell(statement.value),
                judged(pruning.baseline.mean <= statement.value)};
    const Point* best = best_within(pruning, statement.measure, 1);
    if (!best)
        return {
            {network}, {subject + ", %"}, {"none within +1 %"}, number_cell(statement.value), judged(false)};
    const std::string more =
        fmt::format(" ({}: MCR {} %, {:+.2f}{} points, n = {})", best->name, best->mcr.text(),
                    best->above.mean, interval_text(best->above), best->mcr.count);
    return {{network},
            {subject + ", % of kernels"},
            number_cell(best->share, more),
            number_cell(statement.value),
            judged(best->share >= statement.value)};
}

/// The records of the runs that pruned, by network, data set and limit.
std::map<std::tuple<std::string, std::string, int>, std::vector<PruningRecord>> pruning_records(
    const std::vector<PageSource>& sources) {
    std::map<std::tuple<std::string, std::string, int>, std::vector<PruningRecord>> records;
    for (const PageSource& source : sources) {
        const Table* points = source.table("points");
        if (!points || !labels(*points, "compact_architecture") || !numbers(*points, "best_of_10")) continue;
        PruningRecord record = pruning_record(
            {source.name, source.header, {source.toml, source.dataset, source.curves, source.tables}},
            source.file);
        if (const PruningResult* baseline = record.results.baseline())
            records[{paper_name(baseline->architecture), record.dataset, record.options.train.limit}]
                .push_back(std::move(record));
    }
    return records;
}

/// Whether a run pruned every convolution but the first, as the paper does, or all of them: what a few layers
/// lost is no share of the network's kernels.
bool prunes_as_the_paper(const PruningRecord& run) {
    std::set<std::string> all, pruned(run.options.layers.begin(), run.options.layers.end());
    for (const PruningLayerResult& layer : run.results.layers)
        if (layer.layer.starts_with("conv")) all.insert(layer.layer);
    if (pruned.contains("all")) return true;
    all.erase("conv1");
    pruned.erase("conv1");
    return pruned == all;
}

/// Those of one recipe count as repeats, and what they pruned is held against their own baselines.
Pruning pruning_of(const std::vector<PruningRecord>& records) {
    Pruning pruning;
    std::map<std::pair<std::string, double>, double> baselines;  // each once, whatever was pruned of it
    for (const PooledRuns& runs : pooled(records))
        for (const PooledPoint& point : runs.points) {
            if (point.first().is_baseline())
                for (const PooledPoint::Sample& sample : point.samples)
                    baselines[{sample.run->baseline, sample.result->test_mcr}] = sample.result->test_mcr;
            else if (!point.first().is_control() && prunes_as_the_paper(*point.samples.front().run))
                pruning.points.push_back({point.name, point.first().granularity,
                                          point.mean(&PruningResult::pruned_kernels).mean,
                                          point.mean(&PruningResult::test_mcr), point.above_baseline()});
        }
    std::vector<double> mcr;
    for (const auto& [which, value] : baselines) mcr.push_back(value);
    pruning.baseline = mean_of(mcr);
    return pruning;
}

void add_statements(const Pruning& pruning, Rows& rows) {
    for (const paper::CoarsePruningStatement& statement : paper::coarse_pruning()) {
        if (pruning.network.empty() || statement.network != pruning.network) continue;
        if (statement.measure == paper::Measure::none) continue;
        if (statement.measure != paper::Measure::baseline_mcr &&
            !best_within(pruning, statement.measure, INFINITY))
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
        const std::string data = data_text(source.dataset.name, limit_of(source));
        for (const Table& table : source.tables) add_claims(table, data, known, rows);
    }
    for (const auto& [what, records] : pruning_records(sources)) {
        Pruning pruning = pruning_of(records);
        std::tie(pruning.network, pruning.dataset, pruning.limit) = what;
        add_statements(pruning, rows);
    }
    if (rows.empty()) return "";
    const auto missed = std::count_if(rows.begin(), rows.end(), is_missed);
    const std::string head = fmt::format(
        "<p>{} of {} published numbers {} not reached. Ours is the mean over the repeats where there are "
        "several; a "
        "number is reached when the mean is at least as good. Of several points within +1 % the one with the "
        "most pruned is named, by its test MCR. Times of the paper's machine are not compared, "
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
