#include "fftconv/convolution/spatial/spatial.hpp"

#include <algorithm>
#include <array>

#include "fftconv/convolution/mode_selection.hpp"
#include "fftconv/core/error.hpp"
#include "fftconv/core/lap_timer.hpp"
#include "fftconv/core/threads.hpp"

namespace fftconv {
namespace {

using spatial_sum::block_channels;

enum SpatialPhase { weight_phase, product_phase, select_phase };

int blocks_of(int channels) {
    return (channels + block_channels - 1) / block_channels;
}

/// Output i reads pixel step·i + offset + tap, where there is one.
std::vector<spatial_sum::Meetings> of_outputs(const LayerAxis& axis) {
    return {{.count = axis.outputs, .source = axis.offset, .source_step = axis.step, .taps = axis.kernel}};
}

/// The same pairs, by tap.
std::vector<spatial_sum::Pairs> of_taps(const LayerAxis& axis) {
    std::vector<spatial_sum::Pairs> pairs(axis.kernel);
    for (int tap = 0; tap < axis.kernel; ++tap) {
        const int first = axis.first_output(tap), last = axis.last_output(tap);
        pairs[tap] = {first, axis.first_pixel(tap) + axis.step * first, axis.step, std::max(0, last - first)};
    }
    return pairs;
}

/// The same pairs, by input pixel: those at a distance of `step` meet the same taps, in descending order.
std::vector<spatial_sum::Meetings> of_inputs(const LayerAxis& axis) {
    std::vector<spatial_sum::Meetings> meetings;
    const int step = axis.step;
    for (int pixel = 0; pixel < std::min(step, axis.length); ++pixel) {
        const int place = pixel - axis.offset;  // of pixel − output·step among the taps
        const int tap = ((place % step) + step) % step;
        const int taps = (axis.kernel - tap + step - 1) / step;
        meetings.push_back({.target = pixel,
                            .target_step = step,
                            .count = (axis.length - pixel + step - 1) / step,
                            .source = (place - tap) / step - (taps - 1),
                            .tap = tap + (taps - 1) * step,
                            .tap_step = -step,
                            .taps = taps});
    }
    return meetings;
}

/// Does the view lie in memory as a Tensor of its shape does? Then whole vectors of lanes may be read there.
template <class T>
bool lies_as_tensor(const BasicMapsView<T>& view) {
    const std::ptrdiff_t lanes = padded_batch(view.batch);
    return view.lanes == lanes && view.image_stride == 1 && view.column_stride == lanes &&
           view.row_stride == lanes * view.width && view.channel_stride == lanes * view.width * view.height;
}

void copy_maps(const ConstMapsView& from, const MapsView& to) {
    for (int c = 0; c < from.channels; ++c)
        for (int h = 0; h < from.height; ++h)
            for (int w = 0; w < from.width; ++w) copy_pixel(from, from.pixel(c, h, w), to, to.pixel(c, h, w));
}

/// The maps themselves, or a copy of them.
ConstMapsView as_tensor(const ConstMapsView& view, Tensor& copy) {
    if (lies_as_tensor(view)) return view;
    copy.reshape(view.maps(), view.batch);
    copy_maps(view, copy);
    return copy;
}

}  // namespace

bool spatial_can(const ConvolutionShape& shape, const ConvolutionOptions& options, std::string* why) {
    const int step = horizontal_axis(shape, options).step;
    const auto refuse = [&](const std::string& text) {
        if (why) *why = "convolution: " + text + " (the engines fft and direct can do others)";
        return false;
    };
    if (shape.dilation != 1)
        return refuse("dilation: expected 1 with the spatial engine, found " + to_string(shape.dilation));
    if (step > 2)
        return refuse("stride: expected a horizontal step of at most 2 with the spatial engine, found " +
                      std::to_string(step));
    return true;
}

SpatialConvolution::SpatialConvolution(ConvolutionShape shape, ConvolutionOptions options)
    : ConvolutionEngine(shape, options) {
    if (std::string why; !spatial_can(shape, options, &why)) throw ShapeError(why);
    phases_ = {{"weights"}, {"product"}, {"select"}};
}

void SpatialConvolution::list_kernels(Weights& weights, bool by_output) const {
    weights.panels.clear();
    weights.kernels.assign(by_output ? shape_.out_channels : shape_.in_channels, {});
    const int channels = shape_.group_channels();
    for (int o = 0; o < shape_.out_channels; ++o)
        for (int c = 0; c < channels; ++c)
            if (survives(o, c)) {
                const int channel = shape_.first_channel(o) + c;
                weights.kernels[by_output ? o : channel].push_back(
                    {.source_channel = std::size_t(by_output ? channel : o),
                     .weights = &weights_[(std::size_t(o) * channels + c) * shape_.kernel.area()]});
            }
}

/// Terms of a target's sum for a class of rows and one of columns.
std::size_t SpatialConvolution::panel_depth(const spatial_sum::Meetings& rows,
                                            const spatial_sum::Meetings& columns, bool by_output) const {
    const int sources = by_output ? shape_.group_channels() : shape_.group_outputs();
    return std::size_t(sources) * rows.taps * columns.taps;
}

void SpatialConvolution::fill_panels(Weights& weights, bool by_output) const {
    const int targets = by_output ? shape_.group_outputs() : shape_.group_channels();
    const auto rows = by_output ? of_outputs(vertical()) : of_inputs(vertical()),
               columns = by_output ? of_outputs(horizontal()) : of_inputs(horizontal());
    const std::size_t padded = blocks_of(targets) * std::size_t(block_channels);
    std::size_t floats = 0;
    for (const auto& row : rows)
        for (const auto& column : columns) floats += padded * panel_depth(row, column, by_output);
    weights.kernels.clear();
    weights.panels.assign(shape_.groups * floats, 0.0f);
    float* to = weights.panels.data();
    for (const auto& row : rows)
        for (const auto& column : columns)
            for (int group = 0; group < shape_.groups;
                 ++group, to += padded * panel_depth(row, column, by_output))
                fill_group(row, column, by_output, group, to);
}

void SpatialConvolution::fill_group(const spatial_sum::Meetings& rows, const spatial_sum::Meetings& columns,
                                    bool by_output, int group, float* panels) const {
    const int targets = by_output ? shape_.group_outputs() : shape_.group_channels(),
              sources = by_output ? shape_.group_channels() : shape_.group_outputs();
    const std::size_t depth = panel_depth(rows, columns, by_output);
    for (int target = 0; target < targets; ++target) {
        float* to = panels + target / block_channels * block_channels * depth + target % block_channels;
        for (int source = 0; source < sources; ++source) {
            const int o = by_output ? target : source, c = by_output ? source : target;
            const std::size_t output = std::size_t(group) * shape_.group_outputs() + o;
            const float* kernel = &weights_[(output * shape_.group_channels() + c) * shape_.kernel.area()];
            for (int a = 0; a < rows.taps; ++a)
                for (int b = 0; b < columns.taps; ++b, to += block_channels)
                    *to = kernel[(rows.tap + a * rows.tap_step) * shape_.kernel.horizontal + columns.tap +
                                 b * columns.tap_step];
        }
    }
}

const SpatialConvolution::Weights& SpatialConvolution::updated(Weights& weights, bool by_output) {
    if (weights.valid || depthwise()) return weights;  // which reads them as they are
    if (listed(by_output))
        list_kernels(weights, by_output);
    else
        fill_panels(weights, by_output);
    weights.valid = true;
    return weights;
}

void SpatialConvolution::sum(const Weights& weights, const ConstMapsView& source,
                             const std::vector<spatial_sum::Meetings>& rows,
                             const std::vector<spatial_sum::Meetings>& columns, std::span<const float> bias,
                             const MapsView& target, const Epilogue& epilogue) {
    const ConstMapsView from = as_tensor(source, copies_[0]);
    MapsView to = target;
    if (!lies_as_tensor(target)) {
        copies_[1].reshape(target.maps(), target.batch);
        to = copies_[1];
    }
    if (depthwise())
        sum_depthwise(from, rows, columns, bias, to);
    else if (weights.kernels.empty())
        sum_dense(weights, from, rows, columns, bias, to, epilogue);
    else
        sum_lists(weights, from, rows, columns, bias, to);
    if (!lies_as_tensor(target)) copy_maps(to, target);
}

/// Item by item of a row of the target, a group and some of its columns, each thread every so many.
void SpatialConvolution::sum_dense(const Weights& weights, const ConstMapsView& source,
                                   const std::vector<spatial_sum::Meetings>& rows,
                                   const std::vector<spatial_sum::Meetings>& columns,
                                   std::span<const float> bias, const MapsView& target,
                                   const Epilogue& epilogue) {
    const int threads = options_.threads, groups = shape_.groups, targets = target.channels / groups,
              sources = source.channels / groups;
    const int parts = target.height * groups >= 4 * threads ? 1 : threads;
    const auto depth_of = [&](const auto& row, const auto& column) {
        return std::size_t(sources) * row.taps * column.taps;
    };
    std::size_t most_depth = 0;
    for (const auto& row : rows)
        for (const auto& column : columns) most_depth = std::max(most_depth, depth_of(row, column));
    scratch_.resize(threads);
    for (AlignedFloats& scratch : scratch_)
        scratch.resize(spatial_sum::panel_row_scratch_floats(int(most_depth), targets));

    const auto of_group = [targets](std::span<const float> values, int group) {
        return values.empty() ? nullptr : &values[group * targets];
    };
    const auto sum_item = [&](int item, float* scratch) {
        const int i = item / (groups * parts), group = item / parts % groups, part = item % parts;
        const std::size_t padded = blocks_of(targets) * std::size_t(block_channels);
        const float* panels = weights.panels.data();
        for (std::size_t row = 0; row < rows.size(); ++row)
            for (const spatial_sum::Meetings& column : columns) {
                const std::size_t floats = padded * depth_of(rows[row], column);
                if (row == i % rows.size())
                    spatial_sum::panel_row({.source = source.pixel(group * sources, 0, 0),
                                            .channels = sources,
                                            .channel_stride = std::size_t(source.channel_stride),
                                            .height = source.height,
                                            .width = source.width,
                                            .lanes = std::size_t(source.lanes),
                                            .rows = &rows[row],
                                            .columns = &column,
                                            .row = i / int(rows.size()),
                                            .first_column = std::size_t(column.count) * part / parts,
                                            .end_column = std::size_t(column.count) * (part + 1) / parts,
                                            .weights = panels + group * floats,
                                            .bias = of_group(bias, group),
                                            .target = target.pixel(group * targets, i, 0),
                                            .target_channel_stride = std::size_t(target.channel_stride),
                                            .targets = targets,
                                            .factor = of_group(epilogue.factor, group),
                                            .offset = of_group(epilogue.offset, group),
                                            .relu = epilogue.relu},
                                           scratch);
                panels += groups * floats;
            }
    };
    parallel_for(threads, threads, [&](int thread) {
        for (int item = thread; item < target.height * groups * parts; item += threads)
            sum_item(item, scratch_[thread].data());
    });
}

/// Item by item of a channel and some of its rows, each thread every so many.
void SpatialConvolution::sum_depthwise(const ConstMapsView& source,
                                       const std::vector<spatial_sum::Meetings>& rows,
                                       const std::vector<spatial_sum::Meetings>& columns,
                                       std::span<const float> bias, const MapsView& target) {
    const int threads = options_.threads, channels = target.channels;
    const int parts = channels >= 4 * threads ? 1 : std::min(threads, target.height);
    const auto stripe_of = [&](int item) {
        const int channel = item / parts, part = item % parts;
        return spatial_sum::Stripe{.source = source.pixel(channel, 0, 0),
                                   .source_height = source.height,
                                   .source_width = source.width,
                                   .lanes = std::size_t(source.lanes),
                                   .rows = &rows,
                                   .columns = &columns,
                                   .first_row = target.height * part / parts,
                                   .end_row = target.height * (part + 1) / parts,
                                   .weights = &weights_[channel * shape_.kernel.area()],
                                   .kernel = shape_.kernel,
                                   .bias = bias.empty() ? 0.0f : bias[channel],
                                   .target = target.pixel(channel, 0, 0),
                                   .target_width = target.width};
    };
    scratch_.resize(threads);
    for (AlignedFloats& lines : scratch_) lines.resize(spatial_sum::stripe_scratch_floats(stripe_of(0)));
    parallel_for(threads, threads, [&](int thread) {
        for (int item = thread; item < channels * parts; item += threads)
            spatial_sum::stripe(stripe_of(item), scratch_[thread].data());
    });
}

void SpatialConvolution::sum_lists(const Weights& weights, const ConstMapsView& source,
                                   const std::vector<spatial_sum::Meetings>& rows,
                                   const std::vector<spatial_sum::Meetings>& columns,
                                   std::span<const float> bias, const MapsView& target) {
    const std::size_t lanes = source.lanes, pixels = std::size_t(source.height) * source.width;
    const std::vector<std::size_t> begins = spatial_sum::blocks_of_lanes(lanes);
    const bool in_place = begins.size() == 2;
    for (std::size_t block = 0; block + 1 < begins.size(); ++block) {
        const std::size_t first = begins[block], count = begins[block + 1] - first;
        const float* maps = source.data;
        if (!in_place) {
            // Close together: in the tensor, a pixel of these lanes shares its cache lines with other lanes,
            // and each of its kernels would bring those along.
            packed_.resize(source.channels * pixels * count);
            parallel_for(options_.threads, source.channels, [&](int channel) {
                spatial_sum::pack(source.pixel(channel, 0, 0) + first, pixels, lanes, count,
                                  packed_.data() + channel * pixels * count);
            });
            maps = packed_.data();
        }
        parallel_for(options_.threads, target.channels, [&](int channel) {
            spatial_sum::map({.source = maps,
                              .source_channel_stride = pixels * count,
                              .source_pixel_stride = count,
                              .source_height = source.height,
                              .source_width = source.width,
                              .lanes = count,
                              .kernels = &weights.kernels[channel],
                              .kernel = shape_.kernel,
                              .rows = &rows,
                              .columns = &columns,
                              .bias = bias.empty() ? 0.0f : bias[channel],
                              .target = target.pixel(channel, 0, 0) + first,
                              .target_pixel_stride = lanes,
                              .target_width = target.width});
        });
    }
}

bool SpatialConvolution::fuses(const Epilogue& epilogue, int) const {
    return epilogue.pooling == Pooling::none && !listed(true) && !selects_afterwards();
}

void SpatialConvolution::forward(const ConstMapsView& x, const MapsView& y) {
    forward_fused(x, y, {});
}

void SpatialConvolution::forward_fused(const ConstMapsView& x, const MapsView& y, const Epilogue& epilogue) {
    check_forward(x, y, epilogue);
    LapTimer timer;
    const Weights& weights = updated(by_output_, true);
    phases_[weight_phase].seconds += timer.lap();
    if (selects_afterwards()) whole_.reshape(computed_maps(), x.batch);
    const MapsView target = selects_afterwards() ? MapsView(whole_) : y;
    sum(weights, x, of_outputs(vertical()), of_outputs(horizontal()), bias_, target, epilogue);
    phases_[product_phase].seconds += timer.lap() * options_.threads;
    if (selects_afterwards()) select_mode(whole_, y, options_.mode);
    phases_[select_phase].seconds += timer.lap();
}

ConstMapsView SpatialConvolution::scattered(const ConstMapsView& dy) {
    if (!selects_afterwards()) return dy;
    whole_.reshape(computed_maps(), dy.batch);
    scatter_mode(dy, whole_, options_.mode);
    return whole_;
}

void SpatialConvolution::backward_input(const ConstMapsView& dy, const MapsView& dx) {
    check_backward_input(dy, dx);
    LapTimer timer;
    const Weights& weights = updated(by_input_, false);
    phases_[weight_phase].seconds += timer.lap();
    const ConstMapsView gradient = scattered(dy);
    phases_[select_phase].seconds += timer.lap();
    sum(weights, gradient, of_inputs(vertical()), of_inputs(horizontal()), {}, dx);
    phases_[product_phase].seconds += timer.lap() * options_.threads;
}

void SpatialConvolution::backward_weights(const ConstMapsView& input, const ConstMapsView& dy,
                                          std::span<float> dw) {
    check_backward_weights(input, dy, dw);
    LapTimer timer;
    const ConstMapsView x = as_tensor(input, copies_[0]), gradient = as_tensor(scattered(dy), copies_[1]);
    phases_[select_phase].seconds += timer.lap();
    const std::vector<spatial_sum::Pairs> rows = of_taps(vertical()), columns = of_taps(horizontal());
    std::fill(dw.begin(), dw.end(), 0.0f);
    const PerAxis kernel = shape_.kernel;
    const int channels = shape_.group_channels(), outputs = shape_.group_outputs(), pairs = (outputs + 1) / 2;
    parallel_for(options_.threads, shape_.groups * pairs * channels, [&](int item) {
        const int group = item / (pairs * channels), c = item % channels;
        const int first = item / channels % pairs * 2;
        std::array<const float*, 2> maps{};
        std::array<float*, 2> sums{};
        int used = 0;
        for (int o = first; o < std::min(first + 2, outputs); ++o)
            if (const int output = group * outputs + o; survives(output, c)) {
                maps[used] = gradient.pixel(output, 0, 0);
                sums[used++] = &dw[(std::size_t(output) * channels + c) * kernel.area()];
            }
        if (used == 0) return;
        for (int u = 0; u < kernel.vertical; ++u)
            spatial_sum::weight_gradient({.dy = {maps[0], maps[1]},
                                          .x = x.pixel(group * channels + c, 0, 0),
                                          .dy_row_stride = std::size_t(gradient.row_stride),
                                          .x_row_stride = std::size_t(x.row_stride),
                                          .lanes = std::size_t(x.lanes),
                                          .images = std::size_t(x.batch),
                                          .rows = rows[u],
                                          .columns = &columns,
                                          .kernel = kernel.horizontal,
                                          .dw = {sums[0] + u * kernel.horizontal,
                                                 sums[1] ? sums[1] + u * kernel.horizontal : nullptr}});
    });
    phases_[product_phase].seconds += timer.lap() * options_.threads;
}

std::size_t SpatialConvolution::workspace_bytes() const {
    std::size_t bytes =
        (whole_.size() + packed_.size() + copies_[0].size() + copies_[1].size()) * sizeof(float);
    for (const AlignedFloats& scratch : scratch_) bytes += scratch.size() * sizeof(float);
    for (const Weights* weights : {&by_output_, &by_input_}) {
        bytes += weights->panels.size() * sizeof(float);
        for (const auto& kernels : weights->kernels)
            bytes += kernels.capacity() * sizeof(spatial_sum::Kernel);
    }
    return bytes;
}

}  // namespace fftconv
