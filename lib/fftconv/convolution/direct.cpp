#include "fftconv/convolution/direct.hpp"

#include <Eigen/Core>
#include <algorithm>
#include <cstring>

#include "fftconv/convolution/axis.hpp"
#include "fftconv/convolution/mode_selection.hpp"
#include "fftconv/core/clock.hpp"
#include "fftconv/core/threads.hpp"

namespace fftconv {
namespace {

using Matrix = Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
using MatrixMap = Eigen::Map<Matrix>;

constexpr std::size_t block_floats = 1 << 18;  // 1 MiB of columns: a block stays in a second-level cache
constexpr int least_blocks = 8;                // so that a few threads share even a small layer evenly
constexpr int least_columns = 64;              // fewer, and the product spends its time packing the weights
constexpr int partial_sums = 8;                // of a weight gradient: fixed, so that threads change no bit

/// The positions p = first … last − 1 of a lattice, row by row.
struct PositionBlock {
    int first, last;
    int size() const { return last - first; }
};

/// A fixed cut of `positions` positions, whatever the number of threads.
class Partition {
  public:
    Partition(int positions, std::size_t rows, int lanes) : positions_(positions) {
        const int cached = int(block_floats / std::max<std::size_t>(1, rows * lanes));
        const int wanted =
            std::max((positions + least_blocks - 1) / least_blocks, (least_columns + lanes - 1) / lanes);
        size_ = std::clamp(std::min(cached, wanted), 1, std::max(1, positions));
    }
    int count() const { return (positions_ + size_ - 1) / size_; }
    int size() const { return size_; }
    PositionBlock operator[](int index) const {
        return {index * size_, std::min(positions_, (index + 1) * size_)};
    }

  private:
    int positions_, size_;
};

/// Adds the seconds since the last call to `phase`.
class PhaseStopwatch {
  public:
    void lap(double& phase) {
        const std::uint64_t now = ticks();
        phase += double(now - last_) * seconds_per_tick();
        last_ = now;
    }

  private:
    std::uint64_t last_ = ticks();
};

}  // namespace

struct DirectConvolution::Seconds {
    double gather = 0, product = 0, scatter = 0;
};

/// Which pixels a correlation reads and writes: position (i, j) reads source pixel (source_step·(i, j) + (dh,
/// dw)) for each tap, and writes target pixel target_step·(i, j) + (row, column).
struct DirectConvolution::Lattice {
    struct Tap {
        int index;   ///< element of the kernel
        int dh, dw;  ///< where it reads
    };
    int height, width;  ///< positions
    PerAxis source_step = 1, target_step = 1;
    int row = 0, column = 0;
    std::vector<Tap> taps = {};

    int positions() const { return height * width; }
    /// Every pixel of the maps once, itself.
    static Lattice identity(MapShape maps) {
        return {.height = maps.height, .width = maps.width, .taps = {{0, 0, 0}}};
    }
};

struct DirectConvolution::Correlation {
    Lattice lattice;
    const ConstMapsView& source;
    std::vector<int> source_channels;
    const MapsView& target;
    std::vector<int> target_channels;
    bool transposed;          ///< the sum is over outputs, not over inputs
    std::vector<float> bias;  ///< empty, or one value per channel of the target

