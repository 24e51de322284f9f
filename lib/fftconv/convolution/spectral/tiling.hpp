#pragma once
#include <vector>

#include "fftconv/convolution/engine.hpp"

namespace fftconv {

/// One axis of a layer as the tiles see it. Without a mode, or with the full inverse, the axis is the image's
/// own. With a mode and the folded inverse it is split into its even and odd pixels (phases): for z[m] =
/// y[2m + r], z = Σ_s w_s ⋆ x_s, where x_s holds the pixels 2j + s and w_s the taps that meet them. This is
/// the folded spectrum Ẑ(q) = ¼ Σ_a e^{2πi r·(q+aT/2)/T} Ŷ(q+aT/2) with the radix-2 step of the transforms
/// done by indexing: four phases of quarter-size tiles carry exactly the sum over the four aliases.
struct Axis {
    Axis(int length, int kernel, int padding, int mode_offset /* r, or −1 */, bool folded);

    int length;  ///< of the image, pixels
    int kernel, padding;
    int mode_offset;   ///< r: 0 or 1, the pixel of each window that is kept; −1: all
    int phases;        ///< 1, or 2 when folded
    int taps;          ///< k', taps of a phase kernel
    int start;         ///< y[m] = Σ_a w[a] x_s[m + a + start]; ≤ 0
    int outputs;       ///< M, outputs that the tiles compute
    int phase_length;  ///< L, pixels of the longest phase

    /// The tap of the original kernel that is tap `a` of phase s, or −1 (no such tap).
    int tap(int phase, int a) const;
    /// Pixels that phase s has.
    int pixels(int phase) const { return (length - phase + phases - 1) / phases; }
};

/// How one axis is cut into tiles of T entries. Every table has a row of T indices per tile (per phase where
/// the image side is split): the pixel that an entry is read from or written to, or −1 (zero, not written).
struct AxisTiling {
    AxisTiling(const Axis& axis, int tile);

    int tile;
    int forward_tiles;   ///< of forward and of the weight gradient
    int backward_tiles;  ///< of the gradient to the input
    /// [phase][tile][T]: input pixels of a forward tile; also of the weight gradient.
    std::vector<std::vector<int>> input_gather;
    /// [tile][T]: output pixels that a forward tile computes.
    std::vector<int> output_scatter;
    /// [tile][T]: output-gradient pixels of the weight gradient (the tile's own outputs only).
    std::vector<int> gradient_gather;
    /// [tile][T]: output-gradient pixels of the gradient to the input (with those of the neighbours).
    std::vector<int> backward_gather;
    /// [phase][tile][T]: input-gradient pixels that a tile computes.
    std::vector<std::vector<int>> backward_scatter;
};

/// The layer's two axes for its options.
struct LayerAxes {
    LayerAxes(const ConvolutionShape& shape, const ConvolutionOptions& options);
    Axis vertical, horizontal;

    int phases() const { return vertical.phases * horizontal.phases; }
};

}  // namespace fftconv
