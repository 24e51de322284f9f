#include "fftconv/convolution/spectral/spectral.hpp"

#include <algorithm>

#include "fftconv/convolution/spectral/passes.hpp"
#include "fftconv/core/threads.hpp"

namespace fftconv {
namespace {

bool same_memory(const ConstMapsView& a, const ConstMapsView& b) {
    return a.data == b.data && a.batch == b.batch && a.maps() == b.maps() &&
           a.image_stride == b.image_stride && a.channel_stride == b.channel_stride &&
           a.row_stride == b.row_stride && a.column_stride == b.column_stride;
}

}  // namespace

SpectralConvolution::SpectralConvolution(ConvolutionShape shape, ConvolutionOptions options)
    : ConvolutionEngine(shape, options), layer_(std::make_unique<SpectralLayer>(shape, options)) {
    for (const char* name : phase_names) phases_.push_back({name, 0});
}

SpectralConvolution::~SpectralConvolution() = default;

PerAxis SpectralConvolution::tile() const {
    return {layer_->transform.height() * layer_->geometry.axes.vertical.tap_step,
            layer_->transform.width() * layer_->geometry.axes.horizontal.tap_step};
}

std::size_t SpectralConvolution::visited_kernels() const {
    return layer_->visited;
}

std::size_t SpectralConvolution::sum_multiply_adds(int batch) const {
    const SpectralLayer& layer = *layer_;
    const BinOrder& order = layer.transform.bins();
    const LaneGroups groups = layer.forward_blocks(batch).groups;
    const std::size_t real_bins = order.bins() - order.complex_bins;
    const std::size_t kernels = layer.order.dense ? shape_.kernels() * layer.geometry.kernels.phases
                                                  : layer.order.by_output.channel.size();
    const std::size_t by_three = layer.order.dense ? kernels : layer.order.by_output.shared_kernels();
    const std::size_t of_complex_bin = 3 * by_three + 4 * (kernels - by_three);
    return groups.groups * groups.lanes * (order.complex_bins * of_complex_bin + kernels * real_bins);
}

void SpectralConvolution::weights_changed() noexcept {
    layer_->invalidate();
}

void SpectralConvolution::take_mask(const std::vector<std::uint8_t>& mask) {
    layer_->set_kernels(mask);
}

void SpectralConvolution::keep_pruned_spectra(bool keep) {
    layer_->keep_pruned_spectra(keep, mask_);
}

void SpectralConvolution::keep_input_spectra(bool keep) {
    layer_->keep_input = keep;
}

void SpectralConvolution::take_mode(int mode) {
    layer_->set_mode(mode, mask_);
}

std::size_t SpectralConvolution::workspace_bytes() const {
    const SpectralLayer& layer = *layer_;
    std::size_t floats = layer.input_spectra.size() + layer.output_spectra.size();
    for (const Worker& worker : layer.workers) floats += worker.tile.size() + worker.scratch.size();
    return floats * sizeof(float) + layer.order.bytes();
}

bool SpectralConvolution::fuses(const Epilogue& epilogue, int batch) const {
    return epilogue.pooling == Pooling::none || layer_->pools(epilogue, layer_->forward_blocks(batch));
}

void SpectralConvolution::forward(const ConstMapsView& x, const MapsView& y) {
    forward_fused(x, y, {});
}

void SpectralConvolution::forward_fused(const ConstMapsView& x, const MapsView& y, const Epilogue& epilogue) {
    check_forward(x, y, epilogue);
    SpectralLayer& layer = *layer_;
    const KernelStore& store = layer.updated(Toward::output, weights_);
    Blocks blocks = layer.forward_blocks(x.batch);
    blocks.kept = layer.keeps_input(blocks);
    if (layer.few_channels(blocks)) return forward_few_channels(x, y, blocks, epilogue);
    layer.start(blocks, layer.sum_scratch(Toward::output, blocks));
    for (int i = 0; i < blocks.count(); ++i) {
        const Block block = layer.block(blocks, i);
        layer.read_input(x, block);
        layer.sum_bins(Toward::output, store, block, bias_);
        layer.write_output(y, block, bias_, epilogue);
    }
    layer.finish(phases_);
    if (blocks.kept) layer.kept_input = x;
}

/// Group by group of lanes, and of the layer; where there is one of the latter and these are too few for the
/// threads, the outputs are shared out too, and every part transforms the few channels anew.
void SpectralConvolution::forward_few_channels(const ConstMapsView& x, const MapsView& y, Blocks blocks,
                                               const Epilogue& epilogue) {
    SpectralLayer& layer = *layer_;
    layer.kept_input = {};
    blocks.kept = blocks.kept && blocks.count() == 1;
    layer.start_few_channels(blocks);
    const bool keep = blocks.kept, grouped = shape_.groups > 1;
    const Block block = layer.block(blocks, 0);
    const int groups = blocks.groups.groups,
              parts = grouped                          ? shape_.groups
                      : groups >= 4 * options_.threads ? 1
                                                       : options_.threads,
              share = (shape_.out_channels + parts - 1) / parts;
    layer.pack_outputs();
    parallel_for(options_.threads, groups * parts, [&](int item, int thread) {
        const int group = item / parts, part = item % parts,
                  first = std::min(part * share, shape_.out_channels);
        layer.forward_group(layer.workers[thread], x, y, blocks.groups, group, first,
                            std::min(first + share, shape_.out_channels), bias_, epilogue,
                            keep && (grouped || part == 0) ? &block : nullptr);
    });
    layer.visited = layer.order.by_output.channel.size() / layer.geometry.kernels.phases;
    layer.finish(phases_);
    if (keep) layer.kept_input = x;
}

void SpectralConvolution::backward_input(const ConstMapsView& dy, const MapsView& dx) {
    check_backward_input(dy, dx);
    input_gradient(dy, dx, {});
}

void SpectralConvolution::input_gradient(const ConstMapsView& dy, const MapsView& dx,
                                         const Epilogue& epilogue) {
    SpectralLayer& layer = *layer_;
    const KernelStore& store = layer.updated(Toward::input, weights_);
    const Blocks blocks = layer.backward_blocks(dy.batch);
    layer.start(blocks, layer.sum_scratch(Toward::input, blocks));
    layer.clear_untouched(dx);
    for (int i = 0; i < blocks.count(); ++i) {
        const Block block = layer.block(blocks, i);
        layer.read_output_gradient(dy, block, false, epilogue);
        layer.sum_bins(Toward::input, store, block, {});
        layer.write_input_gradient(dx, block);
    }
    layer.finish(phases_);
}

void SpectralConvolution::backward_weights(const ConstMapsView& x, const ConstMapsView& dy,
                                           std::span<float> dw) {
    backward_fused(x, dy, nullptr, dw, {});
}

void SpectralConvolution::backward(const ConstMapsView& x, const ConstMapsView& dy, const MapsView& dx,
                                   std::span<float> dw) {
    backward_fused(x, dy, &dx, dw, {});
}

void SpectralConvolution::backward_fused(const ConstMapsView& x, const ConstMapsView& dy, const MapsView* dx,
                                         std::span<float> dw, const Epilogue& epilogue) {
    if (dx)
        check_backward(x, dy, *dx, dw, epilogue);
    else
        check_backward_weights(x, dy, dw, epilogue);
    const bool shared = layer_->gradients_share_tiles();
    both_gradients(x, dy, shared ? dx : nullptr, dw, epilogue);
    if (dx && !shared) input_gradient(dy, *dx, epilogue);
}

/// The gradient to the weights and, with dx, that to the input: both from the same spectra of dy.
void SpectralConvolution::both_gradients(const ConstMapsView& x, const ConstMapsView& dy, const MapsView* dx,
                                         std::span<float> dw, const Epilogue& epilogue) {
    SpectralLayer& layer = *layer_;
    const KernelStore* store = nullptr;
    if (dx) {
        store = &layer.updated(Toward::input, weights_);
        layer.clear_untouched(*dx);
    }
    Blocks blocks = layer.gradient_blocks(x.batch);
    const bool input_kept = layer.keep_input && same_memory(layer.kept_input, x);
    blocks.kept = input_kept;
    layer.start(blocks, std::max({layer.gradient_scratch(), layer.sum_scratch(Toward::input, blocks),
                                  layer.geometry.transform.scratch_floats()}));
    layer.order.gradient.spectra.resize(layer.order.gradient.layout->size());
    std::fill(dw.begin(), dw.end(), 0.0f);
    for (int i = 0; i < blocks.count(); ++i) {
        const Block block = layer.block(blocks, i);
        if (!input_kept) layer.read_gradient_input(x, block);
        layer.read_output_gradient(dy, block, !layer.gradients_share_tiles(), epilogue);
        parallel_for(options_.threads, block.input.order.bins(), [&](int bin, int thread) {
            Worker& worker = layer.workers[thread];
            layer.gradient_bin(worker, bin, block);
            if (dx) layer.sum_bin(worker, bin, Toward::input, *store, block, {});  // in the place of x's
        });
        if (dx) layer.write_input_gradient(*dx, block);
    }
    layer.write_weight_gradient(dw);
    layer.finish(phases_);
}

}  // namespace fftconv
