#include "fftconv/convolution/im2col.hpp"

#include <cstring>

#include "fftconv/convolution/axis.hpp"

namespace fftconv::im2col {
namespace {

constexpr std::size_t block_floats = 1 << 18;  // 1 MiB of columns: a block stays in a second-level cache
constexpr int least_blocks = 8;                // so that a few threads share even a small layer evenly
constexpr int least_columns = 64;              // fewer, and the product spends its time packing the weights

/// Copies `count` pixels, `step` floats apart, without their padding lanes.
void copy_pixels(const ConstMapsView& view, const float* source, std::ptrdiff_t step, int count,
                 float* target) {
    const int batch = view.batch;
    if (view.image_stride == 1 && step == batch) {
        std::memcpy(target, source, sizeof(float) * count * batch);
    } else if (view.image_stride == 1) {
        for (int i = 0; i < count; ++i, source += step, target += batch)
            std::memcpy(target, source, sizeof(float) * batch);
    } else {
        for (int n = 0; n < batch; ++n)
            for (int i = 0; i < count; ++i)
                target[std::size_t(i) * batch + n] = source[n * view.image_stride + i * step];
    }
}

int divided_up(int value, int by) {
    return value <= 0 ? 0 : (value + by - 1) / by;
}

/// One tap of one channel over part of a lattice row: j = first … last − 1. Pixels outside the map are zero.
void gather_row(const ConstMapsView& source, int channel, const Lattice& lattice, const Lattice::Tap& tap,
                int i, int first, int last, float* columns) {
    const int step = lattice.source_step.horizontal, batch = source.batch;
    const int h = lattice.source_step.vertical * i + tap.dh;
    int from = last, to = last;  // the j that read inside the map
    if (h >= 0 && h < source.height) {
        from = std::clamp(divided_up(-tap.dw, step), first, last);
        to = std::clamp(divided_up(source.width - tap.dw, step), from, last);
    }
    std::fill_n(columns, std::size_t(from - first) * batch, 0.0f);
    if (from < to)
        copy_pixels(source, source.pixel(channel, h, step * from + tap.dw), step * source.column_stride,
                    to - from, columns + std::size_t(from - first) * batch);
    std::fill_n(columns + std::size_t(to - first) * batch, std::size_t(last - to) * batch, 0.0f);
}

}  // namespace

Lattice output_lattice(const ConvolutionShape& shape, const ConvolutionOptions& options) {
    const LayerAxis rows = vertical_axis(shape, options), columns = horizontal_axis(shape, options);
    Lattice lattice{
        .height = rows.outputs, .width = columns.outputs, .source_step = {rows.step, columns.step}};
    for (int u = 0; u < rows.kernel; ++u)
        for (int v = 0; v < columns.kernel; ++v)
            lattice.taps.push_back({u * columns.kernel + v, rows.first_pixel(u), columns.first_pixel(v)});
    return lattice;
}

Lattice input_lattice(const ConvolutionShape& shape, const ConvolutionOptions& options, int row, int column) {
    const Lattice outputs = output_lattice(shape, options);
    const PerAxis step = outputs.source_step;
    Lattice lattice{.height = divided_up(shape.height - row, step.vertical),
                    .width = divided_up(shape.width - column, step.horizontal),
                    .target_step = step,
                    .row = row,
                    .column = column};
    for (const Lattice::Tap& tap : outputs.taps)
        if ((row - tap.dh) % step.vertical == 0 && (column - tap.dw) % step.horizontal == 0)
            lattice.taps.push_back(
                {tap.index, (row - tap.dh) / step.vertical, (column - tap.dw) / step.horizontal});
    return lattice;
}

Partition::Partition(int positions, std::size_t rows, int lanes) : positions_(positions) {
    const int cached = int(block_floats / std::max<std::size_t>(1, rows * lanes));
    const int wanted =
        std::max((positions + least_blocks - 1) / least_blocks, (least_columns + lanes - 1) / lanes);
    size_ = std::clamp(std::min(cached, wanted), 1, std::max(1, positions));
}

void gather(const ConstMapsView& source, const std::vector<int>& channels, const Lattice& lattice,
            PositionBlock block, float* columns) {
    for (int channel : channels)
        for (const Lattice::Tap& tap : lattice.taps)
            for (int p = block.first; p < block.last;) {
                const int i = p / lattice.width, first = p % lattice.width;
                const int last = std::min(lattice.width, first + block.last - p);
                gather_row(source, channel, lattice, tap, i, first, last, columns);
                columns += std::size_t(last - first) * source.batch;
                p += last - first;
            }
}

void scatter(const float* product, const std::vector<int>& channels, std::span<const float> bias,
             const Lattice& lattice, PositionBlock block, const MapsView& target) {
    const std::ptrdiff_t image = target.image_stride;
    for (int channel : channels) {
        const float added = bias.empty() ? 0.0f : bias[channel];
        for (int p = block.first; p < block.last; ++p, product += target.batch) {
            float* pixel =
                target.pixel(channel, lattice.target_step.vertical * (p / lattice.width) + lattice.row,
                             lattice.target_step.horizontal * (p % lattice.width) + lattice.column);
            for (int n = 0; n < target.batch; ++n) pixel[n * image] = product[n] + added;
            for (int n = target.batch; n < target.lanes; ++n) pixel[n * image] = 0;
        }
    }
}

}  // namespace fftconv::im2col
