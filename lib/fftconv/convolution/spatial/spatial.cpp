#include "fftconv/convolution/spatial/spatial.hpp"

#include <algorithm>
#include <array>

#include "fftconv/convolution/mode_selection.hpp"
#include "fftconv/core/clock.hpp"
#include "fftconv/core/threads.hpp"

namespace fftconv {
namespace {

using spatial_sum::block_channels;

enum SpatialPhase { weight_phase, product_phase, select_phase };

/// Adds the seconds since the last call to a phase; those of a team count for each of its threads.
class PhaseClock {
  public:
    explicit PhaseClock(std::vector<Phase>& phases) : phases_(phases) {}
    void lap(SpatialPhase phase, int threads = 1) {
        const std::uint64_t now = ticks();
        phases_[phase].seconds += double(now - last_) * seconds_per_tick() * threads;
        last_ = now;
    }

  private:
    std::vector<Phase>& phases_;
    std::uint64_t last_ = ticks();
};

int blocks_of(int channels) {
    return (channels + block_channels - 1) / block_channels;
}

}  // namespace

SpatialConvolution::SpatialConvolution(ConvolutionShape shape, ConvolutionOptions options)
    : ConvolutionEngine(shape, options) {
    phases_ = {{"weights"}, {"product"}, {"select"}};
}

bool SpatialConvolution::kept(int o, int c) const {
    return mask_.empty() || mask_[std::size_t(o) * shape_.in_channels + c] != 0;
}

/// Of the outputs that are computed: all, or those of mode K.
MapShape SpatialConvolution::computed_maps() const {
    return {shape_.out_channels, shape_.output_height() / step(), shape_.output_width() / step()};
}

SpatialConvolution::Axis SpatialConvolution::vertical() const {
    return {shape_.height, computed_maps().height, step() == 2 ? options_.mode / 2 : 0};
}

SpatialConvolution::Axis SpatialConvolution::horizontal() const {
    return {shape_.width, computed_maps().width, step() == 2 ? options_.mode % 2 : 0};
}

/// Output i reads pixel step·i + offset + tap − p, where there is one.
std::vector<spatial_sum::Meetings> SpatialConvolution::of_outputs(const Axis& axis) const {
    return {{.count = axis.outputs,
             .source = axis.offset - shape_.padding,
             .source_step = step(),
             .taps = shape_.kernel}};
}

/// The same pairs, by tap: output i and pixel step·i + offset + tap − p.
std::vector<spatial_sum::Pairs> SpatialConvolution::of_taps(const Axis& axis) const {
    std::vector<spatial_sum::Pairs> pairs(shape_.kernel);
    for (int tap = 0; tap < shape_.kernel; ++tap) {
        const int pixel = axis.offset + tap - shape_.padding;  // of output 0
        const int first = std::max(0, (-pixel + step() - 1) / step());
        const int last = std::min(axis.outputs, (axis.length - pixel + step() - 1) / step());
        pairs[tap] = {first, pixel + step() * first, step(), std::max(0, last - first)};
    }
    return pairs;
}

/// The same pairs, by input pixel: those at a distance of `step` meet the same taps, in descending order.
std::vector<spatial_sum::Meetings> SpatialConvolution::of_inputs(const Axis& axis) const {
    std::vector<spatial_sum::Meetings> meetings;
    for (int pixel = 0; pixel < std::min(step(), axis.length); ++pixel) {
        const int place = pixel + shape_.padding - axis.offset;  // of pixel − output·step among the taps
        const int tap = ((place % step()) + step()) % step();
        const int taps = (shape_.kernel - tap + step() - 1) / step();
        meetings.push_back({.target = pixel,
                            .target_step = step(),
                            .count = (axis.length - pixel + step() - 1) / step(),
                            .source = (place - tap) / step() - (taps - 1),
                            .tap = tap + (taps - 1) * step(),
                            .tap_step = -step(),
                            .taps = taps});
    }
    return meetings;
}

void SpatialConvolution::list_kernels(Weights& weights, bool by_output) const {
    const std::size_t taps = shape_.kernel * shape_.kernel;
    weights.blocks.clear();
    weights.kernels.assign(by_output ? shape_.out_channels : shape_.in_channels, {});
    for (int o = 0; o < shape_.out_channels; ++o)
        for (int c = 0; c < shape_.in_channels; ++c)
            if (kept(o, c))
                weights.kernels[by_output ? o : c].push_back(
                    {.source_channel = std::size_t(by_output ? c : o),
                     .weights = &weights_[(std::size_t(o) * shape_.in_channels + c) * taps]});
}

void SpatialConvolution::fill_blocks(Weights& weights, bool by_output) const {
    const int targets = by_output ? shape_.out_channels : shape_.in_channels,
              sources = by_output ? shape_.in_channels : shape_.out_channels,
              taps = shape_.kernel * shape_.kernel;
    weights.kernels.clear();
    weights.blocks.assign(std::size_t(blocks_of(targets)) * block_channels * sources * taps, 0.0f);
    for (int target = 0; target < targets; ++target)
        for (int source = 0; source < sources; ++source) {
            const int o = by_output ? target : source, c = by_output ? source : target;
            const float* from = &weights_[(std::size_t(o) * shape_.in_channels + c) * taps];
            float* to = &weights.blocks[(std::size_t(target / block_channels) * sources + source) * taps *
                                            block_channels +
                                        target % block_channels];
            for (int tap = 0; tap < taps; ++tap) to[tap * block_channels] = from[tap];
        }
}

const SpatialConvolution::Weights& SpatialConvolution::updated(Weights& weights, bool by_output) {
    if (weights.valid) return weights;
    if (mask_.empty())
        fill_blocks(weights, by_output);
    else
        list_kernels(weights, by_output);
    weights.valid = true;
    return weights;
}

void SpatialConvolution::sum(const Weights& weights, const Tensor& source,
                             const std::vector<spatial_sum::Meetings>& rows,
                             const std::vector<spatial_sum::Meetings>& columns, std::span<const float> bias,
                             Tensor& target) {
    if (mask_.empty())
        sum_dense(weights, source, rows, columns, bias, target);
    else
        sum_lists(weights, source, rows, columns, bias, target);
}

void SpatialConvolution::sum_dense(const Weights& weights, const Tensor& source,
                                   const std::vector<spatial_sum::Meetings>& rows,
                                   const std::vector<spatial_sum::Meetings>& columns,
                                   std::span<const float> bias, Tensor& target) {
    const int blocks = blocks_of(target.channels()), kernel = shape_.kernel;
    const std::size_t block_weights = std::size_t(source.channels()) * kernel * kernel * block_channels;
    const std::size_t lanes = source.batch_stride();
    parallel_for(options_.threads, target.height() * blocks, [&](int item) {
        const int i = item / blocks, block = item % blocks, first = block * block_channels;
        const spatial_sum::Meetings& row = rows[i % rows.size()];  // there is one for every step of targets
        std::array<float, block_channels> added{};
        for (int o = first; o < std::min(first + block_channels, int(bias.size())); ++o)
            added[o - first] = bias[o];
        spatial_sum::row({.source = source.data(),
                          .source_channels = source.channels(),
                          .source_channel_stride = std::size_t(source.height()) * source.width() * lanes,
                          .source_width = source.width(),
                          .lanes = lanes,
                          .rows = spatial_sum::met(row, i / int(rows.size()), source.height()),
                          .columns = &columns,
                          .weights = weights.blocks.data() + block * block_weights,
                          .kernel = kernel,
                          .bias = added.data(),
                          .target = target.pixel(first, i, 0),
                          .target_channel_stride = std::size_t(target.height()) * target.width() * lanes,
                          .channels = std::min(block_channels, target.channels() - first)});
    });
}

void SpatialConvolution::sum_lists(const Weights& weights, const Tensor& source,
                                   const std::vector<spatial_sum::Meetings>& rows,
                                   const std::vector<spatial_sum::Meetings>& columns,
                                   std::span<const float> bias, Tensor& target) {
    const std::size_t lanes = source.batch_stride(), pixels = std::size_t(source.height()) * source.width();
    const std::vector<std::size_t> begins = spatial_sum::blocks_of_lanes(lanes);
    const bool in_place = begins.size() == 2;
    for (std::size_t block = 0; block + 1 < begins.size(); ++block) {
        const std::size_t first = begins[block], count = begins[block + 1] - first;
        const float* maps = source.data();
        if (!in_place) {
            // Close together: in the tensor, a pixel of these lanes shares its cache lines with other lanes,
            // and each of its kernels would bring those along.
            packed_.resize(source.channels() * pixels * count);
            parallel_for(options_.threads, source.channels(), [&](int channel) {
                spatial_sum::pack(source.pixel(channel, 0, 0) + first, pixels, lanes, count,
                                  packed_.data() + channel * pixels * count);
            });
            maps = packed_.data();
        }
        parallel_for(options_.threads, target.channels(), [&](int channel) {
            spatial_sum::map({.source = maps,
                              .source_channel_stride = pixels * count,
                              .source_pixel_stride = count,
                              .source_height = source.height(),
                              .source_width = source.width(),
                              .lanes = count,
                              .kernels = &weights.kernels[channel],
                              .kernel = shape_.kernel,
                              .rows = &rows,
                              .columns = &columns,
                              .bias = bias.empty() ? 0.0f : bias[channel],
                              .target = target.pixel(channel, 0, 0) + first,
                              .target_pixel_stride = lanes,
                              .target_width = target.width()});
        });
    }
}

void SpatialConvolution::forward(const Tensor& x, Tensor& y) {
    check_forward(x, y);
    PhaseClock clock(phases_);
    const Weights& weights = updated(by_output_, true);
    clock.lap(weight_phase);
    if (selects_afterwards()) whole_.reshape(computed_maps(), x.batch());
    Tensor& target = selects_afterwards() ? whole_ : y;
    sum(weights, x, of_outputs(vertical()), of_outputs(horizontal()), bias_, target);
    clock.lap(product_phase, options_.threads);
    if (selects_afterwards()) select_mode(whole_, y, options_.mode);
    clock.lap(select_phase);
}

const Tensor& SpatialConvolution::spread(const Tensor& dy) {
    if (!selects_afterwards()) return dy;
    whole_.reshape(computed_maps(), dy.batch());
    spread_mode(dy, whole_, options_.mode);
    return whole_;
}

void SpatialConvolution::backward_input(const Tensor& dy, Tensor& dx) {
    check_forward(dx, dy);
    PhaseClock clock(phases_);
    const Weights& weights = updated(by_input_, false);
    clock.lap(weight_phase);
    const Tensor& gradient = spread(dy);
    clock.lap(select_phase);
    sum(weights, gradient, of_inputs(vertical()), of_inputs(horizontal()), {}, dx);
    clock.lap(product_phase, options_.threads);
}

void SpatialConvolution::backward_weights(const Tensor& x, const Tensor& dy, std::span<float> dw) {
    check_backward_weights(x, dy, dw);
    PhaseClock clock(phases_);
    const Tensor& gradient = spread(dy);
    clock.lap(select_phase);
    const std::vector<spatial_sum::Pairs> rows = of_taps(vertical()), columns = of_taps(horizontal());
    std::fill(dw.begin(), dw.end(), 0.0f);
    const int kernel = shape_.kernel, pairs = (shape_.out_channels + 1) / 2, channels = shape_.in_channels;
    const std::size_t lanes = gradient.batch_stride();
    parallel_for(options_.threads, pairs * channels, [&](int item) {
        const int o = item / channels * 2, c = item % channels;
        std::array<const float*, 2> maps{};
        std::array<float*, 2> sums{};
        int used = 0;
        for (int output = o; output < std::min(o + 2, shape_.out_channels); ++output)
            if (kept(output, c)) {
                maps[used] = gradient.pixel(output, 0, 0);
                sums[used++] = &dw[(std::size_t(output) * channels + c) * kernel * kernel];
            }
        if (used == 0) return;
        for (int u = 0; u < kernel; ++u)
            spatial_sum::weight_gradient(
                {.dy = {maps[0], maps[1]},
                 .x = x.pixel(c, 0, 0),
                 .dy_row_stride = gradient.width() * lanes,
                 .x_row_stride = x.width() * lanes,
                 .lanes = lanes,
                 .images = std::size_t(x.batch()),
                 .rows = rows[u],
                 .columns = &columns,
                 .kernel = kernel,
                 .dw = {sums[0] + u * kernel, sums[1] ? sums[1] + u * kernel : nullptr}});
    });
    clock.lap(product_phase, options_.threads);
}

std::size_t SpatialConvolution::workspace_bytes() const {
    std::size_t bytes = (whole_.size() + packed_.size()) * sizeof(float);
    for (const Weights* weights : {&by_output_, &by_input_}) {
        bytes += weights->blocks.size() * sizeof(float);
        for (const auto& kernels : weights->kernels)
            bytes += kernels.capacity() * sizeof(spatial_sum::Kernel);
    }
    return bytes;
}

}  // namespace fftconv
