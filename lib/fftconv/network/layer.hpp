#pragma once
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "fftconv/core/tensor.hpp"

namespace fftconv {

/// Weights that training changes: row-major values, their gradient (same size), and which of them are held at
/// zero. `version` grows with every change, so that whoever derives something from the values (kernel spectra)
/// knows when to derive it again.
struct Parameter {
    std::string name;              ///< within its layer: "weight", "bias", …
    std::vector<int> shape;        ///< e.g. (out, in, ky, kx)
    std::vector<float> value, gradient;
    std::vector<std::uint8_t> held;  ///< empty: none; else one byte per value, 0 = pruned, held at exactly zero
    std::uint64_t version = 1;
    bool decays = true;            ///< weight decay applies (not to biases nor to normalisation)
};

/// A named array that is saved with a network but not trained (running mean of a batch normalisation).
struct Buffer {
    std::string name;
    std::vector<int> shape;
    std::vector<float> value;
};

/// What a pass needs to know beyond its tensors.
struct PassContext {
    bool training = false;  ///< batch statistics, dropout, random modes
    int valid = 0;          ///< images of the batch that count (0 = all); the rest is padding at the end
};

/// One layer: tensors in, tensors out. A layer keeps no activations; backward is given what forward saw.
class Layer {
  public:
    explicit Layer(std::string name) : name_(std::move(name)) {}
    virtual ~Layer() = default;

    /// Unique within the network: "conv1", "pool1", "dense2", …
    const std::string& name() const { return name_; }
    /// @throws ShapeError when the layer cannot take these maps.
    virtual MapShape output_maps() const = 0;
    /// Writes every element of y.
    virtual void forward(const Tensor& x, Tensor& y, const PassContext& context) = 0;
    /// Overwrites the gradients of the layer's parameters and, unless dx is null, every element of dx.
    virtual void backward(const Tensor& x, const Tensor& y, const Tensor& dy, Tensor* dx,
                          const PassContext& context) = 0;
    virtual std::vector<Parameter*> parameters() { return {}; }
    virtual std::vector<Buffer*> buffers() { return {}; }

  private:
    std::string name_;
};

}  // namespace fftconv
