#include "fftconv/convolution/spectral.hpp"

#include <omp.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <optional>

#include "fftconv/convolution/frequency_sum.hpp"
#include "fftconv/convolution/kernel_spectra.hpp"
#include "fftconv/convolution/planner.hpp"
#include "fftconv/convolution/tile_io.hpp"
#include "fftconv/convolution/tile_transform.hpp"
#include "fftconv/convolution/tiling.hpp"
#include "fftconv/core/clock.hpp"

namespace fftconv {
namespace {

enum PhaseIndex { gather_phase, fft_phase, sum_phase, inverse_phase, scatter_phase, kernel_phase, phase_count };
constexpr const char* phase_names[phase_count] = {"gather", "FFT", "sum", "inverse", "scatter", "kernel spectra"};

/// Bytes of spectra of a block of lanes: what stays in a core's own cache between FFT, sum and inverse.
constexpr std::size_t block_bytes = 384u << 10;
/// A block has at least as many lanes, or streaming the kernel spectra would cost more than the products.
constexpr int least_block_lanes = 64;

/// Lanes that the weight gradient sums in one go. Sums of sums lose less than one long sum.
constexpr int gradient_slice = 256;

/// One thread's scratch and its ticks per phase.
struct alignas(64) Worker {
    AlignedFloats tile, scratch;
    std::vector<int> rows;
    std::array<std::uint64_t, phase_count> ticks{};
};

/// Adds the ticks since the last call (or construction) to the phase given.
class Stopwatch {
  public:
    explicit Stopwatch(Worker& worker) : worker_(worker), last_(ticks()) {}
    void lap(PhaseIndex phase) {
        const std::uint64_t now = ticks();
        worker_.ticks[phase] += now - last_;
        last_ = now;
    }

  private:
    Worker& worker_;
    std::uint64_t last_;
};

/// Kernel spectra in one order of positions, valid until weights, mask or mode change.
struct KernelStore {
    std::vector<KernelPosition> positions;
    std::optional<SpectrumLayout> layout;
    AlignedFloats spectra;
    bool valid = false;
};

}  // namespace

/// The layer as it is for the present mode and mask, its caches, and the three passes over blocks of lanes.
struct SpectralConvolution::Implementation {
    Implementation(const ConvolutionShape& shape_of, const ConvolutionOptions& options_of)
        : shape(shape_of), options(options_of), transform(choose_tile(shape, options)), workers(options.threads) {}

    // What the shape, the mode and the mask determine.
    void set_geometry();
    void set_kernels(const std::vector<std::uint8_t>& mask);
    void invalidate() { panels_by_output.valid = panels_by_channel.valid = entries.valid = false; }

    // Pixels of a tile on each side of each pass.
    TilePixels pixels(const std::vector<int>& rows, const std::vector<int>& columns, int tiles_across, int tile) const {
        return {rows.data() + tile / tiles_across * edge(), columns.data() + tile % tiles_across * edge()};
    }
    auto input_pixels(int phase) const {
        return [this, &rows = vertical->input_gather[kernels->phase_y[phase]],
                &columns = horizontal->input_gather[kernels->phase_x[phase]]](int tile) {
            return pixels(rows, columns, horizontal->forward_tiles, tile);
        };
    }
    auto output_pixels() const {
        return [this](int tile) {
            return pixels(vertical->output_scatter, horizontal->output_scatter, horizontal->forward_tiles, tile);
        };
    }
    auto own_gradient_pixels() const {
        return [this](int tile) {
            return pixels(vertical->gradient_gather, horizontal->gradient_gather, horizontal->forward_tiles, tile);
        };
    }
    auto gradient_pixels() const {
        return [this](int tile) {
            return pixels(vertical->backward_gather, horizontal->backward_gather, horizontal->backward_tiles, tile);
        };
    }
    auto input_gradient_pixels(int phase) const {
        return [this, &rows = vertical->backward_scatter[kernels->phase_y[phase]],
                &columns = horizontal->backward_scatter[kernels->phase_x[phase]]](int tile) {
            return pixels(rows, columns, horizontal->backward_tiles, tile);
        };
    }

