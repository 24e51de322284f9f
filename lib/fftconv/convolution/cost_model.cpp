#include "fftconv/convolution/cost_model.hpp"

#include <algorithm>
#include <cmath>
#include <string>
#include <utility>

#include "fftconv/convolution/spectral/few_channels.hpp"
#include "fftconv/convolution/spectral/tile_transform.hpp"
#include "fftconv/convolution/spectral/tiling.hpp"
#include "fftconv/core/error.hpp"

namespace fftconv {
namespace {

// Rough cycles of one core of Zen 3 (AVX2): those of the transforms from one run on a loaded machine, the
// rest from the phases that `fftconv-bench` prints for the table's layers. They rank tiles and engines;
// `fftconv-bench --transforms` prints those of the transforms beside what a machine measures.
constexpr double copy_cycles = 8;               // gather or scatter of one entry of eight lanes
constexpr double multiply_adds_per_cycle = 13;  // of 16: eight lanes in each of two units
constexpr double listed_multiply_adds_per_cycle = 7;
constexpr double spatial_multiply_adds_per_cycle = 11, spatial_listed_multiply_adds_per_cycle = 9;
constexpr double store_cycles = 8;  // an entry of an output's spectrum of eight lanes, stored and read again
constexpr double kernel_cycles_per_bin = 1;  // of T², per kernel

bool folded(const ConvolutionOptions& options) {
    return options.mode != no_mode && options.inverse == Inverse::folded;
}

/// Taps of a phase kernel in any mode, so that the tile need not change with K.
int most_taps(const ConvolutionShape& shape, ConvolutionOptions options) {
    if (!folded(options)) return shape.kernel;
    int most = 1;
    for (options.mode = 0; options.mode < 4; ++options.mode)
        most = std::max(most, LayerAxes(shape, options).vertical.taps);
    return most;
}

}  // namespace

double transform_cycles(int tile) {
    switch (tile) {
        case 2:
            return 140;
        case 3:
            return 200;
        case 4:
            return 240;
        case 5:
            return 340;
        case 6:
            return 410;
        case 7:
            return 780;
        case 8:
            return 650;
        case 9:
            return 1050;
        case 10:
            return 1250;
        case 12:
            return 1500;
        case 14:
            return 3700;
        case 15:
            return 3000;
        case 16:
            return 2750;
        case 18:
            return 4600;
        case 20:
            return 5900;
        case 21:
            return 8600;
        case 24:
            return 8500;
        case 25:
            return 10000;
        case 28:
            return 15000;
        case 30:
            return 15000;
        case 32:
            return 17400;
        case 35:
            return 29000;
        case 36:
            return 21500;
        default:
            return 2.5 * tile * tile * 2 * std::log2(tile) * 8 / 3;  // FFTW
    }
}

TileCost tile_cost(const ConvolutionShape& shape, const ConvolutionOptions& options, int tile) {
    const LayerAxes axes(shape, options);
    const AxisTiling vertical(axes.vertical, tile), horizontal(axes.horizontal, tile);
    const double lanes =
        double(padded_batch(shape.batch)) * vertical.forward_tiles * horizontal.forward_tiles;
    const double vectors = std::ceil(lanes / 8);
    const double channels = double(axes.phases()) * shape.in_channels, outputs = shape.out_channels;
    const double bins = double(tile) * tile;
    TileCost cost;
    cost.transforms = (channels + outputs) * vectors * (transform_cycles(tile) + copy_cycles * bins);
    // Few channels: outputs' spectra need not be stored if a group's stay in cache.
    if (channels < few_channels::dense_channels &&
        !few_channels::fit(int(channels), tile, TileTransform::preferred_lanes()))
        cost.transforms += outputs * vectors * bins * store_cycles;
    const double kernels = channels * outputs * options.surviving;
    const bool listed = options.surviving < 1;
    // Real multiply-adds per lane and bin of the T².
    const double products = !listed && channels >= 8 && outputs >= 8 ? 1.5 : 2;
    cost.sum = products * bins * kernels * vectors * 8 /
               (listed ? listed_multiply_adds_per_cycle : multiply_adds_per_cycle);
    if (!options.fixed_weights) cost.kernels = kernel_cycles_per_bin * bins * kernels;
    return cost;
}

namespace {

/// The edges of transformed tiles that have a transform of our own, the cheapest first.
std::vector<int> ranked_edges(const ConvolutionShape& shape, const ConvolutionOptions& options) {
    std::vector<std::pair<double, int>> costs;
    for (int edge = std::max(2, most_taps(shape, options)); edge <= 36; ++edge)
        if (has_vector_transform(edge)) costs.push_back({tile_cost(shape, options, edge).total(), edge});
    std::sort(costs.begin(), costs.end());
    std::vector<int> edges;
    for (const auto& [cost, edge] : costs) edges.push_back(edge);
    return edges;
}

}  // namespace

int choose_tile(const ConvolutionShape& shape, const ConvolutionOptions& options) {
    const int least = most_taps(shape, options);
    if (options.tile) {
        const int tile = folded(options) ? options.tile / 2 : options.tile;
        if (tile < least || (folded(options) && options.tile % 2 != 0))
            throw ShapeError("convolution: tile: expected " +
                             std::string(folded(options) ? "an even size, " : "") + "at least " +
                             std::to_string(folded(options) ? 2 * least : least) + ", found " +
                             std::to_string(options.tile));
        return tile;
    }
    return ranked_edges(shape, options).front();
}

std::vector<int> ranked_tiles(const ConvolutionShape& shape, const ConvolutionOptions& options) {
    std::vector<int> tiles = ranked_edges(shape, options);
    if (folded(options))
        for (int& tile : tiles) tile *= 2;
    return tiles;
}

double spatial_cost(const ConvolutionShape& shape, const ConvolutionOptions& options) {
    const int step = folded(options) ? 2 : 1;
    const double pixels = double(shape.output_height() / step) * (shape.output_width() / step);
    const double vectors = std::ceil(padded_batch(shape.batch) / 8.0);
    const double products =
        pixels * shape.in_channels * shape.kernel * shape.kernel * vectors * 8;  // per output
    if (options.surviving < 1)
        return products * options.surviving * shape.out_channels / spatial_listed_multiply_adds_per_cycle;
    return products * ((shape.out_channels + 3) / 4 * 4) / spatial_multiply_adds_per_cycle;  // four at a time
}

double surviving_share(std::span<const std::uint8_t> mask) {
    if (mask.empty()) return 1;
    return 1 - double(std::count(mask.begin(), mask.end(), 0)) / double(mask.size());
}

std::string choose_engine(const ConvolutionShape& shape, const ConvolutionOptions& options) {
    if (options.tile) return "fft";
    const double spectral = tile_cost(shape, options, choose_tile(shape, options)).total();
    return spatial_cost(shape, options) < spectral ? "spatial" : "fft";
}

}  // namespace fftconv
