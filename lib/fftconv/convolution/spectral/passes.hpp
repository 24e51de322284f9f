#pragma once
#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "fftconv/convolution/engine.hpp"
#include "fftconv/convolution/spectral/frequency_sum.hpp"
#include "fftconv/convolution/spectral/kernel_order.hpp"
#include "fftconv/convolution/spectral/kernel_spectra.hpp"
#include "fftconv/convolution/spectral/tile_io.hpp"
#include "fftconv/convolution/spectral/tile_pooling.hpp"
#include "fftconv/convolution/spectral/tile_transform.hpp"
#include "fftconv/convolution/spectral/tiling.hpp"
#include "fftconv/core/lap_timer.hpp"

namespace fftconv {

/// The timed phases of the spectral engine.
enum PhaseIndex {
    gather_phase,
    fft_phase,
    sum_phase,
    inverse_phase,
    scatter_phase,
    kernel_phase,
    phase_count
};
inline constexpr const char* phase_names[phase_count] = {"gather",  "FFT",     "sum",
                                                         "inverse", "scatter", "kernel spectra"};

/// Lanes that the weight gradient sums in one go. Sums of sums lose less than one long sum.
inline constexpr int gradient_slice = 256;

/// One thread's scratch and its seconds per phase.
struct alignas(64) Worker {
    AlignedFloats tile, lines, scratch;  ///< lines: of gather and scatter
    AlignedFloats input, output;         ///< of a layer with few channels: spectra of a group
    std::vector<int> rows, output_rows;
    std::array<double, phase_count> seconds{};
};

/// Adds the time since the last call (or construction) to the phase given.
class PhaseTimer {
  public:
    explicit PhaseTimer(Worker& worker) : worker_(worker) {}
    void restart() { timer_.lap(); }
    void lap(PhaseIndex phase) { worker_.seconds[phase] += timer_.lap(); }

  private:
    Worker& worker_;
    LapTimer timer_;
};

/// What the shape and the mode determine.
struct Geometry {
    Geometry(const ConvolutionShape& shape, const ConvolutionOptions& options, const TileTransform& tiles)
        : axes(shape, options),
          vertical(axes.vertical, tiles.height()),
          horizontal(axes.horizontal, tiles.width()),
          kernels(shape, axes),
          transform(kernels, tiles) {}

    LayerAxes axes;
    AxisTiling vertical, horizontal;
    PhaseKernels kernels;
    KernelTransform transform;
};

/// The groups of lanes of a pass, cut into blocks whose spectra stay in cache between FFT, sum and inverse.
struct Blocks {
    LaneGroups groups;
    int per_block;      ///< groups of a block, at most
    bool kept = false;  ///< the spectra of x of every block have a place of their own

    int count() const { return (groups.groups + per_block - 1) / per_block; }
    int lanes() const { return per_block * groups.lanes; }
};

/// One block, and how its spectra lie in memory on either side of the layer.
struct Block {
    const LaneGroups& groups;
    int first, count;  ///< groups
    SpectrumLayout input, output;
    std::size_t input_begin;  ///< of its spectra of x or dx among all
};

/// Every element of a view, its padding lanes included.
void fill(const MapsView& view, float value);

/// The layer as it is for the present mode and mask, its caches, and the steps that the three passes of
/// SpectralConvolution are made of: what one thread does for one group of lanes, or for one bin.
struct SpectralLayer {
    SpectralLayer(const ConvolutionShape& shape_of, const ConvolutionOptions& options_of);

    // What the shape, the mode and the mask determine.
    // These throw before they change anything.
    void set_mode(int mode, const std::vector<std::uint8_t>& mask);
    void set_kernels(const std::vector<std::uint8_t>& mask);
    void keep_pruned_spectra(bool keep, const std::vector<std::uint8_t>& mask);
    void invalidate() { order.invalidate(); }

