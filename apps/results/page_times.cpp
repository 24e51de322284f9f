#include <spdlog/fmt/fmt.h>

#include <algorithm>
#include <cmath>
#include <map>

#include "common/page.hpp"
#include "results/page.hpp"

namespace fftconv {

namespace {

constexpr std::size_t most_bars = 40;

/// Time per image against MCR, of the dense, the masked and the compacted network of each point: the three
/// that took turns, since the baseline's own row was timed apart.
std::string tradeoff(const PageSource& source) {
    const Table* points = source.table("points");
    if (!points || !labels(*points, "point") || !labels(*points, "granularity") ||
        !numbers(*points, "test_mcr"))
        return "";
    const auto& granularities = *labels(*points, "granularity");
    const auto& mcr = *numbers(*points, "test_mcr");
    const auto baseline = std::size_t(std::ranges::find(granularities, "none") - granularities.begin());
    std::vector<page::PointSeries> all;
    for (const auto& [column, title] :
         {std::pair{"dense_time", "dense (the baseline)"}, std::pair{"masked_time", "masked"},
          std::pair{"compact_time", "compact"}}) {
        const auto* ms = numbers(*points, column);
        if (!ms) continue;
        page::PointSeries series{title, {}, {}, {}};
        for (std::size_t i = 0; i < ms->size(); ++i) {
            const bool dense = column == std::string("dense_time");
            if (!std::isfinite((*ms)[i]) || i == baseline || (dense && baseline == mcr.size())) continue;
            series.names.push_back((dense ? "in turns with " : "") + (*labels(*points, "point"))[i]);
            series.x.push_back((*ms)[i]);
            series.y.push_back(mcr[dense ? baseline : i]);
        }
        if (!series.x.empty()) all.push_back(std::move(series));
    }
    return all.empty() ? ""
                       : page::scatter_chart("MCR against milliseconds per image", "ms per image",
                                             "test MCR, %", all, source.name);
}

/// The point whose layers are shown: most kernels pruned with an MCR of at most the baseline's and 1 %, else
/// the first.
std::string representative(const PageSource& source) {
    const Table& points = *source.table("points");
    for (const char* column : {"point", "granularity"})
        if (!labels(points, column)) return "";
    for (const char* column : {"test_mcr", "pruned_kernels"})
        if (!numbers(points, column)) return "";
    const auto &names = *labels(points, "point"), &granularities = *labels(points, "granularity");
    const auto &mcr = *numbers(points, "test_mcr"), &pruned = *numbers(points, "pruned_kernels");
    double limit = -1, most = -1;
    std::string found;
    for (std::size_t i = 0; i < names.size(); ++i) {
        if (granularities[i] == "none") {
            limit = mcr[i] + 1;
        } else if (found.empty() || (mcr[i] <= limit && pruned[i] > most)) {
            if (mcr[i] <= limit) most = pruned[i];
            found = names[i];
        }
    }
    return found;
}

/// Of a pruned network: each layer three times.
std::string layer_times(const PageSource& source) {
    const Table *layers = source.table("layers"), *points = source.table("points");
    if (!layers || !points || !labels(*layers, "point") || !labels(*layers, "layer")) return "";
    for (const char* column : {"dense_time", "masked_time", "compact_time"})
        if (!numbers(*layers, column)) return "";
    const std::string point = representative(source);
    std::vector<page::Bar> bars;
    for (std::size_t i = 0; i < layers->rows(); ++i) {
        if ((*labels(*layers, "point"))[i] != point) continue;
        int part = 0;
        for (const char* kind : {"dense", "masked", "compact"}) {
            page::Bar bar{(*labels(*layers, "layer"))[i] + ", " + kind, {0, 0, 0}};
            bar.parts[std::size_t(part++)] = (*numbers(*layers, std::string(kind) + "_time"))[i];
            bars.push_back(std::move(bar));
        }
    }
    if (bars.empty()) return "";
    return page::bar_chart("Time by layer: " + point, "ms", {"dense", "masked", "compact"}, bars,
                           source.name);
}

/// The unit and the column of a table's time: its last numeric column of seconds or milliseconds.
const Column* time_column(const Table& table) {
    for (auto column = table.columns.rbegin(); column != table.columns.rend(); ++column)
        if ((column->unit == "s" || column->unit == "ms") &&
            std::holds_alternative<std::vector<double>>(column->values))
            return &*column;
    return nullptr;
}

/// What names row i of a benchmark's first table.
std::string benchmark_row(const PageSource& source, std::size_t i) {
    const Table* benchmark = source.table("benchmark");
    if (!benchmark || i >= benchmark->rows() || !labels(*benchmark, "work") ||
        !labels(*benchmark, "contender"))
        return fmt::format("row {}", i);
    std::string name = (*labels(*benchmark, "work"))[i] + ", " + (*labels(*benchmark, "contender"))[i];
    const auto *threads = numbers(*benchmark, "threads"), *pruned = numbers(*benchmark, "pruned");
    if (threads && (*threads)[i] != 1) name += fmt::format(", {:g} threads", (*threads)[i]);
    if (pruned && (*pruned)[i] > 0) name += fmt::format(", {:g} % pruned", 100 * (*pruned)[i]);
    return name;
}

/// The name of the bar that row i of a table of phases belongs to.
std::string bar_name(const PageSource& source, const Table& table, std::size_t i) {
    if (const auto* row = numbers(table, "row")) return benchmark_row(source, std::size_t((*row)[i]));
    std::string name;
    for (const Column& column : table.columns)
        if (const auto* words = std::get_if<std::vector<std::string>>(&column.values);
            words && column.name != "phase")
            name += (name.empty() ? "" : ", ") + (*words)[i];
    return name;
}

/// Where a phase is the whole of the others, what it is more than they: phases and rest are stacked.
constexpr const char* whole_phase = "in all";
void leave_the_rest(const std::vector<std::string>& parts, page::Bar& bar) {
    const auto whole = std::size_t(std::find(parts.begin(), parts.end(), whole_phase) - parts.begin());
    if (whole >= bar.parts.size()) return;
    for (std::size_t part = 0; part < bar.parts.size(); ++part)
        if (part != whole) bar.parts[whole] -= bar.parts[part];
    bar.parts[whole] = std::max(bar.parts[whole], 0.0);  // phases are summed over threads
}

/// A table with a phase in each row: a bar per layer (or work), stacked by phase.
std::string phase_times(const PageSource& source, const Table& table) {
    const auto* phases = labels(table, "phase");
    const Column* time = time_column(table);
    if (!phases || !time) return "";
    std::vector<std::string> parts;
    std::vector<page::Bar> bars;
    const auto place = [](auto& list, const std::string& name, const auto& name_of) {
        return std::size_t(
            std::find_if(list.begin(), list.end(), [&](const auto& e) { return name_of(e) == name; }) -
            list.begin());
    };
    for (std::size_t i = 0; i < phases->size(); ++i) {
        const std::string name = bar_name(source, table, i);
        const std::size_t part = place(parts, (*phases)[i], [](const std::string& each) { return each; });
        if (part == parts.size()) parts.push_back((*phases)[i]);
        const std::size_t bar = place(bars, name, [](const page::Bar& each) { return each.name; });
        if (bar == bars.size()) bars.push_back({name, {}});
        bars[bar].parts.resize(std::max(bars[bar].parts.size(), part + 1));
        bars[bar].parts[part] += std::get<std::vector<double>>(time->values)[i];
    }
    for (page::Bar& bar : bars) leave_the_rest(parts, bar);
    std::replace(parts.begin(), parts.end(), std::string(whole_phase), std::string("all else"));
    const bool seconds = time->unit == "s";
    for (page::Bar& bar : bars)
        for (double& part : bar.parts) part *= seconds ? 1000 : 1;
    std::string note = source.name;
    if (bars.size() > most_bars) {
        note += fmt::format("{}the first {} of {}; the table has all", note.empty() ? "" : ": ", most_bars,
                            bars.size());
        bars.resize(most_bars);
    }
    return bars.empty() ? "" : page::bar_chart(table.title, "ms", parts, bars, note);
}

/// Of fftconv-evaluate: the forms of a pruned network.
std::string form_times(const PageSource& source, const Table& table) {
    const auto *forms = labels(table, "form"), *architectures = labels(table, "architecture");
    const auto* ms = numbers(table, "time");
    if (!forms || !ms) return "";
    std::vector<page::Bar> bars;
    for (std::size_t i = 0; i < forms->size(); ++i)
        bars.push_back({(*forms)[i] + (architectures ? ": " + (*architectures)[i] : ""), {(*ms)[i]}});
    return page::bar_chart(table.title, "ms", {"time per image"}, bars, source.name);
}

std::string confusion(const PageSource& source, const Table& table) {
    if (!table.name.starts_with("confusion") || table.columns.size() != table.rows() + 1) return "";
    std::vector<std::string> names;
    std::vector<double> counts(table.rows() * table.rows());
    for (std::size_t j = 1; j < table.columns.size(); ++j) {
        const auto* column = std::get_if<std::vector<double>>(&table.columns[j].values);
        if (!column) return "";
        for (std::size_t i = 0; i < column->size(); ++i) counts[i * table.rows() + j - 1] = (*column)[i];
        const Column& first = table.columns.front();
        const auto* words = std::get_if<std::vector<std::string>>(&first.values);
        names.push_back(words ? (*words)[j - 1]
                              : page::number(std::get<std::vector<double>>(first.values)[j - 1]));
    }
    return page::heat_map((source.name.empty() ? "" : source.name + ": ") + table.title, names, counts);
}

template <class Make>
std::string of_tables(const std::vector<PageSource>& sources, const Make& make) {
    std::string html;
    for (const PageSource& source : sources)
        for (const Table& table : source.tables) html += make(source, table);
    return html;
}

}  // namespace

std::string tradeoff_section(const std::vector<PageSource>& sources) {
    std::string html;
    for (const PageSource& source : sources) html += tradeoff(source);
    return html;
}

std::string times_section(const std::vector<PageSource>& sources) {
    std::string html;
    for (const PageSource& source : sources) html += layer_times(source);
    return html + of_tables(sources, form_times) + of_tables(sources, phase_times);
}

std::string confusion_section(const std::vector<PageSource>& sources) {
    return of_tables(sources, confusion);
}

}  // namespace fftconv
