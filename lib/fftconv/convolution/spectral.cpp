#include "fftconv/convolution/spectral.hpp"

#include <omp.h>

#include <algorithm>

#include "fftconv/convolution/spectral_layer.hpp"

namespace fftconv {

SpectralConvolution::SpectralConvolution(ConvolutionShape shape, ConvolutionOptions options)
    : ConvolutionEngine(shape, options), layer_(std::make_unique<SpectralLayer>(shape, options)) {
    for (const char* name : phase_names) phases_.push_back({name, 0});
}

SpectralConvolution::~SpectralConvolution() = default;

int SpectralConvolution::tile() const {
    const bool folded = options_.mode != no_mode && options_.inverse == Inverse::folded;
    return layer_->edge() * (folded ? 2 : 1);
}

std::size_t SpectralConvolution::visited_kernels() const {
    return layer_->visited;
}

void SpectralConvolution::weights_changed() {
    layer_->invalidate();
}

void SpectralConvolution::mask_changed() {
    layer_->set_kernels(mask_);
}

void SpectralConvolution::keep_pruned_spectra(bool keep) {
    if (keep == layer_->keep_pruned) return;
    layer_->keep_pruned = keep;
    layer_->entries = KernelStore();
    layer_->set_kernels(mask_);
}

void SpectralConvolution::mode_changed() {
    layer_->options.mode = options_.mode;
    layer_->entries = KernelStore();
    layer_->set_geometry();
    layer_->set_kernels(mask_);
}

std::size_t SpectralConvolution::workspace_bytes() const {
    const SpectralLayer& layer = *layer_;
    std::size_t floats = layer.in_spectra.size() + layer.out_spectra.size();
    for (const KernelStore* store :
         {&layer.panels_by_output, &layer.panels_by_channel, &layer.entries, &layer.gradient})
        floats += store->spectra.size();
    for (const Worker& worker : layer.workers) floats += worker.tile.size() + worker.scratch.size();
    return floats * sizeof(float);
}

void SpectralConvolution::forward(const Tensor& x, Tensor& y) {
    check_forward(x, y);
    SpectralLayer& layer = *layer_;
    const KernelStore& store = layer.updated(layer.dense ? layer.panels_by_output : layer.entries, weights_);
    const LaneGroups groups =
        layer.lane_groups(x.batch(), layer.vertical->forward_tiles * layer.horizontal->forward_tiles);
    const int per_block = layer.groups_per_block(groups), lanes = per_block * groups.lanes;
    layer.start(
        shape_.out_channels, lanes,
        layer.dense ? frequency_sum::dense_scratch_floats(shape_.out_channels, layer.channels(), lanes) : 0);
    const int used = int(layer.used_channels.size());

#pragma omp parallel num_threads(options_.threads)
    for (int first = 0; first < groups.groups; first += per_block) {
        Worker& worker = layer.workers[omp_get_thread_num()];
        const int count = std::min(per_block, groups.groups - first);
        const SpectrumLayout in = layer.layout(layer.channels(), count * groups.lanes);
        const SpectrumLayout out = layer.layout(shape_.out_channels, count * groups.lanes);
#pragma omp for schedule(dynamic, 4)
        for (int item = 0; item < used * count; ++item) {
            const int channel = layer.used_channels[item / count], group = item % count;
            layer.transform_in(worker, x, channel % shape_.in_channels,
                               layer.input_pixels(channel / shape_.in_channels), groups, first + group,
                               layer.in_spectra.data() + in.at(channel, group * groups.lanes), in);
        }
#pragma omp for schedule(dynamic)
        for (int bin = 0; bin < in.order.bins(); ++bin)
            layer.sum_bin(worker, bin, true, store, in, out, bias_);
#pragma omp for schedule(dynamic, 4) nowait
        for (int item = 0; item < out.channels * count; ++item) {
            const int channel = item / count, group = item % count;
            std::optional<float> constant;
            if (!layer.dense && layer.by_output.begin[channel] == layer.by_output.begin[channel + 1])
                constant = bias_.empty() ? 0.0f : bias_[channel];
            layer.transform_out(worker, layer.out_spectra.data() + out.at(channel, group * groups.lanes), out,
                                layer.output_pixels(), groups, first + group, channel, y, constant);
        }
    }
    layer.finish(phases_);
}

void SpectralConvolution::backward_input(const Tensor& dy, Tensor& dx) {
    check_forward(dx, dy);
    SpectralLayer& layer = *layer_;
    const KernelStore& store = layer.updated(layer.dense ? layer.panels_by_channel : layer.entries, weights_);
    const LaneGroups groups =
        layer.lane_groups(dy.batch(), layer.vertical->backward_tiles * layer.horizontal->backward_tiles);
    const int per_block = layer.groups_per_block(groups), lanes = per_block * groups.lanes;
    layer.start(
        shape_.out_channels, lanes,
        layer.dense ? frequency_sum::dense_scratch_floats(layer.channels(), shape_.out_channels, lanes) : 0);
    if (layer.kernels->phases < layer.axes->phases()) dx.fill(0);  // pixels that no tap meets

#pragma omp parallel num_threads(options_.threads)
    for (int first = 0; first < groups.groups; first += per_block) {
        Worker& worker = layer.workers[omp_get_thread_num()];
        const int count = std::min(per_block, groups.groups - first);
        const SpectrumLayout in = layer.layout(shape_.out_channels, count * groups.lanes);
        const SpectrumLayout out = layer.layout(layer.channels(), count * groups.lanes);
#pragma omp for schedule(dynamic, 4)
        for (int item = 0; item < in.channels * count; ++item) {
            const int channel = item / count, group = item % count;
            if (!layer.dense && layer.by_output.begin[channel] == layer.by_output.begin[channel + 1])
                continue;
            layer.transform_in(worker, dy, channel, layer.gradient_pixels(), groups, first + group,
                               layer.in_spectra.data() + in.at(channel, group * groups.lanes), in);
        }
#pragma omp for schedule(dynamic)
        for (int bin = 0; bin < in.order.bins(); ++bin) layer.sum_bin(worker, bin, false, store, in, out, {});
#pragma omp for schedule(dynamic, 4) nowait
        for (int item = 0; item < out.channels * count; ++item) {
            const int channel = item / count, group = item % count;
            std::optional<float> constant;
            if (!layer.dense && layer.by_channel.begin[channel] == layer.by_channel.begin[channel + 1])
                constant = 0.0f;
            layer.transform_out(worker, layer.out_spectra.data() + out.at(channel, group * groups.lanes), out,
                                layer.input_gradient_pixels(channel / shape_.in_channels), groups,
                                first + group, channel % shape_.in_channels, dx, constant);
        }
    }
    layer.finish(phases_);
}

void SpectralConvolution::backward_weights(const Tensor& x, const Tensor& dy, std::span<float> dw) {
    check_backward_weights(x, dy, dw);
    SpectralLayer& layer = *layer_;
    const LaneGroups groups =
        layer.lane_groups(x.batch(), layer.vertical->forward_tiles * layer.horizontal->forward_tiles);
    const int per_block = layer.groups_per_block(groups), lanes = per_block * groups.lanes;
    const std::size_t width = padded_batch(layer.channels()),
                      rows = frequency_sum::padded_rows(shape_.out_channels);
    layer.start(shape_.out_channels, lanes,
                layer.dense
                    ? frequency_sum::dense_scratch_floats(shape_.out_channels, gradient_slice, width) +
                          2 * (rows + width) * gradient_slice
                    : 0);
    layer.gradient.spectra.resize(layer.gradient.layout->size());
    std::fill(dw.begin(), dw.end(), 0.0f);
    const int used = int(layer.used_channels.size());
    const int chunks = int(layer.gradient.positions.size() / KernelTransform::chunk);

#pragma omp parallel num_threads(options_.threads)
    {
        Worker& worker = layer.workers[omp_get_thread_num()];
        for (int first = 0; first < groups.groups; first += per_block) {
            const int count = std::min(per_block, groups.groups - first);
            const SpectrumLayout in = layer.layout(layer.channels(), count * groups.lanes);
            const SpectrumLayout out = layer.layout(shape_.out_channels, count * groups.lanes);
#pragma omp for schedule(dynamic, 4) nowait
            for (int item = 0; item < used * count; ++item) {
                const int channel = layer.used_channels[item / count], group = item % count;
                layer.transform_in(worker, x, channel % shape_.in_channels,
                                   layer.input_pixels(channel / shape_.in_channels), groups, first + group,
                                   layer.in_spectra.data() + in.at(channel, group * groups.lanes), in);
            }
#pragma omp for schedule(dynamic, 4)
            for (int item = 0; item < out.channels * count; ++item) {
                const int channel = item / count, group = item % count;
                if (!layer.dense && layer.by_output.begin[channel] == layer.by_output.begin[channel + 1])
                    continue;
                layer.transform_in(worker, dy, channel, layer.own_gradient_pixels(), groups, first + group,
                                   layer.out_spectra.data() + out.at(channel, group * groups.lanes), out);
            }
#pragma omp for schedule(dynamic)
            for (int bin = 0; bin < in.order.bins(); ++bin)
                layer.gradient_bin(worker, bin, in, out, first == 0);
        }
        Stopwatch watch(worker);
#pragma omp for schedule(dynamic, 2)
        for (int chunk = 0; chunk < chunks; ++chunk)
            layer.kernel_transform->inverse(layer.gradient.spectra.data(), *layer.gradient.layout,
                                            layer.gradient.positions,
                                            std::size_t(chunk) * KernelTransform::chunk, dw);
        watch.lap(kernel_phase);
    }
    layer.finish(phases_);
}

}  // namespace fftconv
