#pragma once
#include <cstddef>
#include <memory>
#include <span>

#include "fftconv/convolution/engine.hpp"
#include "fftconv/core/public.hpp"

namespace fftconv {
struct SpectralLayer;
struct Blocks;
}  // namespace fftconv

namespace FFTCONV_PUBLIC fftconv {

/// Convolution in the frequency domain: gather tiles → FFT → sum over the surviving kernels → inverse →
/// scatter.
class SpectralConvolution : public ConvolutionEngine {
  public:
    /// Plans the layer. @throws ShapeError when shape and options make no sense, or the tile asked for cannot
    /// hold the kernel.
    SpectralConvolution(ConvolutionShape shape, ConvolutionOptions options = {});
    ~SpectralConvolution() override;

    void forward(const Tensor& x, Tensor& y) override;
    void backward_input(const Tensor& dy, Tensor& dx) override;
    void backward_weights(const Tensor& x, const Tensor& dy, std::span<float> dw) override;
    void backward(const Tensor& x, const Tensor& dy, Tensor& dx, std::span<float> dw) override;
    std::size_t workspace_bytes() const override;
    void keep_pruned_spectra(bool keep) override;
    void keep_input_spectra(bool keep) override;

    /// The edge T of the tiles in use.
    int tile() const;
    /// Kernels (o, c) that the last pass visited in each bin; equals surviving_kernels().
    std::size_t visited_kernels() const;
    /// Real multiply-adds of the sum of forward, padding lanes included, with the present mask.
    std::size_t sum_multiply_adds(int batch) const;

  protected:
    /// Spectra are derived again before the next pass.
    void weights_changed() override;
    void mask_changed() override;
    void mode_changed() override;

  private:
    void forward_few_channels(const Tensor& x, Tensor& y, const Blocks& blocks);
    void both_gradients(const Tensor& x, const Tensor& dy, Tensor* dx, std::span<float> dw);

    std::unique_ptr<SpectralLayer> layer_;
};

}  // namespace fftconv
