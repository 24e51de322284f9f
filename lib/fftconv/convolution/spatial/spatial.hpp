#pragma once
#include <cstddef>
#include <span>
#include <vector>

#include "fftconv/convolution/engine.hpp"
#include "fftconv/convolution/spatial/spatial_sum.hpp"

namespace fftconv {

/// The third engine: the sum as it is written, over whole vectors of images. Nothing is transformed and
/// nothing copied: for layers with one or a few channels, and for those of which a mask leaves few kernels,
/// so that transforms have nobody to share them with. Dense layers keep four channels of the result in
/// registers; those with a mask sum one channel at a time, over its surviving kernels. Options: `tile` has no
/// meaning here. Phases: weights, product, select.
class SpatialConvolution : public ConvolutionEngine {
  public:
    SpatialConvolution(ConvolutionShape shape, ConvolutionOptions options = {});

    void forward(const Tensor& x, Tensor& y) override;
    void backward_input(const Tensor& dy, Tensor& dx) override;
    void backward_weights(const Tensor& x, const Tensor& dy, std::span<float> dw) override;
    std::size_t workspace_bytes() const override;

  protected:
    void weights_changed() override { by_output_.valid = by_input_.valid = false; }
    void mask_changed() override { weights_changed(); }

  private:
    /// The weights in the order of a sum: all, in blocks of channels of the target, or without them where
    /// there is a mask, the surviving kernels of each channel.
    struct Weights {
        AlignedFloats blocks;  ///< (target / 4, source, u, v, 4)
        std::vector<std::vector<spatial_sum::Kernel>> kernels;
        bool valid = false;
    };
    /// One axis of the layer: pixels of the input, computed outputs, and the mode's pixel of each window.
    struct Axis {
        int length, outputs, offset;
    };

    bool kept(int o, int c) const;
    bool selects_afterwards() const { return options_.mode != no_mode && options_.inverse == Inverse::full; }
    int step() const { return options_.mode != no_mode && !selects_afterwards() ? 2 : 1; }
    MapShape computed_maps() const;
    Axis vertical() const;
    Axis horizontal() const;
    std::vector<spatial_sum::Meetings> of_outputs(const Axis& axis) const;
    std::vector<spatial_sum::Meetings> of_inputs(const Axis& axis) const;
    std::vector<spatial_sum::Pairs> of_taps(const Axis& axis) const;
    const Weights& updated(Weights& weights, bool by_output);
    void list_kernels(Weights& weights, bool by_output) const;
    void fill_blocks(Weights& weights, bool by_output) const;
    const Tensor& spread(const Tensor& dy);
    void sum(const Weights& weights, const Tensor& source, const std::vector<spatial_sum::Meetings>& rows,
             const std::vector<spatial_sum::Meetings>& columns, std::span<const float> bias, Tensor& target);
    void sum_dense(const Weights& weights, const Tensor& source,
                   const std::vector<spatial_sum::Meetings>& rows,
                   const std::vector<spatial_sum::Meetings>& columns, std::span<const float> bias,
                   Tensor& target);
    void sum_lists(const Weights& weights, const Tensor& source,
                   const std::vector<spatial_sum::Meetings>& rows,
                   const std::vector<spatial_sum::Meetings>& columns, std::span<const float> bias,
                   Tensor& target);

    Weights by_output_, by_input_;
    AlignedFloats packed_;  ///< the lanes of one block, of every source channel
    Tensor whole_;          ///< every output, for Inverse::full
};

}  // namespace fftconv
