#include "common/plot.hpp"

#include <spdlog/fmt/fmt.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <fstream>
#include <limits>
#include <system_error>

#include "fftconv/core/error.hpp"

namespace fftconv {

namespace {

/// A string as gnuplot and a shell read it between single quotes.
std::string quoted(const std::string& text, const std::string& quote) {
    std::string result = "'";
    for (char c : text) result += c == '\'' ? quote : std::string(1, c);
    return result + "'";
}
std::string for_gnuplot(const std::string& text) {
    return quoted(text, "''");
}
std::string for_shell(const std::string& text) {
    return quoted(text, "'\\''");
}

std::string gnuplot_number(double value) {
    return std::isfinite(value) ? fmt::format("{:.10g}", value) : "NaN";
}

void write_data(std::ostream& out, const PlotSeries& series, std::size_t index) {
    out << "$data" << index << " << END\n";
    for (std::size_t i = 0; i < series.x.size(); ++i) {
        out << gnuplot_number(series.x[i]) << ' ' << gnuplot_number(series.y[i]);
        if (!series.low.empty())
            out << ' ' << gnuplot_number(series.low[i]) << ' ' << gnuplot_number(series.high[i]);
        out << '\n';
    }
    out << "END\n";
}

std::string band(const PlotSeries& series, std::size_t index) {
    if (series.low.empty()) return "";
    return fmt::format(
        "$data{} using 1:3:4 with filledcurves fillstyle transparent solid 0.15 noborder "
        "linecolor {} notitle, ",
        index, index + 1);
}

std::string line(const PlotSeries& series, std::size_t index) {
    return fmt::format(
        "$data{} using 1:2 with {} linecolor {} linewidth 2 {} title {}", index,
        series.x.size() > 30 || series.dashed ? "lines" : "linespoints pointtype 7 pointsize 0.4", index + 1,
        series.dashed ? "dashtype 2" : "", for_gnuplot(series.title));
}

/// Limits of an axis that gnuplot would choose badly: it warns of a range without extent, as a single point
/// has, and puts fractions between a few whole numbers.
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
    return whole && high - low <= 12 ? fmt::format("set {}tics 1\n", axis) : "";
}

/// A gnuplot script; colours are Wong's, which colour-blind readers can tell apart (Nature Methods 8, 2011).
void write_script(std::ostream& out, const Plot& plot, const std::string& svg) {
    out << "set terminal svg size 760,460 font 'sans-serif,13' background '#ffffff'\n"
        << "set encoding utf8\nset output " << for_gnuplot(svg) << '\n'
        << "set title " << for_gnuplot(plot.title) << " noenhanced\n"
        << "set xlabel " << for_gnuplot(plot.x_label) << " noenhanced\n"
        << "set ylabel " << for_gnuplot(plot.y_label) << " noenhanced\n"
        << "set key " << (plot.rises ? "top left Left reverse" : "bottom right")
        << " noenhanced\nset grid linecolor '#dddddd'\nset datafile missing 'NaN'\n";
    out << range(plot, "x", &PlotSeries::x) << range(plot, "y", &PlotSeries::y);
    int index = 0;
    for (const char* colour :
         {"#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000", "#999999"}) {
        out << "set linetype " << ++index << " linecolor rgb '" << colour << "'\n";
    }
    for (std::size_t i = 0; i < plot.series.size(); ++i) write_data(out, plot.series[i], i);
    out << "plot ";
    for (std::size_t i = 0; i < plot.series.size(); ++i) {
        out << (i == 0 ? "" : ", ") << band(plot.series[i], i) << line(plot.series[i], i);
    }
    out << '\n';
}

}  // namespace

bool gnuplot_available() {
    static const bool available = std::system("command -v gnuplot >/dev/null 2>&1") == 0;
    return available;
}

void write_svg(const Plot& plot, const std::filesystem::path& file) {
    if (!gnuplot_available()) throw Error("gnuplot is not installed (Debian: apt-get install gnuplot-nox)");
    const std::string script = file.string() + ".gnuplot.part", drawn = file.string() + ".part";
    {
        std::ofstream out(script);
        write_script(out, plot, drawn);
        if (!out.flush())
            throw FileError(file.string(), "figure", "a folder that takes files", "no way to write");
    }
    const int status = std::system(("gnuplot " + for_shell(script)).c_str());
    std::error_code ignored;
    std::filesystem::remove(script, ignored);
    if (status != 0) {
        std::filesystem::remove(drawn, ignored);
        throw Error(file.string() + ": gnuplot could not draw it");
    }
    std::filesystem::rename(drawn, file);
}

}  // namespace fftconv
