#include "fftconv/convolution/direct.hpp"

#include <Eigen/Core>
#include <algorithm>

#include "fftconv/convolution/im2col.hpp"
#include "fftconv/convolution/mode_selection.hpp"
#include "fftconv/core/lap_timer.hpp"
#include "fftconv/core/threads.hpp"

namespace fftconv {
namespace {

using im2col::Lattice;
using Matrix = Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
using MatrixMap = Eigen::Map<Matrix>;

constexpr int partial_sums = 8;  // of a weight gradient: fixed, so that threads change no bit

}  // namespace

struct DirectConvolution::Seconds {
    double gather = 0, product = 0, scatter = 0;
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

void fill_channel(const MapsView& view, int channel, float value) {
    for (int h = 0; h < view.height; ++h)
        for (int w = 0; w < view.width; ++w) {
            float* pixel = view.pixel(channel, h, w);
            for (int n = 0; n < view.lanes; ++n) pixel[n * view.image_stride] = value;
        }
}

/// Those of 0 … count − 1 for which it holds.
template <class Predicate>
std::vector<int> indices_where(std::size_t count, Predicate holds) {
    std::vector<int> indices;
    for (std::size_t i = 0; i < count; ++i)
        if (holds(i)) indices.push_back(int(i));
    return indices;
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
            if (survives(o, c)) {
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
            if (survives(o, c)) {
                used.push_back(o);
                break;
            }
    return used;
}

bool DirectConvolution::all_survive(const std::vector<int>& inputs, const std::vector<int>& outputs) const {
    for (int o : outputs)
        for (int c : inputs)
            if (!survives(o, c % shape_.group_channels())) return false;
    return true;
}

void DirectConvolution::forward(const ConstMapsView& x, const MapsView& y) {
    check_forward(x, y);
    if (selects_afterwards()) reshape_whole(x.batch);
    const MapsView target = selects_afterwards() ? MapsView(whole_) : y;
    const Lattice lattice = im2col::output_lattice(shape_, options_);
    for (int group = 0; group < shape_.groups; ++group) {
        const std::vector<int> outputs = used_outputs(group);
        for (int o = group * shape_.group_outputs(); o < (group + 1) * shape_.group_outputs(); ++o)
            if (!std::binary_search(outputs.begin(), outputs.end(), o))
                fill_channel(target, o, bias_.empty() ? 0 : bias_[o]);
        correlate({lattice, x, used_inputs(group), target, outputs, false, bias_});
    }
    if (selects_afterwards()) select_mode(whole_, y, options_.mode);
}

void DirectConvolution::backward_input(const ConstMapsView& dy, const MapsView& dx) {
    check_backward_input(dy, dx);
    const ConstMapsView source = selects_afterwards() ? scattered(dy) : dy;
    const PerAxis step = im2col::output_lattice(shape_, options_).source_step;
    for (int group = 0; group < shape_.groups; ++group) {
        const std::vector<int> inputs = used_inputs(group), outputs = used_outputs(group);
        for (int c = group * shape_.group_channels(); c < (group + 1) * shape_.group_channels(); ++c)
            if (!std::binary_search(inputs.begin(), inputs.end(), c)) fill_channel(dx, c, 0);
        for (int row = 0; row < std::min(step.vertical, shape_.height); ++row)
            for (int column = 0; column < std::min(step.horizontal, shape_.width); ++column)
                correlate({im2col::input_lattice(shape_, options_, row, column),
                           source,
                           outputs,
                           dx,
                           inputs,
                           true,
                           {}});
    }
}

void DirectConvolution::backward_weights(const ConstMapsView& x, const ConstMapsView& dy,
                                         std::span<float> dw) {
    check_backward_weights(x, dy, dw);
    const ConstMapsView gradient = selects_afterwards() ? scattered(dy) : dy;
    std::fill(dw.begin(), dw.end(), 0.0f);
    for (int group = 0; group < shape_.groups; ++group) gradient_of_group(group, x, gradient, dw);
}

/// dW = Σ over blocks of dY · columnsᵀ. Block b belongs to partial sum b mod partial_sums, and the
/// partial sums are added in their order.
void DirectConvolution::gradient_of_group(int group, const ConstMapsView& x, const ConstMapsView& dy,
                                          std::span<float> dw) {
    const Lattice lattice = im2col::output_lattice(shape_, options_), pixels = Lattice::identity(dy.maps());
    const std::vector<int> inputs = used_inputs(group), outputs = used_outputs(group);
    const std::size_t taps = lattice.taps.size(), rows = inputs.size() * taps, columns_per_pixel = x.batch;
    const bool all = all_survive(inputs, outputs);
    const im2col::Partition partition(lattice.positions(), rows, x.batch);
    const int sums = std::min(partial_sums, partition.count()), workers = std::min(options_.threads, sums);
    const std::size_t block_columns = partition.size() * columns_per_pixel;
    reserve_workspace(block_columns * (rows + outputs.size()));
    packed_.assign(sums * outputs.size() * rows, 0.0f);

    std::vector<Seconds> seconds(workers);
    parallel_for(workers, workers, [&](int worker) {
        LapTimer timer;
        float* columns = workspace_.data() + worker * (workspace_.size() / options_.threads);
        float* gradients = columns + block_columns * rows;
        for (int sum = worker; sum < sums; sum += workers)
            for (int index = sum; index < partition.count(); index += sums) {
                const im2col::PositionBlock block = partition[index];
                const std::size_t width = block.size() * columns_per_pixel;
                im2col::gather(x, inputs, lattice, block, columns);
                im2col::gather(dy, outputs, pixels, block, gradients);
                seconds[worker].gather += timer.lap();
                MatrixMap total(packed_.data() + sum * outputs.size() * rows, outputs.size(), rows);
                const MatrixMap d(gradients, outputs.size(), width), z(columns, rows, width);
                if (all) total.noalias() += d * z.transpose();
                for (std::size_t c = 0; c < inputs.size() && !all; ++c) {
                    const auto own = indices_where(outputs.size(), [&](std::size_t o) {
                        return survives(outputs[o], inputs[c] % shape_.group_channels());
                    });
                    const Matrix some = d(own, Eigen::all) * z.middleRows(c * taps, taps).transpose();
                    for (std::size_t o = 0; o < own.size(); ++o)
                        total.block(own[o], c * taps, 1, taps) += some.row(o);
                }
                seconds[worker].product += timer.lap();
            }
    });
    LapTimer timer;
    for (std::size_t o = 0; o < outputs.size(); ++o)
        for (std::size_t c = 0; c < inputs.size(); ++c) {
            const int channel = inputs[c] % shape_.group_channels();
            if (!survives(outputs[o], channel)) continue;
            float* kernel = &dw[(std::size_t(outputs[o]) * shape_.group_channels() + channel) * taps];
            for (int sum = 0; sum < sums; ++sum)
                for (std::size_t t = 0; t < taps; ++t)
                    kernel[t] += packed_[(sum * outputs.size() + o) * rows + c * taps + t];
        }
    seconds[0].scatter += timer.lap();
    add_seconds(seconds);
}

void DirectConvolution::reshape_whole(int batch) {
    const Lattice lattice = im2col::output_lattice(shape_, options_);
    whole_.reshape({shape_.out_channels, lattice.height, lattice.width}, batch);
}

/// dy among zeros, at the places of mode K of the whole output.
ConstMapsView DirectConvolution::scattered(const ConstMapsView& dy) {
    reshape_whole(dy.batch);
    scatter_mode(dy, whole_, options_.mode);
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
    const im2col::Partition partition(lattice.positions(), rows, correlation.source.batch);
    const int workers = std::clamp(partition.count(), 1, options_.threads);
    const std::size_t block_columns = partition.size() * columns_per_pixel;
    reserve_workspace(block_columns * (rows + targets));
    pack_weights(correlation);
    const bool all = correlation.transposed
                         ? all_survive(correlation.target_channels, correlation.source_channels)
                         : all_survive(correlation.source_channels, correlation.target_channels);
    const auto pair_survives = [&](std::size_t target, std::size_t source) {
        const int t = correlation.target_channels[target], s = correlation.source_channels[source];
        return correlation.transposed ? survives(s, t % shape_.group_channels())
                                      : survives(t, s % shape_.group_channels());
    };

    std::vector<Seconds> seconds(workers);
    parallel_for(workers, workers, [&](int worker) {
        LapTimer timer;
        float* columns = workspace_.data() + worker * (workspace_.size() / options_.threads);
        float* product = columns + block_columns * rows;
        for (int index = worker; index < partition.count(); index += workers) {
            const im2col::PositionBlock block = partition[index];
            const std::size_t width = block.size() * columns_per_pixel;
            im2col::gather(correlation.source, correlation.source_channels, lattice, block, columns);
            seconds[worker].gather += timer.lap();
            MatrixMap total(product, targets, width);
            const MatrixMap w(packed_.data(), targets, rows), z(columns, rows, width);
            if (all)
                total.noalias() = w * z;
            else
                total.setZero();
            for (std::size_t s = 0; s < correlation.source_channels.size() && !all; ++s) {
                const auto own = indices_where(targets, [&](std::size_t t) { return pair_survives(t, s); });
                const Matrix some =
                    w.middleCols(s * taps, taps)(own, Eigen::all) * z.middleRows(s * taps, taps);
                for (std::size_t t = 0; t < own.size(); ++t) total.row(own[t]) += some.row(t);
            }
            seconds[worker].product += timer.lap();
            im2col::scatter(product, correlation.target_channels, correlation.bias, lattice, block,
                            correlation.target);
            seconds[worker].scatter += timer.lap();
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
