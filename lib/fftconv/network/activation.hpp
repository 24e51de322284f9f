#pragma once
#include "fftconv/core/public.hpp"
#include "fftconv/network/layer.hpp"

namespace FFTCONV_PUBLIC fftconv {

/// max(x, 0); NaN stays NaN.
class Relu : public Layer {
  public:
    /// Of maps of any shape.
    using Layer::Layer;
    MapShape output_maps() const override { return input_maps(); }
    bool in_place() const override { return true; }
    void forward(const Tensor& x, Tensor& y, const PassContext& context) override;
    void backward(const Tensor& x, const Tensor& y, const Tensor& dy, Tensor* dx,
                  const PassContext& context) override;
    bool follow(Epilogue& epilogue, const PassContext& context) override;
};

/// Dropout (Srivastava et al. 2014): in training each value is zero with probability `rate`, the others are
/// divided by 1 − rate; otherwise nothing changes. What is dropped depends on (seed, layer, step) alone.
class Dropout : public Layer {
  public:
    /// @throws UsageError unless 0 ≤ rate < 1.
    Dropout(std::string name, MapShape input, float rate, std::uint64_t seed);
    MapShape output_maps() const override { return input_maps(); }
    bool in_place() const override { return true; }
    void forward(const Tensor& x, Tensor& y, const PassContext& context) override;
    void backward(const Tensor& x, const Tensor& y, const Tensor& dy, Tensor* dx,
                  const PassContext& context) override;

  private:
    void apply(const Tensor& from, Tensor& to, const PassContext& context) const;

    float rate_;
    std::uint64_t seed_;
};

}  // namespace fftconv
