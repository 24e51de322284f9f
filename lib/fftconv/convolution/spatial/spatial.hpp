#pragma once
#include <cstddef>
#include <span>
#include <vector>

#include "fftconv/convolution/axis.hpp"
#include "fftconv/convolution/engine.hpp"
#include "fftconv/convolution/spatial/spatial_sum.hpp"

namespace fftconv {

/// The third engine: the sum as it is written, over whole vectors of images. Nothing is transformed and
/// nothing copied: for layers with one or a few channels, and for those of which a mask leaves few kernels,
/// so that too few products share each transform. Dense layers keep four channels of the result in
/// registers, depthwise ones eight columns; those with a mask sum one channel at a time, over its surviving
/// kernels. Maps that do not lie
/// as a Tensor does are copied into one. Dilation, and horizontal steps above 2, are refused. Options: `tile`
/// has no meaning here. Phases: weights, product, select.
class SpatialConvolution : public ConvolutionEngine {
  public:
    /// @throws ShapeError also where this engine cannot do the layer (spatial_can).
    SpatialConvolution(ConvolutionShape shape, ConvolutionOptions options = {});

    void forward(const ConstMapsView& x, const MapsView& y) override;
    /// Factors, offsets and ReLU, where every kernel is there and a group has more than a few outputs.
    bool fuses(const Epilogue& epilogue, int batch) const override;
    void forward_fused(const ConstMapsView& x, const MapsView& y, const Epilogue& epilogue) override;
    void backward_input(const ConstMapsView& dy, const MapsView& dx) override;
    void backward_weights(const ConstMapsView& x, const ConstMapsView& dy, std::span<float> dw) override;
    std::size_t workspace_bytes() const override;

  protected:
    void weights_changed() noexcept override { by_output_.valid = by_input_.valid = false; }
    void take_mask(const std::vector<std::uint8_t>&) override { weights_changed(); }
    void take_mode(int) override { weights_changed(); }

  private:
    /// The weights in the order of a sum: all, in blocks of channels of the target; or without them, where
    /// there is a mask or a group has few targets, the surviving kernels of each channel.
    struct Weights {
        AlignedFloats panels;  ///< (row class, column class, group, those of spatial_sum::PanelRow)
        std::vector<std::vector<spatial_sum::Kernel>> kernels;
        bool valid = false;
    };
    /// Every output has a channel of its own, and all survive.
    bool depthwise() const {
        return shape_.groups == shape_.in_channels && shape_.groups == shape_.out_channels && mask_.empty();
    }
    bool selects_afterwards() const { return options_.mode != no_mode && options_.inverse == Inverse::full; }
    LayerAxis vertical() const { return vertical_axis(shape_, options_); }
    LayerAxis horizontal() const { return horizontal_axis(shape_, options_); }
    MapShape computed_maps() const { return {shape_.out_channels, vertical().outputs, horizontal().outputs}; }
    /// Does a sum run kernel by kernel, as it does with a mask and towards few channels?
    bool listed(bool by_output) const {
        const int outputs = shape_.group_outputs(), channels = shape_.group_channels();
        return !mask_.empty() ||
               spatial_sum::few_targets(by_output ? outputs : channels,
                                        (by_output ? channels : outputs) * double(shape_.kernel.area()));
    }
    const Weights& updated(Weights& weights, bool by_output);
    void list_kernels(Weights& weights, bool by_output) const;
    void fill_panels(Weights& weights, bool by_output) const;
    void fill_group(const spatial_sum::Meetings& rows, const spatial_sum::Meetings& columns, bool by_output,
                    int group, float* panels) const;
    std::size_t panel_depth(const spatial_sum::Meetings& rows, const spatial_sum::Meetings& columns,
                            bool by_output) const;
    ConstMapsView scattered(const ConstMapsView& dy);
    void sum(const Weights& weights, const ConstMapsView& source,
             const std::vector<spatial_sum::Meetings>& rows,
             const std::vector<spatial_sum::Meetings>& columns, std::span<const float> bias,
             const MapsView& target, const Epilogue& epilogue = {});
    void sum_dense(const Weights& weights, const ConstMapsView& source,
                   const std::vector<spatial_sum::Meetings>& rows,
                   const std::vector<spatial_sum::Meetings>& columns, std::span<const float> bias,
                   const MapsView& target, const Epilogue& epilogue);
    void sum_depthwise(const ConstMapsView& source, const std::vector<spatial_sum::Meetings>& rows,
                       const std::vector<spatial_sum::Meetings>& columns, std::span<const float> bias,
                       const MapsView& target);
    void sum_lists(const Weights& weights, const ConstMapsView& source,
                   const std::vector<spatial_sum::Meetings>& rows,
                   const std::vector<spatial_sum::Meetings>& columns, std::span<const float> bias,
                   const MapsView& target);

    Weights by_output_, by_input_;
    AlignedFloats packed_;                ///< the lanes of one block, of every source channel
    std::vector<AlignedFloats> scratch_;  ///< of each thread, of dense sums
    Tensor whole_;                        ///< every output, for Inverse::full
    Tensor copies_[2];                    ///< of maps that lie otherwise in memory
};

/// Whether this engine can do a layer; if not, `why` (where given) says which field stands against it.
bool spatial_can(const ConvolutionShape& shape, const ConvolutionOptions& options,
                 std::string* why = nullptr);

}  // namespace fftconv
