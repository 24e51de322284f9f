#pragma once
#include <cstddef>

namespace fftconv {

/// Which bins of a T × T real transform are kept, and where. A lane is one real image of one tile, so bin f
/// and bin −f are conjugate and one of each pair suffices. With (f1, q) = (row, column) frequency, the order
/// is
///   complex bins: (0..T−1, q) for q = 1 .. ⌈T/2⌉−1; then (1..⌈T/2⌉−1, 0); then, T even, (1..T/2−1, T/2)
///   real bins:    (0, 0); T even: (T/2, 0), (0, T/2), (T/2, T/2)
/// T²/2 complex bins in all but for the four (T odd: one) that are their own conjugates.
struct BinOrder {
    explicit constexpr BinOrder(int tile)
        : tile(tile),
          half((tile - 1) / 2),
          even(tile % 2 == 0),
          complex_bins(half * tile + half * (even ? 2 : 1)),
          real_bins(even ? 4 : 1) {}

    int tile;  ///< T
    int half;  ///< ⌈T/2⌉ − 1: columns q, and rows f1 of the two special columns, with both parts
    bool even;
    int complex_bins, real_bins;

    constexpr int bins() const { return complex_bins + real_bins; }
    constexpr int column(int q) const { return (q - 1) * tile; }  ///< complex bin of (0, q), 1 ≤ q ≤ half
    constexpr int first_column() const { return half * tile; }    ///< complex bin of (1, 0)
    constexpr int middle_column() const { return half * tile + half; }  ///< complex bin of (1, T/2), T even
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
