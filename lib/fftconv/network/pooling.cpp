#include "fftconv/network/pooling.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>

#include "fftconv/core/error.hpp"
#include "fftconv/core/threads.hpp"

namespace fftconv {
namespace {

void require_window(const Layer& layer) {
    const MapShape maps = layer.input_maps();
    if (maps.height < 2 || maps.width < 2)
        throw ShapeError(layer.name() + ": expected maps of at least 2 x 2 pixels, found " +
                         std::to_string(maps.height) + " x " + std::to_string(maps.width));
}

MapShape halved(MapShape maps) {
    return {maps.channels, maps.height / 2, maps.width / 2};
}

/// body(pixel of y, pixel (2i, 2j) of x) for every window of every channel, as places (c, i, j).
template <class Body>
void for_windows(int threads, const Tensor& y, const Body& body) {
    parallel_for(threads, y.channels(), [&](int c) {
        for (int i = 0; i < y.height(); ++i)
            for (int j = 0; j < y.width(); ++j) body(c, i, j);
    });
}

void clear_map(Tensor& tensor, int channel) {
    std::fill_n(tensor.pixel(channel, 0, 0), tensor.size() / tensor.channels(), 0.0f);
}

/// Zeroes the last odd row and column, which belong to no 2×2 window.
void clear_unpooled(Tensor& tensor, int channel) {
    const int lanes = tensor.batch_stride(), height = tensor.height(), width = tensor.width();
    if (width % 2)
        for (int row = 0; row < height; ++row)
            std::fill_n(tensor.pixel(channel, row, width - 1), lanes, 0.0f);
    if (height % 2) std::fill_n(tensor.pixel(channel, height - 1, 0), std::size_t(width) * lanes, 0.0f);
}

/// The four pixels of a 2×2 window, or their gradients: top left, top right, bottom left, bottom right.
template <class Float>
struct Window {
    Float *a, *b, *c, *d;
    template <class TensorType>
    Window(TensorType& x, int channel, int i, int j)
        : a(x.pixel(channel, 2 * i, 2 * j)),
          b(a + x.batch_stride()),
          c(a + std::ptrdiff_t(x.width()) * x.batch_stride()),
          d(c + x.batch_stride()) {}
};

/// Where `holds`, the gradient, else zero. By a mask of bits: of a conditional expression GCC makes a branch
/// here, which is mispredicted half of the time.
float where(bool holds, float gradient) {
    return std::bit_cast<float>(std::bit_cast<std::int32_t>(gradient) & -std::int32_t(holds));
}

/// The larger one; NaN when either is. Of equal values the first.
inline float larger(float a, float b) {
    const float ordered = a < b ? b : a;
    return b == b ? ordered : b;
}

void max_of_window(const Window<const float>& x, float* __restrict most, int lanes) {
    for (int n = 0; n < lanes; ++n) most[n] = larger(larger(x.a[n], x.b[n]), larger(x.c[n], x.d[n]));
}

/// The whole gradient to the first of the largest values of a window.
void gradient_of_max(const Window<const float>& x, const float* __restrict dy, const Window<float>& dx,
                     int lanes) {
    const Window<float> to = dx;
#pragma GCC ivdep
    for (int n = 0; n < lanes; ++n) {
        const float most = std::max(std::max(x.a[n], x.b[n]), std::max(x.c[n], x.d[n])), gradient = dy[n];
        const float first = where(x.a[n] == most, gradient);
        const float second = where(x.b[n] == most, gradient - first);
        const float third = where(x.c[n] == most, gradient - first - second);
        to.a[n] = first;
        to.b[n] = second;
        to.c[n] = third;
        to.d[n] = gradient - first - second - third;
    }
}

/// The pixels of a 3×3 window at (2i, 2j), row by row, as floats from the map's first pixel. A window that
/// the border cuts repeats the last row or column: that changes no maximum, and the first of equal values is
/// never a repeated one.
struct OverlappedWindow {
    std::ptrdiff_t offset[9];
    OverlappedWindow(const Tensor& x, int i, int j) {
        for (int u = 0; u < 3; ++u)
            for (int v = 0; v < 3; ++v)
                offset[u * 3 + v] = (std::ptrdiff_t(std::min(2 * i + u, x.height() - 1)) * x.width() +
                                     std::min(2 * j + v, x.width() - 1)) *
                                    x.batch_stride();
    }
};

void assign_max(float* __restrict most, const float* __restrict x, int lanes) {
    for (int n = 0; n < lanes; ++n) most[n] = larger(most[n], x[n]);
}

/// Where x is the maximum, what is left of the gradient goes to dx.
void take_gradient(const float* __restrict most, const float* __restrict x, float* __restrict left,
                   float* __restrict dx, int lanes) {
    for (int n = 0; n < lanes; ++n) {
        const float share = where(x[n] == most[n], left[n]);
        dx[n] += share;
        left[n] -= share;
    }
}

/// A row of maxima of 3×3 windows of few images, from the rows of x: first down the columns, whole vectors of
/// pixels and images, then across, where the last window may lack a column.
void max_of_rows(const std::array<const float*, 3>& rows, int width, int lanes, float* most, int windows) {
    constexpr int block = 32, few = 4;  // windows at a time; images
    float tall[(2 * block + 1) * few];
    for (int first = 0; first < windows; first += block) {
        const int count = std::min(block, windows - first),
                  columns = std::min(2 * count + 1, width - 2 * first);
        const float *a = rows[0] + 2 * first * lanes, *b = rows[1] + 2 * first * lanes,
                    *c = rows[2] + 2 * first * lanes;
        for (int k = 0; k < columns * lanes; ++k) tall[k] = larger(larger(a[k], b[k]), c[k]);
        for (int j = 0; j < count; ++j) {
            const float* left = tall + 2 * j * lanes;
            const float* right = tall + std::min(2 * j + 2, columns - 1) * lanes;
            for (int n = 0; n < lanes; ++n) *most++ = larger(larger(left[n], left[lanes + n]), right[n]);
        }
    }
}

constexpr int lane_block = 64;  // lanes at a time, on the stack

void overlapped_gradient(const float* map, const OverlappedWindow& window, const float* dy, float* dx,
                         int lanes) {
    float most[lane_block], left[lane_block];
    std::copy_n(map + window.offset[0], lanes, most);
    for (int t = 1; t < 9; ++t) assign_max(most, map + window.offset[t], lanes);
    std::copy_n(dy, lanes, left);
    for (int t = 0; t < 9; ++t)
        take_gradient(most, map + window.offset[t], left, dx + window.offset[t], lanes);
}

/// Adds a pooling, unless something is done already that comes behind it.
bool pool(Epilogue& epilogue, Pooling pooling, int window = 2, int pixel = 0) {
    if (epilogue.pooling != Pooling::none || epilogue.relu) return false;
    epilogue.pooling = pooling;
    epilogue.window = window;
    epilogue.pixel = pixel;
    return true;
}

}  // namespace

MaxPooling::MaxPooling(std::string name, MapShape input) : Layer(std::move(name), input) {
    require_window(*this);
}

MapShape MaxPooling::output_maps() const {
    return halved(input_maps());
}

bool MaxPooling::follow(Epilogue& epilogue, const PassContext&) {
    return pool(epilogue, Pooling::maximum);
}

void MaxPooling::forward(const Tensor& x, Tensor& y, const PassContext&) {
    for_windows(threads(), y, [&](int c, int i, int j) {
        max_of_window({x, c, i, j}, y.pixel(c, i, j), x.batch_stride());
    });
}

void MaxPooling::backward(const Tensor& x, const Tensor&, const Tensor& dy, Tensor* dx, const PassContext&) {
    if (!dx) return;
    for_windows(threads(), dy, [&](int c, int i, int j) {
        if (i == 0 && j == 0) clear_unpooled(*dx, c);
        gradient_of_max({x, c, i, j}, dy.pixel(c, i, j), {*dx, c, i, j}, x.batch_stride());
    });
}

OverlappedMaxPooling::OverlappedMaxPooling(std::string name, MapShape input) : Layer(std::move(name), input) {
    require_window(*this);
}

// Windows start at 0, 2, 4, … as long as the one before leaves pixels uncovered: ⌈(size − 3) / 2⌉ + 1.
MapShape OverlappedMaxPooling::output_maps() const {
    return halved(input_maps());
}

bool OverlappedMaxPooling::follow(Epilogue& epilogue, const PassContext&) {
    return pool(epilogue, Pooling::maximum, 3);
}

void OverlappedMaxPooling::forward(const Tensor& x, Tensor& y, const PassContext&) {
    const int lanes = x.batch_stride();
    if (lanes < 8)
        return parallel_for(threads(), y.channels(), [&](int c) {
            for (int i = 0; i < y.height(); ++i)
                max_of_rows({x.pixel(c, 2 * i, 0), x.pixel(c, 2 * i + 1, 0),
                             x.pixel(c, std::min(2 * i + 2, x.height() - 1), 0)},
                            x.width(), lanes, y.pixel(c, i, 0), y.width());
        });
    for_windows(threads(), y, [&](int c, int i, int j) {
        const OverlappedWindow window(x, i, j);
        const float* map = x.pixel(c, 0, 0);
        float* most = y.pixel(c, i, j);
        std::copy_n(map + window.offset[0], lanes, most);
        for (int t = 1; t < 9; ++t) assign_max(most, map + window.offset[t], lanes);
    });
}

void OverlappedMaxPooling::backward(const Tensor& x, const Tensor&, const Tensor& dy, Tensor* dx,
                                    const PassContext&) {
    if (!dx) return;
    for_windows(threads(), dy, [&](int c, int i, int j) {
        if (i == 0 && j == 0) clear_map(*dx, c);
        const OverlappedWindow window(x, i, j);
        for (int first = 0; first < x.batch_stride(); first += lane_block)
            overlapped_gradient(x.pixel(c, 0, 0) + first, window, dy.pixel(c, i, j) + first,
                                dx->pixel(c, 0, 0) + first, std::min(lane_block, x.batch_stride() - first));
    });
}

AveragePooling::AveragePooling(std::string name, MapShape input) : Layer(std::move(name), input) {
    require_window(*this);
}

MapShape AveragePooling::output_maps() const {
    return halved(input_maps());
}

bool AveragePooling::follow(Epilogue& epilogue, const PassContext&) {
    return pool(epilogue, Pooling::average);
}

void AveragePooling::forward(const Tensor& x, Tensor& y, const PassContext&) {
    for_windows(threads(), y, [&](int c, int i, int j) {
        const Window<const float> from(x, c, i, j);
        float* __restrict mean = y.pixel(c, i, j);
        for (int n = 0; n < x.batch_stride(); ++n)
            mean[n] = 0.25f * ((from.a[n] + from.b[n]) + (from.c[n] + from.d[n]));
    });
}

void AveragePooling::backward(const Tensor&, const Tensor&, const Tensor& dy, Tensor* dx,
                              const PassContext&) {
    if (!dx) return;
    for_windows(threads(), dy, [&](int c, int i, int j) {
        if (i == 0 && j == 0) clear_unpooled(*dx, c);
        const Window<float> to(*dx, c, i, j);
        const float* gradient = dy.pixel(c, i, j);
#pragma GCC ivdep
        for (int n = 0; n < dy.batch_stride(); ++n)
            to.a[n] = to.b[n] = to.c[n] = to.d[n] = 0.25f * gradient[n];
    });
}

RandomPooling::RandomPooling(std::string name, MapShape input, int mode) : Layer(std::move(name), input) {
    require_window(*this);
    set_mode(mode);
}

MapShape RandomPooling::output_maps() const {
    return halved(input_maps());
}

void RandomPooling::set_mode(int mode) {
    if (mode < 0 || mode > 3)
        throw ShapeError(name() + ": mode: expected 0 to 3, found " + std::to_string(mode));
    mode_ = mode;
}

bool RandomPooling::follow(Epilogue& epilogue, const PassContext&) {
    return pool(epilogue, Pooling::pixel, 2, mode_);
}

void RandomPooling::forward(const Tensor& x, Tensor& y, const PassContext&) {
    const int row = mode_ / 2, column = mode_ % 2;
    for_windows(threads(), y, [&](int c, int i, int j) {
        std::copy_n(x.pixel(c, 2 * i + row, 2 * j + column), x.batch_stride(), y.pixel(c, i, j));
    });
}

void RandomPooling::backward(const Tensor&, const Tensor&, const Tensor& dy, Tensor* dx, const PassContext&) {
    if (!dx) return;
    const int row = mode_ / 2, column = mode_ % 2;
    for_windows(threads(), dy, [&](int c, int i, int j) {
        if (i == 0 && j == 0) clear_map(*dx, c);
        std::copy_n(dy.pixel(c, i, j), dy.batch_stride(), dx->pixel(c, 2 * i + row, 2 * j + column));
    });
}

}  // namespace fftconv