    // Pixels of a tile on each side of each pass.
    TilePixels pixels(const std::vector<int>& rows, const std::vector<int>& columns, int tiles_across,
                      int tile) const {
        return {rows.data() + tile / tiles_across * transform.height(),
                columns.data() + tile % tiles_across * transform.width()};
    }
    auto input_pixels(int phase) const {
        return [this, &rows = geometry.vertical.input_gather[geometry.kernels.phase_y[phase]],
                &columns = geometry.horizontal.input_gather[geometry.kernels.phase_x[phase]]](int tile) {
            return pixels(rows, columns, geometry.horizontal.forward_tiles, tile);
        };
    }
    auto output_pixels() const {
        return [this](int tile) {
            return pixels(geometry.vertical.output_scatter, geometry.horizontal.output_scatter,
                          geometry.horizontal.forward_tiles, tile);
        };
    }
    auto own_gradient_pixels() const {
        return [this](int tile) {
            return pixels(geometry.vertical.gradient_gather, geometry.horizontal.gradient_gather,
                          geometry.horizontal.forward_tiles, tile);
        };
    }
    auto gradient_pixels() const {
        return [this](int tile) {
            return pixels(geometry.vertical.backward_gather, geometry.horizontal.backward_gather,
                          geometry.horizontal.backward_tiles, tile);
        };
    }
    auto input_gradient_pixels(int phase) const {
        return [this, &rows = geometry.vertical.backward_scatter[geometry.kernels.phase_y[phase]],
                &columns = geometry.horizontal.backward_scatter[geometry.kernels.phase_x[phase]]](int tile) {
            return pixels(rows, columns, geometry.horizontal.backward_tiles, tile);
        };
    }

    int channels() const { return geometry.kernels.channels(); }
    int forward_tiles() const { return geometry.vertical.forward_tiles * geometry.horizontal.forward_tiles; }
    int backward_tiles() const {
        return geometry.vertical.backward_tiles * geometry.horizontal.backward_tiles;
    }
    /// Does one tile hold the image? Then the gradients have the tiles of forward.
    bool one_tile() const { return forward_tiles() == 1 && backward_tiles() == 1; }
    /// Does the gradient to the weights take the tiles of that to the input, of which it then needs only the
    /// pixels of x that a tile computes? It is the same sum, and the spectra of dy serve both.
    bool gradients_share_tiles() const { return backward_tiles() <= forward_tiles(); }
    Blocks forward_blocks(int batch) const { return blocks(batch, forward_tiles()); }
    Blocks backward_blocks(int batch) const { return blocks(batch, backward_tiles()); }
    Blocks gradient_blocks(int batch) const {
        return gradients_share_tiles() ? backward_blocks(batch) : forward_blocks(batch);
    }
    Blocks blocks(int batch, int tiles) const;
    bool fills_lines(int batch_stride) const;
    /// Should forward leave the spectra of x for the gradient to the weights, and can it?
    bool keeps_input(const Blocks& blocks) const;
    Block block(const Blocks& blocks, int i) const;

    /// The kernel spectra for a sum, made anew if weights, mask or mode have changed.
    const KernelStore& updated(Toward side, std::span<const float> weights);
    /// Of the spectra of a block: planes, or with a mask slots.
    SpectrumLayout layout(int of_channels, int lanes) const {
        return {transform.bins(), of_channels, lanes, order.dense ? 0 : sparse_sum::slot_lanes()};
    }
    SpectrumLayout planes(int of_channels, int lanes) const { return {transform.bins(), of_channels, lanes}; }
    /// Floats of scratch of a thread in sum_bin and in gradient_bin.
    std::size_t sum_scratch(Toward side, const Blocks& blocks) const;
    std::size_t gradient_scratch() const;
    /// Makes memory for the blocks of a pass.
    void start(const Blocks& blocks, std::size_t scratch);
    void start_workers(std::size_t scratch);
    void make_scratch(std::size_t floats);
    void finish(std::vector<Phase>& phases);
    /// Zeros the pixels of dx that no tap meets, and no tile writes.
    void clear_untouched(const MapsView& dx) const {
        if (!geometry.vertical.covers || !geometry.horizontal.covers) fill(dx, 0);
    }

