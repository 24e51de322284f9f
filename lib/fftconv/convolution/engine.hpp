#pragma once
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "fftconv/convolution/epilogue.hpp"
#include "fftconv/convolution/shape.hpp"
#include "fftconv/core/maps_view.hpp"
#include "fftconv/core/public.hpp"
#include "fftconv/core/tensor.hpp"

namespace FFTCONV_PUBLIC fftconv {

/// How easy convolution gets the mode-K outputs: `folded` computes nothing else; `full` computes every output
/// and selects (the definition, and the reference).
enum class Inverse { folded, full };

/// No mode: the whole output.
inline constexpr int no_mode = -1;

/// How a layer is computed; none but `mode` changes what, but for rounding.
struct ConvolutionOptions {
    PerAxis tile = 0;    ///< T, the edges of the transformed tiles; 0 = choose
    int mode = no_mode;  ///< K = 0..3: only pixel K (top-left, top-right, bottom-left, bottom-right) of each
                         ///< 2×2 window
    Inverse inverse = Inverse::folded;  ///< how the mode-K outputs are computed
    /// Threads of a pass; results do not depend on their number.
    int threads = 1;
    bool fixed_weights = false;  ///< many calls with the same weights, as in inference: the tile is chosen
                                 ///< without the cost of their spectra
    double surviving = 1;  ///< the share of kernels that set_mask is going to leave, 0 to 1: for the choice
                           ///< of tile, and with "auto" of the engine
    bool measure =
        false;  ///< make_engine chooses tile ("fft") or engine ("auto") by timing, and remembers it
};

/// One named phase of the work and its time.
struct Phase {
    /// "FFT", "sum", …; those of an engine are in its own description.
    std::string name;
    /// Summed over threads.
    double seconds = 0;
};

/// What every engine checks first. @throws ShapeError when the shape or the options make no sense, or are
/// larger than any machine; the message names the field, what was expected and what was found.
void check_layer(const ConvolutionShape& shape, const ConvolutionOptions& options);

/// What every convolution engine does. Weights are row-major (O, C/groups, k_h, k_w); masks are (O, C/groups)
/// bytes, 0 = pruned: a pruned kernel is absent from every pass, and its weight gradient is exactly zero.
/// With a mode the output is (O, ⌊H'/2⌋, ⌊W'/2⌋, N): a last odd row or column has no window and is dropped.
/// Engines are not shared between threads; they use `threads` threads themselves, and give the same bits for
/// any number of them.
///
/// Maps come and go in tensors or in any memory of the caller's (MapsView). What a pass writes must not
/// overlap what it reads (ShapeError). Setters that throw leave the engine as it was; a pass that throws
/// (std::bad_alloc) leaves what it writes unspecified, and the engine fit for the next call.
class ConvolutionEngine {
  public:
    /// @throws ShapeError when the shape or the options make no sense; the message names the field.
    ConvolutionEngine(ConvolutionShape shape, ConvolutionOptions options);
    virtual ~ConvolutionEngine() = default;
    ConvolutionEngine(const ConvolutionEngine&) = delete;
    ConvolutionEngine& operator=(const ConvolutionEngine&) = delete;

    /// As planned.
    const ConvolutionShape& shape() const { return shape_; }
    /// As given, but for the mode that set_mode changed.
    const ConvolutionOptions& options() const { return options_; }
    /// Maps of x.
    MapShape input_maps() const { return {shape_.in_channels, shape_.height, shape_.width}; }
    /// Maps of y: of the whole output, or of mode K.
    MapShape output_maps() const;
    /// Zero tensors of the layer's shape, for the planned batch or another.
    Tensor make_input(int batch = 0) const;
    /// The same for y.
    Tensor make_output(int batch = 0) const;

    /// Row-major (O, C/groups, k_h, k_w). `version` names these weights: a call with the version already held
    /// (not 0) returns at once, and what was derived from the weights is kept. @throws ShapeError on another
    /// size.
    void set_weights(std::span<const float> weights, std::uint64_t version = 0);
    /// (O) floats added to the outputs; an empty span takes them away. @throws ShapeError on another size.
    void set_bias(std::span<const float> bias);
    /// (O, C/groups) bytes, 0 = pruned; an empty span keeps every kernel. @throws ShapeError on another size.
    void set_mask(std::span<const std::uint8_t> mask);
    /// While on, an engine that derives something from each kernel (spectra) keeps it for pruned kernels too,
    /// so that another mask costs nothing to set up: for a search over masks. What is pruned is still absent
    /// from every pass.
    virtual void keep_pruned_spectra(bool) {}
    /// While on, backward_weights and backward are given the x of the last forward, unchanged since: an
    /// engine may use again what forward derived from it (spectra), where that is still at hand. The same
    /// bits.
    virtual void keep_input_spectra(bool) {}
    /// Changes K between calls. @throws ShapeError unless the engine was made with a mode and 0 ≤ K ≤ 3.
    void set_mode(int mode);

