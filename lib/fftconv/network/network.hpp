#pragma once
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "fftconv/convolution/engine.hpp"
#include "fftconv/convolution/make_engine.hpp"
#include "fftconv/core/named_array.hpp"
#include "fftconv/core/public.hpp"
#include "fftconv/network/architecture.hpp"
#include "fftconv/network/convolution.hpp"
#include "fftconv/network/dense.hpp"
#include "fftconv/network/layer.hpp"
#include "fftconv/network/pooling.hpp"

namespace FFTCONV_PUBLIC fftconv {

/// How a network is made and computed; none but `mode`, `dropout` and `seed` changes what it computes, but
/// for rounding.
struct NetworkOptions {
    std::string engine = "fft";  ///< one of engine_names
    int batch = 50;              ///< images that the engines plan for; passes may bring any number
    /// Of a pass.
    int threads = 1;
    int mode = 0;            ///< K of random and ECP poolings
    float dropout = 0;       ///< probability behind hidden dense layers; 0 = no dropout layers
    std::uint64_t seed = 1;  ///< of weights and dropout
    int tile = 0;            ///< ConvolutionOptions::tile of every convolution
    /// ConvolutionOptions::inverse of ECP layers.
    Inverse inverse = Inverse::folded;
    bool fixed_weights = false;  ///< for inference: ConvolutionOptions::fixed_weights of every convolution
    bool measure = false;        ///< ConvolutionOptions::measure of every convolution
};

/// A parameter and its full name, "conv1/weight".
struct NamedParameter {
    /// "conv1/weight".
    std::string name;
    /// Owned by its layer.
    Parameter* parameter;
};

/// A layer's seconds in forward and backward passes and, of a convolution, those of the engine's phases. What
/// a layer does of those behind it is part of its own.
struct LayerProfile {
    /// Its name.
    std::string layer;
    double forward = 0, backward = 0;  ///< wall seconds
    /// Of a convolution's engine, summed over threads.
    std::vector<Phase> phases{};
};

/// Layers in a row and the tensors between them. Weights start uniform in ± √(6 / inputs of a unit) (He et
/// al. 2015, the uniform form; the EasyConvPooling paper only says "uniform distribution"), biases at zero.
class Network {
  public:
    /// Layers are named conv1, norm1, pool1, relu1, dense1, dropout1, … each kind counted by itself.
    /// @throws ShapeError when layers do not fit; UsageError on bad options.
    Network(const Architecture& architecture, const NetworkOptions& options = {});

    /// What it was made of.
    const Architecture& architecture() const { return architecture_; }
    /// As given.
    const NetworkOptions& options() const { return options_; }
    /// Logits of an image.
    int classes() const { return architecture_.classes(); }

    /// Logits (classes, 1, 1, N) of images (C, H, W, N), good until the next pass.
    /// @throws ShapeError on other maps.
    const Tensor& forward(const Tensor& images, const PassContext& context = {});
    /// Layers first ≤ i < last of the forward pass alone; x is what layer `first` takes. Returns what the
    /// last of them gives, good until the next pass. @throws ShapeError on other maps.
    const Tensor& forward(const Tensor& x, const PassContext& context, std::size_t first, std::size_t last);
    /// Gradients of every parameter, from the gradient to the logits of the forward pass just made.
    /// @throws Error when that was forward_only.
    void backward(const Tensor& images, const Tensor& gradient, const PassContext& context);

    /// In order.
    const std::vector<std::unique_ptr<Layer>>& layers() const { return layers_; }
    /// In order.
    std::vector<std::string> layer_names() const;
    /// All that training changes, in order.
    std::vector<NamedParameter> parameters();
    /// In the network's order.
    std::vector<ConvolutionLayer*> convolutions();
    /// In the network's order.
    std::vector<DenseLayer*> dense_layers();

    /// Parameters and running statistics by full name.
    std::vector<NamedArray> state() const;
    /// Takes back what state() gave. @throws ShapeError naming the array that is missing or has another
    /// shape; then nothing has changed.
    void load_state(const std::vector<NamedArray>& arrays);

    /// K of every random and ECP pooling. @throws ShapeError unless 0 ≤ K ≤ 3.
    void set_mode(int mode);
    /// Whether a pooling takes K.
    bool has_mode() const;
    /// Of every layer; results do not depend on their number.
    void set_threads(int threads);

    /// Seconds since the network was made or reset_profile.
    std::vector<LayerProfile> profile() const;
    /// Counts from zero again.
    void reset_profile();
    /// Bytes of activations, gradients and the engines' workspaces.
    std::size_t workspace_bytes() const;

  private:
    /// What a layer did of those behind it in the last forward pass.
    struct Fused {
        std::size_t end = 0;  ///< the layer behind the last of them; 0: nothing
        Epilogue epilogue;
        std::vector<std::uint8_t> winners;
        bool undone = false;  ///< the other way round: one before this layer does its backward pass
    };

    void initialise_weights();
    void fuse(std::size_t layer, std::size_t last, int batch, const PassContext& context);
    void forward_layers(std::size_t first, std::size_t end, const Tensor& x, const PassContext& context);
    const Tensor& input_of(std::size_t layer, const Tensor& images) const;

    Architecture architecture_;
    NetworkOptions options_;
    std::vector<std::unique_ptr<Layer>> layers_;
    std::vector<std::size_t> output_of_;  ///< layer → index of the activation that it writes
    std::vector<Tensor> activations_;
    Tensor gradients_[2];        ///< in turn the gradient behind and before a layer
    std::vector<Fused> fused_;   ///< of every layer
    bool forward_only_ = false;  ///< the last forward pass
    std::vector<LayerProfile> profile_;
};

/// The array of this name. @throws ShapeError when it is missing or has another shape, naming it.
const NamedArray& find_array(const std::vector<NamedArray>& arrays, const std::string& name,
                             const std::vector<int>& shape);

/// The same network for inference, with every batch normalisation folded into the layer before it (weights
/// times factor, offset as bias). Outputs outside training are equal to rounding.
Network fold_batch_norm(const Network& network);

}  // namespace fftconv