    // The steps of a pass, each shared out to the threads.
    void read_input(const ConstMapsView& x, const Block& block);           ///< x → input_spectra
    void read_gradient_input(const ConstMapsView& x, const Block& block);  ///< for the weight gradient
    template <class PixelsOf>
    void read_maps(const ConstMapsView& x, const Block& block, const PixelsOf& pixels_of_phase);
    /// dy → output_spectra, a tile's own pixels (forward's tiles) or those of its neighbours too
    /// (backward's).
    void read_output_gradient(const ConstMapsView& dy, const Block& block, bool own,
                              const Epilogue& epilogue);
    /// Every bin of forward or of the gradient to the input.
    void sum_bins(Toward side, const KernelStore& store, const Block& block, std::span<const float> bias);
    /// output_spectra → y, with what follows.
    void write_output(const MapsView& y, const Block& block, std::span<const float> bias,
                      const Epilogue& epilogue);
    /// A worker's tile → y.
    void put_output(Worker& worker, const LaneGroups& groups, int group, int channel, const MapsView& y,
                    const Epilogue& epilogue);
    /// Can the scatter pool the outputs, and the gather bring the gradient back?
    bool pools(const Epilogue& epilogue, const Blocks& blocks) const;
    void write_input_gradient(const MapsView& dx, const Block& block);  ///< input_spectra → dx
    void write_weight_gradient(std::span<float> dw);                    ///< order.gradient → dw
    /// Few input channels, in all or in each group of the layer, whose spectra fit into a core's own cache
    /// for a group of lanes: forward goes from gather to scatter group by group, two outputs at a time, and
    /// stores no output spectra.
    bool few_channels(const Blocks& blocks) const;
    void start_few_channels(const Blocks& blocks);
    /// entries → output_weights.
    void pack_outputs();
    /// Outputs first … last − 1, all of one group of the layer, for one group of lanes; `kept`: where to
    /// leave the spectra of x, or null.
    void forward_group(Worker& worker, const ConstMapsView& x, const MapsView& y, const LaneGroups& groups,
                       int group, int first, int last, std::span<const float> bias, const Epilogue& epilogue,
                       const Block* kept);
    // One bin, by one thread.
    void sum_bin(Worker& worker, int bin, Toward side, const KernelStore& store, const Block& block,
                 std::span<const float> bias);
    void gradient_bin(Worker& worker, int bin, const Block& block);
    /// The thread's next complex bin, as a rule, or −1.
    int next_bin(int bin) const { return bin + 1 < transform.bins().complex_bins ? bin + 1 : -1; }
    // Both return the kernels that they visited.
    std::size_t sum_bin_densely(Worker& worker, int bin, Toward side, const KernelStore& store,
                                const Block& block);
    std::size_t sum_bin_sparsely(Worker& worker, int bin, Toward side, const KernelStore& store,
                                 const Block& block);
    std::size_t gradient_bin_densely(Worker& worker, int bin, const Block& block);
    std::size_t gradient_bin_sparsely(int bin, const Block& block);

    /// gather() fills the worker's tile.
    template <class Gather>
    void transform_in(Worker& worker, const Gather& gather_tile, int lanes, float* to,
                      const SpectrumLayout& layout, std::size_t next);
    template <class PixelsOf>
    void gather_map(Worker& worker, const ConstMapsView& from, int channel, const PixelsOf& pixels_of,
                    const LaneGroups& groups, int group);
    template <class PixelsOf>
    void transform_out(Worker& worker, const float* from, const SpectrumLayout& layout,
                       const PixelsOf& pixels_of, const LaneGroups& groups, int group,
                       std::optional<float> constant, std::size_t next);
    template <class PixelsOf>
    void gather_gradient(Worker& worker, const ConstMapsView& dy, int channel, const PixelsOf& pixels_of,
                         const LaneGroups& groups, int group, const Epilogue& epilogue);
    bool without_kernels(Toward side, int row) const { return !order.dense && order.list(side).empty(row); }

