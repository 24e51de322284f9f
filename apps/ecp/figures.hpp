#pragma once
#include <filesystem>
#include <string>
#include <vector>

#include "common/plot.hpp"
#include "ecp/results.hpp"

namespace fftconv {

/// One of Figures 5 to 10 of the EasyConvPooling paper: test accuracy by epoch, a line per method; over
/// several seeds the mean, in the band of its 95 % interval.
struct EcpFigure {
    std::string name;  ///< "figure_5"
    Plot plot;

    Table stored() const;
};

/// Those of the six figures that the results have something for.
std::vector<EcpFigure> ecp_figures(const EcpResults& results);

/// Draws them as SVG into `folder`, which is made when it is not there, and returns the files.
/// @throws Error when gnuplot is absent or fails, FileError when the folder cannot be written.
std::vector<std::filesystem::path> draw(const std::vector<EcpFigure>& figures,
                                        const std::filesystem::path& folder);

}  // namespace fftconv
