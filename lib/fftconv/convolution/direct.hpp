#pragma once
#include <cstddef>
#include <span>

#include "fftconv/convolution/engine.hpp"
#include "fftconv/core/public.hpp"

namespace FFTCONV_PUBLIC fftconv {

/// The second engine: im2col and Eigen's matrix product, in blocks of output positions that stay in cache.
/// With a mode, only the mode-K columns are gathered, a quarter of the work, as the EasyConvPooling paper
/// does it (section 3.4); with Inverse::full every output is computed and the mode selected. The gradient to
/// the input is gathered too, as a correlation with the transposed weights, so that no two blocks write the
/// same pixel. Groups are layers of their own. Channels without a surviving kernel are left out of the
/// matrices; where a mask leaves others out, each channel is multiplied with its surviving kernels alone.
/// Options: `tile` has no meaning here. Phases: gather, product, scatter.
class DirectConvolution : public ConvolutionEngine {
  public:
    /// @throws ShapeError when shape and options make no sense.
    DirectConvolution(ConvolutionShape shape, ConvolutionOptions options = {});

    void forward(const ConstMapsView& x, const MapsView& y) override;
    void backward_input(const ConstMapsView& dy, const MapsView& dx) override;
    void backward_weights(const ConstMapsView& x, const ConstMapsView& dy, std::span<float> dw) override;
    std::size_t workspace_bytes() const override;

  private:
    struct Correlation;
    struct Seconds;

    bool selects_afterwards() const { return options_.mode != no_mode && options_.inverse == Inverse::full; }
    std::vector<int> used_inputs(int group) const;
    std::vector<int> used_outputs(int group) const;
    bool all_survive(const std::vector<int>& inputs, const std::vector<int>& outputs) const;
    void reshape_whole(int batch);
    ConstMapsView scattered(const ConstMapsView& dy);
    void gradient_of_group(int group, const ConstMapsView& x, const ConstMapsView& dy, std::span<float> dw);
    void pack_weights(const Correlation& correlation);
    void correlate(const Correlation& correlation);
    void reserve_workspace(std::size_t floats_per_worker);
    void add_seconds(const std::vector<Seconds>& workers);

    AlignedFloats workspace_;  ///< one part per worker: columns, then products
    AlignedFloats packed_;     ///< the weights in use, or partial sums of their gradients
    Tensor whole_;             ///< every output, for Inverse::full
};

}  // namespace fftconv
