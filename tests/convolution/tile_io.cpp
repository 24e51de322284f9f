// Tiles to lanes and back, for every batch that has a way of its own, in three layouts of memory, on every
// SIMD target: against plain loops, every entry compared, and nothing written that is not wanted.
#include "fftconv/convolution/spectral/tile_io.hpp"

#include "fftconv/convolution/simd/highway_targets.hpp"
// (before Highway)
#include <hwy/highway.h>

#include <boost/test/unit_test.hpp>
#include <numeric>

#include "fftconv/convolution/spectral/spectral.hpp"
#include "fftconv/convolution/spectral/tiling.hpp"
#include "support/convolution_tester.hpp"
#include "support/targets.hpp"

using namespace fftconv;
using namespace fftconv::test;

namespace {

constexpr int height = 13, width = 18;
constexpr float untouched = -77;

/// Maps of one channel in memory that ends where they end.
struct Maps {
    enum Layout { tensor, nchw, nhwc };
    Maps(Layout layout, int batch_of) : batch(batch_of) {
        const std::ptrdiff_t stride = padded_batch(batch), channels = 3;
        floats.assign(std::size_t(height) * width * (layout == nhwc ? batch * channels : stride),
                      not_a_number);
        if (layout == tensor) view = {floats.data(), width * stride, stride, 1};
        if (layout == nchw) view = {floats.data(), width, 1, height * width};
        if (layout == nhwc) view = {floats.data() + 1, width * channels, channels, height * width * channels};
    }
    void fill(float first, float step) {
        for (int n = 0; n < batch; ++n)
            for (int i = 0; i < height; ++i)
                for (int j = 0; j < width; ++j)
                    at(i, j, n) = first + step * float((n * height + i) * width + j);
    }
    float& at(int i, int j, int n) { return view.data[i * view.row + j * view.column + n * view.image]; }
    MapView<const float> read() const { return {view.data, view.row, view.column, view.image}; }

    int batch;
    std::vector<float> floats;
    MapView<float> view;
};

struct Case {
    Case(Maps::Layout layout_of, int batch_of, int tile_of, int lanes_of, bool folded)
        : layout(layout_of),
          batch(batch_of),
          tile(tile_of),
          vertical(Axis(layer_axis(height, 3, 1, 1, 1, height, folded ? 1 : -1, folded)), tile),
          horizontal(Axis(layer_axis(width, 3, 1, 1, 1, width, folded ? 0 : -1, folded)), tile),
          groups(batch, vertical.forward_tiles * horizontal.forward_tiles, lanes_of) {}

    TilePixels pixels(const std::vector<int>& rows, const std::vector<int>& columns, int t) const {
        return {rows.data() + t / horizontal.forward_tiles * tile,
                columns.data() + t % horizontal.forward_tiles * tile};
    }
    /// visit(tile or −1, image or −1 in a padding lane, lane) for every lane of a group.
    template <class Visit>
    void for_lanes(int group, const Visit& visit) const {
        groups.for_each_tile(group, [&](int t, int lane, int image, int count, int lanes) {
            for (int n = 0; n < lanes; ++n) visit(t, n < count ? image + n : -1, lane + n);
        });
    }

    void check_gather() const {
        Maps maps(layout, batch);
        maps.fill(1, 1);
        const auto of = [&](int t) {
            return pixels(vertical.input_gather[0], horizontal.input_gather[0], t);
        };
        std::vector<float> found(std::size_t(tile) * tile * groups.lanes),
            scratch(tile_rows::scratch_floats(tile));
        std::vector<int> rows;
        for (int group = 0; group < groups.groups; ++group) {
            std::fill(found.begin(), found.end(), not_a_number);
            gather(maps.read(), groups, group, tile, of, found.data(), rows, scratch.data());
            for_lanes(group, [&](int t, int image, int lane) {
                for (int row : rows)
                    for (int j = 0; j < tile; ++j) {
                        const int i = t < 0 ? -1 : of(t).rows[row], column = t < 0 ? -1 : of(t).columns[j];
                        const float expected =
                            i < 0 || column < 0 || image < 0 ? 0.0f : maps.at(i, column, image);
                        if (found[(std::size_t(row) * tile + j) * groups.lanes + lane] != expected)
                            BOOST_FAIL(describe() << ": entry " << row << ", " << j << ", lane " << lane);
                    }
            });
        }
    }

