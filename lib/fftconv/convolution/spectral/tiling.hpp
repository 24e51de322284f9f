#pragma once
#include <vector>

#include "fftconv/convolution/axis.hpp"

namespace fftconv {

/// One axis of a layer as the tiles see it. With outputs `step` pixels and taps `dilation` pixels apart, let
/// g be their greatest common divisor, S = step/g, D = dilation/g and L = S·dilation = D·step. Outputs m =
/// D·i + ρ (class ρ < D) and taps u = S·a + σ (phase σ < S) meet in pixels L·(i + a) + step·ρ + dilation·σ +
/// offset:
///   z_ρ[i] = Σ_σ Σ_a w_σ[a] x_ρσ[i + a],   x_ρσ[j] = x[L·j + step·ρ + dilation·σ + offset],
/// ordinary convolutions of subsampled images. Classes never meet: they are tiles of their own. Phases are
/// summed like input channels. Every pixel belongs to one class and phase at most. Mode K is a step of 2 with
/// an offset; this is the folded spectrum Ẑ(q) = ¼ Σ_a e^{2πi r·(q+aT/2)/T} Ŷ(q+aT/2) with the radix-2 step
/// of the transforms done by indexing.
struct Axis {
    explicit Axis(const LayerAxis& layer);

    LayerAxis layer;
    int classes, phases;  ///< D, S (or k, where there are fewer taps than phases)
    int tap_step;         ///< S
    int distance;         ///< L
    int taps;             ///< ⌈k/S⌉, of the phase that has most
    int outputs;          ///< of the class that has most

    /// The tap of the kernel that is tap `a` of phase σ, or −1 (no such tap).
    int tap(int phase, int a) const {
        const int u = a * tap_step + phase;
        return u < layer.kernel ? u : -1;
    }
    int taps_of(int phase) const { return (layer.kernel - phase + tap_step - 1) / tap_step; }
    /// The pixel that entry j of a class and phase holds, or −1.
    int pixel(int of_class, int phase, long j) const;
    /// Entries from first_entry on hold pixels that some output may read, those from end_entry on none.
    int first_entry(int of_class, int phase) const;
    int end_entry(int of_class, int phase) const;
    /// Output i of a class as a pixel of the output maps, or −1 when there is none or it is not selected.
    int output(int of_class, long i) const;
};

/// How many tiles of T entries an axis needs.
struct TileCounts {
    TileCounts(const Axis& axis, int tile);

    bool whole;  ///< one tile holds a class, so that the circular wrap only ever meets zeros
    int step,
        backward_step;   ///< outputs of a tile of forward, and pixels of one of the gradient to the input
    int first_backward;  ///< entry where the latter begin
    int forward_tiles;   ///< of all classes, in forward and the weight gradient
    int backward_tiles;  ///< of all classes, in the gradient to the input
};

/// The least T for which one tile holds each class of the axis.
int whole_tile(const Axis& axis);

/// How one axis is cut into tiles of T entries. Every table has a row of T indices per tile (per phase where
/// the image side is split): the pixel that an entry is read from or written to, or −1 (zero, not written).
struct AxisTiling {
    AxisTiling(const Axis& axis, int tile);

    int tile;
    int forward_tiles;   ///< of forward and of the weight gradient
    int backward_tiles;  ///< of the gradient to the input
    bool covers;         ///< every input pixel is in some backward_scatter
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
    LayerAxes(const ConvolutionShape& shape, const ConvolutionOptions& options)
        : vertical(vertical_axis(shape, options)), horizontal(horizontal_axis(shape, options)) {}
    Axis vertical, horizontal;

    int phases() const { return vertical.phases * horizontal.phases; }
};

}  // namespace fftconv
