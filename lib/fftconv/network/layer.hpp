#pragma once
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "fftconv/convolution/epilogue.hpp"
#include "fftconv/core/public.hpp"
#include "fftconv/core/tensor.hpp"

namespace FFTCONV_PUBLIC fftconv {

/// Weights that training changes: row-major values, their gradient (same size), and which of them are held at
/// zero. `version` grows with every change, so that whoever derives something from the values (kernel
/// spectra) knows when to derive it again. Who writes `value` directly calls `changed`.
struct Parameter {
    std::string name;                    ///< within its layer: "weight", "bias", …
    std::vector<int> shape;              ///< e.g. (out, in, ky, kx)
    std::vector<float> value, gradient;  ///< row-major
    std::vector<std::uint8_t>
        held;                   ///< empty: none; else one byte per value, 0 = pruned, held at exactly zero
    std::uint64_t version = 1;  ///< of value
    std::uint64_t held_version = 1;  ///< of held
    bool decays = true;              ///< weight decay applies (not to biases nor to normalisation)

    /// Every value is `initial`, none is held.
    Parameter(std::string name_, std::vector<int> shape_, float initial = 0, bool decays_ = true);
    /// Whoever writes `value` calls this.
    void changed() { ++version; }
    /// Holds at zero where the mask is 0, and sets those values to zero; an empty mask frees every value.
    /// @throws ShapeError unless it has one byte per value.
    void hold(std::span<const std::uint8_t> mask);
};

/// A named array that is saved with a network but not trained (running mean of a batch normalisation).
struct Buffer {
    /// Within its layer: "mean", "variance".
    std::string name;
    /// Of the array.
    std::vector<int> shape;
    /// Row-major.
    std::vector<float> value;
};

/// What a pass needs to know beyond its tensors.
struct PassContext {
    bool training = false;      ///< batch statistics, dropout
    int valid = 0;              ///< images of the batch that count (0 = all); the rest is padding at the end
    std::uint64_t step = 0;     ///< of training: which random numbers dropout draws
    bool forward_only = false;  ///< no backward pass follows: what only that needs is left out
    int recalibration = 0;      ///< n: the n-th batch (1 …) that running statistics are taken anew from
    int shard = 0;              ///< of a batch that is cut into `shards`: each draws its own
    int shards = 1;             ///< 1: not cut

    /// Images of a tensor that count.
    int valid_of(const Tensor& tensor) const { return valid ? valid : tensor.batch(); }
};

/// One layer: tensors in, tensors out. A layer keeps no activations; backward is given what forward saw.
/// Where a gradient dy is zero (padding lanes, images ≥ valid), so is dx.
class Layer {
  public:
    /// A layer of this name, unique in its network, that takes these maps.
    Layer(std::string name, MapShape input) : name_(std::move(name)), input_maps_(input) {}
    virtual ~Layer() = default;
    Layer(const Layer&) = delete;
    Layer& operator=(const Layer&) = delete;

    /// Unique within the network: "conv1", "pool1", "dense2", …
    const std::string& name() const { return name_; }
    /// Maps of x, whatever the batch.
    MapShape input_maps() const { return input_maps_; }
    /// Maps of y, whatever the batch.
    virtual MapShape output_maps() const = 0;
    /// Writes every element of y.
    virtual void forward(const Tensor& x, Tensor& y, const PassContext& context) = 0;
    /// Overwrites the gradients of the layer's parameters and, unless dx is null, every element of dx.
    virtual void backward(const Tensor& x, const Tensor& y, const Tensor& dy, Tensor* dx,
                          const PassContext& context) = 0;
    /// Whether forward may be given x as its y, and backward dy as its dx with y for x: the network then
    /// spends neither memory nor bandwidth on a second tensor.
    virtual bool in_place() const { return false; }
    /// Adds itself to what follows a FusingLayer, where the layer can be done there in this pass: false, and
    /// nothing added, where not. What it points to is good until the next call.
    virtual bool follow(Epilogue& /*epilogue*/, const PassContext& /*context*/) { return false; }
    /// What training changes; owned by the layer.
    virtual std::vector<Parameter*> parameters() { return {}; }
    /// What is saved but not trained; owned by the layer.
    virtual std::vector<Buffer*> buffers() { return {}; }

    /// Threads of a pass.
    int threads() const { return threads_; }
    /// Results do not depend on their number.
    virtual void set_threads(int threads) { threads_ = threads; }

  private:
    std::string name_;
    MapShape input_maps_;
    int threads_ = 1;
};

/// A layer that can do what follows it while its outputs are in cache, and the way back through it.
class FusingLayer : public Layer {
  public:
    using Layer::Layer;

    /// Whether forward_fused and backward_fused do what follows, of so many images.
    virtual bool fuses(const Epilogue& epilogue, int batch) = 0;
    /// y of what follows; epilogue.winners, where given, are written for the way back. The caller has asked
    /// fuses().
    virtual void forward_fused(const Tensor& x, Tensor& y, const PassContext& context,
                               const Epilogue& epilogue) = 0;
    /// As `backward`, from y and dy behind what follows: behind its pooling, and behind its ReLU too where
    /// takes_relu_back().
    virtual void backward_fused(const Tensor& x, const Tensor& y, const Tensor& dy, Tensor* dx,
                                const PassContext& context, const Epilogue& epilogue) = 0;
    /// Whether backward_fused is given the gradient behind a ReLU that forward_fused did, or the one before
    /// it.
    virtual bool takes_relu_back() const = 0;

    void forward(const Tensor& x, Tensor& y, const PassContext& context) final {
        forward_fused(x, y, context, {});
    }
    void backward(const Tensor& x, const Tensor& y, const Tensor& dy, Tensor* dx,
                  const PassContext& context) final {
        backward_fused(x, y, dy, dx, context, {});
    }
};

}  // namespace fftconv
