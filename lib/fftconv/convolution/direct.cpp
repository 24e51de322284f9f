#include "fftconv/convolution/direct.hpp"

#include <Eigen/Core>
#include <algorithm>
#include <cstring>

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

/// Which pixels a correlation reads and writes: position (i, j) reads source pixel (source_step·i + dh,
/// source_step·j + dw) for each tap, and writes target pixel (target_step·i + row, target_step·j + column).
struct DirectConvolution::Lattice {
    struct Tap {
        int u, v;    ///< element of the kernel
        int dh, dw;  ///< where it reads
    };
    int height, width;  ///< positions
    int source_step = 1, target_step = 1, row = 0, column = 0;
    std::vector<Tap> taps = {};

    int positions() const { return height * width; }
    /// Every pixel of the maps once, itself.
    static Lattice identity(MapShape maps) {
        return {.height = maps.height, .width = maps.width, .taps = {{0, 0, 0, 0}}};
    }
};

struct DirectConvolution::Correlation {
    Lattice lattice;
    const Tensor& source;
    std::vector<int> source_channels;
    Tensor& target;
    std::vector<int> target_channels;
    bool transposed;          ///< the sum is over outputs, not over inputs
    std::vector<float> bias;  ///< empty, or one value per channel of the target

    std::size_t rows() const { return source_channels.size() * lattice.taps.size(); }
};

namespace {

/// Copies `count` pixels of `batch` lanes, `source_step` pixels apart, without their padding lanes.
void copy_pixels(const float* source, int source_step, int stride, int batch, int count, float* target) {
    if (source_step == 1 && stride == batch) {
        std::memcpy(target, source, sizeof(float) * count * batch);
        return;
    }
    for (int i = 0; i < count; ++i)
        std::memcpy(target + std::size_t(i) * batch, source + std::size_t(i) * source_step * stride,
                    sizeof(float) * batch);
}

/// One tap of one channel over part of a lattice row: j = first … last − 1. Pixels outside the map are zero.
template <class Lattice, class Tap>
void gather_row(const Tensor& source, int channel, const Lattice& lattice, const Tap& tap, int i, int first,
                int last, float* columns) {
    const int step = lattice.source_step, batch = source.batch(), h = step * i + tap.dh;
    int from = last, to = last;  // the j that read inside the map
    if (h >= 0 && h < source.height()) {
        from = std::clamp(tap.dw < 0 ? (-tap.dw + step - 1) / step : 0, first, last);
        to =
            std::clamp(source.width() > tap.dw ? (source.width() - tap.dw + step - 1) / step : 0, from, last);
    }
    std::fill_n(columns, std::size_t(from - first) * batch, 0.0f);
    if (from < to)
        copy_pixels(source.pixel(channel, h, step * from + tap.dw), step, source.batch_stride(), batch,
                    to - from, columns + std::size_t(from - first) * batch);
    std::fill_n(columns + std::size_t(to - first) * batch, std::size_t(last - to) * batch, 0.0f);
}

/// The im2col matrix of a block, row-major (channels · taps) × (positions · batch).
template <class Lattice>
void gather(const Tensor& source, const std::vector<int>& channels, const Lattice& lattice,
            PositionBlock block, float* columns) {
    for (int channel : channels)
        for (const auto& tap : lattice.taps)
            for (int p = block.first; p < block.last;) {
                const int i = p / lattice.width, first = p % lattice.width;
                const int last = std::min(lattice.width, first + block.last - p);
                gather_row(source, channel, lattice, tap, i, first, last, columns);
                columns += std::size_t(last - first) * source.batch();
                p += last - first;
            }
}

/// The block's product, row-major channels × (positions · batch), to its pixels; padding lanes become zero.
template <class Correlation>
void scatter(const float* product, const Correlation& correlation, PositionBlock block) {
    const auto& lattice = correlation.lattice;
    Tensor& target = correlation.target;
    for (int channel : correlation.target_channels) {
        const float bias = correlation.bias.empty() ? 0.0f : correlation.bias[channel];
        for (int p = block.first; p < block.last; ++p, product += target.batch()) {
            float* pixel = target.pixel(channel, lattice.target_step * (p / lattice.width) + lattice.row,
                                        lattice.target_step * (p % lattice.width) + lattice.column);
            for (int n = 0; n < target.batch(); ++n) pixel[n] = product[n] + bias;
            std::fill(pixel + target.batch(), pixel + target.batch_stride(), 0.0f);
        }
    }
}

void fill_channel(Tensor& tensor, int channel, float value) {
    float* begin = tensor.pixel(channel, 0, 0);
    std::fill_n(begin, std::size_t(tensor.height()) * tensor.width() * tensor.batch_stride(), value);
}

}  // namespace