    /// Kernels that the mask leaves.
    std::size_t surviving_kernels() const;

    /// y = W ⋆ x + bias. x (C, H, W, N), y as make_output(N). Every element of y is written.
    /// @throws ShapeError when shapes do not fit, or memory is missing or shared.
    virtual void forward(const ConstMapsView& x, const MapsView& y) = 0;
    /// dx, the gradient to the input, from dy, the gradient to the output. Every element of dx is written.
    virtual void backward_input(const ConstMapsView& dy, const MapsView& dx) = 0;
    /// dw, row-major (O, C/groups, k_h, k_w), the gradient to the weights, summed over the batch;
    /// overwritten.
    virtual void backward_weights(const ConstMapsView& x, const ConstMapsView& dy, std::span<float> dw) = 0;
    /// Both gradients, the same bits as from the two calls; an engine may share work between them.
    virtual void backward(const ConstMapsView& x, const ConstMapsView& dy, const MapsView& dx,
                          std::span<float> dw) {
        check_backward(x, dy, dx, dw);
        backward_weights(x, dy, dw);
        backward_input(dy, dx);
    }

    /// Whether forward_fused and backward_fused do what follows, for a batch of so many images: it depends on
    /// the layer and its mask too. An engine that cannot says no to everything.
    virtual bool fuses(const Epilogue&, int /*batch*/) const { return false; }
    /// forward, and what follows, to y with epilogue.maps(output_maps()); with pooling y lies in memory as a
    /// Tensor does. @throws ShapeError unless fuses(), and as forward does.
    virtual void forward_fused(const ConstMapsView& x, const MapsView& y, const Epilogue& epilogue);
    /// The gradients of the convolution and a pooling behind it, from dy, the gradient to what is pooled: of
    /// ReLU, factor and offset the caller takes care. dx: null, or wanted. The same conditions.
    virtual void backward_fused(const ConstMapsView& x, const ConstMapsView& dy, const MapsView* dx,
                                std::span<float> dw, const Epilogue& epilogue);

    /// Seconds per phase since the engine was made or reset_profile, summed over threads.
    std::vector<Phase> profile() const { return phases_; }
    /// Counts from zero again.
    void reset_profile();
    /// Bytes of scratch and cached spectra that the engine holds.
    virtual std::size_t workspace_bytes() const = 0;

  protected:
    /// Called when weights_ has changed.
    virtual void weights_changed() noexcept {}
    /// Called before the mask or the mode is taken: what they throw is as if nothing had been asked.
    virtual void take_mask(const std::vector<std::uint8_t>&) {}
    /// The same for the mode.
    virtual void take_mode(int) {}
    bool survives(int o, int c) const {  ///< c: within the group
        return mask_.empty() ||
               mask_[std::size_t(o) * std::size_t(shape_.group_channels()) + std::size_t(c)] != 0;
    }
    /// @throws ShapeError when shapes do not fit, or memory is missing or shared.
    void check_forward(const ConstMapsView& x, const MapsView& y, const Epilogue& epilogue = {}) const;
    /// The same.
    void check_backward_input(const ConstMapsView& dy, const MapsView& dx,
                              const Epilogue& epilogue = {}) const;
    /// The same.
    void check_backward_weights(const ConstMapsView& x, const ConstMapsView& dy, std::span<float> dw,
                                const Epilogue& epilogue = {}) const;
    /// The same.
    void check_backward(const ConstMapsView& x, const ConstMapsView& dy, const MapsView& dx,
                        std::span<float> dw, const Epilogue& epilogue = {}) const;

    /// As planned.
    ConvolutionShape shape_;
    /// In use.
    ConvolutionOptions options_;
    std::vector<float> weights_, bias_;  ///< as set; empty before
    std::vector<std::uint8_t> mask_;     ///< empty: nothing pruned
    /// In the order that profile() shows.
    std::vector<Phase> phases_;

  private:
    void check_fused(const ConstMapsView& pooled, const Epilogue& epilogue) const;

    std::uint64_t weights_version_ = 0;
};

}  // namespace fftconv
