#include "common/plot.hpp"

#include <spdlog/fmt/fmt.h>
#include <stdio.h>

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <iterator>
#include <limits>
#include <memory>
#include <span>
#include <sstream>
#include <string_view>

#include "fftconv/core/atomic_file.hpp"
#include "fftconv/core/error.hpp"

namespace fftconv {

namespace {

/// A string as gnuplot reads it between single quotes.
std::string for_gnuplot(const std::string& text) {
    std::string result = "'";
    for (char c : text) result += c == '\'' ? "''" : std::string(1, c);
    return result + "'";
}

std::string gnuplot_number(double value) {
    return std::isfinite(value) ? fmt::format("{:.10g}", value) : "NaN";
}

/// A point of one run has none.
bool has_interval(const PlotSeries& series, std::size_t i) {
    return series.low[i] < series.high[i];
}

void write_data(std::ostream& out, const PlotSeries& series, std::size_t index) {
    out << "$data" << index << " << END\n";
    for (std::size_t i = 0; i < series.x.size(); ++i) {
        out << gnuplot_number(series.x[i]) << ' ' << gnuplot_number(series.y[i]);
        if (!series.low.empty())
            out << ' ' << gnuplot_number(has_interval(series, i) ? series.low[i] : NAN) << ' '
                << gnuplot_number(has_interval(series, i) ? series.high[i] : NAN);
        out << '\n';
    }
    out << "END\n";
}

/// Wong's, which colour-blind readers can tell apart (Nature Methods 8, 2011).
constexpr const char* colours[] = {"#0072b2", "#d55e00", "#009e73", "#cc79a7",
                                   "#e69f00", "#56b4e9", "#000000", "#999999"};

/// A band has no width at a single point, and none to a point without an interval: bars stand there instead.
std::string band(const PlotSeries& series, std::size_t index) {
    if (series.low.empty()) return "";
    bool everywhere = series.x.size() > 1;
    for (std::size_t i = 0; i < series.x.size(); ++i) everywhere = everywhere && has_interval(series, i);
    const char* how = everywhere ? "using 1:3:4 with filledcurves fillstyle transparent solid 0.15 noborder"
                                 : "using 1:2:3:4 with yerrorbars pointtype 7 pointsize 0.4 linewidth 1.5";
    return fmt::format("$data{} {} linecolor {} notitle, ", index, how, index + 1);
}

/// Series beyond the colours have a colour again, with other points and dashes.
std::string line(const PlotSeries& series, std::size_t index) {
    const std::size_t turn = index / std::size(colours);
    const std::string how = series.marks ? "points pointtype 2 pointsize 1.2"
                            : series.x.size() > 30 || series.dashed
                                ? "lines"
                                : fmt::format("linespoints pointtype {} pointsize {}",
                                              turn == 0 ? 7 : 4 + 2 * turn, turn == 0 ? 0.4 : 0.8);
    const std::string dashes = series.dashed ? "dashtype 2"
                               : turn > 0    ? fmt::format("dashtype {}", 3 + turn)
                                             : "";
    return fmt::format("$data{} using 1:2 with {} linecolor {} linewidth 2 {} title {}", index, how,
                       index + 1, dashes, for_gnuplot(series.title));
}

/// Limits of an axis that gnuplot would choose badly: it warns of a range without extent, as a single point
/// has, puts fractions between a few whole numbers, and goes below zero for the band of what never does.
std::string range(const Plot& plot, const char* axis, std::vector<double> PlotSeries::*values) {
    double low = std::numeric_limits<double>::infinity(), high = -low;
    bool whole = true;
    for (const PlotSeries& series : plot.series) {
        for (double value : series.*values) {
            if (!std::isfinite(value)) continue;
            low = std::min(low, value);
            high = std::max(high, value);
            whole = whole && value == std::floor(value);
        }
    }
    if (low == high) return fmt::format("set {}range [{}:{}]\n", axis, low - 1, high + 1);
    const std::string from_zero = low >= 0 ? fmt::format("set {}range [0<*:*]\n", axis) : "";
    return from_zero + (whole && high - low <= 12 ? fmt::format("set {}tics 1\n", axis) : "");
}

/// More titles than these stand below the drawing, where they hide none of it.
constexpr std::size_t few_titles = 4;

/// A gnuplot script. The titles below begin a line further down, clear of the axis' label.
void write_script(std::ostream& out, const Plot& plot) {
    const std::size_t below = plot.series.size() > few_titles ? 20 * (plot.series.size() + 1) : 0;
    out << "set terminal svg size 760," << 460 + below << " font 'sans-serif,13' background '#ffffff'\n"
        << "set encoding utf8\n"
        << "set title " << for_gnuplot(plot.title) << " noenhanced\n"
        << "set xlabel " << for_gnuplot(plot.x_label) << " noenhanced\n"
        << "set ylabel " << for_gnuplot(plot.y_label) << " noenhanced\n"
        << "set key "
        << (below        ? "below left Left reverse vertical maxcols 1 height 1"
            : plot.rises ? "top left Left reverse"
                         : "bottom right")
        << " noenhanced\nset grid linecolor '#dddddd'\nset datafile missing 'NaN'\n";
    out << range(plot, "x", &PlotSeries::x) << range(plot, "y", &PlotSeries::y);
    int index = 0;
    for (const char* colour : colours) {
        out << "set linetype " << ++index << " linecolor rgb '" << colour << "'\n";
    }
    for (std::size_t i = 0; i < plot.series.size(); ++i) write_data(out, plot.series[i], i);
    out << "plot ";
    for (std::size_t i = 0; i < plot.series.size(); ++i) {
        out << (i == 0 ? "" : ", ") << band(plot.series[i], i) << line(plot.series[i], i);
    }
    out << '\n';
}

void write_script(std::ostream& out, const RatioBars& bars) {
    const std::size_t count = bars.names.size();
    out << "set terminal svg size 900," << 120 + 24 * count
        << " font 'sans-serif,13' background '#ffffff'\nset encoding utf8\nunset key\n"
        << "set title " << for_gnuplot(bars.title) << " noenhanced\n"
        << "set xlabel " << for_gnuplot(bars.x_label) << " noenhanced\n"
        << "set logscale x 2\nset offsets 0, graph 0.15, 0, 0\nset grid xtics linecolor '#dddddd'\nset style "
           "fill solid 0.9\n"
        << "set yrange [" << count << " - 0.5:-0.5]\nset ytics noenhanced (";
    for (std::size_t i = 0; i < count; ++i)
        out << (i == 0 ? "" : ", ") << for_gnuplot(bars.names[i]) << ' ' << i;
    out << ")\nset arrow from 1, graph 0 to 1, graph 1 nohead front\n$bars << END\n";
    for (std::size_t i = 0; i < count; ++i)
        out << gnuplot_number(bars.values[i]) << ' ' << i << ' ' << fmt::format("{:.2f}", bars.values[i])
            << '\n';
    out << "END\nplot $bars using 1:2:($1 < 1 ? $1 : 1):($1 < 1 ? 1 : $1):($2 - 0.35):($2 + 0.35):($1 < 1 ? "
           "0xd55e00 : 0x0072b2) with boxxyerror linecolor rgb variable, "
           "$bars using ($1 < 1 ? 1 : $1):2:3 with labels left offset 0.5,0\n";
}

/// A file without a name.
using Scratch = std::unique_ptr<FILE, int (*)(FILE*)>;

/// What gnuplot prints when it is given these commands; empty when it fails.
std::string drawn(const std::string& commands) {
    const Scratch script(std::tmpfile(), [](FILE* file) { return std::fclose(file); });
    if (!script || std::fwrite(commands.data(), 1, commands.size(), script.get()) != commands.size() ||
        std::fflush(script.get()) != 0)
        throw Error(std::string("no room for temporary files: ") + std::strerror(errno));
    std::rewind(script.get());
    const std::string command = "gnuplot /dev/fd/" + std::to_string(::fileno(script.get()));
    FILE* pipe = ::popen(command.c_str(), "r");
    if (!pipe) throw Error(std::string("gnuplot cannot be started: ") + std::strerror(errno));
    std::string svg;
    char buffer[4096];
    while (const std::size_t count = std::fread(buffer, 1, sizeof buffer, pipe)) svg.append(buffer, count);
    return ::pclose(pipe) == 0 ? svg : "";
}

}  // namespace

bool gnuplot_available() {
    static const bool available = std::system("command -v gnuplot >/dev/null 2>&1") == 0;
    return available;
}

namespace {

void write_drawn(const std::string& commands, const std::filesystem::path& file) {
    if (!gnuplot_available()) throw Error("gnuplot is not installed (Debian: apt-get install gnuplot-nox)");
    const std::string svg = drawn(commands);
    // gnuplot says nothing when its output ends early.
    if (!std::string_view(svg).substr(0, svg.find_last_not_of(" \n") + 1).ends_with("</svg>"))
        throw Error(file.string() + ": gnuplot could not draw it");
    replace_file(file, std::as_bytes(std::span(svg)));
}

}  // namespace

void write_svg(const Plot& plot, const std::filesystem::path& file) {
    std::ostringstream commands;
    write_script(commands, plot);
    write_drawn(commands.str(), file);
}

void write_svg(const RatioBars& bars, const std::filesystem::path& file) {
    std::ostringstream commands;
    write_script(commands, bars);
    write_drawn(commands.str(), file);
}

}  // namespace fftconv
