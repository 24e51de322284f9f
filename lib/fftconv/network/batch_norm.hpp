#pragma once
#include <span>

#include "fftconv/core/public.hpp"
#include "fftconv/network/layer.hpp"

namespace FFTCONV_PUBLIC fftconv {

/// Batch normalisation (Ioffe and Szegedy 2015), per channel: y = scale · (x − mean) / √(variance + ε) +
/// shift. Training uses mean and variance of the batch's valid images and moves the running ones towards
/// them; otherwise the running ones are used. A recalibration (PassContext::recalibration) normalises as
/// training does, and the running statistics become the mean over its batches so far.
class BatchNorm : public FusingLayer {
  public:
    /// Scales start at one, offsets at zero.
    BatchNorm(std::string name, MapShape input);

    MapShape output_maps() const override { return input_maps(); }
    /// Any pooling and ReLU, channel by channel, for batches that fill vectors.
    bool fuses(const Epilogue& epilogue, int batch) override;
    /// @throws ShapeError when a channel has one value only and its variance is wanted.
    void forward_fused(const Tensor& x, Tensor& y, const PassContext& context,
                       const Epilogue& epilogue) override;
    /// For the same x as the last forward, whose batch statistics are kept.
    void backward_fused(const Tensor& x, const Tensor& y, const Tensor& dy, Tensor* dx,
                        const PassContext& context, const Epilogue& epilogue) override;
    bool takes_relu_back() const override { return true; }
    /// In passes forward only, outside training.
    bool follow(Epilogue& epilogue, const PassContext& context) override;
    std::vector<Parameter*> parameters() override { return {&scale_, &shift_}; }
    std::vector<Buffer*> buffers() override { return {&running_mean_, &running_variance_}; }

    /// The affine map y = factor · x + offset of inference, per channel: what folding into a convolution
    /// needs.
    struct Affine {
        std::vector<float> factor, offset;  ///< (C) each
    };
    /// Of the running statistics.
    Affine inference() const;

    // The same in steps, for a batch whose images lie in several tensors (shards): sums over the valid images
    // of each, added up by the caller. (C) doubles each; counts are pixels times images of the whole batch.
    /// Σ x of each channel over the valid images of x.
    void sum(const Tensor& x, const PassContext& context, std::span<double> sums) const;
    /// The batch's mean, from sums over `count` values a channel.
    void set_mean(std::span<const double> sums, double count);
    /// Σ (x − mean)² of each channel over the valid images of x.
    void sum_squares(const Tensor& x, const PassContext& context, std::span<double> squares) const;
    /// The batch's variance, from sums over `count` values a channel; updates the running statistics.
    /// @throws ShapeError on a count of one.
    void set_variance(std::span<const double> squares, double count);
    /// y of the statistics just set.
    void normalise(const Tensor& x, Tensor& y) const;
    /// Σ dy and Σ dy · x̂.
    void sum_gradients(const Tensor& x, const Tensor& dy, const PassContext& context, std::span<double> sums,
                       std::span<double> products) const;
    /// Gradients of offset and scale, from Σ dy and Σ dy·x̂ of each channel.
    void set_gradients(std::span<const double> sums, std::span<const double> products);
    /// dx in training, from the sums over the whole batch.
    void input_gradient(const Tensor& x, const Tensor& dy, Tensor& dx, const PassContext& context,
                        std::span<const double> sums, std::span<const double> products, double count) const;

    /// Images that a batch must have at least for statistics: two where a map is one pixel.
    int fewest_images() const { return input_maps().height * input_maps().width > 1 ? 1 : 2; }

    /// ε, added to variances.
    static constexpr float epsilon = 1e-5f;
    static constexpr float running_share = 0.1f;  ///< of the batch in the running statistics

  private:
    void require_values(double count) const;
    void set_mean(int c, double sum, double count);
    void set_variance(int c, double squares, double count, float share);
    void use_running(int c);
    float factor(int c) const;
    float offset(int c) const;
    void normalise(int c, const Tensor& x, bool relu, float* y) const;
    void input_gradient(int c, const Tensor& x, const float* dy, Tensor& dx, const PassContext& context,
                        double sum, double product, double count) const;

    Parameter scale_, shift_;                      ///< (C)
    Buffer running_mean_, running_variance_;       ///< (C)
    std::vector<float> mean_, inverse_deviation_;  ///< (C), of the last forward
    Affine followed_;                              ///< what an epilogue points to
};

}  // namespace fftconv
