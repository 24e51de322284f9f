#pragma once
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "common/plot.hpp"
#include "fftconv/storage/results.hpp"

/// Pieces of a self-contained HTML page: style and script stand in it, pictures are data, nothing is fetched.
namespace fftconv::page {

/// Text as it stands between tags or in a quoted attribute.
std::string escaped(const std::string& text);

/// A number for people: at most `digits` significant digits; empty when it is not finite.
std::string number(double value, int digits = 5);

/// A chart that shows values under the pointer: lines over x. Positive values of which the largest is more
/// than twenty times the median get a scale of powers.
std::string line_chart(const Plot& plot, const std::string& note = "");

/// Points of a scatter plot, each with its name.
struct PointSeries {
    std::string title;
    std::vector<std::string> names;
    std::vector<double> x, y;
};
std::string scatter_chart(const std::string& title, const std::string& x_label, const std::string& y_label,
                          const std::vector<PointSeries>& series, const std::string& note = "");

/// One bar made of parts, which are named by the chart.
struct Bar {
    std::string name;
    std::vector<double> parts;
};
/// Horizontal bars of the same scale; what is not finite counts as nothing.
std::string bar_chart(const std::string& title, const std::string& unit,
                      const std::vector<std::string>& parts, const std::vector<Bar>& bars,
                      const std::string& note = "");

/// A cell of a table: its text, and the number that it is sorted by.
struct Cell {
    std::string text;
    double value = 0;
    bool is_number = false;
    std::string css = {};  ///< class of the text, e.g. of a verdict
};
struct Heading {
    std::string name, unit;
};
/// A table that sorts by the column that is clicked.
std::string sorting_table(const std::vector<Heading>& header, const std::vector<std::vector<Cell>>& rows);
/// A table of a result file, units in its head, without columns of which nothing was measured.
std::string sorting_table(const Table& table);

/// Counts by label (rows) and answer, each row shaded by its shares.
std::string heat_map(const std::string& title, const std::vector<std::string>& labels,
                     const std::vector<double>& counts);

/// RGBA pixels.
struct Image {
    int width = 0, height = 0;
    std::vector<std::uint8_t> rgba;

    Image(int w, int h) : width(w), height(h), rgba(std::size_t(w) * h * 4) {}
    void set(int x, int y, std::uint8_t r, std::uint8_t g, std::uint8_t b, std::uint8_t a);
};
/// The image as data in the page, every pixel a square of `scale` pixels where there is room.
std::string picture(const Image& image, int scale, const std::string& caption);

/// The whole document. `sections` are named anchors: {"id", "name"}.
std::string document(const std::string& title,
                     const std::vector<std::pair<std::string, std::string>>& sections,
                     const std::string& body);

}  // namespace fftconv::page
