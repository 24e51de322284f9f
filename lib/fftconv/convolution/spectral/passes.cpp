#include "fftconv/convolution/spectral/passes.hpp"

#include <omp.h>

#include "fftconv/convolution/cost_model.hpp"

namespace fftconv {
namespace {

/// Bytes of spectra of a block of lanes: what stays in a core's own cache between FFT, sum and inverse.
constexpr std::size_t block_bytes = 384u << 10;
/// A block has at least as many lanes, or streaming the kernel spectra would cost more than the products.
constexpr int least_block_lanes = 64;

}  // namespace

SpectralLayer::SpectralLayer(const ConvolutionShape& shape_of, const ConvolutionOptions& options_of)
    : shape(shape_of), options(options_of), transform(choose_tile(shape, options)), workers(options.threads) {
    set_geometry();
    set_kernels({});
}

void SpectralLayer::set_geometry() {
    axes.emplace(shape, options);
    vertical.emplace(axes->vertical, edge());
    horizontal.emplace(axes->horizontal, edge());
    kernels.emplace(shape, *axes);
    kernel_transform.emplace(*kernels, edge());
}

void SpectralLayer::set_kernels(const std::vector<std::uint8_t>& mask) {
    kept_input = nullptr;
    using frequency_sum::padded_rows, frequency_sum::panel_rows;
    const int outputs = shape.out_channels, width = shape.in_channels;
    // Few channels on either side leave panels half empty; then lists do as well.
    dense = mask.empty() && !keep_pruned && outputs >= 8 && channels() >= 8;
    const bool complete = keep_pruned && !entries.positions.empty();  // from the last mask
    for (KernelStore* store : {&panels_by_output, &panels_by_channel, &gradient}) *store = KernelStore();
    if (!complete) entries = KernelStore();
    output_weights = OutputWeights();
    by_output = by_channel = frequency_sum::KernelList();
    used_channels.clear();

    const auto kept = [&](int o, int v) { return mask.empty() || mask[std::size_t(o) * width + v % width]; };
    const auto lay_out = [&](KernelStore& store) {
        store.positions.resize(KernelTransform::padded(store.positions.size()));
        store.layout.emplace(BinOrder(edge()), 1, int(store.positions.size()));
    };
    if (dense) {
        const auto panels = [&](KernelStore& store, int rows, int depth, bool rows_are_outputs) {
            store.positions.resize(std::size_t(padded_rows(rows)) * depth);
            for (int r = 0; r < rows; ++r)
                for (int k = 0; k < depth; ++k)
                    store.positions[(std::size_t(r / panel_rows) * depth + k) * panel_rows + r % panel_rows] =
                        rows_are_outputs ? KernelPosition{r, k} : KernelPosition{k, r};
            lay_out(store);
        };
        panels(panels_by_output, outputs, channels(), true);
        panels(panels_by_channel, channels(), outputs, false);
        const int padded_channels = padded_batch(channels());
        gradient.positions.resize(std::size_t(outputs) * padded_channels);
        for (int o = 0; o < outputs; ++o)
            for (int v = 0; v < channels(); ++v)
                gradient.positions[std::size_t(o) * padded_channels + v] = {o, v};
        lay_out(gradient);
        for (int v = 0; v < channels(); ++v) used_channels.push_back(v);
        return;
    }
    by_output.begin.push_back(0);
    for (int o = 0; o < outputs; ++o) {
        for (int v = 0; v < channels(); ++v) {
            if (kept(o, v)) {
                by_output.position.push_back(keep_pruned ? o * channels() + v
                                                         : int(entries.positions.size()));
                by_output.channel.push_back(v);
            }
            if (!complete && (keep_pruned || kept(o, v))) entries.positions.push_back({o, v});
        }
        by_output.begin.push_back(int(by_output.channel.size()));
    }
    // The same positions, by input channel.
    std::vector<std::vector<int>> of_channel(channels());
    for (std::size_t e = 0; e < by_output.position.size(); ++e)
        of_channel[by_output.channel[e]].push_back(by_output.position[e]);
    by_channel.begin.push_back(0);
    for (int v = 0; v < channels(); ++v) {
        for (int e : of_channel[v]) {
            by_channel.position.push_back(e);
            by_channel.channel.push_back(entries.positions[e].out_channel);
        }
        by_channel.begin.push_back(int(by_channel.channel.size()));
        if (!of_channel[v].empty()) used_channels.push_back(v);
    }
    gradient.positions = entries.positions;
    if (!complete) lay_out(entries);
    lay_out(gradient);
}

Blocks SpectralLayer::blocks(int batch, int tiles) const {
    const int stride = padded_batch(batch), preferred = TileTransform::preferred_lanes();
    const bool fills = stride > 8 ? stride % preferred == 0 : stride * tiles > 8;
    const LaneGroups groups(batch, tiles, fills ? preferred : 8);
    const std::size_t bytes_per_group =
        sizeof(float) * edge() * edge() * (channels() + shape.out_channels) * std::size_t(groups.lanes);
    const int most = std::max<int>(block_bytes / bytes_per_group, least_block_lanes / groups.lanes);
    const int count = (groups.groups + most - 1) / most;
    return {groups, (groups.groups + count - 1) / count};
}

Block SpectralLayer::block(const Blocks& blocks, int i) const {
    const int first = i * blocks.per_block, count = std::min(blocks.per_block, blocks.groups.groups - first);
    const int lanes = count * blocks.groups.lanes;
    return {blocks.groups, first, count, layout(channels(), lanes), layout(shape.out_channels, lanes)};
}

std::size_t SpectralLayer::sum_scratch(int rows, int depth, const Blocks& blocks) const {
    return dense ? frequency_sum::dense_scratch_floats(rows, depth, blocks.lanes())
                 : frequency_sum::listed_scratch_floats(depth);
}

std::size_t SpectralLayer::gradient_scratch() const {
    if (!dense) return 0;
    const std::size_t width = padded_batch(channels()), rows = frequency_sum::padded_rows(shape.out_channels);
    return frequency_sum::dense_scratch_floats(shape.out_channels, gradient_slice, width) +
           2 * (rows + width) * gradient_slice;
}

const KernelStore& SpectralLayer::updated(KernelStore& store, std::span<const float> weights) {
    if (store.valid) return store;
    store.spectra.resize(store.layout->size());
    const int chunks = int(store.positions.size() / KernelTransform::chunk);
#pragma omp parallel num_threads(options.threads)
    {
        Worker& worker = workers[omp_get_thread_num()];
        Stopwatch watch(worker);
#pragma omp for schedule(dynamic, 2)
        for (int i = 0; i < chunks; ++i)
            kernel_transform->forward(weights, store.positions, std::size_t(i) * KernelTransform::chunk,
                                      store.spectra.data(), *store.layout);
        watch.lap(kernel_phase);
    }
    store.valid = true;
    return store;
}

void SpectralLayer::start(const Blocks& blocks, std::size_t scratch) {
    kept_input = nullptr;
    const std::size_t input = layout(channels(), blocks.lanes()).size(),
                      output = layout(shape.out_channels, blocks.lanes()).size();
    if (input_spectra.size() < input) input_spectra.resize(input);
    if (output_spectra.size() < output) output_spectra.resize(output);
    start_workers(scratch);
}

void SpectralLayer::start_workers(std::size_t scratch) {
    for (Worker& worker : workers) {
        worker.tile.resize(std::size_t(edge()) * edge() * 16);
        worker.lines.resize(tile_rows::scratch_floats(edge()));
        const std::size_t floats = std::max(transform.scratch_floats(16), scratch);
        if (worker.scratch.size() < floats) worker.scratch.resize(floats);
    }
}

void SpectralLayer::finish(std::vector<Phase>& phases) {
    for (Worker& worker : workers)
        for (int phase = 0; phase < phase_count; ++phase) {
            phases[phase].seconds += double(worker.ticks[phase]) * seconds_per_tick();
            worker.ticks[phase] = 0;
        }
}

void SpectralLayer::read_input(Worker& worker, const Tensor& x, const Block& block) {
#pragma omp for schedule(dynamic, 4) nowait
    for (int item = 0; item < int(used_channels.size()) * block.count; ++item) {
        const int channel = used_channels[item / block.count], group = item % block.count;
        transform_in(worker, x, channel % shape.in_channels, input_pixels(channel / shape.in_channels),
                     block.groups, block.first + group,
                     input_spectra.data() + block.input.at(channel, group * block.groups.lanes), block.input);
    }
}

void SpectralLayer::read_output_gradient(Worker& worker, const Tensor& dy, const Block& block, bool own) {
#pragma omp for schedule(dynamic, 4) nowait
    for (int item = 0; item < block.output.channels * block.count; ++item) {
        const int channel = item / block.count, group = item % block.count;
        if (without_kernels(by_output, channel)) continue;
        float* to = output_spectra.data() + block.output.at(channel, group * block.groups.lanes);
        const auto transform_from = [&](const auto& pixels_of) {
            transform_in(worker, dy, channel, pixels_of, block.groups, block.first + group, to, block.output);
        };
        if (own)
            transform_from(own_gradient_pixels());
        else
            transform_from(gradient_pixels());
    }
}

void SpectralLayer::write_output(Worker& worker, Tensor& y, const Block& block, std::span<const float> bias) {
#pragma omp for schedule(dynamic, 4) nowait
    for (int item = 0; item < block.output.channels * block.count; ++item) {
        const int channel = item / block.count, group = item % block.count;
        std::optional<float> constant;
        if (without_kernels(by_output, channel)) constant = bias.empty() ? 0.0f : bias[channel];
        transform_out(worker, output_spectra.data() + block.output.at(channel, group * block.groups.lanes),
                      block.output, output_pixels(), block.groups, block.first + group, channel, y, constant);
    }
}

void SpectralLayer::write_input_gradient(Worker& worker, Tensor& dx, const Block& block) {
#pragma omp for schedule(dynamic, 4) nowait
    for (int item = 0; item < block.input.channels * block.count; ++item) {
        const int channel = item / block.count, group = item % block.count;
        std::optional<float> constant;
        if (without_kernels(by_channel, channel)) constant = 0.0f;
        transform_out(worker, input_spectra.data() + block.input.at(channel, group * block.groups.lanes),
                      block.input, input_gradient_pixels(channel / shape.in_channels), block.groups,
                      block.first + group, channel % shape.in_channels, dx, constant);
    }
}

/// One bin of forward (conjugated weights, rows are output channels) or of the gradient to the input.
void SpectralLayer::sum_bin(Worker& worker, int bin, bool forward, const KernelStore& store,
                            const Block& block, std::span<const float> bias) {
    Stopwatch watch(worker);
    const SpectrumLayout &in = forward ? block.input : block.output,
                         &out = forward ? block.output : block.input;
    AlignedFloats &from = forward ? input_spectra : output_spectra,
                  &to = forward ? output_spectra : input_spectra;
    const bool real = bin >= in.order.complex_bins;
    const float* z = from.data() + in.bin(bin);
    float* y = to.data() + out.bin(bin);
    const float* w = store.spectra.data() + store.layout->bin(bin);
    const float* w_im = real ? nullptr : w + store.layout->plane;
    const frequency_sum::Planes planes{z, z + in.plane, y, y + out.plane, std::size_t(in.lanes)};
    const auto kind = forward ? frequency_sum::Weights::conjugated : frequency_sum::Weights::plain;
    std::size_t visits = std::size_t(out.channels) * in.channels;
    if (dense) {
        frequency_sum::Next next;
        // Threads take bins in turn, so a thread's next bin is about as many further.
        if (const int after = bin + int(workers.size()); after < in.order.complex_bins) {
            const float* w_next = store.spectra.data() + store.layout->bin(after);
            const float* z_next = from.data() + in.bin(after);
            float* y_next = to.data() + out.bin(after);
            next = frequency_sum::first_needs(
                out.channels, in.channels, w_next, w_next + store.layout->plane,
                {z_next, z_next + in.plane, y_next, y_next + out.plane, std::size_t(in.lanes)});
        }
        frequency_sum::dense(kind, out.channels, in.channels, w, w_im, planes, false, worker.scratch.data(),
                             next);
    } else {
        visits = frequency_sum::listed(kind, forward ? by_output : by_channel, in.channels, w, w_im, planes,
                                       worker.scratch.data());
    }
    if (bin == in.order.complex_bins) {  // frequency zero
        visited = visits / kernels->phases;
        for (std::size_t o = 0; o < bias.size(); ++o)
            for (int l = 0; l < out.lanes; ++l) y[o * out.lanes + l] += bias[o];
    }
    watch.lap(sum_phase);
}

/// One bin of the weight gradient: Q[o][v] += Σ_lanes conj(D[o])·Z[v].
void SpectralLayer::gradient_bin(Worker& worker, int bin, const Block& block) {
    Stopwatch watch(worker);
    const SpectrumLayout &in = block.input, &out = block.output;
    const bool first_block = block.first == 0;
    const bool real = bin >= in.order.complex_bins;
    const float* z = input_spectra.data() + in.bin(bin);
    const float* d = output_spectra.data() + out.bin(bin);
    float* q = gradient.spectra.data() + gradient.layout->bin(bin);
    float* q_im = q + gradient.layout->plane;
    if (dense) {
        // With lanes outermost this is the forward product of D's panels with Z, lanes in the place of
        // channels.
        const std::size_t width = padded_batch(in.channels), rows = frequency_sum::padded_rows(out.channels);
        float* d_panels = worker.scratch.data();
        float* z_lanes = d_panels + 2 * rows * gradient_slice;
        float* scratch = z_lanes + 2 * width * gradient_slice;
        for (int first = 0; first < in.lanes; first += gradient_slice) {
            const std::size_t lanes = std::min(gradient_slice, in.lanes - first);
            for (int part = 0; part < (real ? 1 : 2); ++part) {
                frequency_sum::transpose(d + part * out.plane + first, out.channels, out.lanes, lanes,
                                         d_panels + part * rows * lanes, 4, 4 * lanes);
                float* to = z_lanes + part * width * lanes;
                if (width - in.channels >= 4)
                    for (std::size_t l = 0; l < lanes; ++l) std::fill_n(to + l * width + width - 4, 4, 0.0f);
                frequency_sum::transpose(z + part * in.plane + first, in.channels, in.lanes, lanes, to, width,
                                         4);
            }
            const frequency_sum::Planes planes{z_lanes, z_lanes + width * lanes, q, q_im, width};
            frequency_sum::dense(frequency_sum::Weights::conjugated, out.channels, int(lanes), d_panels,
                                 real ? nullptr : d_panels + rows * lanes, planes, !first_block || first > 0,
                                 scratch);
        }
        if (bin == in.order.complex_bins) visited = std::size_t(out.channels) * in.channels / kernels->phases;
    } else {
        if (first_block) std::fill_n(q, (real ? 1 : 2) * gradient.layout->plane, 0.0f);
        const std::size_t visits =
            frequency_sum::listed_gradient(by_output, d, real ? nullptr : d + out.plane, z,
                                           real ? nullptr : z + in.plane, in.lanes, q, real ? nullptr : q_im);
        if (bin == in.order.complex_bins) visited = visits / kernels->phases;
    }
    watch.lap(sum_phase);
}

}  // namespace fftconv