    int edge() const { return transform.tile(); }
    int channels() const { return kernels->channels(); }
    LaneGroups lane_groups(int batch, int tiles) const;
    int groups_per_block(const LaneGroups& groups) const;

    const KernelStore& updated(KernelStore& store, std::span<const float> weights);
    SpectrumLayout layout(int of_channels, int lanes) const { return {BinOrder(edge()), of_channels, lanes}; }
    void start(int outputs, int lanes, std::size_t sum_scratch);
    void finish(std::vector<Phase>& phases);

    template <class PixelsOf>
    void transform_in(Worker& worker, const Tensor& from, int channel, const PixelsOf& pixels_of,
                      const LaneGroups& groups, int group, float* to, const SpectrumLayout& layout);
    template <class PixelsOf>
    void transform_out(Worker& worker, const float* from, const SpectrumLayout& layout, const PixelsOf& pixels_of,
                       const LaneGroups& groups, int group, int channel, Tensor& to, std::optional<float> constant);
    void sum_bin(Worker& worker, int bin, bool forward, const KernelStore& store, const SpectrumLayout& in,
                 const SpectrumLayout& out, std::span<const float> bias);
    void gradient_bin(Worker& worker, int bin, const SpectrumLayout& in, const SpectrumLayout& out, bool first_block);

    ConvolutionShape shape;
    ConvolutionOptions options;
    TileTransform transform;
    std::optional<LayerAxes> axes;
    std::optional<AxisTiling> vertical, horizontal;
    std::optional<PhaseKernels> kernels;
    std::optional<KernelTransform> kernel_transform;

    bool keep_pruned = false;                 ///< entries hold every kernel; masks change the lists alone
    bool dense = false;                       ///< every kernel, in panels; else the surviving ones, in lists
    KernelStore panels_by_output;             ///< dense: forward
    KernelStore panels_by_channel;            ///< dense: backward to the input
    KernelStore entries;                      ///< listed: both
    frequency_sum::KernelList by_output, by_channel;
    std::vector<int> used_channels;           ///< phase channels that some kernel reads
    KernelStore gradient;                     ///< positions and accumulated spectra of the weight gradient

