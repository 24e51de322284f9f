#include "fftconv/network/batch_norm.hpp"

#include <algorithm>
#include <cmath>

#include "fftconv/core/threads.hpp"

namespace fftconv {
namespace {

/// One channel: `pixels` times `stride` lanes, of which `valid` count.
struct Channel {
    std::size_t pixels;
    int stride, valid;
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

}  // namespace

BatchNorm::BatchNorm(std::string name, MapShape input)
    : Layer(std::move(name), input),
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

void BatchNorm::forward(const Tensor& x, Tensor& y, const PassContext& context) {
    const Channel channel = channel_of(x, context);
    const double count = double(channel.pixels) * channel.valid;
    parallel_for(threads(), x.channels(), [&](int c) {
        const float* from = x.pixel(c, 0, 0);
        if (context.training) {
            const float mean = float(valid_sum(channel, [&](std::size_t i) { return from[i]; }) / count);
            const double squares =
                valid_sum(channel, [&](std::size_t i) { return (from[i] - mean) * (from[i] - mean); });
            mean_[c] = mean;
            inverse_deviation_[c] = float(1 / std::sqrt(squares / count + epsilon));
            // The running variance estimates the population's, hence count − 1 (Ioffe and Szegedy, Algorithm
            // 2).
            running_mean_.value[c] += running_share * (mean - running_mean_.value[c]);
            running_variance_.value[c] +=
                running_share * (float(squares / std::max(count - 1, 1.0)) - running_variance_.value[c]);
        } else {
            mean_[c] = running_mean_.value[c];
            inverse_deviation_[c] = 1 / std::sqrt(running_variance_.value[c] + epsilon);
        }
        const float factor = scale_.value[c] * inverse_deviation_[c];
        const float offset = shift_.value[c] - mean_[c] * factor;
        float* __restrict to = y.pixel(c, 0, 0);
        for (std::size_t i = 0; i < channel.pixels * channel.stride; ++i) to[i] = factor * from[i] + offset;
    });
}

void BatchNorm::backward(const Tensor& x, const Tensor&, const Tensor& dy, Tensor* dx,
                         const PassContext& context) {
    const Channel channel = channel_of(x, context);
    const double count = double(channel.pixels) * channel.valid;
    parallel_for(threads(), x.channels(), [&](int c) {
        const float *in = x.pixel(c, 0, 0), *from = dy.pixel(c, 0, 0);
        const float mean = mean_[c], inverse = inverse_deviation_[c];
        const double sum = valid_sum(channel, [&](std::size_t i) { return from[i]; });
        const double product =
            valid_sum(channel, [&](std::size_t i) { return from[i] * ((in[i] - mean) * inverse); });
        shift_.gradient[c] = float(sum);
        scale_.gradient[c] = float(product);
        if (!dx) return;
        // In training mean and deviation depend on x too: dx = f (dy − mean(dy) − x̂ · mean(dy · x̂)).
        const float factor = scale_.value[c] * inverse;
        const float slope = context.training ? float(product / count) * inverse * factor : 0.0f;
        const float offset = context.training ? mean * slope - float(sum / count) * factor : 0.0f;
        for (std::size_t p = 0; p < channel.pixels; ++p) {
            const float *x_lanes = in + p * channel.stride, *dy_lanes = from + p * channel.stride;
            float* __restrict dx_lanes = dx->pixel(c, 0, 0) + p * channel.stride;
            for (int n = 0; n < channel.valid; ++n)
                dx_lanes[n] = factor * dy_lanes[n] - slope * x_lanes[n] + offset;
            std::fill(dx_lanes + channel.valid, dx_lanes + channel.stride, 0.0f);
        }
    });
}

}  // namespace fftconv
