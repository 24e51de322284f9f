#include "fftconv/network/pooling.hpp"

#include <algorithm>

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

void clear_maps(Tensor& tensor, int channel) {
    std::fill_n(tensor.pixel(channel, 0, 0), tensor.size() / tensor.channels(), 0.0f);
}

/// The pixels of a square window at (2i, 2j), row by row. A window that the border cuts repeats the last row
/// or column: that changes no maximum, and the first of equal values is never a repeated one.
template <int Window>
struct WindowOffsets {
    std::ptrdiff_t offset[Window * Window];  // floats from the channel's first pixel

    WindowOffsets(const Tensor& x, int i, int j) {
        for (int u = 0; u < Window; ++u)
            for (int v = 0; v < Window; ++v)
                offset[u * Window + v] = std::ptrdiff_t(std::min(2 * i + u, x.height() - 1) * x.width() +
                                                        std::min(2 * j + v, x.width() - 1)) *
                                         x.batch_stride();
    }
};

void assign_max(float* __restrict most, const float* __restrict x, int lanes) {
    for (int n = 0; n < lanes; ++n) most[n] = std::max(most[n], x[n]);
}

/// Where x is the maximum, what is left of the gradient goes to dx.
void take_gradient(const float* __restrict most, const float* __restrict x, float* __restrict left,
                   float* __restrict dx, int lanes) {
    for (int n = 0; n < lanes; ++n) {
        const float share = x[n] == most[n] ? left[n] : 0.0f;
        dx[n] += share;
        left[n] -= share;
    }
}

template <int Window>
void max_forward(int threads, const Tensor& x, Tensor& y) {
    const int lanes = x.batch_stride();
    for_windows(threads, y, [&](int c, int i, int j) {
        const WindowOffsets<Window> window(x, i, j);
        const float* map = x.pixel(c, 0, 0);
        float* most = y.pixel(c, i, j);
        std::copy_n(map + window.offset[0], lanes, most);
        for (int t = 1; t < Window * Window; ++t) assign_max(most, map + window.offset[t], lanes);
    });
}

template <int Window>
void max_backward(int threads, const Tensor& x, const Tensor& dy, Tensor& dx) {
    constexpr int block = 64;  // lanes at a time, on the stack
    for_windows(threads, dy, [&](int c, int i, int j) {
        if (i == 0 && j == 0) clear_maps(dx, c);
        const WindowOffsets<Window> window(x, i, j);
        for (int first = 0; first < x.batch_stride(); first += block) {
            const int lanes = std::min(block, x.batch_stride() - first);
            const float* map = x.pixel(c, 0, 0) + first;
            float most[block], left[block];
            std::copy_n(map + window.offset[0], lanes, most);
            for (int t = 1; t < Window * Window; ++t) assign_max(most, map + window.offset[t], lanes);
            std::copy_n(dy.pixel(c, i, j) + first, lanes, left);
            float* gradient = dx.pixel(c, 0, 0) + first;
            for (int t = 0; t < Window * Window; ++t)
                take_gradient(most, map + window.offset[t], left, gradient + window.offset[t], lanes);
        }
    });
}

}  // namespace

MaxPooling::MaxPooling(std::string name, MapShape input) : Layer(std::move(name), input) {
    require_window(*this);
}

MapShape MaxPooling::output_maps() const {
    return halved(input_maps());
}

void MaxPooling::forward(const Tensor& x, Tensor& y, const PassContext&) {
    max_forward<2>(threads(), x, y);
}

void MaxPooling::backward(const Tensor& x, const Tensor&, const Tensor& dy, Tensor* dx, const PassContext&) {
    if (dx) max_backward<2>(threads(), x, dy, *dx);
}

OverlappedMaxPooling::OverlappedMaxPooling(std::string name, MapShape input) : Layer(std::move(name), input) {
    require_window(*this);
}

// Windows start at 0, 2, 4, … as long as the one before leaves pixels uncovered: ⌈(size − 3) / 2⌉ + 1.
MapShape OverlappedMaxPooling::output_maps() const {
    return halved(input_maps());
}

void OverlappedMaxPooling::forward(const Tensor& x, Tensor& y, const PassContext&) {
    max_forward<3>(threads(), x, y);
}

void OverlappedMaxPooling::backward(const Tensor& x, const Tensor&, const Tensor& dy, Tensor* dx,
                                    const PassContext&) {
    if (dx) max_backward<3>(threads(), x, dy, *dx);
}

AveragePooling::AveragePooling(std::string name, MapShape input) : Layer(std::move(name), input) {
    require_window(*this);
}

MapShape AveragePooling::output_maps() const {
    return halved(input_maps());
}

void AveragePooling::forward(const Tensor& x, Tensor& y, const PassContext&) {
    const int lanes = x.batch_stride();
    for_windows(threads(), y, [&](int c, int i, int j) {
        const float *top = x.pixel(c, 2 * i, 2 * j), *bottom = x.pixel(c, 2 * i + 1, 2 * j);
        float* __restrict mean = y.pixel(c, i, j);
        for (int n = 0; n < lanes; ++n)
            mean[n] = 0.25f * ((top[n] + top[n + lanes]) + (bottom[n] + bottom[n + lanes]));
    });
}

void AveragePooling::backward(const Tensor&, const Tensor&, const Tensor& dy, Tensor* dx,
                              const PassContext&) {
    if (!dx) return;
    const int lanes = dy.batch_stride();
    for_windows(threads(), dy, [&](int c, int i, int j) {
        if (i == 0 && j == 0) clear_maps(*dx, c);
        const float* gradient = dy.pixel(c, i, j);
        float* __restrict top = dx->pixel(c, 2 * i, 2 * j), * __restrict bottom =
                                                                dx->pixel(c, 2 * i + 1, 2 * j);
        for (int n = 0; n < lanes; ++n)
            top[n] = top[n + lanes] = bottom[n] = bottom[n + lanes] = 0.25f * gradient[n];
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
        if (i == 0 && j == 0) clear_maps(*dx, c);
        std::copy_n(dy.pixel(c, i, j), dy.batch_stride(), dx->pixel(c, 2 * i + row, 2 * j + column));
    });
}

}  // namespace fftconv
