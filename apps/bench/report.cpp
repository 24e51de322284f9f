#include "bench/report.hpp"

#include <spdlog/fmt/fmt.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <span>

#include "bench/layer.hpp"
#include "common/markdown_table.hpp"
#include "common/plot.hpp"
#include "common/process.hpp"
#include "common/statistics.hpp"
#include "fftconv/core/version.hpp"
#include "fftconv/storage/results.hpp"

namespace fftconv {
namespace {

std::string percent(double part) {
    return fmt::format("{:.0f} %", 100 * part);
}

std::string quartiles_text(const Quartiles& quartiles) {
    return fmt::format("{:.2f} to {:.2f}", quartiles.lower, quartiles.upper);
}

/// Compares rows with that of one thread that did the same.
void add_speedups(std::vector<BenchmarkRow>& rows) {
    for (BenchmarkRow& row : rows) {
        const auto one = std::find_if(rows.begin(), rows.end(), [&](const BenchmarkRow& other) {
            return other.threads == 1 && other.work == row.work && other.contender == row.contender &&
                   other.pruned == row.pruned;
        });
        if (row.threads > 1 && one != rows.end()) row.speedup = ratio(one->rounds, row.rounds);
    }
}

/// Columns for those that ran on several threads, if any did.
class SpeedupColumns {
  public:
    explicit SpeedupColumns(const std::vector<BenchmarkRow>& rows)
        : any_(std::any_of(rows.begin(), rows.end(),
                           [](const BenchmarkRow& row) { return row.speedup.has_value(); })) {}

    void add_header(std::vector<std::string>& header) const {
        if (any_) header.insert(header.end(), {"one thread / this", "its quartiles"});
    }
    void add_cells(const BenchmarkRow& row, std::vector<std::string>& cells) const {
        if (!any_) return;
        cells.push_back(row.speedup ? fmt::format("{:.2f}", row.speedup->median) : "");
        cells.push_back(row.speedup ? quartiles_text(*row.speedup) : "");
    }

  private:
    bool any_;
};

/// A column for `auto`, where what it chooses from was timed next to it: its fastest call over that of the
/// best. They are often the same engine and tile, between which medians would show whose turn was
/// interrupted.
class ChoiceColumn {
  public:
    explicit ChoiceColumn(const std::vector<BenchmarkRow>& rows) : rows_(rows) {
        any_ = std::any_of(rows.begin(), rows.end(), [](const BenchmarkRow& row) {
            return row.contender == "spatial" || row.contender.starts_with("fft, tile");
        });
    }

    void add_header(std::vector<std::string>& header) const {
        if (any_) header.insert(header.end(), {"auto / best", "best"});
    }
    void add_cells(const BenchmarkRow& row, std::vector<std::string>& cells) const {
        if (!any_) return;
        const BenchmarkRow* best = best_of(row);
        cells.push_back(best ? fmt::format("{:.2f}", row.fastest() / best->fastest()) : "");
        cells.push_back(best ? best->contender : "");
    }
    /// Null but for `auto` next to choices.
    const BenchmarkRow* best_of(const BenchmarkRow& row) const {
        const BenchmarkRow* best = nullptr;
        if (row.contender != "auto") return best;
        for (const BenchmarkRow& other : rows_)
            if (is_choice(other) && other.work == row.work && other.threads == row.threads &&
                other.pruned == row.pruned && (!best || other.fastest() < best->fastest()))
                best = &other;
        return best;
    }

  private:
    static bool is_choice(const BenchmarkRow& row) {
        return row.contender == "spatial" || row.contender.starts_with("fft");
    }

