#pragma once
#include <string>
#include <vector>

namespace fftconv {

/// Rows of text as a Markdown table with aligned columns: it reads on a terminal as in a document.
class MarkdownTable {
  public:
    explicit MarkdownTable(std::vector<std::string> header) : rows_{std::move(header)} {}

    /// Rows shorter than the header are filled up with empty cells.
    void add(std::vector<std::string> row);
    /// The first column is flush left, the others flush right.
    std::string text() const;

  private:
    std::vector<std::vector<std::string>> rows_;
};

}  // namespace fftconv
