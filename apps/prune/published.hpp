#pragma once
#include <span>
#include <string_view>

/// The papers' published numbers, as data: reports print ours next to them.
namespace fftconv::paper {

/// Coarse pruning (Anwar and Sung): what its text states about a figure or table whose points are only drawn.
struct CoarsePruningStatement {
    std::string_view where;    ///< "Figure 4a", "Table 1"
    std::string_view network;  ///< "cnn-small", …
    std::string_view subject;  ///< what the value is
    double value;              ///< percent
};
std::span<const CoarsePruningStatement> coarse_pruning();

}  // namespace fftconv::paper
