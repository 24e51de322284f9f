#include <spdlog/fmt/fmt.h>

#include <algorithm>
#include <map>

#include "common/page.hpp"
#include "results/page.hpp"

namespace fftconv {

namespace {

/// Names of an app's own, for people: "two-conv-ecp-0" stays, "figure_3b" too.
std::string titled(const PageSource& source) {
    return source.name.empty() ? source.file : source.name;
}

std::string entry(const std::string& name, const std::string& html) {
    return html.empty() ? "" : "<dt>" + name + "</dt><dd>" + html + "</dd>\n";
}

std::string data_text(const DatasetRecord& data) {
    if (data.name.empty()) return "";
    std::string text = page::escaped(data.name);
    if (data.n_train + data.n_validation + data.n_test > 0)
        text += fmt::format(": {} training, {} validation, {} test images", data.n_train, data.n_validation,
                            data.n_test);
    return data.sha256.empty() ? text
                               : text + " <code title=\"SHA-256\">" + page::escaped(data.sha256) + "</code>";
}

/// Of the tables that name it.
std::string machine_text(const PageSource& source) {
    const Table* machine = source.table("machine");
    if (!machine || machine->rows() == 0) return "";
    std::string text;
    for (const Column& column : machine->columns) {
        const auto* words = std::get_if<std::vector<std::string>>(&column.values);
        text += (text.empty() ? "" : ", ") + column.name + " " +
                (words ? words->front() : page::number(std::get<std::vector<double>>(column.values).front()));
    }
    return page::escaped(text);
}

std::string run(const PageSource& source) {
    const FileHeader& header = source.header;
    return "<dl class=run>" +
           entry("what", page::escaped(header.kind + (source.remark.empty() ? "" : ": " + source.remark))) +
           entry("data", data_text(source.dataset)) + entry("machine", machine_text(source)) +
           entry("commit", page::escaped(header.git_commit) + (header.git_dirty ? ", with changes" : "")) +
           entry("made", page::escaped(header.created_utc + " by fftconv " + header.library_version)) +
           "</dl>\n<details><summary>configuration</summary><pre>" + page::escaped(source.toml) +
           "</pre></details>\n";
}

/// The measures of a curve, as the charts name them.
struct Measure {
    const char *title, *label;
    std::vector<double> Curve::*values;
};
constexpr Measure measures[] = {{"Test misclassification", "test MCR, %", &Curve::test_mcr},
                                {"Validation misclassification", "validation MCR, %", &Curve::validation_mcr},
                                {"Training loss", "cross-entropy, nat", &Curve::train_loss},
                                {"Seconds of an epoch's training", "s", &Curve::train_seconds}};

std::string curve_charts(const PageSource& source) {
    std::string html;
    for (const Measure& measure : measures) {
        Plot plot{measure.title, "epoch", measure.label, {}};
        for (const Curve& curve : source.curves)
            if (const auto& values = curve.*measure.values; values.size() > 1)
                plot.series.push_back({curve.method, curve.epoch, values, {}, {}});
        if (!plot.series.empty()) html += page::line_chart(plot, source.name);
    }
    return html;
}

/// A figure that a file holds as a table: its first column is x, each other column a line.
std::string stored_figure(const Table& table) {
    const auto* x =
        table.columns.empty() ? nullptr : std::get_if<std::vector<double>>(&table.columns.front().values);
    if (!table.name.starts_with("figure_") || !x || x->size() < 2) return "";
    Plot plot{table.title, table.columns.front().name, "accuracy, %", {}};
    for (std::size_t i = 1; i < table.columns.size(); ++i)
        if (const auto* y = std::get_if<std::vector<double>>(&table.columns[i].values)) {
            std::string name = table.columns[i].name;
            std::replace(name.begin(), name.end(), '_', ' ');
            plot.series.push_back({name, *x, *y, {}, {}});
        }
    return plot.series.empty() ? "" : page::line_chart(plot);
}

/// A network without the repeat that it is of.
std::string without_repeat(const std::string& point) {
    return point.substr(0, point.find("-repeat-"));
}

struct Mean {
    double sum = 0, low = 1e300, high = -1e300;
    int count = 0;
    void add(double value) {
        sum += value;
        low = std::min(low, value);
        high = std::max(high, value);
        ++count;
    }
};

/// The lines of a figure by title, and of each line its points: share of kernels pruned, and MCR.
struct PruningLines {
    std::map<std::string, std::map<std::string, std::pair<Mean, Mean>>> lines;
    double baseline = -1;
};

void add_points(const PageSource& source, PruningLines& figure) {
    const Table* points = source.table("points");
    if (!points || !labels(*points, "point") || !numbers(*points, "test_mcr")) return;
    const auto &names = *labels(*points, "point"), &criteria = *labels(*points, "criterion"),
               &granularities = *labels(*points, "granularity");
    const auto &mcr = *numbers(*points, "test_mcr"), &pruned = *numbers(*points, "pruned_kernels");
    const std::size_t slash = source.name.find('/');
    const std::string prefix = slash == std::string::npos ? "" : source.name.substr(slash + 1) + ": ";
    for (std::size_t i = 0; i < names.size(); ++i) {
        if (granularities[i] == "none") {
            figure.baseline = mcr[i];
            continue;
        }
        auto& [share, error] =
            figure.lines[prefix + criteria[i] + ", " + granularities[i]][without_repeat(names[i])];
        share.add(pruned[i]);
        error.add(mcr[i]);
    }
}

PlotSeries series_of(const std::string& title, const std::map<std::string, std::pair<Mean, Mean>>& points) {
    std::vector<std::pair<double, Mean>> sorted;
    for (const auto& [point, means] : points)
        sorted.emplace_back(means.first.sum / means.first.count, means.second);
    std::sort(sorted.begin(), sorted.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
    PlotSeries series{title, {}, {}, {}, {}};
    for (const auto& [share, error] : sorted) {
        series.x.push_back(share);
        series.y.push_back(error.sum / error.count);
        series.low.push_back(error.low);
        series.high.push_back(error.high);
    }
    return series;
}

/// Test MCR over the share of kernels that is pruned in the end, for the runs of each figure ("figure_4b/…"):
/// means over the repeats with a band from the least to the largest.
std::string pruning_charts(const std::vector<PageSource>& sources) {
    std::map<std::string, PruningLines> figures;
    for (const PageSource& source : sources)
        add_points(source, figures[source.name.substr(0, source.name.find('/'))]);
    std::string html;
    for (const auto& [name, figure] : figures) {
        Plot plot{"MCR by share of kernels pruned", "kernels pruned, %", "test MCR, %", {}};
        for (const auto& [title, points] : figure.lines) plot.series.push_back(series_of(title, points));
        if (plot.series.empty()) continue;
        for (const double more : {0.0, 1.0})
            if (figure.baseline >= 0)
                plot.series.push_back({more > 0 ? "baseline + 1 %" : "baseline",
                                       {0, 100},
                                       {figure.baseline + more, figure.baseline + more},
                                       {},
                                       {},
                                       true});
        html += page::line_chart(plot, name);
    }
    return html;
}

}  // namespace

std::string runs_section(const std::vector<PageSource>& sources) {
    std::string html;
    for (const PageSource& source : sources) {
        if (sources.size() == 1) return run(source);
        html += "<details><summary>" + page::escaped(titled(source)) + " <span class=soft>" +
                page::escaped(source.dataset.name + ", " + source.header.git_commit.substr(0, 10) + ", " +
                              source.header.created_utc) +
                "</span></summary>" + run(source) + "</details>\n";
    }
    return html;
}

std::string curves_section(const std::vector<PageSource>& sources) {
    std::string html;
    for (const PageSource& source : sources) {
        html += curve_charts(source);
        for (const Table& table : source.tables) html += stored_figure(table);
    }
    return html + pruning_charts(sources);
}

std::string tables_section(const std::vector<PageSource>& sources) {
    constexpr std::size_t open_rows = 40;
    std::string html;
    for (const PageSource& source : sources)
        for (const Table& table : source.tables) {
            const std::string title = (source.name.empty() ? "" : source.name + ": ") + table.title;
            const bool open = table.rows() <= open_rows && sources.size() == 1;
            html += fmt::format(
                "<details{}><summary>{} <span class=soft>({} rows)</span></summary>{}</details>\n",
                open ? " open" : "", page::escaped(title), table.rows(), page::sorting_table(table));
        }
    return html;
}

}  // namespace fftconv