    const std::vector<BenchmarkRow>& rows_;
    bool any_;
};

std::string phase_table(const std::vector<BenchmarkRow>& rows) {
    std::vector<std::string> header{"ms of a call", "threads", "pruned"};
    for (const BenchmarkRow& row : rows) {
        if (row.phases.empty()) continue;
        for (const Phase& phase : row.phases) header.push_back(phase.name);
        break;
    }
    const bool products =
        std::any_of(rows.begin(), rows.end(), [](const BenchmarkRow& row) { return row.sum_flop > 0; });
    if (products) header.push_back("sum, of peak");
    MarkdownTable table(header);
    for (const BenchmarkRow& row : rows) {
        if (row.phases.size() + 3 + products != header.size()) continue;  // another engine, with other phases
        std::vector<std::string> cells{row.contender, std::to_string(row.threads), percent(row.pruned)};
        for (const Phase& phase : row.phases) cells.push_back(fmt::format("{:.3f}", 1e3 * phase.seconds));
        if (products) cells.push_back(std::isnan(row.sum_of_peak()) ? "" : percent(row.sum_of_peak()));
        table.add(cells);
    }
    return table.text();
}

/// A column made from every row.
template <class Value>
Column column(const std::string& name, const std::string& unit, const std::vector<BenchmarkRow>& rows,
              Value value) {
    std::vector<std::decay_t<decltype(value(rows[0]))>> values;
    for (const BenchmarkRow& row : rows) values.push_back(value(row));
    return {name, unit, values};
}

Table times_table(const std::vector<BenchmarkRow>& rows) {
    using Row = BenchmarkRow;
    // A row without a ratio is the rival's own, which is 1; without any rival there is none.
    const bool rivals = std::ranges::any_of(rows, [](const Row& row) { return row.ratio.has_value(); });
    const auto quartile = [rivals](double Quartiles::*part) {
        return [part, rivals](const Row& row) {
            return row.ratio ? (*row.ratio).*part : rivals ? 1.0 : not_measured;
        };
    };
    return {"benchmark",
            "Median times, and ratios to the rival of the same work and threads",
            {column("work", "", rows, [](const Row& row) { return row.work; }),
             column("contender", "", rows, [](const Row& row) { return row.contender; }),
             column("threads", "1", rows, [](const Row& row) { return double(row.threads); }),
             column("pruned", "1", rows, [](const Row& row) { return row.pruned; }),
             column("seconds", "s", rows, [](const Row& row) { return row.seconds(); }),
             column("flop", "1", rows, [](const Row& row) { return row.flop; }),
             column("peak", "1/s", rows, [](const Row& row) { return row.peak; }),
             column("sum_flop", "1", rows, [](const Row& row) { return row.sum_flop; }),
             column("ratio_lower_quartile", "1", rows, quartile(&Quartiles::lower)),
             column("ratio", "1", rows, quartile(&Quartiles::median)),
             column("ratio_upper_quartile", "1", rows, quartile(&Quartiles::upper))}};
}

std::string name_of(const BenchmarkRow& row) {
    return row.work + ", " + row.contender;
}

Table rounds_table(const std::vector<BenchmarkRow>& rows) {
    std::vector<std::string> works;
    std::vector<double> row_numbers, seconds;
    for (std::size_t i = 0; i < rows.size(); ++i)
        for (double round : rows[i].rounds) {
            works.push_back(name_of(rows[i]));
            row_numbers.push_back(double(i));
            seconds.push_back(round);
        }
    return {"rounds",
            "Seconds of the fastest call of each round; row counts the rows of the first table from 0",
            {{"work", "", works}, {"row", "1", row_numbers}, {"seconds", "s", seconds}}};
}

Table phases_table(const std::vector<BenchmarkRow>& rows) {
    std::vector<std::string> works, names;
    std::vector<double> row_numbers, seconds;
    for (std::size_t i = 0; i < rows.size(); ++i)
        for (const Phase& phase : rows[i].phases) {
            works.push_back(name_of(rows[i]));
            row_numbers.push_back(double(i));
            names.push_back(phase.name);
            seconds.push_back(phase.seconds);
        }
    return {
        "phases",
        "Seconds of each phase of the fastest call, summed over threads; row counts the rows of the first "
        "table "
        "from 0",
        {{"work", "", works}, {"row", "1", row_numbers}, {"phase", "", names}, {"seconds", "s", seconds}}};
}

/// The fastest rival with as many threads, or the number of entries.
std::size_t rival_of(const Entry& entry, std::span<const Entry> entries, std::span<const Timing> timings) {
    std::size_t best = entries.size();
    double least = std::numeric_limits<double>::infinity();
    for (std::size_t i = 0; i < entries.size(); ++i) {
        if (!entries[i].rival || entries[i].contender.threads != entry.contender.threads) continue;
        const double seconds = quartiles(timings[i].rounds).median;
        if (seconds < least) best = i;
        least = std::min(least, seconds);
    }
    return best;
}

}  // namespace

double BenchmarkRow::sum_of_peak() const {
    for (const Phase& phase : phases)
        if (phase.name == "sum" && sum_flop > 0 && peak > 0)
            return sum_flop / phase.seconds / (peak / threads);
    return not_measured;
}

std::vector<BenchmarkRow> time_entries(const std::string& work, std::span<const Entry> entries,
                                       const RoundOptions& options, double flop) {
    std::vector<Contender> contenders;
    std::map<int, double> peaks;  // by threads; here, the FLOP of a burst
    for (const Entry& entry : entries) {
        contenders.push_back(entry.contender);
        peaks[entry.contender.threads] = 0;
    }
    for (auto& peak : peaks)
        contenders.push_back({.name = "peak", .threads = peak.first, .run = [&peak] {
                                  peak.second = multiply_add_burst(peak.first);
                              }});
    const std::vector<Timing> timings = time_in_turn(contenders, options);
    for (std::size_t i = entries.size(); i < contenders.size(); ++i)
        peaks[contenders[i].threads] /= *std::min_element(timings[i].rounds.begin(), timings[i].rounds.end());
    std::vector<BenchmarkRow> rows;
    for (std::size_t i = 0; i < entries.size(); ++i) {
        const std::size_t rival = rival_of(entries[i], entries, timings);
        const int threads = contenders[i].threads;
        rows.push_back({.work = work,
                        .contender = contenders[i].name,
                        .threads = threads,
                        .pruned = entries[i].pruned,
                        .rounds = timings[i].rounds,
                        .flop = flop,
                        .peak = peaks.at(threads),
                        .ratio = {},
                        .speedup = {},
                        .phases = timings[i].phases,
                        .sum_flop = contenders[i].sum_flop});
        if (rival < entries.size() && rival != i)
            rows[i].ratio = ratio(timings[rival].rounds, timings[i].rounds);
    }
    add_speedups(rows);
    return rows;
}

std::string report_text(const std::vector<BenchmarkRow>& rows) {
    const SpeedupColumns speedup(rows);
    const ChoiceColumn choice(rows);
    std::vector<std::string> header{"contender", "threads", "pruned",       "median ms", "fastest",
                                    "GFLOP/s",   "of peak", "rival / this", "quartiles"};
    speedup.add_header(header);
    choice.add_header(header);
    MarkdownTable table(header);
    for (const BenchmarkRow& row : rows) {
        std::vector<std::string> cells{row.contender,
                                       std::to_string(row.threads),
                                       percent(row.pruned),
                                       fmt::format("{:.3f}", 1e3 * row.seconds()),
                                       fmt::format("{:.3f}", 1e3 * row.fastest()),
                                       row.flop > 0 ? fmt::format("{:.1f}", 1e-9 * row.flop_rate()) : "",
                                       row.flop > 0 ? percent(row.flop_rate() / row.peak) : "",
                                       row.ratio ? fmt::format("{:.2f}", row.ratio->median) : "",
                                       row.ratio ? quartiles_text(*row.ratio) : ""};
        speedup.add_cells(row, cells);
        choice.add_cells(row, cells);
        table.add(cells);
    }
    std::map<int, double> peaks;
    for (const BenchmarkRow& row : rows) peaks[row.threads] = row.peak;
    std::string text;
    for (const auto& [threads, peak] : peaks)
        text += fmt::format("Peak of multiply-adds, {} thread{}: {:.1f} GFLOP/s\n", threads,
                            threads == 1 ? "" : "s", 1e-9 * peak);
    return text + "\n" + table.text() + "\n" + phase_table(rows);
}

void write_benchmark_hdf5(const std::string& file, const std::string& resolved_toml,
                          const std::vector<BenchmarkRow>& rows) {
    ResultRecord record;
    record.resolved_toml = resolved_toml;
    record.dataset.name = "random";
    record.tables = {times_table(rows), rounds_table(rows), phases_table(rows)};
    write_results(file, record);
}

namespace {

std::vector<BenchmarkRow> rows_of(const ResultRecord& record, const std::string& file) {
    const auto numbers = [&](const char* column) -> const std::vector<double>& {
        return record.column<double>(file, "benchmark", column);
    };
    const auto &works = record.column<std::string>(file, "benchmark", "work"),
               &contenders = record.column<std::string>(file, "benchmark", "contender");
    std::vector<BenchmarkRow> rows(works.size());
    for (std::size_t i = 0; i < rows.size(); ++i) {
        const Quartiles ratio{numbers("ratio_lower_quartile")[i], numbers("ratio")[i],
                              numbers("ratio_upper_quartile")[i]};
        // The rival's own; in older files also where there was none.
        const bool own = ratio.lower == 1 && ratio.median == 1 && ratio.upper == 1;
        rows[i] = {.work = works[i],
                   .contender = contenders[i],
                   .threads = int(numbers("threads")[i]),
                   .pruned = numbers("pruned")[i],
                   .rounds = {},
                   .flop = numbers("flop")[i],
                   .peak = numbers("peak")[i],
                   .ratio = own || std::isnan(ratio.median) ? std::nullopt : std::optional(ratio),
                   .speedup = {},
                   .phases = {},
                   .sum_flop = numbers("sum_flop")[i]};
    }
    const auto& timed = record.column<double>(file, "rounds", "row");
    const auto& rounds = record.column<double>(file, "rounds", "seconds");
    for (std::size_t i = 0; i < timed.size(); ++i) rows.at(std::size_t(timed[i])).rounds.push_back(rounds[i]);
    const auto& row_numbers = record.column<double>(file, "phases", "row");
    const auto& names = record.column<std::string>(file, "phases", "phase");
    const auto& seconds = record.column<double>(file, "phases", "seconds");
    for (std::size_t i = 0; i < row_numbers.size(); ++i)
        rows.at(std::size_t(row_numbers[i])).phases.push_back({names[i], seconds[i]});
    add_speedups(rows);
    return rows;
}

/// One line for each contender that is compared with another.
std::string summary_table(const std::vector<BenchmarkRow>& rows) {
    const SpeedupColumns speedup(rows);
    const ChoiceColumn choice(rows);
    std::vector<std::string> header{"work", "contender",    "threads",   "pruned",
                                    "ms",   "rival / this", "quartiles", "sum, of peak"};
    speedup.add_header(header);
    choice.add_header(header);
    MarkdownTable table(header);
    for (const BenchmarkRow& row : rows)
        if (row.ratio || row.speedup || choice.best_of(row)) {
            std::vector<std::string> cells{row.work,
                                           row.contender,
                                           std::to_string(row.threads),
                                           percent(row.pruned),
                                           fmt::format("{:.3f}", 1e3 * row.seconds()),
                                           row.ratio ? fmt::format("{:.2f}", row.ratio->median) : "",
                                           row.ratio ? quartiles_text(*row.ratio) : "",
                                           std::isnan(row.sum_of_peak()) ? "" : percent(row.sum_of_peak())};
            speedup.add_cells(row, cells);
            choice.add_cells(row, cells);
            table.add(cells);
        }
    return table.text();
}

}  // namespace

std::string benchmark_text(const std::string& file, bool summary) {
    std::string text;
    for (const Experiment& experiment : read_experiments(file)) {
        const std::vector<BenchmarkRow> rows = rows_of(experiment.record, file);
        text += fmt::format("{}made by fftconv {}, commit {}{}\n",
                            experiment.name.empty() ? "" : experiment.name + ": ",
                            experiment.header.library_version, experiment.header.git_commit,
                            experiment.header.git_dirty ? " with changes" : "");
        if (summary) text += "\n" + summary_table(rows);
        for (auto first = summary ? rows.end() : rows.begin(); first != rows.end();) {
            const auto last = std::find_if(first, rows.end(),
                                           [&](const BenchmarkRow& row) { return row.work != first->work; });
            text += "\n" + first->work + "\n\n" + report_text({first, last});
            first = last;
        }
        text += "\n";
    }
    return text;
}

void draw_benchmark(const std::string& file, const std::filesystem::path& folder) {
    RatioBars bars{
        "One thread: time of the fastest rival / time of fftconv", "times as fast (logarithmic)", {}, {}};
    for (const Experiment& experiment : read_experiments(file)) {
        const std::string set = experiment.name.starts_with("avx2/") ? "AVX2: " : "";
        for (const BenchmarkRow& row : rows_of(experiment.record, file)) {
            const std::size_t pass = row.work.rfind(", forward");
            if (row.contender != "auto" || row.threads != 1 || row.pruned > 0 || !row.ratio ||
                pass == std::string::npos)
                continue;
            const std::string name = set + row.work.substr(0, pass);
            if (std::find(bars.names.begin(), bars.names.end(), name) != bars.names.end()) continue;
            bars.names.push_back(name);
            bars.values.push_back(row.ratio->median);
        }
    }
    if (bars.names.empty())
        throw Error(file + ": --figures: expected layers timed by --engine auto next to a rival, found none");
    make_folder(folder);
    write_svg(bars, folder / "speed.svg");
}

}  // namespace fftconv