DirectConvolution::DirectConvolution(ConvolutionShape shape, ConvolutionOptions options)
    : ConvolutionEngine(shape, options) {
    phases_ = {{"gather"}, {"product"}, {"scatter"}};
}

bool DirectConvolution::kept(int o, int c) const {
    return mask_.empty() || mask_[std::size_t(o) * shape_.in_channels + c] != 0;
}

std::vector<int> DirectConvolution::used_inputs() const {
    std::vector<int> used;
    for (int c = 0; c < shape_.in_channels; ++c)
        for (int o = 0; o < shape_.out_channels; ++o)
            if (kept(o, c)) {
                used.push_back(c);
                break;
            }
    return used;
}

std::vector<int> DirectConvolution::used_outputs() const {
    std::vector<int> used;
    for (int o = 0; o < shape_.out_channels; ++o)
        for (int c = 0; c < shape_.in_channels; ++c)
            if (kept(o, c)) {
                used.push_back(o);
                break;
            }
    return used;
}

/// Positions are output pixels; with a mode folded into the gather, those of mode K.
DirectConvolution::Lattice DirectConvolution::output_lattice() const {
    const bool folded = options_.mode != no_mode && !selects_afterwards();
    const int step = folded ? 2 : 1, row = folded ? options_.mode / 2 : 0,
              column = folded ? options_.mode % 2 : 0;
    Lattice lattice{
        .height = shape_.output_height() / step, .width = shape_.output_width() / step, .source_step = step};
    for (int u = 0; u < shape_.kernel; ++u)
        for (int v = 0; v < shape_.kernel; ++v)
            lattice.taps.push_back({u, v, row + u - shape_.padding, column + v - shape_.padding});
    return lattice;
}

/// Positions are input pixels (h, w) of one parity: input h meets the output i = (h + p − u − row) / step
/// through the taps u for which that division is exact. Over the step² parities every product appears once.
DirectConvolution::Lattice DirectConvolution::input_lattice(int row, int column) const {
    const int step = output_lattice().source_step;
    Lattice lattice{.height = (shape_.height - row + step - 1) / step,
                    .width = (shape_.width - column + step - 1) / step,
                    .target_step = step,
                    .row = row,
                    .column = column};
    for (const Lattice::Tap& tap : output_lattice().taps)
        if ((row - tap.dh) % step == 0 && (column - tap.dw) % step == 0)
            lattice.taps.push_back({tap.u, tap.v, (row - tap.dh) / step, (column - tap.dw) / step});
    return lattice;
}

void DirectConvolution::forward(const Tensor& x, Tensor& y) {
    check_forward(x, y);
    if (selects_afterwards())
        whole_.reshape({shape_.out_channels, shape_.output_height(), shape_.output_width()}, x.batch());
    Tensor& target = selects_afterwards() ? whole_ : y;
    const std::vector<int> outputs = used_outputs();
    for (int o = 0; o < shape_.out_channels; ++o)
        if (!std::binary_search(outputs.begin(), outputs.end(), o))
            fill_channel(target, o, bias_.empty() ? 0 : bias_[o]);
    correlate({output_lattice(), x, used_inputs(), target, outputs, false, bias_});
    if (selects_afterwards()) select_mode(whole_, y, options_.mode);
}

