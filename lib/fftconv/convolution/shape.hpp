#pragma once
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>

#include "fftconv/core/error.hpp"
#include "fftconv/core/public.hpp"

namespace FFTCONV_PUBLIC fftconv {

/// A number for each axis of a map, from one for both or from a pair: `.kernel = 5`, `.kernel = {1, 9}`.
struct PerAxis {
    int vertical, horizontal;  ///< of the rows, and of the columns

    /// The same for both. Converts.
    constexpr PerAxis(int both) : vertical(both), horizontal(both) {}  // NOLINT: converts
    /// One of each.
    constexpr PerAxis(int of_rows, int of_columns) : vertical(of_rows), horizontal(of_columns) {}
    /// The number of both axes. @throws ShapeError where they differ.
    constexpr operator int() const {  // NOLINT: converts
        if (vertical != horizontal)
            throw ShapeError("convolution: expected the same on both axes, found " +
                             std::to_string(vertical) + " and " + std::to_string(horizontal));
        return vertical;
    }
    /// The product of the two.
    constexpr std::size_t area() const { return std::size_t(vertical) * std::size_t(horizontal); }
    /// Both are equal.
    friend constexpr bool operator==(const PerAxis&, const PerAxis&) = default;
    /// Both are this number.
    friend constexpr bool operator==(const PerAxis& a, int both) { return a == PerAxis(both); }
};

/// Rows and columns of zeros on the four sides of a map: one number for all, {vertical, horizontal}, or
/// {top, left, bottom, right}.
struct Padding {
    int top, left, bottom, right;  ///< rows above, columns before, rows below, columns behind

    /// The same on all sides. Converts.
    constexpr Padding(int all) : Padding(all, all) {}  // NOLINT: converts
    /// Above and below, and before and behind.
    constexpr Padding(int vertical, int horizontal) : Padding(vertical, horizontal, vertical, horizontal) {}
    /// One for each side.
    constexpr Padding(int above, int before, int below, int behind)
        : top(above), left(before), bottom(below), right(behind) {}
    /// The same of a pair.
    constexpr Padding(const PerAxis& sides) : Padding(sides.vertical, sides.horizontal) {}  // NOLINT
    /// The number of all sides. @throws ShapeError where they differ.
    constexpr operator int() const {  // NOLINT: converts
        if (!(*this == Padding(top)))
            throw ShapeError("convolution: padding: expected the same on all sides, found " +
                             std::to_string(top) + ", " + std::to_string(left) + ", " +
                             std::to_string(bottom) + " and " + std::to_string(right));
        return top;
    }
    /// All sides are equal.
    friend constexpr bool operator==(const Padding&, const Padding&) = default;
    /// All sides are this number.
    friend constexpr bool operator==(const Padding& a, int all) { return a == Padding(all); }
};

/// "5x5", or "1x9": rows and columns.
std::string to_string(const PerAxis& pair);
/// "2", "1,2" (vertical, horizontal) or "1,2,1,0" (top, left, bottom, right).
std::string to_string(const Padding& padding);

/// One convolution layer, a cross-correlation as in the EasyConvPooling paper, section 3.2:
/// y[o](m, n) = Σ_c Σ_u Σ_v W[o,c](u, v) · x[c](s_v·m + d_v·u − top, s_h·n + d_h·v − left), over the channels
/// c of o's group, x being zero outside of the maps. Height 1 is a one-dimensional convolution.
struct ConvolutionShape {
    int batch = 1;              ///< images that the layer is planned for; calls may bring any number
    int in_channels = 1;        ///< C
    int out_channels = 1;       ///< O
    int height = 1, width = 1;  ///< of the input maps, pixels
    PerAxis kernel = 1;         ///< k_h × k_w taps, up to the padded image
    Padding padding = 0;        ///< zeros around the input
    PerAxis stride = 1;         ///< s: pixels from one output to the next
    PerAxis dilation = 1;       ///< d: pixels from one tap to the next
    int groups = 1;  ///< of channels, each with outputs of its own; divides C and O. C groups: depthwise

    /// Rows of the output without a mode; 0 when the kernel does not fit.
    int output_height() const {
        return outputs(height, padding.top, padding.bottom, kernel.vertical, stride.vertical,
                       dilation.vertical);
    }
    /// Columns of it.
    int output_width() const {
        return outputs(width, padding.left, padding.right, kernel.horizontal, stride.horizontal,
                       dilation.horizontal);
    }
    /// Channels of a group: those that each of its outputs reads.
    int group_channels() const { return in_channels / groups; }
    /// Outputs of a group.
    int group_outputs() const { return out_channels / groups; }
    /// The first channel of output o's group.
    int first_channel(int o) const { return o / group_outputs() * group_channels(); }
    /// O · C/groups.
    std::size_t kernels() const { return std::size_t(group_channels()) * std::size_t(out_channels); }
    /// Of all kernels.
    std::size_t weights() const { return kernels() * kernel.area(); }
    /// Every field is equal.
    bool operator==(const ConvolutionShape&) const = default;

  private:
    static int outputs(int length, int before, int behind, int taps, int step, int distance) {
        const std::int64_t room = std::int64_t(length) + before + behind;
        const std::int64_t reach = (std::int64_t(taps) - 1) * distance + 1;
        if (room < reach || step < 1) return 0;
        return int(std::min<std::int64_t>((room - reach) / step + 1, std::numeric_limits<int>::max()));
    }
};

/// "64->64 @ 32x32, kernel 5x5, padding 2", and what of stride, dilation and groups is not 1.
std::string to_string(const ConvolutionShape& shape);

}  // namespace fftconv
