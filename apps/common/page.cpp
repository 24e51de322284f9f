#include "common/page.hpp"

#include <spdlog/fmt/fmt.h>

#include <algorithm>
#include <cmath>

#include "common/page_assets.hpp"

namespace fftconv::page {

std::string escaped(const std::string& text) {
    std::string result;
    for (char c : text) switch (c) {
            case '&':
                result += "&amp;";
                break;
            case '<':
                result += "&lt;";
                break;
            case '>':
                result += "&gt;";
                break;
            case '"':
                result += "&quot;";
                break;
            default:
                result += c;
        }
    return result;
}

std::string number(double value, int digits) {
    if (!std::isfinite(value)) return "";
    if (value == std::floor(value) && std::abs(value) < 1e15) return fmt::format("{:.0f}", value);
    return fmt::format("{:.{}g}", value, digits);
}

namespace {

std::string cell_text(const Cell& cell) {
    const std::string classes = cell.is_number ? cell.css : "text " + cell.css;
    std::string tag = "<td";
    if (!classes.empty()) tag += " class=\"" + classes + '"';
    if (cell.is_number && std::isfinite(cell.value)) tag += fmt::format(" data-v=\"{}\"", cell.value);
    return tag + '>' + escaped(cell.text) + "</td>";
}

/// Whether nothing of a column was measured.
bool is_empty(const Column& column) {
    const auto* numbers = std::get_if<std::vector<double>>(&column.values);
    return numbers &&
           std::none_of(numbers->begin(), numbers->end(), [](double v) { return std::isfinite(v); });
}

std::vector<std::vector<Cell>> cells_of(const Table& table) {
    std::vector<std::vector<Cell>> rows(table.rows());
    for (const Column& column : table.columns) {
        if (is_empty(column)) continue;
        for (std::size_t i = 0; i < rows.size(); ++i) {
            if (const auto* numbers = std::get_if<std::vector<double>>(&column.values))
                rows[i].push_back({number((*numbers)[i]), (*numbers)[i], true});
            else
                rows[i].push_back({std::get<std::vector<std::string>>(column.values)[i]});
        }
    }
    return rows;
}

/// "training_time" as people write it.
std::string spaced(std::string name) {
    for (char& c : name)
        if (c == '_') c = ' ';
    return name;
}

}  // namespace

std::string sorting_table(const std::vector<Heading>& header, const std::vector<std::vector<Cell>>& rows) {
    std::string html = "<div class=scroll tabindex=0><table class=sorts><thead><tr>";
    for (std::size_t i = 0; i < header.size(); ++i) {
        const Heading& heading = header[i];
        html += !rows.empty() && i < rows[0].size() && !rows[0][i].is_number ? "<th class=text>" : "<th>";
        html += "<button type=button>" + escaped(heading.name) + "</button>";
        if (!heading.unit.empty()) html += "<span class=unit>" + escaped(heading.unit) + "</span>";
        html += "</th>";
    }
    html += "</tr></thead><tbody>";
    for (const auto& row : rows) {
        html += "<tr>";
        for (const Cell& cell : row) html += cell_text(cell);
        html += "</tr>\n";
    }
    return html + "</tbody></table></div>\n";
}

std::string sorting_table(const Table& table) {
    std::vector<Heading> header;
    for (const Column& column : table.columns)
        if (!is_empty(column)) header.push_back({spaced(column.name), column.unit == "1" ? "" : column.unit});
    return sorting_table(header, cells_of(table));
}

std::string document(const std::string& title,
                     const std::vector<std::pair<std::string, std::string>>& sections,
                     const std::string& body) {
    std::string html =
        "<!doctype html>\n<html lang=en><head><meta charset=utf-8>\n"
        "<meta name=viewport content=\"width=device-width, initial-scale=1\">\n"
        "<link rel=icon href=\"data:,\">\n<title>" +
        escaped(title) + "</title>\n<style>\n" + std::string(style) + "</style></head>\n<body>\n<h1>" +
        escaped(title) +
        "</h1>\n<noscript><p>Charts are drawn by the script of this page; the tables hold the same "
        "numbers.</p></noscript>\n<nav><ul>";
    for (const auto& [id, name] : sections)
        html += "<li><a href=\"#" + id + "\">" + escaped(name) + "</a></li>";
    return html + "</ul></nav>\n<main>\n" + body + "</main>\n<script>\n" + std::string(script) +
           "</script>\n</body></html>\n";
}

}  // namespace fftconv::page
