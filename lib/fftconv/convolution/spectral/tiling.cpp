#include "fftconv/convolution/spectral/tiling.hpp"

#include <algorithm>
#include <limits>
#include <numeric>

namespace fftconv {
namespace {

long ceil_divided(long value, long by) {
    return value >= 0 ? (value + by - 1) / by : -(-value / by);
}

/// Calls visit(class, phase) for all.
template <class Visit>
void for_each_image(const Axis& axis, Visit visit) {
    for (int c = 0; c < axis.classes; ++c)
        for (int s = 0; s < axis.phases; ++s) visit(c, s);
}

/// The wrap of a circular convolution of length T meets output i with tap a in entry i + a − T where i + a ≥
/// T. It must meet zeros there, and must not have missed a pixel: T entries hold all pixels, and those before
/// the first pixel are as many as wrap. For an image of H pixels with paddings p and q, T ≥ H + max(p, q).
bool fits_one_tile(const Axis& axis, int tile) {
    bool fits = tile >= axis.outputs;
    for_each_image(axis, [&](int c, int s) {
        const int reached = axis.outputs + axis.taps_of(s) - 1;  // entries that outputs read
        fits = fits && (tile >= reached ||
                        (axis.end_entry(c, s) <= tile && tile >= reached - axis.first_entry(c, s)));
    });
    return fits;
}

}  // namespace

Axis::Axis(const LayerAxis& axis) : layer(axis) {
    const int common = std::gcd(axis.step, axis.dilation);
    classes = std::min(axis.dilation / common, axis.outputs);
    tap_step = axis.step / common;
    phases = std::min(tap_step, axis.kernel);
    distance = int(std::min<long>(long(tap_step) * axis.dilation, std::numeric_limits<int>::max()));
    taps = taps_of(0);
    outputs = int(ceil_divided(axis.outputs, axis.dilation / common));
}

int Axis::pixel(int of_class, int phase, long j) const {
    const long n =
        long(distance) * j + long(layer.step) * of_class + long(layer.dilation) * phase + layer.offset;
    return n >= 0 && n < layer.length ? int(n) : -1;
}

int Axis::first_entry(int of_class, int phase) const {
    const long zero = long(layer.step) * of_class + long(layer.dilation) * phase + layer.offset;
    return int(std::max(0L, ceil_divided(-zero, distance)));
}

int Axis::end_entry(int of_class, int phase) const {
    const long zero = long(layer.step) * of_class + long(layer.dilation) * phase + layer.offset;
    const long end =
        std::min<long>(ceil_divided(layer.length - zero, distance), outputs + taps_of(phase) - 1);
    return int(std::max<long>(end, first_entry(of_class, phase)));
}

int Axis::output(int of_class, long i) const {
    const long m = i * (layer.dilation / std::gcd(layer.step, layer.dilation)) + of_class;
    if (i < 0 || m >= layer.outputs) return -1;
    if (layer.selected < 0) return int(m);
    return m % 2 == layer.selected ? int(m / 2) : -1;
}

TileCounts::TileCounts(const Axis& axis, int tile) : whole(fits_one_tile(axis, tile)) {
    int first = std::numeric_limits<int>::max(), end = 0;
    for_each_image(axis, [&](int c, int s) {
        first = std::min(first, axis.first_entry(c, s));
        end = std::max(end, axis.end_entry(c, s));
    });
    step = whole ? axis.outputs : std::min(tile - axis.taps + 1, axis.outputs);
    backward_step = tile - axis.taps + 1;
    first_backward = first;
    forward_tiles = axis.classes * ((axis.outputs + step - 1) / step);
    backward_tiles =
        axis.classes * (whole ? 1 : std::max(1, (end - first + backward_step - 1) / backward_step));
}

int whole_tile(const Axis& axis) {
    int least = axis.outputs, most = axis.outputs + axis.taps - 1;
    while (least < most) {
        const int middle = least + (most - least) / 2;
        if (fits_one_tile(axis, middle))
            most = middle;
        else
            least = middle + 1;
    }
    return std::max(least, axis.taps);
}

AxisTiling::AxisTiling(const Axis& axis, int tile_edge)
    : tile(tile_edge), input_gather(axis.phases), backward_scatter(axis.phases) {
    const TileCounts counts(axis, tile);
    forward_tiles = counts.forward_tiles;
    backward_tiles = counts.backward_tiles;
    for (int t = 0; t < forward_tiles; ++t) {
        const int per_class = forward_tiles / axis.classes, c = t / per_class;
        for (int i = 0; i < tile; ++i) {
            const long m = long(t % per_class) * counts.step + i;
            const int own = i < counts.step ? axis.output(c, m) : -1;
            output_scatter.push_back(own);
            gradient_gather.push_back(own);
            // What no output reads (a remainder of the stride) is left out, or a NaN in it would be read.
            for (int s = 0; s < axis.phases; ++s)
                input_gather[s].push_back(m < axis.end_entry(c, s) ? axis.pixel(c, s, m) : -1);
        }
    }
    std::vector<bool> written(axis.layer.length);
    for (int t = 0; t < backward_tiles; ++t) {
        const int per_class = backward_tiles / axis.classes, c = t / per_class;
        // dx_s[j] = Σ_a w_s[a] dy[j − a]: entry i of the result is j = first + i.
        const long first = counts.whole ? 0
                                        : long(counts.first_backward) +
                                              long(t % per_class) * counts.backward_step - (axis.taps - 1);
        for (int i = 0; i < tile; ++i) {
            backward_gather.push_back(axis.output(c, first + i));
            for (int s = 0; s < axis.phases; ++s) {
                const long j = first + i;
                const bool computed = (counts.whole || i >= axis.taps - 1) && j >= axis.first_entry(c, s) &&
                                      j < axis.end_entry(c, s);
                backward_scatter[s].push_back(computed ? axis.pixel(c, s, j) : -1);
                if (backward_scatter[s].back() >= 0) written[backward_scatter[s].back()] = true;
            }
        }
    }
    covers = std::find(written.begin(), written.end(), false) == written.end();
}

}  // namespace fftconv