    std::size_t rows() const { return source_channels.size() * lattice.taps.size(); }
};

namespace {

/// Copies `count` pixels, `step` floats apart, without their padding lanes.
void copy_pixels(const ConstMapsView& view, const float* source, std::ptrdiff_t step, int count,
                 float* target) {
    const int batch = view.batch;
    if (view.image_stride == 1 && step == batch) {
        std::memcpy(target, source, sizeof(float) * count * batch);
    } else if (view.image_stride == 1) {
        for (int i = 0; i < count; ++i, source += step, target += batch)
            std::memcpy(target, source, sizeof(float) * batch);
    } else {
        for (int n = 0; n < batch; ++n)
            for (int i = 0; i < count; ++i)
                target[std::size_t(i) * batch + n] = source[n * view.image_stride + i * step];
    }
}

int divided_up(int value, int by) {
    return value <= 0 ? 0 : (value + by - 1) / by;
}

/// One tap of one channel over part of a lattice row: j = first … last − 1. Pixels outside the map are zero.
template <class Lattice, class Tap>
void gather_row(const ConstMapsView& source, int channel, const Lattice& lattice, const Tap& tap, int i,
                int first, int last, float* columns) {
    const int step = lattice.source_step.horizontal, batch = source.batch;
    const int h = lattice.source_step.vertical * i + tap.dh;
    int from = last, to = last;  // the j that read inside the map
    if (h >= 0 && h < source.height) {
        from = std::clamp(divided_up(-tap.dw, step), first, last);
        to = std::clamp(divided_up(source.width - tap.dw, step), from, last);
    }
    std::fill_n(columns, std::size_t(from - first) * batch, 0.0f);
    if (from < to)
        copy_pixels(source, source.pixel(channel, h, step * from + tap.dw), step * source.column_stride,
                    to - from, columns + std::size_t(from - first) * batch);
    std::fill_n(columns + std::size_t(to - first) * batch, std::size_t(last - to) * batch, 0.0f);
}

/// The im2col matrix of a block, row-major (channels · taps) × (positions · batch).
template <class Lattice>
void gather(const ConstMapsView& source, const std::vector<int>& channels, const Lattice& lattice,
            PositionBlock block, float* columns) {
    for (int channel : channels)
        for (const auto& tap : lattice.taps)
            for (int p = block.first; p < block.last;) {
                const int i = p / lattice.width, first = p % lattice.width;
                const int last = std::min(lattice.width, first + block.last - p);
                gather_row(source, channel, lattice, tap, i, first, last, columns);
                columns += std::size_t(last - first) * source.batch;
                p += last - first;
            }
}

/// The block's product, row-major channels × (positions · batch), to its pixels; padding lanes become zero.
template <class Correlation>
void scatter(const float* product, const Correlation& correlation, PositionBlock block) {
    const auto& lattice = correlation.lattice;
    const MapsView& target = correlation.target;
    const std::ptrdiff_t image = target.image_stride;
    for (int channel : correlation.target_channels) {
        const float bias = correlation.bias.empty() ? 0.0f : correlation.bias[channel];
        for (int p = block.first; p < block.last; ++p, product += target.batch) {
            float* pixel =
                target.pixel(channel, lattice.target_step.vertical * (p / lattice.width) + lattice.row,
                             lattice.target_step.horizontal * (p % lattice.width) + lattice.column);
            for (int n = 0; n < target.batch; ++n) pixel[n * image] = product[n] + bias;
            for (int n = target.batch; n < target.lanes; ++n) pixel[n * image] = 0;
        }
    }
}

void fill_channel(const MapsView& view, int channel, float value) {
    for (int h = 0; h < view.height; ++h)
        for (int w = 0; w < view.width; ++w) {
            float* pixel = view.pixel(channel, h, w);
            for (int n = 0; n < view.lanes; ++n) pixel[n * view.image_stride] = value;
        }
}

/// Positions 0 … n − 1 of an index among those that `kept` keeps.
template <class Kept>
std::vector<int> positions_kept(std::size_t count, Kept kept) {
    std::vector<int> positions;
    for (std::size_t i = 0; i < count; ++i)
        if (kept(i)) positions.push_back(int(i));
    return positions;
}

}  // namespace

DirectConvolution::DirectConvolution(ConvolutionShape shape, ConvolutionOptions options)
    : ConvolutionEngine(shape, options) {
    phases_ = {{"gather"}, {"product"}, {"scatter"}};
}

std::vector<int> DirectConvolution::used_inputs(int group) const {
    const int channels = shape_.group_channels(), outputs = shape_.group_outputs();
    std::vector<int> used;
    for (int c = 0; c < channels; ++c)
        for (int o = group * outputs; o < (group + 1) * outputs; ++o)
            if (kept(o, c)) {
                used.push_back(group * channels + c);
                break;
            }
    return used;
}

std::vector<int> DirectConvolution::used_outputs(int group) const {
    const int channels = shape_.group_channels(), outputs = shape_.group_outputs();
    std::vector<int> used;
    for (int o = group * outputs; o < (group + 1) * outputs; ++o)
        for (int c = 0; c < channels; ++c)
            if (kept(o, c)) {
                used.push_back(o);
                break;
            }
    return used;
}

bool DirectConvolution::all_kept(const std::vector<int>& inputs, const std::vector<int>& outputs) const {
    for (int o : outputs)
        for (int c : inputs)
            if (!kept(o, c % shape_.group_channels())) return false;
    return true;
}

/// Positions are output pixels; with a mode folded into the gather, those of mode K.
DirectConvolution::Lattice DirectConvolution::output_lattice() const {
    const LayerAxis rows = vertical_axis(shape_, options_), columns = horizontal_axis(shape_, options_);
    Lattice lattice{
        .height = rows.outputs, .width = columns.outputs, .source_step = {rows.step, columns.step}};
    for (int u = 0; u < rows.kernel; ++u)
        for (int v = 0; v < columns.kernel; ++v)
            lattice.taps.push_back({u * columns.kernel + v, rows.first_pixel(u), columns.first_pixel(v)});
    return lattice;
}

/// Positions are input pixels (h, w) that are alike modulo the steps: input h meets the output (h − dh) /
/// step through the taps for which that division is exact. Over all of them every product appears once.
DirectConvolution::Lattice DirectConvolution::input_lattice(int row, int column) const {
    const Lattice outputs = output_lattice();
    const PerAxis step = outputs.source_step;
    Lattice lattice{.height = divided_up(shape_.height - row, step.vertical),
                    .width = divided_up(shape_.width - column, step.horizontal),
                    .target_step = step,
                    .row = row,
                    .column = column};
    for (const Lattice::Tap& tap : outputs.taps)
        if ((row - tap.dh) % step.vertical == 0 && (column - tap.dw) % step.horizontal == 0)
            lattice.taps.push_back(
                {tap.index, (row - tap.dh) / step.vertical, (column - tap.dw) / step.horizontal});
    return lattice;
}

void DirectConvolution::forward(const ConstMapsView& x, const MapsView& y) {
    check_forward(x, y);
    if (selects_afterwards())
        whole_.reshape({shape_.out_channels, output_lattice().height, output_lattice().width}, x.batch);
    const MapsView target = selects_afterwards() ? MapsView(whole_) : y;
    for (int group = 0; group < shape_.groups; ++group) {
        const std::vector<int> outputs = used_outputs(group);
        for (int o = group * shape_.group_outputs(); o < (group + 1) * shape_.group_outputs(); ++o)
            if (!std::binary_search(outputs.begin(), outputs.end(), o))
                fill_channel(target, o, bias_.empty() ? 0 : bias_[o]);
        correlate({output_lattice(), x, used_inputs(group), target, outputs, false, bias_});
    }
    if (selects_afterwards()) select_mode(whole_, y, options_.mode);
}

void DirectConvolution::backward_input(const ConstMapsView& dy, const MapsView& dx) {
    check_backward_input(dy, dx);
    const ConstMapsView source = selects_afterwards() ? spread(dy) : dy;
    const PerAxis step = output_lattice().source_step;
    for (int group = 0; group < shape_.groups; ++group) {
        const std::vector<int> inputs = used_inputs(group), outputs = used_outputs(group);
        for (int c = group * shape_.group_channels(); c < (group + 1) * shape_.group_channels(); ++c)
            if (!std::binary_search(inputs.begin(), inputs.end(), c)) fill_channel(dx, c, 0);
        for (int row = 0; row < std::min(step.vertical, shape_.height); ++row)
            for (int column = 0; column < std::min(step.horizontal, shape_.width); ++column)
                correlate({input_lattice(row, column), source, outputs, dx, inputs, true, {}});
    }
}

void DirectConvolution::backward_weights(const ConstMapsView& x, const ConstMapsView& dy,
                                         std::span<float> dw) {
    check_backward_weights(x, dy, dw);
    const ConstMapsView gradient = selects_afterwards() ? spread(dy) : dy;
    std::fill(dw.begin(), dw.end(), 0.0f);
    for (int group = 0; group < shape_.groups; ++group) gradient_of_group(group, x, gradient, dw);
}

/// dW = Σ over blocks of dY · columnsᵀ. PositionBlock b belongs to partial sum b mod partial_sums, and the
/// partial sums are added in their order.
void DirectConvolution::gradient_of_group(int group, const ConstMapsView& x, const ConstMapsView& dy,
                                          std::span<float> dw) {
    const Lattice lattice = output_lattice(), pixels = Lattice::identity(dy.maps());
    const std::vector<int> inputs = used_inputs(group), outputs = used_outputs(group);
    const std::size_t taps = lattice.taps.size(), rows = inputs.size() * taps, columns_per_pixel = x.batch;
    const bool all = all_kept(inputs, outputs);
    const Partition partition(lattice.positions(), rows, x.batch);
    const int sums = std::min(partial_sums, partition.count()), workers = std::min(options_.threads, sums);
    const std::size_t block_columns = partition.size() * columns_per_pixel;
    reserve_workspace(block_columns * (rows + outputs.size()));
    packed_.assign(sums * outputs.size() * rows, 0.0f);

    std::vector<Seconds> seconds(workers);
    parallel_for(workers, workers, [&](int worker) {
        PhaseStopwatch watch;
        float* columns = workspace_.data() + worker * (workspace_.size() / options_.threads);
        float* gradients = columns + block_columns * rows;
        for (int sum = worker; sum < sums; sum += workers)
            for (int index = sum; index < partition.count(); index += sums) {
                const PositionBlock block = partition[index];
                const std::size_t width = block.size() * columns_per_pixel;
                gather(x, inputs, lattice, block, columns);
                gather(dy, outputs, pixels, block, gradients);
                watch.lap(seconds[worker].gather);
                MatrixMap total(packed_.data() + sum * outputs.size() * rows, outputs.size(), rows);
                const MatrixMap d(gradients, outputs.size(), width), z(columns, rows, width);
                if (all) total.noalias() += d * z.transpose();
                for (std::size_t c = 0; c < inputs.size() && !all; ++c) {
                    const auto own = positions_kept(outputs.size(), [&](std::size_t o) {
                        return kept(outputs[o], inputs[c] % shape_.group_channels());
                    });
                    const Matrix some = d(own, Eigen::all) * z.middleRows(c * taps, taps).transpose();
                    for (std::size_t o = 0; o < own.size(); ++o)
                        total.block(own[o], c * taps, 1, taps) += some.row(o);
                }
                watch.lap(seconds[worker].product);
            }
    });
    PhaseStopwatch watch;
    for (std::size_t o = 0; o < outputs.size(); ++o)
        for (std::size_t c = 0; c < inputs.size(); ++c) {
            const int channel = inputs[c] % shape_.group_channels();
            if (!kept(outputs[o], channel)) continue;
            float* kernel = &dw[(std::size_t(outputs[o]) * shape_.group_channels() + channel) * taps];
            for (int sum = 0; sum < sums; ++sum)
                for (std::size_t t = 0; t < taps; ++t)
                    kernel[t] += packed_[(sum * outputs.size() + o) * rows + c * taps + t];
        }
    watch.lap(seconds[0].scatter);
    add_seconds(seconds);
}

/// dy among zeros, at the places of mode K of the whole output.
ConstMapsView DirectConvolution::spread(const ConstMapsView& dy) {
    whole_.reshape({shape_.out_channels, output_lattice().height, output_lattice().width}, dy.batch);
    spread_mode(dy, whole_, options_.mode);
    return whole_;
}

/// Row-major target channels × (source channels · taps).
void DirectConvolution::pack_weights(const Correlation& correlation) {
    packed_.resize(correlation.target_channels.size() * correlation.rows());
    float* next = packed_.data();
    for (int target : correlation.target_channels)
        for (int source : correlation.source_channels) {
            const int o = correlation.transposed ? source : target,
                      c = (correlation.transposed ? target : source) % shape_.group_channels();
            const float* kernel =
                &weights_[(std::size_t(o) * shape_.group_channels() + c) * shape_.kernel.area()];
            for (const Lattice::Tap& tap : correlation.lattice.taps) *next++ = kernel[tap.index];
        }
}

/// target = packed weights · columns of the source, block by block.
void DirectConvolution::correlate(const Correlation& correlation) {
    const Lattice& lattice = correlation.lattice;
    const std::size_t rows = correlation.rows(), targets = correlation.target_channels.size(),
                      taps = lattice.taps.size();
    if (targets == 0) return;
    const std::size_t columns_per_pixel = correlation.source.batch;
    const Partition partition(lattice.positions(), rows, correlation.source.batch);
    const int workers = std::clamp(partition.count(), 1, options_.threads);
    const std::size_t block_columns = partition.size() * columns_per_pixel;
    reserve_workspace(block_columns * (rows + targets));
    pack_weights(correlation);
    const bool all = correlation.transposed
                         ? all_kept(correlation.target_channels, correlation.source_channels)
                         : all_kept(correlation.source_channels, correlation.target_channels);
    const auto kept_pair = [&](std::size_t target, std::size_t source) {
        const int t = correlation.target_channels[target], s = correlation.source_channels[source];
        return correlation.transposed ? kept(s, t % shape_.group_channels())
                                      : kept(t, s % shape_.group_channels());
    };

    std::vector<Seconds> seconds(workers);
    parallel_for(workers, workers, [&](int worker) {
        PhaseStopwatch watch;
        float* columns = workspace_.data() + worker * (workspace_.size() / options_.threads);
        float* product = columns + block_columns * rows;
        for (int index = worker; index < partition.count(); index += workers) {
            const PositionBlock block = partition[index];
            const std::size_t width = block.size() * columns_per_pixel;
            gather(correlation.source, correlation.source_channels, lattice, block, columns);
            watch.lap(seconds[worker].gather);
            MatrixMap total(product, targets, width);
            const MatrixMap w(packed_.data(), targets, rows), z(columns, rows, width);
            if (all)
                total.noalias() = w * z;
            else
                total.setZero();
            for (std::size_t s = 0; s < correlation.source_channels.size() && !all; ++s) {
                const auto own = positions_kept(targets, [&](std::size_t t) { return kept_pair(t, s); });
                const Matrix some =
                    w.middleCols(s * taps, taps)(own, Eigen::all) * z.middleRows(s * taps, taps);
                for (std::size_t t = 0; t < own.size(); ++t) total.row(own[t]) += some.row(t);
            }
            watch.lap(seconds[worker].product);
            scatter(product, correlation, block);
            watch.lap(seconds[worker].scatter);
        }
    });
    add_seconds(seconds);
}

void DirectConvolution::reserve_workspace(std::size_t floats_per_worker) {
    workspace_.resize(std::max(workspace_.size(), floats_per_worker * options_.threads));
}

void DirectConvolution::add_seconds(const std::vector<Seconds>& workers) {
    for (const Seconds& seconds : workers) {
        phases_[0].seconds += seconds.gather;
        phases_[1].seconds += seconds.product;
        phases_[2].seconds += seconds.scatter;
    }
}

std::size_t DirectConvolution::workspace_bytes() const {
    return (workspace_.capacity() + packed_.capacity() + whole_.size()) * sizeof(float);
}

}  // namespace fftconv
