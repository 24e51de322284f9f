#include "fftconv/convolution/spectral/passes.hpp"

#include "fftconv/convolution/cost_model.hpp"
#include "fftconv/convolution/simd/matrix_product.hpp"
#include "fftconv/convolution/spectral/few_channels.hpp"
#include "fftconv/core/threads.hpp"

namespace fftconv {
namespace {

/// Bytes of spectra of a block of lanes: what stays in a core's own cache between FFT, sum and inverse.
constexpr std::size_t block_bytes = 384u << 10;
/// A block has at least as many lanes, or streaming the kernel spectra would cost more than the products.
constexpr int least_block_lanes = 64;
/// … unless large tiles of many channels would take more memory than this.
constexpr std::size_t most_block_bytes = 256u << 20;
/// Spectra of x that are worth their memory until the gradients need them again.
constexpr std::size_t most_kept_bytes = 256u << 20;

/// Images whose pixels are a cache line.
constexpr int line_lanes = int(tile_io::line);
/// Of a tile that many images wide.
constexpr std::size_t most_tile_bytes = 128u << 10;

std::size_t bytes_of(const MapsView& maps) {
    return sizeof(float) * maps.maps().size() * maps.lanes;
}

}  // namespace

SpectralLayer::SpectralLayer(const ConvolutionShape& shape_of, const ConvolutionOptions& options_of)
    : shape(shape_of),
      options(options_of),
      transform(choose_tile(shape, options).vertical, choose_tile(shape, options).horizontal),
      geometry(shape, options, transform),
      workers(options.threads) {
    set_kernels({});
}

void SpectralLayer::set_kernels(const std::vector<std::uint8_t>& mask) {
    const bool complete = keep_pruned && order.by_output.placed;  // from the last mask
    KernelOrder next = make_kernel_order(geometry.kernels, transform.bins(), mask, keep_pruned,
                                         complete ? &order.entries_by_output : nullptr);
    if (complete) next.entries_by_output = std::move(order.entries_by_output);
    order = std::move(next);
    kept_input = {};
}

void SpectralLayer::set_mode(int mode, const std::vector<std::uint8_t>& mask) {
    ConvolutionOptions changed = options;
    changed.mode = mode;
    Geometry of_mode(shape, changed, transform);
    KernelOrder next = make_kernel_order(of_mode.kernels, transform.bins(), mask, keep_pruned, nullptr);
    options = changed;
    geometry = std::move(of_mode);
    order = std::move(next);
    kept_input = {};
}

void SpectralLayer::keep_pruned_spectra(bool keep, const std::vector<std::uint8_t>& mask) {
    if (keep == keep_pruned) return;
    order = make_kernel_order(geometry.kernels, transform.bins(), mask, keep, nullptr);
    keep_pruned = keep;
    kept_input = {};
}

void fill(const MapsView& view, float value) {
    for (int c = 0; c < view.channels; ++c)
        for (int h = 0; h < view.height; ++h)
            for (int w = 0; w < view.width; ++w) {
                float* pixel = view.pixel(c, h, w);
                for (int n = 0; n < view.lanes; ++n) pixel[n * view.image_stride] = value;
            }
}

/// Groups of sixteen images are whole cache lines of every pixel: worth it also where a vector has eight
/// lanes, if their tiles stay in the second-level cache.
bool SpectralLayer::fills_lines(int batch_stride) const {
    const int own = geometry.kernels.group_channels();
    const PerAxis tile{transform.height(), transform.width()};
    return batch_stride % line_lanes == 0 &&
           transform.area() * line_lanes * sizeof(float) <= most_tile_bytes &&
           (own >= few_channels::dense_channels || few_channels::fit(own, tile, line_lanes, shape.groups));
}

Blocks SpectralLayer::blocks(int batch, int tiles) const {
    const int stride = padded_batch(batch), preferred = TileTransform::preferred_lanes();
    const bool fills = stride > 8 ? stride % preferred == 0 : stride * tiles > 8;
    const LaneGroups groups(batch, tiles, fills_lines(stride) ? line_lanes : fills ? preferred : 8);
    const std::size_t bytes_per_group =
        sizeof(float) * transform.area() * (channels() + shape.out_channels) * std::size_t(groups.lanes);
    const std::size_t in_cache = std::max<std::size_t>(block_bytes / bytes_per_group,
                                                       least_block_lanes / groups.lanes),
                      in_memory = std::max<std::size_t>(1, most_block_bytes / bytes_per_group);
    const int most = int(std::min({in_cache, in_memory, std::size_t(groups.groups)}));
    const int count = (groups.groups + most - 1) / most;
    return {groups, (groups.groups + count - 1) / count};
}

Block SpectralLayer::block(const Blocks& blocks, int i) const {
    const int first = i * blocks.per_block, count = std::min(blocks.per_block, blocks.groups.groups - first);
    const int lanes = count * blocks.groups.lanes;
    return {blocks.groups,
            first,
            count,
            layout(channels(), lanes),
            layout(shape.out_channels, lanes),
            blocks.kept ? i * layout(channels(), blocks.lanes()).size() : 0};
}

bool SpectralLayer::keeps_input(const Blocks& blocks) const {
    const std::size_t floats = blocks.count() * layout(channels(), blocks.lanes()).size();
    return keep_input && (one_tile() || !gradients_share_tiles()) &&
           floats * sizeof(float) <= most_kept_bytes;
}

std::size_t SpectralLayer::sum_scratch(Toward side, const Blocks& blocks) const {
    if (!order.dense) return sparse_sum::scratch_floats(order.list(side));
    const int outputs = geometry.kernels.group_outputs(), own = geometry.kernels.group_channels();
    return side == Toward::output ? frequency_sum::dense_scratch_floats(outputs, own, blocks.lanes())
                                  : frequency_sum::dense_scratch_floats(own, outputs, blocks.lanes());
}

std::size_t SpectralLayer::gradient_scratch() const {
    if (!order.dense) return 0;
    const PhaseKernels& k = geometry.kernels;
    const std::size_t width = padded_batch(k.group_channels()),
                      rows = frequency_sum::padded_rows(k.group_outputs());
    return frequency_sum::dense_scratch_floats(k.group_outputs(), gradient_slice, width) +
           2 * (rows + width) * gradient_slice;
}

const KernelStore& SpectralLayer::updated(Toward side, std::span<const float> weights) {
    KernelStore& store = order.store(side);
    if (store.valid) return store;
    store.spectra.resize(store.layout->size());
    const int chunks = int(store.positions.size() / KernelTransform::chunk);
    make_scratch(geometry.transform.scratch_floats());
    parallel_for(options.threads, chunks, [&](int chunk, int thread) {
        Worker& worker = workers[thread];
        PhaseTimer timer(worker);
        geometry.transform.forward(weights, store.positions, std::size_t(chunk) * KernelTransform::chunk,
                                   store.spectra.data(), *store.layout, worker.scratch.data());
        timer.lap(kernel_phase);
    });
    store.valid = true;
    return store;
}

void SpectralLayer::start(const Blocks& blocks, std::size_t scratch) {
    kept_input = {};
    const std::size_t places = blocks.kept ? blocks.count() : 1,
                      input = places * layout(channels(), blocks.lanes()).size(),
                      output = layout(shape.out_channels, blocks.lanes()).size();
    if (input_spectra.size() < input) input_spectra.resize(input);
    if (output_spectra.size() < output) output_spectra.resize(output);
    start_workers(scratch);
}

void SpectralLayer::start_workers(std::size_t scratch) {
    for (Worker& worker : workers) {
        worker.tile.resize(transform.area() * 16);
        worker.lines.resize(tile_rows::scratch_floats(transform.width()));
        worker.output_rows.reserve(transform.height());
        worker.rows.reserve(transform.height());  // nothing may be allocated in a parallel region
    }
    make_scratch(std::max(transform.scratch_floats(16), scratch));
}

void SpectralLayer::make_scratch(std::size_t floats) {
    for (Worker& worker : workers)
        if (worker.scratch.size() < floats) worker.scratch.resize(floats);
}

void SpectralLayer::finish(std::vector<Phase>& phases) {
    for (Worker& worker : workers)
        for (int phase = 0; phase < phase_count; ++phase) {
            phases[phase].seconds += worker.seconds[phase];
            worker.seconds[phase] = 0;
        }
}

void SpectralLayer::read_input(const ConstMapsView& x, const Block& block) {
    read_maps(x, block, [this](int phase) { return input_pixels(phase); });
}

void SpectralLayer::read_gradient_input(const ConstMapsView& x, const Block& block) {
    if (!gradients_share_tiles()) return read_input(x, block);
    read_maps(x, block, [this](int phase) { return input_gradient_pixels(phase); });
}

template <class PixelsOf>
void SpectralLayer::read_maps(const ConstMapsView& x, const Block& block, const PixelsOf& pixels_of_phase) {
    parallel_for(options.threads, int(order.used_channels.size()) * block.count, [&](int item, int thread) {
        const int channel = order.used_channels[item / block.count], group = item % block.count;
        Worker& worker = workers[thread];
        const auto gather_tile = [&] {
            gather_map(worker, x, geometry.kernels.channel_of(channel),
                       pixels_of_phase(geometry.kernels.phase_of(channel)), block.groups,
                       block.first + group);
        };
        transform_in(worker, gather_tile, block.groups.lanes,
                     input_of(block) + block.input.at(channel, group * block.groups.lanes), block.input,
                     block.input.next_line(group * block.groups.lanes));
    });
}

void SpectralLayer::read_output_gradient(const ConstMapsView& dy, const Block& block, bool own,
                                         const Epilogue& epilogue) {
    parallel_for(options.threads, block.output.channels * block.count, [&](int item, int thread) {
        const int channel = item / block.count, group = item % block.count;
        if (without_kernels(Toward::output, channel)) return;
        Worker& worker = workers[thread];
        const auto gather_tile = [&] {
            const auto gather_from = [&](const auto& pixels_of) {
                gather_gradient(worker, dy, channel, pixels_of, block.groups, block.first + group, epilogue);
            };
            if (own)
                gather_from(own_gradient_pixels());
            else
                gather_from(gradient_pixels());
        };
        transform_in(worker, gather_tile, block.groups.lanes,
                     output_spectra.data() + block.output.at(channel, group * block.groups.lanes),
                     block.output, block.output.next_line(group * block.groups.lanes));
    });
}

/// Tiles of the same images go to the same thread, in order, where windows of a pooling may lie in several.
void SpectralLayer::write_output(const MapsView& y, const Block& block, std::span<const float> bias,
                                 const Epilogue& epilogue) {
    const int apart =
        epilogue.pooling == Pooling::none ? block.count : std::min(block.count, block.groups.groups_per_tile);
    parallel_for(options.threads, block.output.channels * apart, [&](int item, int thread) {
        const int channel = item / apart;
        std::optional<float> constant;
        if (without_kernels(Toward::output, channel)) constant = bias.empty() ? 0.0f : bias[channel];
        for (int group = item % apart; group < block.count; group += apart) {
            const int lane = group * block.groups.lanes;
            transform_out(workers[thread], output_spectra.data() + block.output.at(channel, lane),
                          block.output, output_pixels(), block.groups, block.first + group, constant,
                          block.output.next_line(lane));
            put_output(workers[thread], block.groups, block.first + group, channel, y, epilogue);
        }
    });
}

void SpectralLayer::put_output(Worker& worker, const LaneGroups& groups, int group, int channel,
                               const MapsView& y, const Epilogue& epilogue) {
    PhaseTimer timer(worker);
    const bool pooled = epilogue.pooling != Pooling::none, relu = epilogue.relu && !pooled;
    float* tile = worker.tile.data();
    if (relu || !epilogue.factor.empty())
        tile_pooling::activate(tile, transform.area() * groups.lanes,
                               epilogue.factor.empty() ? 1 : epilogue.factor[channel],
                               epilogue.offset.empty() ? 0 : epilogue.offset[channel], relu);
    if (!pooled)
        scatter(tile, PerAxis(transform.height(), transform.width()), groups, group, output_pixels(),
                map_of(y, channel), worker.rows, worker.lines.data(), bytes_of(y));
    else
        groups.for_each_tile(group, [&](int of, int lane, int image, int, int images) {
            if (of < 0) return;
            const TilePixels pixels = output_pixels()(of);
            float* first = y.pixel(channel, 0, 0) + image;
            tile_pooling::pool({tile + lane, transform.width(), groups.lanes, images},
                               {pixels.rows, transform.height(), y.height},
                               {pixels.columns, transform.width(), y.width}, epilogue,
                               {first, epilogue.winners ? epilogue.winners + (first - y.data) : nullptr,
                                y.row_stride, y.column_stride});
        });
    timer.lap(scatter_phase);
}

bool SpectralLayer::pools(const Epilogue& epilogue, const Blocks& blocks) const {
    const LayerAxes& axes = geometry.axes;
    if (options.mode != no_mode || axes.vertical.classes * axes.horizontal.classes > 1 ||
        blocks.groups.batch_stride < 8)
        return false;
    // Where tiles of the same images are not done in order, or a mean is not of one tile.
    if (epilogue.pooling != Pooling::average && !few_channels(blocks)) return true;
    const auto cuts = [&](const AxisTiling& tiling, int pixels) {
        for (int tile = 0; tile < tiling.forward_tiles; ++tile)
            if (tile_pooling::Extent(tiling.output_scatter.data() + tile * tiling.tile, tiling.tile,
                                     pixels / 2)
                    .cuts_windows(epilogue.window, pixels))
                return true;
        return false;
    };
    return !cuts(geometry.vertical, shape.output_height()) &&
           !cuts(geometry.horizontal, shape.output_width());
}

void SpectralLayer::write_input_gradient(const MapsView& dx, const Block& block) {
    parallel_for(options.threads, block.input.channels * block.count, [&](int item, int thread) {
        const int channel = item / block.count, group = item % block.count;
        std::optional<float> constant;
        if (without_kernels(Toward::input, channel)) constant = 0.0f;
        Worker& worker = workers[thread];
        const auto pixels_of = input_gradient_pixels(geometry.kernels.phase_of(channel));
        transform_out(worker, input_of(block) + block.input.at(channel, group * block.groups.lanes),
                      block.input, pixels_of, block.groups, block.first + group, constant,
                      block.input.next_line(group * block.groups.lanes));
        PhaseTimer timer(worker);
        scatter(worker.tile.data(), PerAxis(transform.height(), transform.width()), block.groups,
                block.first + group, pixels_of, map_of(dx, geometry.kernels.channel_of(channel)), worker.rows,
                worker.lines.data(), bytes_of(dx));
        timer.lap(scatter_phase);
    });
}

void SpectralLayer::write_weight_gradient(std::span<float> dw) {
    const KernelStore& gradient = order.gradient;
    parallel_for(options.threads, int(gradient.positions.size() / KernelTransform::chunk),
                 [&](int chunk, int thread) {
                     PhaseTimer timer(workers[thread]);
                     geometry.transform.inverse(gradient.spectra.data(), *gradient.layout, gradient.positions,
                                                std::size_t(chunk) * KernelTransform::chunk, dw,
                                                workers[thread].scratch.data());
                     timer.lap(kernel_phase);
                 });
}

void SpectralLayer::sum_bins(Toward side, const KernelStore& store, const Block& block,
                             std::span<const float> bias) {
    parallel_for(options.threads, block.input.order.bins(),
                 [&](int bin, int thread) { sum_bin(workers[thread], bin, side, store, block, bias); });
}

/// One bin of forward (conjugated weights, rows are output channels) or of the gradient to the input.
void SpectralLayer::sum_bin(Worker& worker, int bin, Toward side, const KernelStore& store,
                            const Block& block, std::span<const float> bias) {
    PhaseTimer timer(worker);
    const std::size_t visits = order.dense ? sum_bin_densely(worker, bin, side, store, block)
                                           : sum_bin_sparsely(worker, bin, side, store, block);
    if (bin == transform.bins().complex_bins) {  // frequency zero
        visited = visits / geometry.kernels.phases;
        float* y = output_spectra.data() + block.output.bin(bin);
        for (std::size_t o = 0; o < bias.size(); ++o)
            for (int l = 0; l < block.output.lanes; ++l) y[block.output.at(int(o), l)] += bias[o];
    }
    timer.lap(sum_phase);
}

/// The sums of every group of the layer, each a dense product.
std::size_t SpectralLayer::sum_bin_densely(Worker& worker, int bin, Toward side, const KernelStore& store,
                                           const Block& block) {
    const bool forward = side == Toward::output;
    const SpectrumLayout &in = forward ? block.input : block.output,
                         &out = forward ? block.output : block.input;
    const float* from = forward ? input_of(block) : output_spectra.data();
    float* to = forward ? output_spectra.data() : input_of(block);
    const int groups = shape.groups, rows = out.channels / groups, depth = in.channels / groups;
    const std::size_t of_group = std::size_t(frequency_sum::padded_rows(rows)) * depth, lanes = in.lanes;
    const auto weights = [&](int of_bin, int group) {
        return store.spectra.data() + store.layout->bin(of_bin) + group * of_group;
    };
    const auto planes = [&](int of_bin, int group) {
        const float* z = from + in.bin(of_bin) + group * depth * lanes;
        float* y = to + out.bin(of_bin) + group * rows * lanes;
        return frequency_sum::Planes{z, z + in.plane, y, y + out.plane, lanes};
    };
    for (int group = 0; group < groups; ++group) {
        frequency_sum::Next next;
        const bool last = group + 1 == groups;
        const int after = last ? next_bin(bin) : bin, next_group = last ? 0 : group + 1;
        if (after >= 0) {
            const float* w_next = weights(after, next_group);
            next = frequency_sum::first_needs(rows, depth, w_next, w_next + store.layout->plane,
                                              planes(after, next_group));
        }
        const float* w = weights(bin, group);
        frequency_sum::dense(forward ? frequency_sum::Weights::conjugated : frequency_sum::Weights::plain,
                             rows, depth, w, bin >= in.order.complex_bins ? nullptr : w + store.layout->plane,
                             planes(bin, group), false, worker.scratch.data(), next);
    }
    return std::size_t(out.channels) * depth;
}

std::size_t SpectralLayer::sum_bin_sparsely(Worker& worker, int bin, Toward side, const KernelStore& store,
                                            const Block& block) {
    const bool forward = side == Toward::output;
    const SpectrumLayout &in = forward ? block.input : block.output,
                         &out = forward ? block.output : block.input;
    const float* from = forward ? input_of(block) : output_spectra.data();
    float* to = forward ? output_spectra.data() : input_of(block);
    const float* weights = store.spectra.data() + store.layout->bin(bin);
    const int after = next_bin(bin);
    const sparse_sum::Slots slots{.in = from + in.bin(bin),
                                  .out = to + out.bin(bin),
                                  .in_stride = in.slot_stride,
                                  .out_stride = out.slot_stride,
                                  .slot = in.slot,
                                  .lanes = in.lanes,
                                  .next = after < 0 ? nullptr : from + in.bin(after)};
    return sparse_sum::sum(forward, order.list(side), weights,
                           bin < in.order.complex_bins ? weights + store.layout->plane : nullptr, slots,
                           worker.scratch.data());
}

/// One bin of the weight gradient: Q[o][v] += Σ_lanes conj(D[o])·Z[v].
void SpectralLayer::gradient_bin(Worker& worker, int bin, const Block& block) {
    PhaseTimer timer(worker);
    const std::size_t visits =
        order.dense ? gradient_bin_densely(worker, bin, block) : gradient_bin_sparsely(bin, block);
    if (bin == transform.bins().complex_bins) visited = visits / geometry.kernels.phases;
    timer.lap(sum_phase);
}

std::size_t SpectralLayer::gradient_bin_sparsely(int bin, const Block& block) {
    const SpectrumLayout &in = block.input, &out = block.output;
    const bool real = bin >= in.order.complex_bins;
    float* q = order.gradient.spectra.data() + order.gradient.layout->bin(bin);
    const std::size_t plane = order.gradient.layout->plane;
    if (block.first == 0) std::fill_n(q, (real ? 1 : 2) * plane, 0.0f);
    const int after = next_bin(bin);
    const float* inputs = input_of(block);
    const sparse_sum::Slots slots{.in = inputs + in.bin(bin),
                                  .out = output_spectra.data() + out.bin(bin),
                                  .in_stride = in.slot_stride,
                                  .out_stride = out.slot_stride,
                                  .slot = in.slot,
                                  .lanes = in.lanes,
                                  .next = after < 0 ? nullptr : inputs + in.bin(after)};
    return sparse_sum::gradient(order.by_output, slots, q, real ? nullptr : q + plane);
}

/// With lanes outermost the gradient is the forward product of D's panels with Z, lanes in the place of
/// channels.
std::size_t SpectralLayer::gradient_bin_densely(Worker& worker, int bin, const Block& block) {
    const SpectrumLayout &in = block.input, &out = block.output;
    const bool real = bin >= in.order.complex_bins;
    const int outputs = geometry.kernels.group_outputs(), channels = geometry.kernels.group_channels();
    const std::size_t width = padded_batch(channels), rows = frequency_sum::padded_rows(outputs);
    float* d_panels = worker.scratch.data();
    float* z_lanes = d_panels + 2 * rows * gradient_slice;
    float* scratch = z_lanes + 2 * width * gradient_slice;
    for (int group = 0; group < shape.groups; ++group) {
        const float* z = input_of(block) + in.bin(bin) + std::size_t(group) * channels * in.lanes;
        const float* d = output_spectra.data() + out.bin(bin) + std::size_t(group) * outputs * out.lanes;
        float* q = order.gradient.spectra.data() + order.gradient.layout->bin(bin) +
                   std::size_t(group) * outputs * width;
        for (int first = 0; first < in.lanes; first += gradient_slice) {
            const std::size_t lanes = std::min(gradient_slice, in.lanes - first);
            for (int part = 0; part < (real ? 1 : 2); ++part) {
                matrix_product::transpose(d + part * out.plane + first, outputs, out.lanes, lanes,
                                          d_panels + part * rows * lanes, 4, 4 * lanes);
                float* to = z_lanes + part * width * lanes;
                if (width - channels >= 4)
                    for (std::size_t l = 0; l < lanes; ++l) std::fill_n(to + l * width + width - 4, 4, 0.0f);
                matrix_product::transpose(z + part * in.plane + first, channels, in.lanes, lanes, to, width,
                                          4);
            }
            const frequency_sum::Planes planes{z_lanes, z_lanes + width * lanes, q,
                                               q + order.gradient.layout->plane, width};
            frequency_sum::dense(frequency_sum::Weights::conjugated, outputs, int(lanes), d_panels,
                                 real ? nullptr : d_panels + rows * lanes, planes,
                                 block.first > 0 || first > 0, scratch);
        }
    }
    return std::size_t(out.channels) * channels;
}

}  // namespace fftconv
