#pragma once
#include <algorithm>
#include <complex>
#include <vector>

#include "fftconv/convolution/spectral/tile_transform.hpp"
#include "fftconv/core/tensor.hpp"

namespace fftconv {

/// Spectra of real maps of at most T × T pixels, eight at a time.
class MapSpectra {
  public:
    static constexpr int lanes = 8;

    explicit MapSpectra(int tile)
        : transform_(tile),
          layout_(BinOrder(tile), 1, lanes),
          tile_(std::size_t(tile) * tile * lanes, 0.0f),
          spectrum_(layout_.size()),
          scratch_(transform_.scratch_floats(lanes)) {}

    int tile() const { return transform_.width(); }
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
    /// Z of a bin; the transform gives 2Z.
    std::complex<float> value(int bin, int lane) const {
        const float* at = spectrum_.data() + layout_.bin(bin) + lane;
        return {at[0] / 2, bin < layout_.order.complex_bins ? at[layout_.plane] / 2 : 0.0f};
    }
    /// |Z|²
    double energy(int bin, int lane) const { return std::norm(std::complex<double>(value(bin, lane))); }
    /// Bins that this one stands for: itself, and its conjugate.
    int multiplicity(int bin) const { return bin < layout_.order.complex_bins ? 2 : 1; }

  private:
    TileTransform transform_;
    SpectrumLayout layout_;
    AlignedFloats tile_, spectrum_, scratch_;
    std::vector<int> rows_;
};

/// Σ over the pixels of each map, mean over the images: (C).
inline std::vector<double> map_sums(const Tensor& x, int valid) {
    std::vector<double> sums(std::size_t(x.channels()), 0.0);
    for (int c = 0; c < x.channels(); ++c)
        for (int h = 0; h < x.height(); ++h)
            for (int w = 0; w < x.width(); ++w)
                for (int n = 0; n < valid; ++n) sums[std::size_t(c)] += double(x(c, h, w, n)) / valid;
    return sums;
}

}  // namespace fftconv
