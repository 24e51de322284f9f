#include "bench/transforms.hpp"

#include <spdlog/fmt/fmt.h>

#include <algorithm>
#include <memory>
#include <numeric>

#include "common/markdown_table.hpp"
#include "fftconv/convolution/cost_model.hpp"
#include "fftconv/convolution/spectral/tile_transform.hpp"
#include "fftconv/core/random.hpp"

namespace fftconv {
namespace {

constexpr int lanes = 8, largest = 81, unit = 16;
constexpr int calls = 8;  // of a run, so that a clock's reading is nothing next to it

/// A forward and an inverse transform of one tile.
struct Transforms {
    explicit Transforms(int tile)
        : transform(tile),
          layout(BinOrder(tile), 1, lanes),
          rows(tile),
          pixels(std::size_t(tile) * tile * lanes),
          result(pixels.size()),
          spectrum(layout.size()),
          scratch(transform.scratch_floats(lanes)) {
        std::iota(rows.begin(), rows.end(), 0);
        RandomStream random(1, "benchmark transforms");
        std::generate(pixels.begin(), pixels.end(), [&] { return random.uniform(-1, 1); });
    }
    void run() {
        for (int call = 0; call < calls; ++call) {
            transform.forward(pixels.data(), rows, lanes, spectrum.data(), layout, scratch.data());
            transform.inverse(spectrum.data(), layout, lanes, rows, result.data(), scratch.data());
        }
    }

    TileTransform transform;
    SpectrumLayout layout;
    std::vector<int> rows;
    AlignedFloats pixels, result, spectrum, scratch;
};

}  // namespace

std::string transform_table(const RoundOptions& options) {
    std::vector<int> tiles;
    std::vector<Contender> contenders;
    for (int tile = 2; tile <= largest; ++tile) {
        if (!has_vector_transform(tile)) continue;
        auto transforms = std::make_shared<Transforms>(tile);
        tiles.push_back(tile);
        contenders.push_back({.name = std::to_string(tile), .run = [transforms] { transforms->run(); }});
    }
    const std::vector<Timing> timings = time_in_turn(contenders, options);
    const std::size_t of_unit = std::size_t(std::find(tiles.begin(), tiles.end(), unit) - tiles.begin());
    MarkdownTable table({"tile", "ns", "of 16 x 16", "in the model"});
    for (std::size_t i = 0; i < tiles.size(); ++i)
        table.add({std::to_string(tiles[i]),
                   fmt::format("{:.0f}", 1e9 * quartiles(timings[i].rounds).median / (2 * calls)),
                   fmt::format("{:.2f}", ratio(timings[i].rounds, timings[of_unit].rounds).median),
                   fmt::format("{:.2f}", transform_cycles(tiles[i]) / transform_cycles(unit))});
    return table.text();
}

}  // namespace fftconv
