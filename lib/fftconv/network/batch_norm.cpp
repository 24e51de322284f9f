#include "fftconv/network/batch_norm.hpp"

#include <algorithm>
#include <cmath>

#include "fftconv/convolution/spectral/tile_pooling.hpp"
#include "fftconv/core/error.hpp"
#include "fftconv/core/threads.hpp"
#include "fftconv/network/scratch.hpp"

namespace fftconv {
namespace {

/// One channel: `pixels` times `stride` lanes, of which `valid` count.
struct Channel {
    std::size_t pixels;
    int stride, valid;

    double count() const { return double(pixels) * valid; }
};

/// Σ term(i) over the valid lanes of a channel, i = pixel · stride + lane: one float sum per lane, the lanes
/// gathered in double.
template <class Term>
double valid_sum(const Channel& channel, const Term& term) {
    constexpr int block = 64;
    double total = 0;
    for (int first = 0; first < channel.valid; first += block) {
        const int lanes = std::min(block, channel.valid - first);
        float partial[block] = {};
        for (std::size_t p = 0; p < channel.pixels; ++p)
            for (int n = 0; n < lanes; ++n) partial[n] += term(p * channel.stride + first + n);
        for (int n = 0; n < lanes; ++n) total += partial[n];
    }
    return total;
}

Channel channel_of(const Tensor& x, const PassContext& context) {
    return {std::size_t(x.height()) * x.width(), x.batch_stride(), context.valid_of(x)};
}

double channel_sum(const Channel& channel, const float* from) {
    return valid_sum(channel, [from](std::size_t i) { return from[i]; });
}

double channel_squares(const Channel& channel, const Tensor& x, int c, float mean) {
    return valid_sum(channel, [from = x.pixel(c, 0, 0), mean](std::size_t i) {
        return (from[i] - mean) * (from[i] - mean);
    });
}

/// Σ dy · x̂.
double channel_product(const Channel& channel, const Tensor& x, const float* dy, int c, float mean,
                       float inverse) {
    return valid_sum(channel, [in = x.pixel(c, 0, 0), dy, mean, inverse](std::size_t i) {
        return dy[i] * ((in[i] - mean) * inverse);
    });
}

std::size_t channel_floats(const Tensor& x) {
    return x.size() / x.channels();
}

/// A channel behind a pooling, of which `first` is the first float.
template <class Float, class Byte>
tile_pooling::Pooled<Float, Byte> pooled_channel(Float* first, const Tensor& maps, int c, Byte* winners) {
    return {first, winners ? winners + c * channel_floats(maps) : nullptr,
            std::ptrdiff_t(maps.width()) * maps.batch_stride(), maps.batch_stride()};
}

/// What a pooling and a ReLU make of a channel's outputs, which lie as in a tensor.
void pool_channel(const float* outputs, MapShape maps, int c, const Epilogue& epilogue, Tensor& y) {
    tile_pooling::pool({outputs, maps.width, y.batch_stride(), y.batch_stride()}, {maps.height, y.height()},
                       {maps.width, y.width()}, epilogue,
                       pooled_channel(y.pixel(c, 0, 0), y, c, epilogue.winners));
}

void rectify_gradient(const float* y, const float* dy, std::size_t floats, float* __restrict dx) {
    for (std::size_t i = 0; i < floats; ++i) {
        const float gradient = dy[i];  // read whether wanted or not: a mispredicted branch costs more
        dx[i] = y[i] <= 0 ? 0.0f : gradient;
    }
}

/// The gradient to a channel's outputs, as they lie in a tensor, from that to what a pooling and a ReLU made
/// of them: dy itself, or in memory of the calling thread.
const float* gradient_of_outputs(MapShape maps, const Tensor& y, const Tensor& dy, int c,
                                 const Epilogue& epilogue) {
    const bool pooled = epilogue.pooling != Pooling::none;
    const std::size_t rectified = epilogue.relu ? channel_floats(dy) : 0,
                      unpooled = pooled ? std::size_t(maps.height) * maps.width * dy.batch_stride() : 0;
    const float* gradient = dy.pixel(c, 0, 0);
    float* memory = scratch(rectified + unpooled);
    if (epilogue.relu) {
        rectify_gradient(y.pixel(c, 0, 0), gradient, rectified, memory);
        gradient = memory;
    }
    if (!pooled) return gradient;
    float* outputs = memory + rectified;
    std::fill_n(outputs, unpooled, 0.0f);
    const int lanes = dy.batch_stride();
    tile_pooling::unpool(pooled_channel(gradient, dy, c, static_cast<const std::uint8_t*>(epilogue.winners)),
                         {maps.height, dy.height()}, {maps.width, dy.width()}, epilogue, lanes,
                         {outputs, maps.width, lanes, lanes});
    return outputs;
}

}  // namespace

BatchNorm::BatchNorm(std::string name, MapShape input)
    : FusingLayer(std::move(name), input),
      scale_("scale", {input.channels}, 1, false),
      shift_("shift", {input.channels}, 0, false),
      running_mean_{"running_mean", {input.channels}, std::vector<float>(input.channels, 0.0f)},
      running_variance_{"running_variance", {input.channels}, std::vector<float>(input.channels, 1.0f)},
      mean_(input.channels),
      inverse_deviation_(input.channels) {}

BatchNorm::Affine BatchNorm::inference() const {
    Affine affine;
    for (int c = 0; c < input_maps().channels; ++c) {
        affine.factor.push_back(scale_.value[c] / std::sqrt(running_variance_.value[c] + epsilon));
        affine.offset.push_back(shift_.value[c] - running_mean_.value[c] * affine.factor[c]);
    }
    return affine;
}

void BatchNorm::set_mean(int c, double sum, double count) {
    mean_[c] = float(sum / count);
}

void BatchNorm::require_values(double count) const {
    if (count < 2)
        throw ShapeError(name() +
                         ": batch normalisation: expected at least 2 values of each map to train on, " +
                         "found 1: a batch of one image");
}

void BatchNorm::set_variance(int c, double squares, double count, float share) {
    inverse_deviation_[c] = float(1 / std::sqrt(squares / count + epsilon));
    const auto move = [share](float& running, float of_batch) {
        running = share == 1 ? of_batch : running + share * (of_batch - running);  // of the old one no trace
    };
    move(running_mean_.value[c], mean_[c]);
    // The running variance estimates the population's, hence count − 1 (Ioffe and Szegedy, Algorithm 2).
    move(running_variance_.value[c], float(squares / (count - 1)));
}

float BatchNorm::factor(int c) const {
    return scale_.value[c] * inverse_deviation_[c];
}

float BatchNorm::offset(int c) const {
    return shift_.value[c] - mean_[c] * factor(c);
}

void BatchNorm::normalise(int c, const Tensor& x, bool relu, float* __restrict y) const {
    const float factor = this->factor(c), offset = this->offset(c);
    const float* from = x.pixel(c, 0, 0);
    const auto fill = [&](const auto& of) {
        for (std::size_t i = 0; i < channel_floats(x); ++i) y[i] = of(factor * from[i] + offset);
    };
    if (relu)
        fill([](float value) { return value <= 0 ? 0.0f : value; });
    else
        fill([](float value) { return value; });
}

void BatchNorm::use_running(int c) {
    mean_[c] = running_mean_.value[c];
    inverse_deviation_[c] = 1 / std::sqrt(running_variance_.value[c] + epsilon);
}

bool BatchNorm::follow(Epilogue& epilogue, const PassContext& context) {
    // Of a chosen pixel it makes no difference which of the two comes first.
    const bool behind = epilogue.pooling == Pooling::none || epilogue.pooling == Pooling::pixel;
    if (!context.forward_only || context.training || context.recalibration > 0 || !epilogue.factor.empty() ||
        epilogue.relu || !behind)
        return false;
    followed_ = {};
    for (int c = 0; c < input_maps().channels; ++c) {
        use_running(c);
        followed_.factor.push_back(factor(c));
        followed_.offset.push_back(offset(c));
    }
    epilogue.factor = followed_.factor;
    epilogue.offset = followed_.offset;
    return true;
}

bool BatchNorm::fuses(const Epilogue& epilogue, int batch) {
    return epilogue.factor.empty() && padded_batch(batch) % 8 == 0;
}

void BatchNorm::forward_fused(const Tensor& x, Tensor& y, const PassContext& context,
                              const Epilogue& epilogue) {
    const Channel channel = channel_of(x, context);
    const bool of_batch = context.training || context.recalibration > 0;
    const float share = context.recalibration > 0 ? 1.0f / float(context.recalibration) : running_share;
    if (of_batch) require_values(channel.count());
    parallel_for(threads(), x.channels(), [&](int c) {
        if (of_batch) {
            set_mean(c, channel_sum(channel, x.pixel(c, 0, 0)), channel.count());
            set_variance(c, channel_squares(channel, x, c, mean_[c]), channel.count(), share);
        } else {
            use_running(c);
        }
        if (epilogue.pooling == Pooling::none) return normalise(c, x, epilogue.relu, y.pixel(c, 0, 0));
        float* outputs = scratch(channel_floats(x));
        normalise(c, x, false, outputs);
        pool_channel(outputs, x.maps(), c, epilogue, y);
    });
}

/// In training mean and deviation depend on x too: dx = f (dy − mean(dy) − x̂ · mean(dy · x̂)).
void BatchNorm::input_gradient(int c, const Tensor& x, const float* dy, Tensor& dx,
                               const PassContext& context, double sum, double product, double count) const {
    const Channel channel = channel_of(x, context);
    const float mean = mean_[c], inverse = inverse_deviation_[c], factor = scale_.value[c] * inverse;
    const float slope = context.training ? float(product / count) * inverse * factor : 0.0f;
    const float offset = context.training ? mean * slope - float(sum / count) * factor : 0.0f;
    for (std::size_t p = 0; p < channel.pixels; ++p) {
        const float *x_lanes = x.pixel(c, 0, 0) + p * channel.stride, *dy_lanes = dy + p * channel.stride;
        float* __restrict dx_lanes = dx.pixel(c, 0, 0) + p * channel.stride;
        for (int n = 0; n < channel.valid; ++n)
            dx_lanes[n] = factor * dy_lanes[n] - slope * x_lanes[n] + offset;
        std::fill(dx_lanes + channel.valid, dx_lanes + channel.stride, 0.0f);
    }
}

void BatchNorm::backward_fused(const Tensor& x, const Tensor& y, const Tensor& dy, Tensor* dx,
                               const PassContext& context, const Epilogue& epilogue) {
    const Channel channel = channel_of(x, context);
    parallel_for(threads(), x.channels(), [&](int c) {
        const float* gradient =
            epilogue.empty() ? dy.pixel(c, 0, 0) : gradient_of_outputs(x.maps(), y, dy, c, epilogue);
        const double sum = channel_sum(channel, gradient);
        const double product = channel_product(channel, x, gradient, c, mean_[c], inverse_deviation_[c]);
        shift_.gradient[c] = float(sum);
        scale_.gradient[c] = float(product);
        if (dx) input_gradient(c, x, gradient, *dx, context, sum, product, channel.count());
    });
}

void BatchNorm::sum(const Tensor& x, const PassContext& context, std::span<double> sums) const {
    parallel_for(threads(), x.channels(),
                 [&](int c) { sums[c] = channel_sum(channel_of(x, context), x.pixel(c, 0, 0)); });
}

void BatchNorm::set_mean(std::span<const double> sums, double count) {
    for (int c = 0; c < input_maps().channels; ++c) set_mean(c, sums[c], count);
}

void BatchNorm::sum_squares(const Tensor& x, const PassContext& context, std::span<double> squares) const {
    parallel_for(threads(), x.channels(),
                 [&](int c) { squares[c] = channel_squares(channel_of(x, context), x, c, mean_[c]); });
}

void BatchNorm::set_variance(std::span<const double> squares, double count) {
    require_values(count);
    for (int c = 0; c < input_maps().channels; ++c) set_variance(c, squares[c], count, running_share);
}

void BatchNorm::normalise(const Tensor& x, Tensor& y) const {
    parallel_for(threads(), x.channels(), [&](int c) { normalise(c, x, false, y.pixel(c, 0, 0)); });
}

void BatchNorm::sum_gradients(const Tensor& x, const Tensor& dy, const PassContext& context,
                              std::span<double> sums, std::span<double> products) const {
    parallel_for(threads(), x.channels(), [&](int c) {
        const Channel channel = channel_of(x, context);
        sums[c] = channel_sum(channel, dy.pixel(c, 0, 0));
        products[c] = channel_product(channel, x, dy.pixel(c, 0, 0), c, mean_[c], inverse_deviation_[c]);
    });
}

void BatchNorm::set_gradients(std::span<const double> sums, std::span<const double> products) {
    std::copy(sums.begin(), sums.end(), shift_.gradient.begin());
    std::copy(products.begin(), products.end(), scale_.gradient.begin());
}

void BatchNorm::input_gradient(const Tensor& x, const Tensor& dy, Tensor& dx, const PassContext& context,
                               std::span<const double> sums, std::span<const double> products,
                               double count) const {
    parallel_for(threads(), x.channels(), [&](int c) {
        input_gradient(c, x, dy.pixel(c, 0, 0), dx, context, sums[c], products[c], count);
    });
}

}  // namespace fftconv