    AlignedFloats in_spectra, out_spectra;
    std::vector<Worker> workers;
    std::size_t visited = 0;
};

void SpectralConvolution::Implementation::set_geometry() {
    axes.emplace(shape, options);
    vertical.emplace(axes->vertical, edge());
    horizontal.emplace(axes->horizontal, edge());
    kernels.emplace(shape, *axes);
    kernel_transform.emplace(*kernels, edge());
}

void SpectralConvolution::Implementation::set_kernels(const std::vector<std::uint8_t>& mask) {
    using frequency_sum::padded_rows, frequency_sum::panel_rows;
    const int outputs = shape.out_channels, width = shape.in_channels;
    // Few channels on either side leave panels half empty; then lists do as well.
    dense = mask.empty() && !keep_pruned && outputs >= 8 && channels() >= 8;
    const bool complete = keep_pruned && !entries.positions.empty();  // from the last mask
    for (KernelStore* store : {&panels_by_output, &panels_by_channel, &gradient}) *store = KernelStore();
    if (!complete) entries = KernelStore();
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
            for (int v = 0; v < channels(); ++v) gradient.positions[std::size_t(o) * padded_channels + v] = {o, v};
        lay_out(gradient);
        for (int v = 0; v < channels(); ++v) used_channels.push_back(v);
        return;
    }
    by_output.begin.push_back(0);
    for (int o = 0; o < outputs; ++o) {
        for (int v = 0; v < channels(); ++v) {
            if (kept(o, v)) {
                by_output.position.push_back(keep_pruned ? o * channels() + v : int(entries.positions.size()));
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

LaneGroups SpectralConvolution::Implementation::lane_groups(int batch, int tiles) const {
    const int stride = padded_batch(batch), preferred = TileTransform::preferred_lanes();
    return LaneGroups(batch, tiles, stride % preferred == 0 ? preferred : 8);
}

int SpectralConvolution::Implementation::groups_per_block(const LaneGroups& groups) const {
    const std::size_t bytes_per_group =
        sizeof(float) * edge() * edge() * (channels() + shape.out_channels) * std::size_t(groups.lanes);
    const int most = std::max<int>(block_bytes / bytes_per_group, least_block_lanes / groups.lanes);
    const int blocks = (groups.groups + most - 1) / most;
    return (groups.groups + blocks - 1) / blocks;
}

const KernelStore& SpectralConvolution::Implementation::updated(KernelStore& store, std::span<const float> weights) {
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

/// Memory for blocks of `lanes` lanes; either side's spectra may come in or go out.
void SpectralConvolution::Implementation::start(int outputs, int lanes, std::size_t sum_scratch) {
    const std::size_t side = layout(std::max(channels(), outputs), lanes).size();
    if (in_spectra.size() < side) in_spectra.resize(side);
    if (out_spectra.size() < side) out_spectra.resize(side);
    for (Worker& worker : workers) {
        worker.tile.resize(std::size_t(edge()) * edge() * 16);
        const std::size_t scratch = std::max(transform.scratch_floats(16), sum_scratch);
        if (worker.scratch.size() < scratch) worker.scratch.resize(scratch);
    }
}

void SpectralConvolution::Implementation::finish(std::vector<Phase>& phases) {
    for (Worker& worker : workers)
        for (int phase = 0; phase < phase_count; ++phase) {
            phases[phase].seconds += double(worker.ticks[phase]) * seconds_per_tick();
            worker.ticks[phase] = 0;
        }
}

/// gather → FFT of one group of one channel.
template <class PixelsOf>
void SpectralConvolution::Implementation::transform_in(Worker& worker, const Tensor& from, int channel,
                                                       const PixelsOf& pixels_of, const LaneGroups& groups, int group,
                                                       float* to, const SpectrumLayout& layout) {
    Stopwatch watch(worker);
    gather(from, channel, groups, group, edge(), pixels_of, worker.tile.data(), worker.rows);
    watch.lap(gather_phase);
    transform.forward(worker.tile.data(), worker.rows, groups.lanes, to, layout, worker.scratch.data());
    watch.lap(fft_phase);
}

/// inverse → scatter of one group of one channel; a channel without kernels is constant, and needs no inverse.
template <class PixelsOf>
void SpectralConvolution::Implementation::transform_out(Worker& worker, const float* from, const SpectrumLayout& layout,
                                                        const PixelsOf& pixels_of, const LaneGroups& groups, int group,
                                                        int channel, Tensor& to, std::optional<float> constant) {
    Stopwatch watch(worker);
    if (constant) {
        std::fill(worker.tile.begin(), worker.tile.end(), *constant);
    } else {
        tile_io::list_rows(edge(), groups, group, pixels_of, worker.rows);
        transform.inverse(from, layout, groups.lanes, worker.rows, worker.tile.data(), worker.scratch.data());
    }
    watch.lap(inverse_phase);
    scatter(worker.tile.data(), edge(), groups, group, pixels_of, channel, to);
    watch.lap(scatter_phase);
}

/// One bin of forward (conjugated weights, rows are output channels) or of the gradient to the input.
void SpectralConvolution::Implementation::sum_bin(Worker& worker, int bin, bool forward, const KernelStore& store,
                                                  const SpectrumLayout& in, const SpectrumLayout& out,
                                                  std::span<const float> bias) {
    Stopwatch watch(worker);
    const bool real = bin >= in.order.complex_bins;
    const float* z = in_spectra.data() + in.bin(bin);
    float* y = out_spectra.data() + out.bin(bin);
    const float* w = store.spectra.data() + store.layout->bin(bin);
    const float* w_im = real ? nullptr : w + store.layout->plane;
    const frequency_sum::Planes planes{z, z + in.plane, y, y + out.plane, std::size_t(in.lanes)};
    const auto kind = forward ? frequency_sum::Weights::conjugated : frequency_sum::Weights::plain;
    std::size_t visits = std::size_t(out.channels) * in.channels;
    if (dense)
        frequency_sum::dense(kind, out.channels, in.channels, w, w_im, planes, false, worker.scratch.data());
    else
        visits = frequency_sum::listed(kind, forward ? by_output : by_channel, w, w_im, planes);
    if (bin == in.order.complex_bins) {  // frequency zero
        visited = visits / kernels->phases;
        for (std::size_t o = 0; o < bias.size(); ++o)
            for (int l = 0; l < out.lanes; ++l) y[o * out.lanes + l] += bias[o];
    }
    watch.lap(sum_phase);
}

/// One bin of the weight gradient: Q[o][v] += Σ_lanes conj(D[o])·Z[v].
void SpectralConvolution::Implementation::gradient_bin(Worker& worker, int bin, const SpectrumLayout& in,
                                                       const SpectrumLayout& out, bool first_block) {
    Stopwatch watch(worker);
    const bool real = bin >= in.order.complex_bins;
    const float* z = in_spectra.data() + in.bin(bin);
    const float* d = out_spectra.data() + out.bin(bin);
    float* q = gradient.spectra.data() + gradient.layout->bin(bin);
    float* q_im = q + gradient.layout->plane;
    if (dense) {
        // With lanes outermost this is the forward product of D's panels with Z, lanes in the place of channels.
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
                frequency_sum::transpose(z + part * in.plane + first, in.channels, in.lanes, lanes, to, width, 4);
            }
            const frequency_sum::Planes planes{z_lanes, z_lanes + width * lanes, q, q_im, width};
            frequency_sum::dense(frequency_sum::Weights::conjugated, out.channels, int(lanes), d_panels,
                                 real ? nullptr : d_panels + rows * lanes, planes, !first_block || first > 0, scratch);
        }
        if (bin == in.order.complex_bins) visited = std::size_t(out.channels) * in.channels / kernels->phases;
    } else {
        if (first_block) std::fill_n(q, (real ? 1 : 2) * gradient.layout->plane, 0.0f);
        const std::size_t visits =
            frequency_sum::listed_gradient(by_output, d, real ? nullptr : d + out.plane, z, real ? nullptr : z + in.plane,
                                           in.lanes, q, real ? nullptr : q_im);
        if (bin == in.order.complex_bins) visited = visits / kernels->phases;
    }
    watch.lap(sum_phase);
}

SpectralConvolution::SpectralConvolution(ConvolutionShape shape, ConvolutionOptions options)
    : ConvolutionEngine(shape, options), implementation_(std::make_unique<Implementation>(shape, options)) {
    for (const char* name : phase_names) phases_.push_back({name, 0});
    implementation_->set_geometry();
    implementation_->set_kernels(mask_);
}

SpectralConvolution::~SpectralConvolution() = default;

int SpectralConvolution::tile() const {
    const bool folded = options_.mode != no_mode && options_.inverse == Inverse::folded;
    return implementation_->edge() * (folded ? 2 : 1);
}

std::size_t SpectralConvolution::visited_kernels() const {
    return implementation_->visited;
}

void SpectralConvolution::weights_changed() {
    implementation_->invalidate();
}

void SpectralConvolution::mask_changed() {
    implementation_->set_kernels(mask_);
}

void SpectralConvolution::keep_pruned_spectra(bool keep) {
    if (keep == implementation_->keep_pruned) return;
    implementation_->keep_pruned = keep;
    implementation_->entries = KernelStore();
    implementation_->set_kernels(mask_);
}

void SpectralConvolution::mode_changed() {
    implementation_->options.mode = options_.mode;
    implementation_->entries = KernelStore();
    implementation_->set_geometry();
    implementation_->set_kernels(mask_);
}

std::size_t SpectralConvolution::workspace_bytes() const {
    const Implementation& i = *implementation_;
    std::size_t floats = i.in_spectra.size() + i.out_spectra.size();
    for (const KernelStore* store : {&i.panels_by_output, &i.panels_by_channel, &i.entries, &i.gradient})
        floats += store->spectra.size();
    for (const Worker& worker : i.workers) floats += worker.tile.size() + worker.scratch.size();
    return floats * sizeof(float);
}

void SpectralConvolution::forward(const Tensor& x, Tensor& y) {
    check_forward(x, y);
    Implementation& i = *implementation_;
    const KernelStore& store = i.updated(i.dense ? i.panels_by_output : i.entries, weights_);
    const LaneGroups groups = i.lane_groups(x.batch(), i.vertical->forward_tiles * i.horizontal->forward_tiles);
    const int per_block = i.groups_per_block(groups), lanes = per_block * groups.lanes;
    i.start(shape_.out_channels, lanes,
            i.dense ? frequency_sum::dense_scratch_floats(shape_.out_channels, i.channels(), lanes) : 0);
    const int used = int(i.used_channels.size());

#pragma omp parallel num_threads(options_.threads)
    for (int first = 0; first < groups.groups; first += per_block) {
        Worker& worker = i.workers[omp_get_thread_num()];
        const int count = std::min(per_block, groups.groups - first);
        const SpectrumLayout in = i.layout(i.channels(), count * groups.lanes);
        const SpectrumLayout out = i.layout(shape_.out_channels, count * groups.lanes);
#pragma omp for schedule(dynamic, 4)
        for (int item = 0; item < used * count; ++item) {
            const int channel = i.used_channels[item / count], group = item % count;
            i.transform_in(worker, x, channel % shape_.in_channels, i.input_pixels(channel / shape_.in_channels), groups,
                           first + group, i.in_spectra.data() + in.at(channel, group * groups.lanes), in);
        }
#pragma omp for schedule(dynamic)
        for (int bin = 0; bin < in.order.bins(); ++bin) i.sum_bin(worker, bin, true, store, in, out, bias_);
#pragma omp for schedule(dynamic, 4) nowait
        for (int item = 0; item < out.channels * count; ++item) {
            const int channel = item / count, group = item % count;
            std::optional<float> constant;
            if (!i.dense && i.by_output.begin[channel] == i.by_output.begin[channel + 1])
                constant = bias_.empty() ? 0.0f : bias_[channel];
            i.transform_out(worker, i.out_spectra.data() + out.at(channel, group * groups.lanes), out,
                            i.output_pixels(), groups, first + group, channel, y, constant);
        }
    }
    i.finish(phases_);
}

void SpectralConvolution::backward_input(const Tensor& dy, Tensor& dx) {
    check_forward(dx, dy);
    Implementation& i = *implementation_;
    const KernelStore& store = i.updated(i.dense ? i.panels_by_channel : i.entries, weights_);
    const LaneGroups groups = i.lane_groups(dy.batch(), i.vertical->backward_tiles * i.horizontal->backward_tiles);
    const int per_block = i.groups_per_block(groups), lanes = per_block * groups.lanes;
    i.start(shape_.out_channels, lanes,
            i.dense ? frequency_sum::dense_scratch_floats(i.channels(), shape_.out_channels, lanes) : 0);
    if (i.kernels->phases < i.axes->phases()) dx.fill(0);  // pixels that no tap meets

#pragma omp parallel num_threads(options_.threads)
    for (int first = 0; first < groups.groups; first += per_block) {
        Worker& worker = i.workers[omp_get_thread_num()];
        const int count = std::min(per_block, groups.groups - first);
        const SpectrumLayout in = i.layout(shape_.out_channels, count * groups.lanes);
        const SpectrumLayout out = i.layout(i.channels(), count * groups.lanes);
#pragma omp for schedule(dynamic, 4)
        for (int item = 0; item < in.channels * count; ++item) {
            const int channel = item / count, group = item % count;
            if (!i.dense && i.by_output.begin[channel] == i.by_output.begin[channel + 1]) continue;
            i.transform_in(worker, dy, channel, i.gradient_pixels(), groups, first + group,
                           i.in_spectra.data() + in.at(channel, group * groups.lanes), in);
        }
#pragma omp for schedule(dynamic)
        for (int bin = 0; bin < in.order.bins(); ++bin) i.sum_bin(worker, bin, false, store, in, out, {});
#pragma omp for schedule(dynamic, 4) nowait
        for (int item = 0; item < out.channels * count; ++item) {
            const int channel = item / count, group = item % count;
            std::optional<float> constant;
            if (!i.dense && i.by_channel.begin[channel] == i.by_channel.begin[channel + 1]) constant = 0.0f;
            i.transform_out(worker, i.out_spectra.data() + out.at(channel, group * groups.lanes), out,
                            i.input_gradient_pixels(channel / shape_.in_channels), groups, first + group,
                            channel % shape_.in_channels, dx, constant);
        }
    }
    i.finish(phases_);
}

void SpectralConvolution::backward_weights(const Tensor& x, const Tensor& dy, std::span<float> dw) {
    check_backward_weights(x, dy, dw);
    Implementation& i = *implementation_;
    const LaneGroups groups = i.lane_groups(x.batch(), i.vertical->forward_tiles * i.horizontal->forward_tiles);
    const int per_block = i.groups_per_block(groups), lanes = per_block * groups.lanes;
    const std::size_t width = padded_batch(i.channels()), rows = frequency_sum::padded_rows(shape_.out_channels);
    i.start(shape_.out_channels, lanes,
            i.dense ? frequency_sum::dense_scratch_floats(shape_.out_channels, gradient_slice, width) +
                          2 * (rows + width) * gradient_slice
                    : 0);
    i.gradient.spectra.resize(i.gradient.layout->size());
    std::fill(dw.begin(), dw.end(), 0.0f);
    const int used = int(i.used_channels.size());
    const int chunks = int(i.gradient.positions.size() / KernelTransform::chunk);

#pragma omp parallel num_threads(options_.threads)
    {
        Worker& worker = i.workers[omp_get_thread_num()];
        for (int first = 0; first < groups.groups; first += per_block) {
            const int count = std::min(per_block, groups.groups - first);
            const SpectrumLayout in = i.layout(i.channels(), count * groups.lanes);
            const SpectrumLayout out = i.layout(shape_.out_channels, count * groups.lanes);
#pragma omp for schedule(dynamic, 4) nowait
            for (int item = 0; item < used * count; ++item) {
                const int channel = i.used_channels[item / count], group = item % count;
                i.transform_in(worker, x, channel % shape_.in_channels, i.input_pixels(channel / shape_.in_channels),
                               groups, first + group,
                               i.in_spectra.data() + in.at(channel, group * groups.lanes), in);
            }
#pragma omp for schedule(dynamic, 4)
            for (int item = 0; item < out.channels * count; ++item) {
                const int channel = item / count, group = item % count;
                if (!i.dense && i.by_output.begin[channel] == i.by_output.begin[channel + 1]) continue;
                i.transform_in(worker, dy, channel, i.own_gradient_pixels(), groups, first + group,
                               i.out_spectra.data() + out.at(channel, group * groups.lanes), out);
            }
#pragma omp for schedule(dynamic)
            for (int bin = 0; bin < in.order.bins(); ++bin) i.gradient_bin(worker, bin, in, out, first == 0);
        }
        Stopwatch watch(worker);
#pragma omp for schedule(dynamic, 2)
        for (int chunk = 0; chunk < chunks; ++chunk)
            i.kernel_transform->inverse(i.gradient.spectra.data(), *i.gradient.layout, i.gradient.positions,
                                        std::size_t(chunk) * KernelTransform::chunk, dw);
        watch.lap(kernel_phase);
    }
    i.finish(phases_);
}

}  // namespace fftconv
