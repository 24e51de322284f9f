#include "fftconv/pruning/spectral_energy.hpp"

#include <algorithm>

#include "fftconv/convolution/spectral/tile_transform.hpp"
#include "fftconv/core/error.hpp"

namespace fftconv {
namespace {

/// Energy spectra of real maps of at most T × T pixels, eight at a time.
class EnergySpectrum {
  public:
    static constexpr int lanes = 8;

    explicit EnergySpectrum(int tile)
        : transform_(tile),
          layout_(BinOrder(tile), 1, lanes),
          tile_(std::size_t(tile) * tile * lanes, 0.0f),
          spectrum_(layout_.size()),
          scratch_(transform_.scratch_floats(lanes)) {}

    int bins() const { return layout_.order.bins(); }
    void clear() { std::fill(tile_.begin(), tile_.end(), 0.0f); }
    float& pixel(int row, int column, int lane) {
        return tile_[(std::size_t(row) * transform_.width() + column) * lanes + lane];
    }
    /// Transforms the maps set, of `rows` rows.
    void run(int rows) {
        rows_.resize(std::size_t(rows));
        for (int row = 0; row < rows; ++row) rows_[std::size_t(row)] = row;
        transform_.forward(tile_.data(), rows_, lanes, spectrum_.data(), layout_, scratch_.data());
    }
    /// |Z|² of a bin; the transform gives 2Z.
    double energy(int bin, int lane) const {
        const float* at = spectrum_.data() + layout_.bin(bin) + lane;
        const double re = at[0], im = bin < layout_.order.complex_bins ? at[layout_.plane] : 0;
        return (re * re + im * im) / 4;
    }
    /// Bins that this one stands for: itself, and its conjugate.
    int multiplicity(int bin) const { return bin < layout_.order.complex_bins ? 2 : 1; }

  private:
    TileTransform transform_;
    SpectrumLayout layout_;
    AlignedFloats tile_, spectrum_, scratch_;
    std::vector<int> rows_;
};

/// (C, bins): P_c(f), the mean over the images, times what Parseval's sum counts a bin for.
std::vector<double> map_spectra(const Tensor& x, int valid, int tile, EnergySpectrum& spectrum) {
    std::vector<double> result(std::size_t(x.channels()) * spectrum.bins(), 0.0);
    const double scale = 1.0 / (double(tile) * tile * valid);
    for (int c = 0; c < x.channels(); ++c)
        for (int first = 0; first < valid; first += EnergySpectrum::lanes) {
            const int count = std::min(EnergySpectrum::lanes, valid - first);
            spectrum.clear();
            for (int h = 0; h < x.height(); ++h)
                for (int w = 0; w < x.width(); ++w)
                    for (int n = 0; n < count; ++n) spectrum.pixel(h, w, n) = x(c, h, w, first + n);
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
                                    const Tensor& x, int valid) {
    if (weights.size() != shape.weights() || x.channels() != shape.in_channels)
        throw ShapeError("kernel energies: expected " + std::to_string(shape.weights()) + " weights and " +
                         std::to_string(shape.in_channels) + " maps, found " +
                         std::to_string(weights.size()) + " and " + std::to_string(x.channels()));
    const int k = shape.kernel, tile = std::max(std::max(x.height(), x.width()) + k - 1, 2);
    EnergySpectrum spectrum(tile);
    const std::vector<double> maps = map_spectra(x, valid ? valid : x.batch(), tile, spectrum);
    std::vector<double> energies(shape.kernels(), 0.0);
    for (std::size_t first = 0; first < energies.size(); first += EnergySpectrum::lanes) {
        const int count = int(std::min<std::size_t>(EnergySpectrum::lanes, energies.size() - first));
        spectrum.clear();
        for (int n = 0; n < count; ++n)
            for (int tap = 0; tap < k * k; ++tap)
                spectrum.pixel(tap / k, tap % k, n) = weights[(first + std::size_t(n)) * k * k + tap];
        spectrum.run(k);
        for (int n = 0; n < count; ++n) {
            const double* map = maps.data() + (first + n) % shape.in_channels * spectrum.bins();
            for (int bin = 0; bin < spectrum.bins(); ++bin)
                energies[first + n] += spectrum.energy(bin, n) * map[bin];
        }
    }
    return energies;
}

}  // namespace fftconv
