#include "fftconv/network/convolution.hpp"

#include <algorithm>
#include <cmath>
#include <optional>
#include <span>
#include <vector>

#include "fftconv/convolution/cost_model.hpp"
#include "fftconv/convolution/make_engine.hpp"
#include "fftconv/convolution/measured_plan.hpp"
#include "fftconv/core/error.hpp"
#include "fftconv/network/chunks.hpp"

namespace fftconv {
namespace {

/// Windows of 2 × 2 pixels in rows 2i and 2i + 1 of a map, each added up; pixels outside the map are zeros.
std::span<const float> row_of_windows(const Tensor& maps, int channel, int i) {
    thread_local std::vector<float> row, zeros;
    const int lanes = maps.batch_stride(), windows = (maps.width() + 1) / 2;
    row.resize(std::size_t(windows) * lanes);
    zeros.assign(lanes, 0.0f);
    const auto pixel = [&](int h, int w) {
        return h < maps.height() && w < maps.width() ? maps.pixel(channel, h, w) : zeros.data();
    };
    for (int j = 0; j < windows; ++j) {
        const float *a = pixel(2 * i, 2 * j), *b = pixel(2 * i, 2 * j + 1), *c = pixel(2 * i + 1, 2 * j),
                    *d = pixel(2 * i + 1, 2 * j + 1);
        float* __restrict sum = row.data() + std::size_t(j) * lanes;
        for (int n = 0; n < lanes; ++n) sum[n] = (a[n] + b[n]) + (c[n] + d[n]);
    }
    return row;
}

/// Σ of a map of gradients, window by window. What a pooling of 2 × 2 gives back of a window is in one pixel,
/// or a quarter in each: the sum of the pooled gradients has the same bits.
float sum_of_map(const Tensor& maps, int channel, bool pooled) {
    double total = 0;
    for (int i = 0; i < (pooled ? maps.height() : (maps.height() + 1) / 2); ++i) {
        const std::span<const float> row =
            pooled ? std::span(maps.pixel(channel, i, 0), std::size_t(maps.width()) * maps.batch_stride())
                   : row_of_windows(maps, channel, i);
        total += chunked_sum(row.size(), [&](std::size_t f) { return row[f]; });
    }
    return float(total);
}

}  // namespace

ConvolutionLayer::ConvolutionLayer(std::string name, const std::string& engine, const ConvolutionShape& shape,
                                   const ConvolutionOptions& options, bool with_bias)
    : FusingLayer(std::move(name), {shape.in_channels, shape.height, shape.width}),
      engine_name_(engine),
      options_(options),
      engine_(make_engine(engine, shape, options)),
      with_bias_(with_bias),
      weight_("weight",
              {shape.out_channels, shape.group_channels(), shape.kernel.vertical, shape.kernel.horizontal}),
      bias_("bias", {shape.out_channels}, 0, false) {
    Layer::set_threads(options.threads);
}

void ConvolutionLayer::set_threads(int threads) {
    if (threads == engine_->options().threads) return;
    Layer::set_threads(threads);
    options_.threads = threads;
    engine_ = make_engine(engine_name_, engine_->shape(), options_);
    engine_->keep_pruned_spectra(keep_pruned_spectra_);
    held_version_ = 0;
}

void ConvolutionLayer::set_mode(int mode) {
    engine_->set_mode(mode);
    options_.mode = mode;
}

void ConvolutionLayer::keep_pruned_spectra(bool keep) {
    engine_->keep_pruned_spectra(keep);
    keep_pruned_spectra_ = keep;
}

std::vector<Parameter*> ConvolutionLayer::parameters() {
    if (with_bias_) return {&weight_, &bias_};
    return {&weight_};
}

void ConvolutionLayer::set_kernel_mask(std::span<const std::uint8_t> mask) {
    if (!mask.empty() && mask.size() != shape().kernels())
        throw ShapeError(name() + ": kernel mask: expected " + std::to_string(shape().kernels()) +
                         " bytes, found " + std::to_string(mask.size()));
    const std::size_t area = shape().kernel.area();
    std::vector<std::uint8_t> weights(mask.size() * area);
    for (std::size_t kernel = 0; kernel < mask.size(); ++kernel)
        std::fill_n(weights.begin() + kernel * area, area, mask[kernel]);
    weight_.hold(weights);
}

std::vector<std::uint8_t> ConvolutionLayer::kernel_mask() const {
    std::vector<std::uint8_t> mask(shape().kernels(), 1);
    if (weight_.held.empty()) return mask;
    const std::size_t area = shape().kernel.area();
    for (std::size_t kernel = 0; kernel < mask.size(); ++kernel) {
        const auto first = weight_.held.begin() + kernel * area;
        mask[kernel] = std::any_of(first, first + area, [](std::uint8_t weight) { return weight != 0; });
    }
    return mask;
}

std::size_t ConvolutionLayer::surviving_kernels() const {
    const std::vector<std::uint8_t> mask = kernel_mask();
    return mask.size() - std::count(mask.begin(), mask.end(), 0);
}

void ConvolutionLayer::choose_engine_for(std::span<const std::uint8_t> mask) {
    const Plan before = plan_layer(engine_name_, shape(), options_);
    options_.surviving = std::ceil(20 * surviving_share(mask)) / 20;  // like masks, like plans
    if (plan_layer(engine_name_, shape(), options_) != before)
        engine_ = make_engine(engine_name_, shape(), options_);
}

void ConvolutionLayer::update_engine() {
    if (held_version_ != weight_.held_version) {
        const std::vector<std::uint8_t> mask =
            weight_.held.empty() ? std::vector<std::uint8_t>() : kernel_mask();
        if (engine_name_ == "auto" && !keep_pruned_spectra_) choose_engine_for(mask);
        engine_->set_mask(mask);
        held_version_ = weight_.held_version;  // not before: the next pass tries again what has failed
    }
    engine_->set_weights(weight_.value, weight_.version);
    if (with_bias_) engine_->set_bias(bias_.value);
}

bool ConvolutionLayer::fuses(const Epilogue& epilogue, int batch) {
    update_engine();
    return engine_->fuses(epilogue, batch);
}

void ConvolutionLayer::forward_fused(const Tensor& x, Tensor& y, const PassContext& context,
                                     const Epilogue& epilogue) {
    update_engine();
    engine_->keep_input_spectra(context.training);
    engine_->forward_fused(x, y, epilogue);
}

void ConvolutionLayer::backward_fused(const Tensor& x, const Tensor&, const Tensor& dy, Tensor* dx,
                                      const PassContext&, const Epilogue& epilogue) {
    update_engine();
    const std::optional<MapsView> to = dx ? std::optional<MapsView>(*dx) : std::nullopt;
    engine_->backward_fused(x, dy, to ? &*to : nullptr, weight_.gradient, epilogue);
    if (!with_bias_) return;
    parallel_for(threads(), dy.channels(),
                 [&](int o) { bias_.gradient[o] = sum_of_map(dy, o, epilogue.pooling != Pooling::none); });
}

}  // namespace fftconv
