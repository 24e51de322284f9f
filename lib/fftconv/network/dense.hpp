#pragma once
#include "fftconv/core/public.hpp"
#include "fftconv/network/layer.hpp"

namespace FFTCONV_PUBLIC fftconv {

/// Fully connected: y = W x + b over all maps of an image. Weights (out, in) with in = C·H·W in that order,
/// bias (out); the output has `outputs` maps of one pixel.
class DenseLayer : public Layer {
  public:
    /// @throws ShapeError on outputs < 1.
    DenseLayer(std::string name, MapShape input, int outputs, bool with_bias = true);

    MapShape output_maps() const override { return {outputs_, 1, 1}; }
    void forward(const Tensor& x, Tensor& y, const PassContext& context) override;
    void backward(const Tensor& x, const Tensor& y, const Tensor& dy, Tensor* dx,
                  const PassContext& context) override;
    std::vector<Parameter*> parameters() override;

    /// Neurons.
    int outputs() const { return outputs_; }
    /// (outputs, inputs).
    Parameter& weight() { return weight_; }
    /// The same.
    const Parameter& weight() const { return weight_; }
    /// Whether a bias is added; without one `bias` is empty.
    bool has_bias() const { return with_bias_; }
    /// (outputs).
    Parameter& bias() { return bias_; }
    /// The same.
    const Parameter& bias() const { return bias_; }

  private:
    int outputs_;
    bool with_bias_;
    Parameter weight_, bias_;
};

}  // namespace fftconv
