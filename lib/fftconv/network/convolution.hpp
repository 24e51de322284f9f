#pragma once
#include <memory>
#include <string>

#include "fftconv/convolution/engine.hpp"
#include "fftconv/convolution/make_engine.hpp"
#include "fftconv/core/public.hpp"
#include "fftconv/network/layer.hpp"

namespace FFTCONV_PUBLIC fftconv {

/// Convolution on any engine; with ConvolutionOptions::mode set it is easy convolution pooling (ECP):
/// convolution and mode-K pooling in one. Weights (O, C, k, k), bias (O). A kernel whose weights are all held
/// at zero is absent from every pass of the engine.
class ConvolutionLayer : public FusingLayer {
  public:
    /// `engine` is one of engine_names; with "auto" engine and tile are chosen again for each mask, by the
    /// share of kernels that it leaves. @throws UsageError, ShapeError as make_engine does.
    ConvolutionLayer(std::string name, const std::string& engine, const ConvolutionShape& shape,
                     const ConvolutionOptions& options, bool with_bias = true);

    MapShape output_maps() const override { return engine_->output_maps(); }
    /// Whether the engine does what follows, with these masks.
    bool fuses(const Epilogue& epilogue, int batch) override;
    /// As ConvolutionEngine::forward_fused.
    void forward_fused(const Tensor& x, Tensor& y, const PassContext& context,
                       const Epilogue& epilogue) override;
    /// As ConvolutionEngine::backward_fused; also the gradient to the bias.
    void backward_fused(const Tensor& x, const Tensor& y, const Tensor& dy, Tensor* dx,
                        const PassContext& context, const Epilogue& epilogue) override;
    bool takes_relu_back() const override { return false; }
    std::vector<Parameter*> parameters() override;
    void set_threads(int threads) override;

    /// Of the layer.
    const ConvolutionShape& shape() const { return engine_->shape(); }
    /// (O, C, k, k).
    Parameter& weight() { return weight_; }
    /// The same.
    const Parameter& weight() const { return weight_; }
    /// Whether a bias is added; without one `bias` is empty.
    bool has_bias() const { return with_bias_; }
    /// (O).
    Parameter& bias() { return bias_; }
    /// The same.
    const Parameter& bias() const { return bias_; }

    /// (O, C) bytes, 0 = pruned: every weight of the kernel is held at zero and the engine skips it. An empty
    /// mask keeps every kernel. @throws ShapeError on another size.
    void set_kernel_mask(std::span<const std::uint8_t> mask);
    /// (O, C) bytes: 0 where every weight of the kernel is held.
    std::vector<std::uint8_t> kernel_mask() const;
    /// Kernels of which some weight is not held.
    std::size_t surviving_kernels() const;

    /// K = 0..3, when the layer is ECP. @throws ShapeError otherwise.
    void set_mode(int mode);
    /// K, or no_mode.
    int mode() const { return engine_->options().mode; }
    /// As ConvolutionEngine::keep_pruned_spectra; while on, masks do not change the engine either.
    void keep_pruned_spectra(bool keep);
    /// The engine in use; another one after a mask, with "auto".
    ConvolutionEngine& engine() { return *engine_; }
    /// The same.
    const ConvolutionEngine& engine() const { return *engine_; }

  private:
    void update_engine();
    void choose_engine_for(std::span<const std::uint8_t> mask);

    std::string engine_name_;
    ConvolutionOptions options_;  ///< as given: engine_ may hold what was chosen
    std::unique_ptr<ConvolutionEngine> engine_;
    bool with_bias_, keep_pruned_spectra_ = false;
    Parameter weight_, bias_;
    std::uint64_t held_version_ = 0;  ///< of the mask that the engine has
};

}  // namespace fftconv
