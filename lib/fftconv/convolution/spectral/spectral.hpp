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

/// Convolution in the frequency domain, of any layer: gather tiles → FFT → sum over the surviving kernels →
/// inverse → scatter.
class SpectralConvolution : public ConvolutionEngine {
  public:
    /// Plans the layer. @throws ShapeError when shape and options make no sense, or the tile asked for cannot
    /// hold the kernel.
    SpectralConvolution(ConvolutionShape shape, ConvolutionOptions options = {});
    ~SpectralConvolution() override;

    void forward(const ConstMapsView& x, const MapsView& y) override;
    void backward_input(const ConstMapsView& dy, const MapsView& dx) override;
    void backward_weights(const ConstMapsView& x, const ConstMapsView& dy, std::span<float> dw) override;
    void backward(const ConstMapsView& x, const ConstMapsView& dy, const MapsView& dx,
                  std::span<float> dw) override;
    bool fuses(const Epilogue& epilogue, int batch) const override;
    void forward_fused(const ConstMapsView& x, const MapsView& y, const Epilogue& epilogue) override;
    void backward_fused(const ConstMapsView& x, const ConstMapsView& dy, const MapsView* dx,
                        std::span<float> dw, const Epilogue& epilogue) override;
    std::size_t workspace_bytes() const override;
    void keep_pruned_spectra(bool keep) override;
    void keep_input_spectra(bool keep) override;

    /// The edges of the tiles in use, in pixels of the image.
    PerAxis tile() const;
    /// Kernels (o, c) that the last pass visited in each bin; equals surviving_kernels().
    std::size_t visited_kernels() const;
    /// Real multiply-adds of the sum of forward, padding lanes included, with the present mask.
    std::size_t sum_multiply_adds(int batch) const;

  protected:
    /// Spectra are derived again before the next pass.
    void weights_changed() noexcept override;
    void take_mask(const std::vector<std::uint8_t>& mask) override;
    void take_mode(int mode) override;

  private:
    void forward_few_channels(const ConstMapsView& x, const MapsView& y, Blocks blocks,
                              const Epilogue& epilogue);
    void both_gradients(const ConstMapsView& x, const ConstMapsView& dy, const MapsView* dx,
                        std::span<float> dw, const Epilogue& epilogue);
    void input_gradient(const ConstMapsView& dy, const MapsView& dx, const Epilogue& epilogue);

    std::unique_ptr<SpectralLayer> layer_;
};

}  // namespace fftconv
