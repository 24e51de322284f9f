#include "common/markdown_table.hpp"

#include <algorithm>
#include <cstddef>

namespace fftconv {

namespace {

/// Characters that a terminal shows: bytes of UTF-8 that do not continue a character.
std::size_t shown_width(const std::string& text) {
    return std::size_t(std::count_if(text.begin(), text.end(), [](char c) { return (c & 0xC0) != 0x80; }));
}

std::string cell(const std::string& text, std::size_t width, bool flush_left) {
    const std::string fill(width - shown_width(text), ' ');
    return flush_left ? text + fill : fill + text;
}

}  // namespace

void MarkdownTable::add(std::vector<std::string> row) {
    row.resize(rows_.front().size());
    rows_.push_back(std::move(row));
}

std::string MarkdownTable::text() const {
    std::vector<std::size_t> widths(rows_.front().size(), 3);
    for (const auto& row : rows_) {
        for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], shown_width(row[i]));
    }
    std::string result;
    for (std::size_t r = 0; r < rows_.size(); ++r) {
        for (std::size_t i = 0; i < widths.size(); ++i)
            result += "| " + cell(rows_[r][i], widths[i], i == 0) + " ";
        result += "|\n";
        if (r > 0) continue;
        for (std::size_t i = 0; i < widths.size(); ++i) {
            result += "|" + std::string(widths[i] + 1, '-') + (i == 0 ? "-" : ":");
        }
        result += "|\n";
    }
    return result;
}

}  // namespace fftconv
