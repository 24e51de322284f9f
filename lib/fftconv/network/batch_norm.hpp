#pragma once
#include "fftconv/network/layer.hpp"

namespace fftconv {

/// Batch normalisation (Ioffe and Szegedy 2015), per channel: y = scale · (x − mean) / √(variance + ε) +
/// shift. Training uses mean and variance of the batch's valid images and moves the running ones towards
/// them; otherwise the running ones are used.
class BatchNorm : public Layer {
  public:
    BatchNorm(std::string name, MapShape input);

    MapShape output_maps() const override { return input_maps(); }
    void forward(const Tensor& x, Tensor& y, const PassContext& context) override;
    /// For the same x as the last forward, whose batch statistics are kept.
    void backward(const Tensor& x, const Tensor& y, const Tensor& dy, Tensor* dx,
                  const PassContext& context) override;
    std::vector<Parameter*> parameters() override { return {&scale_, &shift_}; }
    std::vector<Buffer*> buffers() override { return {&running_mean_, &running_variance_}; }

    /// The affine map y = factor · x + offset of inference, per channel: what folding into a convolution
    /// needs.
    struct Affine {
        std::vector<float> factor, offset;  ///< (C) each
    };
    Affine inference() const;

    static constexpr float epsilon = 1e-5f;
    static constexpr float running_share = 0.1f;  ///< of the batch in the running statistics

  private:
    Parameter scale_, shift_;                      ///< (C)
    Buffer running_mean_, running_variance_;       ///< (C)
    std::vector<float> mean_, inverse_deviation_;  ///< (C), of the last forward
};

}  // namespace fftconv
