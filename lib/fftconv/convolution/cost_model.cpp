#include "fftconv/convolution/cost_model.hpp"

#include <algorithm>
#include <cmath>
#include <string>
#include <utility>

#include "fftconv/convolution/spatial/spatial.hpp"
#include "fftconv/convolution/spectral/composite_size.hpp"
#include "fftconv/convolution/spectral/few_channels.hpp"
#include "fftconv/convolution/spectral/kernel_spectra.hpp"
#include "fftconv/convolution/spectral/tile_sizes.hpp"
#include "fftconv/convolution/spectral/tile_transform.hpp"
#include "fftconv/convolution/spectral/tiling.hpp"
#include "fftconv/convolution/spectral/vector_transform.hpp"
#include "fftconv/core/error.hpp"

namespace fftconv {
namespace {

// Rough cycles of one core of Zen 4, AVX2 and AVX-512 alike (it takes two cycles for the vectors of the
// latter), from the phases that `fftconv-bench` prints for the table's layers. They rank tiles and engines;
// `fftconv-bench --transforms` prints those of the transforms next to what a machine measures.
constexpr double copy_cycles = 8;               // gather or scatter of one entry of eight lanes
constexpr double store_cycles = 8;              // of its spectrum, stored and read again
constexpr double slot_store_cycles = 10;        // the same in slots, for a sparse sum
constexpr double tile_cycles = 700;             // of eight lanes, however small the tile
constexpr double multiply_adds_per_cycle = 13;  // of 16: eight lanes in each of two units
constexpr double sparse_multiply_adds_per_cycle = 9;
constexpr double spatial_multiply_adds_per_cycle = 13, spatial_listed_multiply_adds_per_cycle = 8;
// A training step in the cost of forward: the spectra of x and dy serve two sums each.
constexpr double transforms_of_step = 2, sums_of_step = 3;
// Gradients to the weights without transforms, in the cost of forward; of few images, since they have vectors
// of their lanes.
constexpr double spatial_weights = 1, spatial_listed_weights = 1.8, spatial_weights_of_few = 6;
constexpr double single_vector_factor =
    2;                               // of sums of eight lanes: four rows of one vector wait for each other
constexpr double pack_cycles = 2.5;  // of eight floats, packed for a spatial sum
// Of eight floats that a kernel of a list reads, where the maps of a block of lanes are larger than what a
// core can expect of the third-level cache.
constexpr double listed_fetch_cycles = 4, third_level_bytes = 8 << 20;
constexpr double listed_lanes = 36;   // of a block: 24 or 48
constexpr double fetch_cycles = 0.6;  // of a kernel and bin of T², whose spectrum a block of lanes waits for
constexpr double block_lanes = 64;
constexpr double kernel_cycles_per_bin = 1;  // of T², per kernel

constexpr double twiddle_cycles = 6;             // of an entry of a composite size, eight lanes
constexpr double cached_tile_bytes = 512 << 10;  // transforms of larger tiles leave the second-level cache,
constexpr double uncached_factor = 1.6;          // and take so much longer

/// Cycles of one complex transform along an axis, eight lanes: of a T × T tile, T of them are done.
double line_cycles(int size) {
    for (const TileSize& known : tile_sizes)
        if (known.tile == size) return known.cycles / size;
    if (!has_vector_transform(size)) return 2.5 * size * 2 * std::log2(size) * 8 / 3;  // FFTW
    const int first = vector_transform::composite_size(size).first, second = size / first;
    return second * line_cycles(first) + first * line_cycles(second) + twiddle_cycles * size;
}

/// One pixel, one tap, one output: nothing to transform.
bool is_trivial(const Axis& axis) {
    return axis.layer.length == 1 && axis.layer.kernel == 1 && axis.layer.outputs == 1;
}

/// Sizes to choose from along an axis: those that hold the taps, up to the first that holds all of it, and
/// what is a little larger (36, whose transform is cheaper than that of 35).
std::vector<int> candidates(const Axis& axis) {
    if (is_trivial(axis)) return {1};
    const int whole = whole_tile(axis), least = std::max(2, axis.taps);
    std::vector<int> sizes;
    const auto add = [&](int size) {
        if (size >= least && (sizes.empty() || sizes.back() < whole || size <= 1.1 * whole))
            sizes.push_back(size);
    };
    for (const TileSize& size : tile_sizes) add(size.tile);
    for (int size : composite_tiles) add(size);
    if (sizes.empty()) sizes.push_back(std::max(least, whole));
    return sizes;
}

}  // namespace

double transform_cycles(const PerAxis& tile) {
    const double rows = tile.vertical > 1 ? tile.vertical / 2.0 : 1, columns = tile.horizontal / 2.0;
    const double cycles = rows * line_cycles(tile.horizontal) + columns * line_cycles(tile.vertical);
    return cycles * (double(tile.area()) * 8 * sizeof(float) > cached_tile_bytes ? uncached_factor : 1);
}

TileCost tile_cost(const ConvolutionShape& shape, const ConvolutionOptions& options, const PerAxis& tile) {
    const LayerAxes axes(shape, options);
    const TileCounts vertical(axes.vertical, tile.vertical), horizontal(axes.horizontal, tile.horizontal);
    const double lanes =
        double(padded_batch(shape.batch)) * vertical.forward_tiles * horizontal.forward_tiles;
    const double vectors = std::ceil(lanes / 8);
    const double channels = double(axes.phases()) * shape.in_channels, outputs = shape.out_channels;
    const double bins = double(tile.area()), cycles = transform_cycles(tile);
    TileCost cost;
    // Few channels: spectra need not be stored if a group's stay in cache.
    const int own = int(channels) / shape.groups, stride = padded_batch(shape.batch),
              preferred = TileTransform::preferred_lanes();
    const bool whole = stride > 8 ? stride % preferred == 0 : lanes > 8;
    const bool stored = own >= few_channels::dense_channels ||
                        !few_channels::fit(own, tile, whole ? preferred : 8, shape.groups);
    const bool sparse = options.surviving < 1;
    const double of_entry = copy_cycles + (!stored ? 0 : sparse ? slot_store_cycles : store_cycles);
    cost.transforms = (channels + outputs) * vectors * (cycles + tile_cycles + of_entry * bins);
    const double kernels = double(axes.phases()) * double(shape.kernels()) * options.surviving;
    // Real multiply-adds per lane and bin of the area.
    const double products = !sparse && channels / shape.groups >= 8 && outputs / shape.groups >= 8 ? 1.5 : 2;
    const double rate = sparse         ? sparse_multiply_adds_per_cycle
                        : vectors == 1 ? multiply_adds_per_cycle / single_vector_factor
                                       : multiply_adds_per_cycle;
    cost.sum = products * bins * kernels * vectors * 8 / rate +
               fetch_cycles * bins * kernels * std::ceil(vectors * 8 / block_lanes);
    const bool small = std::max(axes.vertical.taps, axes.horizontal.taps) <= KernelTransform::most_taps;
    if (!options.fixed_weights) cost.kernels = kernels * (small ? kernel_cycles_per_bin * bins : cycles / 8);
    return cost;
}

namespace {

/// The edges of transformed tiles that have a transform of our own, the cheapest first.
std::vector<PerAxis> ranked_edges(const ConvolutionShape& shape, const ConvolutionOptions& options) {
    const LayerAxes axes(shape, options);
    const bool square = axes.vertical.layer == axes.horizontal.layer;
    std::vector<std::pair<double, PerAxis>> costs;
    for (int vertical : candidates(axes.vertical))
        for (int horizontal : candidates(axes.horizontal))
            if (!square || vertical == horizontal)
                costs.push_back(
                    {tile_cost(shape, options, {vertical, horizontal}).total(), {vertical, horizontal}});
    std::stable_sort(costs.begin(), costs.end(),
                     [](const auto& a, const auto& b) { return a.first < b.first; });
    std::vector<PerAxis> edges;
    for (const auto& [cost, edge] : costs) edges.push_back(edge);
    return edges;
}

int given_edge(const Axis& axis, int tile) {
    if (is_trivial(axis)) return 1;
    const int step = axis.tap_step;
    if (tile % step != 0 || tile / step < axis.taps)
        throw ShapeError("convolution: tile: expected " +
                         std::string(step == 1   ? ""
                                     : step == 2 ? "an even size, "
                                                 : "a multiple of " + std::to_string(step) + ", ") +
                         "at least " + std::to_string(axis.taps * step) + ", found " + std::to_string(tile));
    return tile / step;
}

}  // namespace

PerAxis choose_tile(const ConvolutionShape& shape, const ConvolutionOptions& options) {
    if (options.tile == 0) return ranked_edges(shape, options).front();
    const LayerAxes axes(shape, options);
    return {given_edge(axes.vertical, options.tile.vertical),
            given_edge(axes.horizontal, options.tile.horizontal)};
}

std::vector<PerAxis> ranked_tiles(const ConvolutionShape& shape, const ConvolutionOptions& options) {
    const LayerAxes axes(shape, options);
    std::vector<PerAxis> tiles = ranked_edges(shape, options);
    for (PerAxis& tile : tiles)
        tile = {tile.vertical * axes.vertical.tap_step, tile.horizontal * axes.horizontal.tap_step};
    return tiles;
}

double spectral_macs_per_kernel(const ConvolutionShape& shape, const ConvolutionOptions& options) {
    const PerAxis edge = choose_tile(shape, options);
    const LayerAxes axes(shape, options);
    const double tiles = double(TileCounts(axes.vertical, edge.vertical).forward_tiles) *
                         TileCounts(axes.horizontal, edge.horizontal).forward_tiles;
    return 2.0 * double(edge.area()) * tiles * axes.phases();
}

namespace {

/// One side of the layer from the other: outputs of a group from its channels, or the gradient to these from
/// that to those.
struct SpatialSum {
    double rows, columns;  // of the result
    double source_pixels;  // of a map
    int targets, sources;  // channels of a group
    double taps;           // that a pixel of the result meets in a source, but for the borders
};

/// Pairs of outputs and pixels along an axis that a tap joins.
double joined_pairs(const LayerAxis& axis) {
    double count = 0;
    for (int tap = 0; tap < axis.kernel; ++tap)
        count += std::max(0, axis.last_output(tap) - axis.first_output(tap));
    return count;
}

SpatialSum forward_sum(const ConvolutionShape& shape, const ConvolutionOptions& options) {
    const double rows = vertical_axis(shape, options).outputs,
                 columns = horizontal_axis(shape, options).outputs;
    return {rows,
            columns,
            double(shape.height) * shape.width,
            shape.group_outputs(),
            shape.group_channels(),
            double(shape.kernel.area())};
}

SpatialSum input_gradient_sum(const ConvolutionShape& shape, const ConvolutionOptions& options) {
    const LayerAxis vertical = vertical_axis(shape, options), horizontal = horizontal_axis(shape, options);
    return {double(shape.height),
            double(shape.width),
            double(vertical.outputs) * horizontal.outputs,
            shape.group_channels(),
            shape.group_outputs(),
            double(shape.kernel.area()) / (double(vertical.step) * horizontal.step)};
}

/// A sum over lists of kernels: products, and maps that come from far.
double listed_cycles(const SpatialSum& sum, const ConvolutionShape& shape,
                     const ConvolutionOptions& options) {
    const double lanes = padded_batch(shape.batch), whole = TileTransform::preferred_lanes();
    // Half of a vector takes as long as a whole one.
    const double vectors = lanes < 8 ? 1 : std::ceil(lanes / whole) * whole / 8;
    const double kernels = double(shape.kernels()) * options.surviving;
    const double products =
        joined_pairs(vertical_axis(shape, options)) * joined_pairs(horizontal_axis(shape, options));
    const double source_bytes =
        sizeof(float) * sum.source_pixels * sum.sources * shape.groups * std::min(lanes, listed_lanes);
    const double fetch = source_bytes > third_level_bytes ? listed_fetch_cycles : 0;
    return kernels * vectors *
           (products * 8 / spatial_listed_multiply_adds_per_cycle + sum.rows * sum.columns * fetch);
}

double spatial_sum_cycles(const SpatialSum& sum, const ConvolutionShape& shape,
                          const ConvolutionOptions& options) {
    const double lanes = padded_batch(shape.batch), vectors = std::ceil(lanes / 8);
    const double terms = sum.sources * sum.taps;                           // of a pixel of the result
    if (options.surviving == 1 && sum.targets == 1 && sum.sources == 1) {  // depthwise
        const double read = sum.source_pixels, written = sum.rows * sum.columns;
        return shape.groups * vectors *
               (written * terms * 8 / spatial_multiply_adds_per_cycle + copy_cycles * (read + written));
    }
    if (options.surviving < 1 || spatial_sum::few_targets(sum.targets, terms))
        return listed_cycles(sum, shape, options);
    // Columns and lanes are one run of floats; outputs of a group are done four at a time.
    const double runs = sum.rows * std::ceil(sum.columns * lanes / 8);
    const int targets = (sum.targets + 3) / 4 * 4;
    const double rate =
        spatial_multiply_adds_per_cycle / (sum.columns * lanes > 8 ? 1 : single_vector_factor);
    return shape.groups * runs * terms *
           (targets * 8 / rate + (terms > spatial_sum::packed_depth ? pack_cycles : 0));
}

}  // namespace

double spatial_cost(const ConvolutionShape& shape, const ConvolutionOptions& options) {
    const double forward = spatial_sum_cycles(forward_sum(shape, options), shape, options);
    if (options.fixed_weights) return forward;
    return forward * (1 + (shape.batch < 8         ? spatial_weights_of_few
                           : options.surviving < 1 ? spatial_listed_weights
                                                   : spatial_weights)) +
           spatial_sum_cycles(input_gradient_sum(shape, options), shape, options);
}

double surviving_share(std::span<const std::uint8_t> mask) {
    if (mask.empty()) return 1;
    return 1 - double(std::count(mask.begin(), mask.end(), 0)) / double(mask.size());
}

std::string choose_engine(const ConvolutionShape& shape, const ConvolutionOptions& options) {
    if (options.tile != 0 || !spatial_can(shape, options)) return "fft";
    const TileCost spectral = tile_cost(shape, options, choose_tile(shape, options));
    const double spatial = spatial_cost(shape, options);
    if (options.fixed_weights) return spatial < spectral.total() ? "spatial" : "fft";
    const double spectral_of_step =
        transforms_of_step * spectral.transforms + sums_of_step * (spectral.sum + spectral.kernels);
    return spatial < spectral_of_step ? "spatial" : "fft";
}

}  // namespace fftconv
