#include "ecp/figures.hpp"

#include <algorithm>
#include <cctype>
#include <limits>

#include "common/process.hpp"

namespace fftconv {

namespace {

/// The test accuracies of an epoch, one of each repeat that has come so far.
std::vector<double> accuracies(const std::vector<const Curve*>& curves, std::size_t epoch) {
    std::vector<double> values;
    for (const Curve* curve : curves) {
        if (epoch < curve->test_mcr.size()) values.push_back(100 - curve->test_mcr[epoch]);
    }
    return values;
}

PlotSeries series(const EcpResults& results, const std::string& network, const EcpMethod& method) {
    const std::vector<const Curve*> curves = results.curves(network, method);
    PlotSeries result;
    result.title = method.title();
    for (std::size_t epoch = 0;; ++epoch) {
        const std::vector<double> values = accuracies(curves, epoch);
        if (values.empty()) return result;
        const Mean mean = mean_of(values);
        result.x.push_back(double(epoch + 1));
        result.y.push_back(mean.mean);
        if (curves.size() < 2) continue;
        result.low.push_back(mean.low());
        result.high.push_back(mean.high());
    }
}

/// Every mode of one family: Figures 5 and 6.
EcpFigure under_modes(const EcpResults& results, const std::string& number, PoolingMethod family,
                      const std::string& subject) {
    EcpFigure figure{"figure_" + number,
                     {"Figure " + number + ": " + subject, "epoch", "test accuracy, %", {}}};
    for (const EcpMethod& method : results.methods("two-conv")) {
        if (method.pooling == family) figure.plot.series.push_back(series(results, "two-conv", method));
    }
    return figure;
}

/// The first mode of a family against Max and Average pooling: Figures 7 to 10.
EcpFigure against_pooling(const EcpResults& results, const std::string& number, const std::string& network,
                          PoolingMethod family, const std::string& subject) {
    EcpFigure figure{"figure_" + number, {"", "epoch", "test accuracy, %", {}}};
    bool there = false;
    std::string others;
    for (const EcpMethod& method : results.methods(network)) {
        const bool first_of_family = method.pooling == family && !there;
        if (method.has_mode() && !first_of_family) continue;
        there = there || first_of_family;
        if (!method.has_mode())
            others += (others.empty() ? " against " : " and ") +
                      std::string(method.pooling == PoolingMethod::max ? "Max" : "Average");
        figure.plot.series.push_back(series(results, network, method));
    }
    if (!there) figure.plot.series.clear();
    figure.plot.title =
        "Figure " + number + ": " + subject + others + (others.empty() ? "" : " pooling") + ", " + network;
    return figure;
}

std::string identifier(std::string title) {
    std::replace_if(
        title.begin(), title.end(), [](char c) { return c == ' ' || c == '='; }, '_');
    std::transform(title.begin(), title.end(), title.begin(),
                   [](unsigned char c) { return char(std::tolower(c)); });
    return title;
}

}  // namespace

Table EcpFigure::stored() const {
    std::size_t epochs = 0;
    for (const PlotSeries& each : plot.series) epochs = std::max(epochs, each.x.size());
    std::vector<double> epoch(epochs);
    for (std::size_t i = 0; i < epochs; ++i) epoch[i] = double(i + 1);
    Table table{name, plot.title, {{"epoch", "1", epoch}}};
    for (const PlotSeries& each : plot.series) {
        std::vector<double> values = each.y;
        values.resize(epochs, not_measured);
        table.columns.push_back({identifier(each.title), "percent", std::move(values)});
    }
    return table;
}

std::vector<EcpFigure> ecp_figures(const EcpResults& results) {
    const auto random = PoolingMethod::random, ecp = PoolingMethod::ecp;
    std::vector<EcpFigure> figures{under_modes(results, "5", random, "Random pooling under mode K, two-conv"),
                                   under_modes(results, "6", ecp, "ECP under mode K, two-conv"),
                                   against_pooling(results, "7", "one-conv", random, "Random pooling"),
                                   against_pooling(results, "8", "two-conv", random, "Random pooling"),
                                   against_pooling(results, "9", "one-conv", ecp, "ECP"),
                                   against_pooling(results, "10", "two-conv", ecp, "ECP")};
    std::erase_if(figures, [](const EcpFigure& figure) { return figure.plot.series.empty(); });
    for (EcpFigure& figure : figures) figure.plot.title += " (" + results.record().dataset.name + ")";
    return figures;
}

std::vector<std::filesystem::path> draw(const std::vector<EcpFigure>& figures,
                                        const std::filesystem::path& folder) {
    make_folder(folder);
    std::vector<std::filesystem::path> files;
    for (const EcpFigure& figure : figures) {
        std::string name = figure.name;
        std::replace(name.begin(), name.end(), '_', '-');
        files.push_back(folder / (name + ".svg"));
        write_svg(figure.plot, files.back());
    }
    return files;
}

}  // namespace fftconv