    void check_scatter() const {
        Maps maps(layout, batch), expected(layout, batch);
        maps.fill(untouched, 0);
        expected.fill(untouched, 0);
        const auto of = [&](int t) { return pixels(vertical.output_scatter, horizontal.output_scatter, t); };
        std::vector<float> from(std::size_t(tile) * tile * groups.lanes),
            scratch(tile_rows::scratch_floats(tile));
        std::vector<int> rows;
        for (int group = 0; group < groups.groups; ++group) {
            std::iota(from.begin(), from.end(), float(1 + group * from.size()));
            scatter(from.data(), tile, groups, group, of, maps.view, rows, scratch.data());
            for_lanes(group, [&](int t, int image, int lane) {
                for (int e = 0; e < tile * tile && t >= 0 && image >= 0; ++e)
                    if (of(t).rows[e / tile] >= 0 && of(t).columns[e % tile] >= 0)
                        expected.at(of(t).rows[e / tile], of(t).columns[e % tile], image) =
                            from[std::size_t(e) * groups.lanes + lane];
            });
        }
        for (int n = 0; n < batch; ++n)
            for (int i = 0; i < height; ++i)
                for (int j = 0; j < width; ++j)
                    if (maps.at(i, j, n) != expected.at(i, j, n))
                        BOOST_FAIL(describe() << ": pixel " << i << ", " << j << " of image " << n);
    }

    std::string describe() const {
        return "layout " + std::to_string(layout) + ", batch " + std::to_string(batch) + ", tile " +
               std::to_string(tile) + ", lanes " + std::to_string(groups.lanes);
    }

    Maps::Layout layout;
    int batch, tile;
    AxisTiling vertical, horizontal;
    LaneGroups groups;
};

}  // namespace

BOOST_AUTO_TEST_CASE(tiles_reach_their_lanes_and_come_back) {
    for_each_target([] {
        for (Maps::Layout layout : {Maps::tensor, Maps::nchw, Maps::nhwc})
            for (int batch : {1, 2, 3, 4, 5, 8, 9, 16, 18})
                for (int tile : {3, 4, 5, 6, 9, 12, 20})
                    for (int lanes : {8, 16}) {
                        if (padded_batch(batch) > 8 && padded_batch(batch) % lanes != 0) continue;
                        for (bool folded : {false, true}) {
                            const Case one(layout, batch, tile, lanes, folded);
                            one.check_gather();
                            one.check_scatter();
                        }
                    }
    });
}

/// What an image holds reaches no other, whatever the tile: FFTW's (11, 13, 22, …) too.
BOOST_AUTO_TEST_CASE(images_never_mix) {
    for (int batch : {2, 5, 16})
        for (int tile : {0, 5, 8, 11, 13, 16, 17, 20, 22, 26, 33, 34}) {
            const ConvolutionShape shape{
                .batch = batch, .in_channels = 2, .height = 20, .width = 12, .kernel = 3, .padding = 1};
            SpectralConvolution engine(shape, {.tile = tile});
            engine.set_weights(random_floats(shape.weights(), 1, "weights"));
            Tensor x = tensor_of(random_floats(batch * engine.input_maps().size(), 1, "x"),
                                 engine.input_maps(), batch);
            Tensor y = engine.make_output(), expected = engine.make_output();
            engine.forward(x, expected);
            for (float value : {not_a_number, 1e20f, std::numeric_limits<float>::infinity()}) {
                x(1, 5, 5, 1) = value;
                y.fill(not_a_number);
                engine.forward(x, y);
                for (std::size_t p = 0; p < y.maps().size(); ++p)
                    for (int n = 0; n < batch; ++n)
                        if (const std::size_t i = p * y.batch_stride() + n;
                            n != 1 && y.data()[i] != expected.data()[i])
                            BOOST_FAIL("tile " << tile << ", batch " << batch << ": " << value
                                               << " in image 1 changes image " << n);
                BOOST_TEST(!(std::abs(y(0, 5, 5, 1)) < 1e15f));
            }
        }
}
