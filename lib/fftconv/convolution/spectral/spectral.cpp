#include "fftconv/convolution/spectral/spectral.hpp"

#include <omp.h>

#include <algorithm>

#include "fftconv/convolution/spectral/passes.hpp"

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

std::size_t SpectralConvolution::sum_multiply_adds(int batch) const {
    const SpectralLayer& layer = *layer_;
    const BinOrder order(layer.edge());
    const LaneGroups groups = layer.forward_blocks(batch).groups;
    const std::size_t kernels = layer.dense ? std::size_t(shape_.out_channels) * layer.channels()
                                            : layer.by_output.channel.size(),
                      real_bins = order.bins() - order.complex_bins;
    return kernels * groups.groups * groups.lanes * (order.complex_bins * (layer.dense ? 3 : 4) + real_bins);
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

void SpectralConvolution::keep_input_spectra(bool keep) {
    layer_->keep_input = keep;
}

void SpectralConvolution::mode_changed() {
    layer_->options.mode = options_.mode;
    layer_->entries = KernelStore();
    layer_->set_geometry();
    layer_->set_kernels(mask_);
}

std::size_t SpectralConvolution::workspace_bytes() const {
    const SpectralLayer& layer = *layer_;
    std::size_t floats = layer.input_spectra.size() + layer.output_spectra.size();
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
    const Blocks blocks = layer.forward_blocks(x.batch());
    if (layer.few_channels(blocks)) return forward_few_channels(x, y, blocks);
    layer.start(blocks, layer.sum_scratch(shape_.out_channels, layer.channels(), blocks));

#pragma omp parallel num_threads(options_.threads)
    for (int i = 0; i < blocks.count(); ++i) {
        Worker& worker = layer.workers[omp_get_thread_num()];
        const Block block = layer.block(blocks, i);
        layer.read_input(worker, x, block);
#pragma omp barrier
#pragma omp for schedule(dynamic)
        for (int bin = 0; bin < block.input.order.bins(); ++bin)
            layer.sum_bin(worker, bin, true, store, block, bias_);
        layer.write_output(worker, y, block, bias_);
    }
    layer.finish(phases_);
    // Those of several blocks have overwritten each other.
    if (layer.keep_input && blocks.count() == 1) layer.kept_input = &x;
}

/// Group by group; where these are too few for the threads, the outputs are shared out too, and every part
/// transforms the few channels anew.
void SpectralConvolution::forward_few_channels(const Tensor& x, Tensor& y, const Blocks& blocks) {
    SpectralLayer& layer = *layer_;
    layer.kept_input = nullptr;
    layer.start_few_channels(blocks);
    const bool keep = layer.keep_input && blocks.count() == 1;
    const Block block = layer.block(blocks, 0);
    const int groups = blocks.groups.groups, parts = groups >= 4 * options_.threads ? 1 : options_.threads,
              share = (shape_.out_channels + parts - 1) / parts;

#pragma omp parallel num_threads(options_.threads)
    {
        layer.pack_outputs();
#pragma omp for schedule(dynamic)
        for (int item = 0; item < groups * parts; ++item) {
            const int group = item / parts, part = item % parts,
                      first = std::min(part * share, shape_.out_channels);
            layer.forward_group(layer.workers[omp_get_thread_num()], x, y, blocks.groups, group, first,
                                std::min(first + share, shape_.out_channels), bias_,
                                keep && part == 0 ? &block : nullptr);
        }
    }
    layer.output_weights.valid = true;
    layer.visited = layer.by_output.channel.size() / layer.kernels->phases;
    layer.finish(phases_);
    if (keep) layer.kept_input = &x;
}

void SpectralConvolution::backward_input(const Tensor& dy, Tensor& dx) {
    check_forward(dx, dy);
    SpectralLayer& layer = *layer_;
    const KernelStore& store = layer.updated(layer.dense ? layer.panels_by_channel : layer.entries, weights_);
    const Blocks blocks = layer.backward_blocks(dy.batch());
    layer.start(blocks, layer.sum_scratch(layer.channels(), shape_.out_channels, blocks));
    layer.clear_untouched(dx);

#pragma omp parallel num_threads(options_.threads)
    for (int i = 0; i < blocks.count(); ++i) {
        Worker& worker = layer.workers[omp_get_thread_num()];
        const Block block = layer.block(blocks, i);
        layer.read_output_gradient(worker, dy, block, false);
#pragma omp barrier
#pragma omp for schedule(dynamic)
        for (int bin = 0; bin < block.input.order.bins(); ++bin)
            layer.sum_bin(worker, bin, false, store, block, {});
        layer.write_input_gradient(worker, dx, block);
    }
    layer.finish(phases_);
}

void SpectralConvolution::backward_weights(const Tensor& x, const Tensor& dy, std::span<float> dw) {
    check_backward_weights(x, dy, dw);
    both_gradients(x, dy, nullptr, dw);
}

void SpectralConvolution::backward(const Tensor& x, const Tensor& dy, Tensor& dx, std::span<float> dw) {
    if (!layer_->one_tile()) return ConvolutionEngine::backward(x, dy, dx, dw);
    check_forward(dx, dy);
    check_backward_weights(x, dy, dw);
    both_gradients(x, dy, &dx, dw);
}

/// The gradient to the weights and, where one tile holds the image, also that to the input: both then come
/// from the same spectra of dy.
void SpectralConvolution::both_gradients(const Tensor& x, const Tensor& dy, Tensor* dx, std::span<float> dw) {
    SpectralLayer& layer = *layer_;
    const KernelStore* store = nullptr;
    if (dx) {
        store = &layer.updated(layer.dense ? layer.panels_by_channel : layer.entries, weights_);
        layer.clear_untouched(*dx);
    }
    const Blocks blocks = layer.forward_blocks(x.batch());
    const bool input_kept = layer.keep_input && layer.kept_input == &x;
    layer.start(blocks, std::max(layer.gradient_scratch(),
                                 layer.sum_scratch(layer.channels(), shape_.out_channels, blocks)));
    layer.gradient.spectra.resize(layer.gradient.layout->size());
    std::fill(dw.begin(), dw.end(), 0.0f);
    const int chunks = int(layer.gradient.positions.size() / KernelTransform::chunk);

#pragma omp parallel num_threads(options_.threads)
    {
        Worker& worker = layer.workers[omp_get_thread_num()];
        for (int i = 0; i < blocks.count(); ++i) {
            const Block block = layer.block(blocks, i);
            if (!input_kept) layer.read_input(worker, x, block);
            layer.read_output_gradient(worker, dy, block, true);
#pragma omp barrier
#pragma omp for schedule(dynamic)
            for (int bin = 0; bin < block.input.order.bins(); ++bin) {
                layer.gradient_bin(worker, bin, block);
                if (dx) layer.sum_bin(worker, bin, false, *store, block, {});  // in the place of x's spectra
            }
            if (dx) {
                layer.write_input_gradient(worker, *dx, block);
#pragma omp barrier
            }
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
