#pragma once
#include <cstddef>
#include <vector>

#include "fftconv/convolution/shape.hpp"

namespace fftconv {

/// The sums of a spatial convolution over whole vectors: no transform.
/// Dense (spatial_panels.cpp): matrix products, over what some vectors of a row meet, packed visit by visit.
/// Pruned (spatial_list.cpp): one channel at a time, over its surviving kernels. Depthwise
/// (spatial_depthwise.cpp): eight columns share a weight. Strides are in floats.
namespace spatial_sum {

/// Along one axis, targets at equal distances that meet the source alike: target + j·target_step, for
/// 0 ≤ j < count, meets source + j·source_step + t with tap + t·tap_step, for 0 ≤ t < taps. Source pixels
/// outside of the map are padding.
struct Meetings {
    int target = 0, target_step = 1, count = 0;
    int source = 0, source_step = 1;  ///< a step of 1 or 2
    int tap = 0, tap_step = 1, taps = 0;
};

/// What one target meets apart from the padding: source + i with tap + i·tap_step, for 0 ≤ i < count.
struct Met {
    int tap, tap_step, source, count;
};
/// Of target j, where the source has `length` pixels along the axis.
Met met(const Meetings& meetings, int j, int length);

/// Channels of the target that are summed together: their weights stand side by side.
inline constexpr int block_channels = 4;
/// Sums of up to so many terms read the source where it lies: packing would cost more than it saves.
inline constexpr int packed_depth = 96;
/// Whether the targets of a group are so few that they are summed kernel by kernel without a mask too: a
/// block of them would be half empty, or alone in using what is packed.
constexpr bool few_targets(int targets, double terms) {
    return targets <= 2 || (targets <= block_channels && terms > packed_depth);
}

/// Some columns of one class in one row of the target, all channels of a group: target[o](j) = bias[o] + Σ
/// over the source channels, the meetings of the row and those of column j.
struct PanelRow {
    const float* source;
    int channels;  ///< of the source
    std::size_t channel_stride;
    int height, width;  ///< of the source
    std::size_t lanes;  ///< of a pixel, in source and target
    const Meetings *rows, *columns;
    int row;                               ///< of the class `rows`
    std::size_t first_column, end_column;  ///< of the class `columns`
    const float* weights;  ///< (target / 4, source channel, row tap of the class, column tap, 4)
    const float* bias;     ///< of the targets, or null
    float* target;         ///< the row, at column 0
    std::size_t target_channel_stride;
    int targets;
    const float *factor = nullptr, *offset = nullptr;  ///< of the targets, or null: what is done of the sums
    bool relu = false;                                 ///< then 0 for what is less
};
/// Floats of scratch that `panel_row` needs for so many terms of a sum.
std::size_t panel_row_scratch_floats(int depth, int targets);
void panel_row(const PanelRow& row, float* scratch);

/// A surviving kernel of a target channel: where it reads, and its k_h × k_w weights.
struct Kernel {
    std::size_t source_channel;
    const float* weights;
};

/// One target channel of some lanes: target(i, j) = bias + Σ over its kernels, the meetings of row i and
/// those of column j. Both maps begin at the first of the lanes.
struct Map {
    const float* source;
    std::size_t source_channel_stride, source_pixel_stride;
    int source_height, source_width;
    std::size_t lanes;  ///< that are summed: a block of them
    const std::vector<Kernel>* kernels;
    PerAxis kernel;  ///< taps
    const std::vector<Meetings>*rows, *columns;
    float bias;
    float* target;
    std::size_t target_pixel_stride;
    int target_width;
};
void map(const Map& map);

/// Rows first_row … end_row − 1 of a target channel that one source channel makes: target(i, j) = bias + Σ
/// over the meetings of row i and those of column j.
struct Stripe {
    const float* source;
    int source_height, source_width;
    std::size_t lanes;  ///< of a pixel, in both maps
    const std::vector<Meetings>*rows, *columns;
    int first_row, end_row;
    const float* weights;  ///< (k_h, k_w)
    PerAxis kernel;        ///< taps
    float bias;
    float* target;
    int target_width;
};
/// Floats of scratch that `stripe` needs.
std::size_t stripe_scratch_floats(const Stripe& stripe);
void stripe(const Stripe& stripe, float* scratch);

/// Some lanes of `count` pixels that are `stride` apart, close together.
void pack(const float* pixels, std::size_t count, std::size_t stride, std::size_t lanes, float* packed);

/// Where blocks of lanes begin that map() sums best, and where the last one ends.
std::vector<std::size_t> blocks_of_lanes(std::size_t lanes);

/// Along one axis, the pairs of pixels that a tap joins: dy's `output` + i and x's `input` + i·input_step.
struct Pairs {
    int output = 0, input = 0, input_step = 1, count = 0;
};

/// dw(u, v) += Σ over the pairs of rows, those of columns of v, and the images, of dy·x, for one u, every v,
/// and one or two outputs with the same input channel.
struct WeightGradient {
    const float* dy[2];  ///< maps of the outputs; the second may be null
    const float* x;      ///< map of the input channel
    std::size_t dy_row_stride, x_row_stride, lanes;
    std::size_t images;  ///< lanes that count; the others may hold anything
    Pairs rows;
    const std::vector<Pairs>* columns;  ///< of every v
    int kernel;
    float* dw[2];  ///< kernel floats each
};
void weight_gradient(const WeightGradient& gradient);

}  // namespace spatial_sum
}  // namespace fftconv
