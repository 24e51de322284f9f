#include <spdlog/fmt/fmt.h>

#include <algorithm>
#include <map>

#include "common/page.hpp"
#include "prune/figures.hpp"
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

/// Of the tables that name them.
std::string machine_text(const PageSource& source) {
    const Table* machine = source.table("machine");
    if (!machine) return "";
    std::string text;
    for (std::size_t row = 0; row < machine->rows(); ++row)
        for (const Column& column : machine->columns) {
            const auto* words = std::get_if<std::vector<std::string>>(&column.values);
            if (!text.empty()) text += &column == &machine->columns.front() ? "; " : ", ";
            text +=
                column.name + " " +
                (words ? words->at(row) : page::number(std::get<std::vector<double>>(column.values).at(row)));
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

/// The figures of pruning, as fftconv-prune draws them.
std::string pruning_charts(const std::vector<PageSource>& sources) {
    std::map<std::string, std::vector<PruningRecord>> figures;
    for (const PageSource& source : sources)
        if (const Table* points = source.table("points"); points && numbers(*points, "best_of_10"))
            figures[figure_of(source.name)].push_back(pruning_record(
                {source.name, source.header, {source.toml, source.dataset, source.curves, source.tables}},
                source.file));
    std::string html;
    for (const auto& [name, runs] : figures)
        for (const PruningFigure& figure : pruning_figures(runs)) html += page::line_chart(figure.plot, name);
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
