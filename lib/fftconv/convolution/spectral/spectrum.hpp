#pragma once
#include <cstddef>

namespace fftconv {

/// Which bins of an H × W real transform are kept, and where. A lane is one real image of one tile, so bin f
/// and bin −f are conjugate and one of each pair suffices. With (f1, q) = (row, column) frequency, the order
/// is
///   complex bins: (0..H−1, q) for q = 1 .. ⌈W/2⌉−1; then (1..⌈H/2⌉−1, 0); then, W even, (1..⌈H/2⌉−1, W/2)
///   real bins:    (0, 0); H even: (H/2, 0); W even: (0, W/2); both: (H/2, W/2)
/// HW/2 complex bins in all but for the one to four that are their own conjugates.
struct BinOrder {
    constexpr BinOrder(int tile_height, int tile_width)
        : height(tile_height),
          width(tile_width),
          half_height((tile_height - 1) / 2),
          half_width((tile_width - 1) / 2),
          even_height(tile_height % 2 == 0),
          even_width(tile_width % 2 == 0),
          complex_bins(half_width * height + half_height * (even_width ? 2 : 1)),
          real_bins((even_height ? 2 : 1) * (even_width ? 2 : 1)) {}
    explicit constexpr BinOrder(int tile) : BinOrder(tile, tile) {}

    int height, width;  ///< H, W
    int half_height;    ///< ⌈H/2⌉ − 1: rows f1 of the two special columns with both parts
    int half_width;     ///< ⌈W/2⌉ − 1: columns q with both parts
    bool even_height, even_width;
    int complex_bins, real_bins;

    constexpr int bins() const { return complex_bins + real_bins; }
    constexpr int column(int q) const { return (q - 1) * height; }  ///< complex bin of (0, q), 1 ≤ q ≤ half
    constexpr int first_column() const { return half_width * height; }  ///< complex bin of (1, 0)
    constexpr int middle_column() const {                               ///< complex bin of (1, W/2), W even
        return half_width * height + half_height;
    }
    /// The real bin of row 0 or H/2 and column 0 or W/2.
    constexpr int real_bin(bool middle_row, bool in_middle_column) const {
        return complex_bins + (in_middle_column ? (even_height ? 2 : 1) : 0) + (middle_row ? 1 : 0);
    }
};

/// Where the spectra of a block stand in memory: `[bin][part][channel][lane]`, lanes innermost, the real and
/// the imaginary part of a bin in planes of their own (a real bin has one plane), so that the sum over
/// channels is plain real arithmetic on whole vectors: no shuffle, and any list of channels at full SIMD
/// width.
struct SpectrumLayout {
    SpectrumLayout(BinOrder order, int channels, int lanes)
        : order(order),
          channels(channels),
          lanes(lanes),
          plane(std::size_t(channels) * lanes),
          complex_stride(2 * plane + skew),
          real_stride(plane + skew) {}

    /// Odd numbers of cache lines between bins, or all of them would fall into the same sets of the cache.
    static constexpr std::size_t skew = 16;

    BinOrder order;
    int channels, lanes;
    std::size_t plane;  ///< floats of one part of one bin
    std::size_t complex_stride, real_stride;

    std::size_t size() const { return order.complex_bins * complex_stride + order.real_bins * real_stride; }
    /// Offset of a channel and lane within a bin's plane.
    std::size_t at(int channel, int lane) const { return std::size_t(channel) * lanes + lane; }
    /// Offset of bin b (complex bins first): its real plane; the imaginary plane follows after `plane`
    /// floats.
    std::size_t bin(int b) const {
        return b < order.complex_bins
                   ? b * complex_stride
                   : order.complex_bins * complex_stride + (b - order.complex_bins) * real_stride;
    }
};

}  // namespace fftconv