    ConvolutionShape shape;
    ConvolutionOptions options;
    TileTransform transform;
    Geometry geometry;

    /// Spectra of x or dx of a block.
    float* input_of(const Block& block) { return input_spectra.data() + block.input_begin; }

    bool keep_input = false;   ///< for the gradients that follow
    ConstMapsView kept_input;  ///< the x whose spectra input_spectra still holds, if any

    bool keep_pruned = false;  ///< entries hold every kernel; masks change the lists alone
    KernelOrder order;         ///< of the present mask

    AlignedFloats input_spectra, output_spectra;  ///< of a block, or of x of all: of x or dx, of y or dy
    std::vector<Worker> workers;
    std::size_t visited = 0;
};

/// gather → FFT of one group of one channel.
template <class Gather>
void SpectralLayer::transform_in(Worker& worker, const Gather& gather_tile, int lanes, float* to,
                                 const SpectrumLayout& layout, std::size_t next) {
    PhaseTimer timer(worker);
    gather_tile();
    timer.lap(gather_phase);
    transform.forward(worker.tile.data(), worker.rows, lanes, to, layout, worker.scratch.data(), to + next);
    timer.lap(fft_phase);
}

template <class PixelsOf>
void SpectralLayer::gather_map(Worker& worker, const ConstMapsView& from, int channel,
                               const PixelsOf& pixels_of, const LaneGroups& groups, int group) {
    gather(map_of(from, channel), groups, group, PerAxis(transform.height(), transform.width()), pixels_of,
           worker.tile.data(), worker.rows, worker.lines.data());
}

/// The gradient to the convolution's outputs, from that to what is pooled of them.
template <class PixelsOf>
void SpectralLayer::gather_gradient(Worker& worker, const ConstMapsView& dy, int channel,
                                    const PixelsOf& pixels_of, const LaneGroups& groups, int group,
                                    const Epilogue& epilogue) {
    if (epilogue.pooling == Pooling::none) return gather_map(worker, dy, channel, pixels_of, groups, group);
    tile_io::list_rows(transform.height(), groups, group, pixels_of, worker.rows);
    const std::size_t row_floats = std::size_t(transform.width()) * groups.lanes;
    for (int row : worker.rows) std::fill_n(worker.tile.data() + row * row_floats, row_floats, 0.0f);
    groups.for_each_tile(group, [&](int tile, int lane, int image, int count, int images) {
        if (tile < 0) return;
        const TilePixels pixels = pixels_of(tile);
        const float* first = dy.pixel(channel, 0, 0) + image;
        tile_pooling::unpool({first, epilogue.winners ? epilogue.winners + (first - dy.data) : nullptr,
                              dy.row_stride, dy.column_stride},
                             {pixels.rows, transform.height(), dy.height},
                             {pixels.columns, transform.width(), dy.width}, epilogue, count,
                             {worker.tile.data() + lane, transform.width(), groups.lanes, images});
    });
}

/// inverse of one group of one channel, to the worker's tile; a channel without kernels is constant, and
/// needs none.
template <class PixelsOf>
void SpectralLayer::transform_out(Worker& worker, const float* from, const SpectrumLayout& layout,
                                  const PixelsOf& pixels_of, const LaneGroups& groups, int group,
                                  std::optional<float> constant, std::size_t next) {
    PhaseTimer timer(worker);
    if (constant) {
        std::fill(worker.tile.begin(), worker.tile.end(), *constant);
    } else {
        tile_io::list_rows(transform.height(), groups, group, pixels_of, worker.rows);
        transform.inverse(from, layout, groups.lanes, worker.rows, worker.tile.data(), worker.scratch.data(),
                          from + next);
    }
    timer.lap(inverse_phase);
}

}  // namespace fftconv