void DirectConvolution::backward_input(const Tensor& dy, Tensor& dx) {
    check_forward(dx, dy);
    const Tensor& source = selects_afterwards() ? spread(dy) : dy;
    const std::vector<int> inputs = used_inputs();
    for (int c = 0; c < shape_.in_channels; ++c)
        if (!std::binary_search(inputs.begin(), inputs.end(), c)) fill_channel(dx, c, 0);
    const int step = output_lattice().source_step;
    for (int row = 0; row < step; ++row)
        for (int column = 0; column < step; ++column)
            correlate({input_lattice(row, column), source, used_outputs(), dx, inputs, true, {}});
}

/// dW = Σ over blocks of dY · columnsᵀ. PositionBlock b belongs to partial sum b mod partial_sums, and the
/// partial sums are added in their order.
void DirectConvolution::backward_weights(const Tensor& x, const Tensor& dy, std::span<float> dw) {
    check_backward_weights(x, dy, dw);
    const Tensor& gradient = selects_afterwards() ? spread(dy) : dy;
    const Lattice lattice = output_lattice(), pixels = Lattice::identity(gradient.maps());
    const std::vector<int> inputs = used_inputs(), outputs = used_outputs();
    const std::size_t rows = inputs.size() * lattice.taps.size(), columns_per_pixel = x.batch();
    const Partition partition(lattice.positions(), rows, x.batch());
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
                gather(gradient, outputs, pixels, block, gradients);
                watch.lap(seconds[worker].gather);
                MatrixMap(packed_.data() + sum * outputs.size() * rows, outputs.size(), rows).noalias() +=
                    MatrixMap(gradients, outputs.size(), width) * MatrixMap(columns, rows, width).transpose();
                watch.lap(seconds[worker].product);
            }
    });
    PhaseStopwatch watch;
    std::fill(dw.begin(), dw.end(), 0.0f);
    const std::size_t taps = lattice.taps.size();
    for (std::size_t o = 0; o < outputs.size(); ++o)
        for (std::size_t c = 0; c < inputs.size(); ++c) {
            if (!kept(outputs[o], inputs[c])) continue;
            float* kernel = &dw[(std::size_t(outputs[o]) * shape_.in_channels + inputs[c]) * taps];
            for (int sum = 0; sum < sums; ++sum)
                for (std::size_t t = 0; t < taps; ++t)
                    kernel[t] += packed_[(sum * outputs.size() + o) * rows + c * taps + t];
        }
    watch.lap(seconds[0].scatter);
    add_seconds(seconds);
}

/// dy among zeros, at the places of mode K of the whole output.
const Tensor& DirectConvolution::spread(const Tensor& dy) {
    whole_.reshape({shape_.out_channels, shape_.output_height(), shape_.output_width()}, dy.batch());
    spread_mode(dy, whole_, options_.mode);
    return whole_;
}

/// Row-major target channels × (source channels · taps), pruned kernels zero.
void DirectConvolution::pack_weights(const Correlation& correlation) {
    packed_.resize(correlation.target_channels.size() * correlation.rows());
    float* next = packed_.data();
    for (int target : correlation.target_channels)
        for (int source : correlation.source_channels) {
            const int o = correlation.transposed ? source : target,
                      c = correlation.transposed ? target : source;
            const float* kernel =
                &weights_[(std::size_t(o) * shape_.in_channels + c) * shape_.kernel * shape_.kernel];
            for (const Lattice::Tap& tap : correlation.lattice.taps)
                *next++ = kept(o, c) ? kernel[tap.u * shape_.kernel + tap.v] : 0.0f;
        }
}

/// target = packed weights · columns of the source, block by block.
void DirectConvolution::correlate(const Correlation& correlation) {
    const Lattice& lattice = correlation.lattice;
    const std::size_t rows = correlation.rows(), targets = correlation.target_channels.size();
    const std::size_t columns_per_pixel = correlation.source.batch();
    const Partition partition(lattice.positions(), rows, correlation.source.batch());
    const int workers = std::clamp(partition.count(), 1, options_.threads);
    const std::size_t block_columns = partition.size() * columns_per_pixel;
    reserve_workspace(block_columns * (rows + targets));
    pack_weights(correlation);

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
            MatrixMap(product, targets, width).noalias() =
                MatrixMap(packed_.data(), targets, rows) * MatrixMap(columns, rows, width);
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
