#pragma once
#include <algorithm>
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

/// Where the spectra of a block stand in memory. The real and the imaginary part of a bin stand in planes of
/// their own, lanes innermost, so that the sum over channels is plain real arithmetic on whole vectors: no
/// shuffle, and any list of channels at full SIMD width.
///   planes: `[bin][part][channel][lane]`, for the dense sum; a real bin has one plane
///   slots:  `[bin][slot][channel][part][lane of the slot]`, for the sparse sum: a slot is as many lanes as
///   it
///           visits at a time, so that its inputs stand close together, and nothing need be packed. A real
///           bin's imaginary parts are not used.
struct SpectrumLayout {
    /// Planes; with `slot_lanes`, a multiple of eight, slots.
    SpectrumLayout(BinOrder order, int channels, int lanes, int slot_lanes = 0)
        : order(order),
          channels(channels),
          lanes(lanes),
          slot(slot_lanes ? std::min(slot_lanes, lanes) : lanes),
          channel_stride(slot_lanes ? 2 * slot : lanes),
          plane(slot_lanes ? slot : std::size_t(channels) * lanes),
          slot_stride(std::size_t(channels) * channel_stride),
          complex_stride(slot_lanes ? slots() * slot_stride + skew : 2 * plane + skew),
          real_stride(slot_lanes ? complex_stride : plane + skew) {}

    /// Odd numbers of cache lines between bins, or all of them would fall into the same sets of the cache.
    static constexpr std::size_t skew = 16;
    static constexpr int cache_line = 16;  ///< floats

    BinOrder order;
    int channels, lanes;
    int slot;                                 ///< lanes of a slot; the last one may have fewer
    std::size_t channel_stride;               ///< floats between the channels of a plane, or of a slot
    std::size_t plane;                        ///< floats between the real and the imaginary part
    std::size_t slot_stride;                  ///< floats between slots
    std::size_t complex_stride, real_stride;  ///< floats between bins

    int slots() const { return (lanes + slot - 1) / slot; }
    std::size_t size() const { return order.complex_bins * complex_stride + order.real_bins * real_stride; }
    /// Offset of a channel and lane within a bin, to its real part; the imaginary part follows after `plane`
    /// floats.
    std::size_t at(int channel, int lane) const {
        return lane / slot * slot_stride + channel * channel_stride + lane % slot;
    }
    /// Floats from lane `lane` of a channel to what stands a cache line of lanes further: in the next
    /// channel, if these are its last ones.
    std::size_t next_line(int lane) const {
        const int next = lane + cache_line;
        return (next < lanes ? at(0, next) : at(1, next - lanes)) - at(0, lane);
    }
    /// Offset of bin b (complex bins first).
    std::size_t bin(int b) const {
        return b < order.complex_bins
                   ? b * complex_stride
                   : order.complex_bins * complex_stride + (b - order.complex_bins) * real_stride;
    }
};

/// Fetches a spectrum into the caches, a piece with each step of the work that goes on meanwhile. A core has
/// so few lines under way at a time that to ask for all of them at once would hold the work up.
class SpectrumFetch {
  public:
    /// At one channel and one line of lanes of `layout`, in so many steps; null: nothing.
    SpectrumFetch(const float* spectrum, const SpectrumLayout& layout, int steps)
        : spectrum_(spectrum), layout_(layout), bins_of_step_((layout.order.bins() + steps - 1) / steps) {}

    void step() {
        if (!spectrum_) return;
        for (const int end = std::min(layout_.order.bins(), bin_ + bins_of_step_); bin_ < end; ++bin_) {
            const float* at = spectrum_ + layout_.bin(bin_);
            __builtin_prefetch(at);
            if (bin_ < layout_.order.complex_bins) __builtin_prefetch(at + layout_.plane);
        }
    }

  private:
    const float* spectrum_;
    const SpectrumLayout& layout_;
    int bins_of_step_, bin_ = 0;
};

}  // namespace fftconv
