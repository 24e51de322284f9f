#pragma once
#include <cstddef>
#include <span>

#include "fftconv/convolution/engine.hpp"

namespace fftconv {

/// The second engine: im2col and Eigen's matrix product, in blocks of output rows that stay in cache. With a
/// mode, only the mode-K columns are gathered, a quarter of the work, as the EasyConvPooling paper does it
/// (section 3.4); with Inverse::full every output is computed and the mode selected.
class DirectConvolution : public ConvolutionEngine {
  public:
    DirectConvolution(ConvolutionShape shape, ConvolutionOptions options = {});

    void forward(const Tensor& x, Tensor& y) override;
    void backward_input(const Tensor& dy, Tensor& dx) override;
    void backward_weights(const Tensor& x, const Tensor& dy, std::span<float> dw) override;
    std::size_t workspace_bytes() const override;

  private:
    AlignedFloats workspace_;
};

}  // namespace fftconv
