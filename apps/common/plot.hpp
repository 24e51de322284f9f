#pragma once
#include <filesystem>
#include <string>
#include <vector>

namespace fftconv {

/// One line of a plot; values that are not finite leave a gap.
struct PlotSeries {
    std::string title;
    std::vector<double> x, y;
    std::vector<double> low = {}, high = {};  ///< a band around the line, or empty
    bool dashed = false;                      ///< for reference lines
    bool marks = false;                       ///< points alone: what others state
};

struct Plot {
    std::string title, x_label, y_label;
    std::vector<PlotSeries> series;
    bool rises = false;  ///< to the right, so that the upper left is free for the titles
};

/// A bar for each name, from 1 to its value on a logarithmic axis: how many times as much.
struct RatioBars {
    std::string title, x_label;
    std::vector<std::string> names;
    std::vector<double> values;  ///< above 0
};

/// Whether gnuplot is installed.
bool gnuplot_available();

/// Draws the plot with gnuplot, as SVG; `file` is replaced when it is whole.
/// @throws Error when gnuplot is absent (naming its package) or fails, FileError when the folder takes no
/// file.
void write_svg(const Plot& plot, const std::filesystem::path& file);
/// The same of bars, the first one on top; those below 1 have another colour.
void write_svg(const RatioBars& bars, const std::filesystem::path& file);

}  // namespace fftconv
