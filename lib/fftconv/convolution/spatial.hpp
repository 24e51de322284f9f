#pragma once
#include <cstddef>
#include <span>
#include <vector>

#include "fftconv/convolution/engine.hpp"
#include "fftconv/convolution/spatial_sum.hpp"

namespace fftconv {

/// The third engine: the sum as it is written, over whole vectors of images, with four channels of the result
/// in registers. Nothing is transformed and nothing copied, so that layers with one or a few channels, where
/// transforms have nobody to share them with, run at the speed of the multiplier. A pruned kernel is left out
/// where the three that share its registers are pruned as well, else it is zeros. Options: `tile` has no
/// meaning here. Phases: weights, product, select.
class SpatialConvolution : public ConvolutionEngine {
  public:
    SpatialConvolution(ConvolutionShape shape, ConvolutionOptions options = {});

    void forward(const Tensor& x, Tensor& y) override;
    void backward_input(const Tensor& dy, Tensor& dx) override;
    void backward_weights(const Tensor& x, const Tensor& dy, std::span<float> dw) override;
    std::size_t workspace_bytes() const override;

  protected:
    void weights_changed() override { by_output_.valid = by_channel_.valid = false; }
    void mask_changed() override { weights_changed(); }

  private:
    /// Weights in the order of a sum, and which source channels each block of the target has weights for.
    struct Panels {
        AlignedFloats weights;  ///< (target / 4, source, u, v, 4)
        std::vector<std::vector<int>> sources;
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
    const Panels& updated(Panels& panels, bool by_output);
    const Tensor& spread(const Tensor& dy);
    void sum(const Panels& panels, const Tensor& source, const std::vector<spatial_sum::Meetings>& rows,
             const std::vector<spatial_sum::Meetings>& columns, std::span<const float> bias, Tensor& target);

    Panels by_output_, by_channel_;
    Tensor whole_;  ///< every output, for Inverse::full
};

}  // namespace fftconv
