#pragma once
#include <cstddef>
#include <vector>

namespace fftconv {

/// The sums of a spatial convolution over whole vectors of images: no transform, no columns in memory.
namespace spatial_sum {

/// Channels of the target that are summed together: their weights stand side by side.
inline constexpr int block_channels = 4;

/// Along one axis, what a target pixel meets: `count` taps of the kernel, tap + i·tap_step, and the source
/// pixels that they read, source + i.
struct Meetings {
    int tap = 0, tap_step = 1, source = 0, count = 0;
};

/// One row of the target, `channels` ≤ block_channels of its channels: target[r](j) = bias[r] + Σ over the
/// sources, the meetings of the row and those of column j. Strides are in floats.
struct Row {
    const float* source;
    std::size_t channel_stride, row_stride;
    std::size_t lanes;                           ///< floats of a pixel, in source and target
    const std::vector<int>* channels_of_source;  ///< that have a weight for this block
    Meetings rows;
    const std::vector<Meetings>* columns;  ///< of every target column
    const float* weights;                  ///< (source channel, u, v, block_channels)
    int kernel;
    const float* bias;  ///< block_channels
    float* target;
    std::size_t target_channel_stride;
    int channels;
};
void row(const Row& row);

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
