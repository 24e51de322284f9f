#include "fftconv/pruning/spectral_energy.hpp"

#include <algorithm>

#include "fftconv/core/error.hpp"
#include "fftconv/pruning/map_spectra-inl.hpp"

namespace fftconv {
namespace {

/// (C, bins): P_c(f), the mean over the images, times what Parseval's sum counts a bin for. Of each map
/// `means` are taken away first.
std::vector<double> map_spectra(const Tensor& x, const std::vector<double>& means, int valid, int tile,
                                MapSpectra& spectrum) {
    std::vector<double> result(std::size_t(x.channels()) * spectrum.bins(), 0.0);
    const double scale = 1.0 / (double(tile) * tile * valid);
    for (int c = 0; c < x.channels(); ++c)
        for (int first = 0; first < valid; first += MapSpectra::lanes) {
            const int count = std::min(MapSpectra::lanes, valid - first);
            spectrum.clear();
            for (int h = 0; h < x.height(); ++h)
                for (int w = 0; w < x.width(); ++w)
                    for (int n = 0; n < count; ++n)
                        spectrum.pixel(h, w, n) = x(c, h, w, first + n) - float(means[std::size_t(c)]);
            spectrum.run(x.height());
            for (int bin = 0; bin < spectrum.bins(); ++bin)
                for (int n = 0; n < count; ++n)
                    result[std::size_t(c) * spectrum.bins() + bin] +=
                        scale * spectrum.multiplicity(bin) * spectrum.energy(bin, n);
        }
    return result;
}

}  // namespace

std::vector<double> kernel_energies(const ConvolutionShape& shape, std::span<const float> weights,
                                    const Tensor& x, int valid, bool without_mean) {
    if (weights.size() != shape.weights() || x.channels() != shape.in_channels)
        throw ShapeError("kernel energies: expected " + std::to_string(shape.weights()) + " weights and " +
                         std::to_string(shape.in_channels) + " maps, found " +
                         std::to_string(weights.size()) + " and " + std::to_string(x.channels()));
    if (valid == 0) valid = x.batch();
    std::vector<double> means(std::size_t(x.channels()), 0.0);
    if (without_mean) means = map_sums(x, valid);
    for (double& mean : means) mean /= double(x.height()) * x.width();
    const PerAxis k = shape.kernel, step = shape.dilation;
    const PerAxis reach((k.vertical - 1) * step.vertical + 1, (k.horizontal - 1) * step.horizontal + 1);
    const int tile = std::max({x.height() + reach.vertical - 1, x.width() + reach.horizontal - 1, 2});
    MapSpectra spectrum(tile);
    const std::vector<double> maps = map_spectra(x, means, valid, tile, spectrum);
    std::vector<double> energies(shape.kernels(), 0.0);
    for (std::size_t first = 0; first < energies.size(); first += MapSpectra::lanes) {
        const int count = int(std::min<std::size_t>(MapSpectra::lanes, energies.size() - first));
        spectrum.clear();
        for (int n = 0; n < count; ++n)
            for (int tap = 0; tap < int(k.area()); ++tap)
                spectrum.pixel(tap / k.horizontal * step.vertical, tap % k.horizontal * step.horizontal, n) =
                    weights[(first + std::size_t(n)) * k.area() + std::size_t(tap)];
        spectrum.run(reach.vertical);
        for (int n = 0; n < count; ++n) {
            const int kernel = int(first) + n, own = shape.group_channels();
            const int channel = shape.first_channel(kernel / own) + kernel % own;
            const double* map = maps.data() + std::size_t(channel) * std::size_t(spectrum.bins());
            for (int bin = 0; bin < spectrum.bins(); ++bin)
                energies[std::size_t(kernel)] += spectrum.energy(bin, n) * map[bin];
        }
    }
    return energies;
}

}  // namespace fftconv
