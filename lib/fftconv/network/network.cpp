#include "fftconv/network/network.hpp"

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>

#include "fftconv/core/error.hpp"
#include "fftconv/core/number_text.hpp"
#include "fftconv/core/random.hpp"
#include "fftconv/core/scoped_seconds.hpp"
#include "fftconv/network/activation.hpp"
#include "fftconv/network/batch_norm.hpp"

namespace fftconv {
namespace {

/// Makes the layers of an architecture, one after the other.
class Builder {
  public:
    Builder(const Architecture& architecture, const NetworkOptions& options)
        : architecture_(architecture), options_(options), maps_(architecture.input) {}

    std::vector<std::unique_ptr<Layer>> build() {
        const auto& specs = architecture_.layers;
        for (std::size_t i = 0; i < specs.size(); ++i) {
            if (const auto* convolution = std::get_if<ConvolutionSpec>(&specs[i])) {
                const auto* pooling =
                    i + 1 < specs.size() ? std::get_if<PoolingSpec>(&specs[i + 1]) : nullptr;
                add_convolution_block(*convolution, pooling);
                if (pooling) ++i;
            } else if (const auto* alone = std::get_if<PoolingSpec>(&specs[i])) {
                add_pooling(alone->method);
            } else {
                add_dense_block(std::get<DenseSpec>(specs[i]), i + 1 == specs.size());
            }
        }
        return std::move(layers_);
    }

  private:
    std::string next_name(const std::string& kind) { return kind + std::to_string(++counts_[kind]); }

    template <class Kind, class... Arguments>
    void add(const std::string& kind, Arguments&&... arguments) {
        layers_.push_back(std::make_unique<Kind>(next_name(kind), std::forward<Arguments>(arguments)...));
        maps_ = layers_.back()->output_maps();
    }

    /// Pooling comes before ReLU as in the EasyConvPooling paper; for maxima the order makes no difference.
    /// Random pooling comes before the normalisation too, so that it stays equal to ECP, which has no other
    /// way.
    void add_convolution_block(const ConvolutionSpec& spec, const PoolingSpec* pooling) {
        const bool ecp = pooling && pooling->method == PoolingMethod::ecp;
        const bool random = pooling && pooling->method == PoolingMethod::random;
        const ConvolutionShape shape = convolution_shape(spec, maps_, options_.batch);
        const ConvolutionOptions engine{.tile = options_.tile,
                                        .mode = ecp ? options_.mode : no_mode,
                                        .inverse = options_.inverse,
                                        .threads = options_.threads,
                                        .fixed_weights = options_.fixed_weights,
                                        .measure = options_.measure};
        const std::string name = next_name("conv");
        layers_.push_back(
            std::make_unique<ConvolutionLayer>(name, options_.engine, shape, engine, !spec.batch_norm));
        maps_ = layers_.back()->output_maps();
        if (random) add_pooling(pooling->method);
        if (spec.batch_norm) add<BatchNorm>("norm", maps_);
        if (pooling && !ecp && !random) add_pooling(pooling->method);
        add<Relu>("relu", maps_);
    }

    void add_pooling(PoolingMethod method) {
        switch (method) {
            case PoolingMethod::max:
                return add<MaxPooling>("pool", maps_);
            case PoolingMethod::average:
                return add<AveragePooling>("pool", maps_);
            case PoolingMethod::random:
                return add<RandomPooling>("pool", maps_, options_.mode);
            case PoolingMethod::overlapped_max:
                return add<OverlappedMaxPooling>("pool", maps_);
            case PoolingMethod::ecp:
                break;  // part of its convolution
        }
    }

    void add_dense_block(const DenseSpec& spec, bool last) {
        add<DenseLayer>("dense", maps_, spec.outputs, !spec.batch_norm);
        if (last) return;
        if (spec.batch_norm) add<BatchNorm>("norm", maps_);
        add<Relu>("relu", maps_);
        if (options_.dropout > 0) add<Dropout>("dropout", maps_, options_.dropout, options_.seed);
    }

    const Architecture& architecture_;
    const NetworkOptions& options_;
    MapShape maps_;
    std::map<std::string, int> counts_;
    std::vector<std::unique_ptr<Layer>> layers_;
};

void check(const NetworkOptions& options) {
    if (options.mode < 0 || options.mode > 3)
        throw UsageError("mode: expected 0 to 3, found " + std::to_string(options.mode));
    if (!(options.dropout >= 0 && options.dropout < 1))
        throw UsageError("dropout: expected at least 0 and less than 1, found " +
                         number_text(options.dropout));
    if (options.threads < 1)
        throw UsageError("threads: expected at least 1, found " + std::to_string(options.threads));
    if (options.batch < 1)
        throw UsageError("batch: expected at least 1, found " + std::to_string(options.batch));
}

template <class Kind>
std::vector<Kind*> layers_of(const std::vector<std::unique_ptr<Layer>>& layers) {
    std::vector<Kind*> found;
    for (const auto& layer : layers)
        if (auto* kind = dynamic_cast<Kind*>(layer.get())) found.push_back(kind);
    return found;
}

std::size_t product(const std::vector<int>& shape) {
    return std::accumulate(shape.begin(), shape.end(), std::size_t(1), std::multiplies<>());
}

std::string text(const std::vector<int>& shape) {
    std::string result;
    for (int extent : shape) result += (result.empty() ? "(" : ", ") + std::to_string(extent);
    return result + ")";
}

}  // namespace

Network::Network(const Architecture& architecture, const NetworkOptions& options)
    : architecture_(architecture), options_(options) {
    check(options);
    layer_maps(architecture);
    layers_ = Builder(architecture_, options_).build();
    for (const auto& layer : layers_) {
        if (!layer->in_place() || activations_.empty()) activations_.emplace_back();
        output_of_.push_back(activations_.size() - 1);
        layer->set_threads(options_.threads);
        profile_.push_back({layer->name(), 0, 0, {}});
    }
    fused_.resize(layers_.size());
    initialise_weights();
}

void Network::initialise_weights() {
    for (const NamedParameter& named : parameters()) {
        Parameter& parameter = *named.parameter;
        if (parameter.name != "weight") continue;
        const float inputs = float(parameter.value.size()) / parameter.shape[0];
        const float bound = std::sqrt(6 / inputs);
        RandomStream random(options_.seed, "weights/" + named.name);
        for (float& value : parameter.value) value = random.uniform(-bound, bound);
        parameter.changed();
    }
}

const Tensor& Network::input_of(std::size_t layer, const Tensor& images) const {
    return layer ? activations_[output_of_[layer - 1]] : images;
}

const Tensor& Network::forward(const Tensor& images, const PassContext& context) {
    return forward(images, context, 0, layers_.size());
}

const Tensor& Network::forward(const Tensor& x, const PassContext& context, std::size_t first,
                               std::size_t last) {
    const MapShape maps = layers_.at(first)->input_maps();
    if (x.maps() != maps)
        throw ShapeError("network: images: expected " + std::to_string(maps.channels) + " x " +
                         std::to_string(maps.height) + " x " + std::to_string(maps.width) + ", found " +
                         std::to_string(x.channels()) + " x " + std::to_string(x.height()) + " x " +
                         std::to_string(x.width()));
    forward_only_ = context.forward_only;
    for (std::size_t i = first; i < last;) {
        fuse(i, last, x.batch(), context);
        const std::size_t end = fused_[i].end ? fused_[i].end : i + 1;
        forward_layers(i, end, i == first ? x : input_of(i, x), context);
        i = end;
    }
    return activations_[output_of_[last - 1]];
}

/// As many of the layers behind this one as it can do too.
void Network::fuse(std::size_t layer, std::size_t last, int batch, const PassContext& context) {
    Fused& fused = fused_[layer];
    fused.end = 0;
    fused.epilogue = {};
    fused.undone = false;
    auto* first = dynamic_cast<FusingLayer*>(layers_[layer].get());
    for (std::size_t end = layer + 1; first && end < last; fused.end = ++end) {
        Epilogue epilogue = fused.epilogue;
        if (!layers_[end]->follow(epilogue, context) || !first->fuses(epilogue, batch)) return;
        fused.epilogue = epilogue;
        fused_[end].undone = !epilogue.relu || first->takes_relu_back();
    }
}

/// A layer, and what it does of those behind it.
void Network::forward_layers(std::size_t first, std::size_t end, const Tensor& x,
                             const PassContext& context) {
    const ScopedSeconds stopwatch(profile_[first].forward);
    Tensor& y = activations_[output_of_[end - 1]];
    y.reshape(layers_[end - 1]->output_maps(), x.batch());
    if (end == first + 1) return layers_[first]->forward(x, y, context);
    Fused& fused = fused_[first];
    if (!context.forward_only && fused.epilogue.pooling == Pooling::maximum) {
        fused.winners.resize(y.size());
        fused.epilogue.winners = fused.winners.data();
    }
    dynamic_cast<FusingLayer&>(*layers_[first]).forward_fused(x, y, context, fused.epilogue);
}

void Network::backward(const Tensor& images, const Tensor& gradient, const PassContext& context) {
    if (forward_only_)
        throw Error("network: backward: expected a forward pass before it that is not forward_only");
    const Tensor* dy = &gradient;
    int free = 0;  // of the two gradient tensors, the one that dy is not
    for (std::size_t i = layers_.size(); i-- > 0;) {
        if (fused_[i].undone) continue;
        const ScopedSeconds stopwatch(profile_[i].backward);
        const Fused& fused = fused_[i];
        const Tensor& x = input_of(i, images);
        const bool in_place = layers_[i]->in_place() && dy != &gradient;
        Tensor* dx = i == 0 ? nullptr : in_place ? &gradients_[1 - free] : &gradients_[free];
        if (dx && !in_place) dx->reshape(x.maps(), x.batch());
        if (fused.end && fused_[i + 1].undone)
            dynamic_cast<FusingLayer&>(*layers_[i])
                .backward_fused(x, activations_[output_of_[fused.end - 1]], *dy, dx, context, fused.epilogue);
        else
            layers_[i]->backward(x, activations_[output_of_[i]], *dy, dx, context);
        if (!in_place) free = 1 - free;
        dy = dx;
    }
}

std::vector<std::string> Network::layer_names() const {
    std::vector<std::string> names;
    for (const auto& layer : layers_) names.push_back(layer->name());
    return names;
}

std::vector<NamedParameter> Network::parameters() {
    std::vector<NamedParameter> all;
    for (const auto& layer : layers_)
        for (Parameter* parameter : layer->parameters())
            all.push_back({layer->name() + "/" + parameter->name, parameter});
    return all;
}

std::vector<ConvolutionLayer*> Network::convolutions() {
    return layers_of<ConvolutionLayer>(layers_);
}

std::vector<DenseLayer*> Network::dense_layers() {
    return layers_of<DenseLayer>(layers_);
}

std::vector<NamedArray> Network::state() const {
    std::vector<NamedArray> arrays;
    for (const auto& layer : layers_) {
        for (const Parameter* parameter : layer->parameters())
            arrays.push_back({layer->name() + "/" + parameter->name, parameter->shape, parameter->value});
        for (const Buffer* buffer : layer->buffers())
            arrays.push_back({layer->name() + "/" + buffer->name, buffer->shape, buffer->value});
    }
    return arrays;
}

void Network::load_state(const std::vector<NamedArray>& arrays) {
    std::vector<const NamedArray*> found;
    for (const NamedArray& own : state()) found.push_back(&find_array(arrays, own.name, own.shape));
    auto next = found.begin();
    for (const auto& layer : layers_) {
        for (Parameter* parameter : layer->parameters()) {
            parameter->value = (*next++)->values;
            parameter->hold(std::vector<std::uint8_t>(parameter->held));  // what is held stays zero
        }
        for (Buffer* buffer : layer->buffers()) buffer->value = (*next++)->values;
    }
}

void Network::set_mode(int mode) {
    if (mode < 0 || mode > 3)
        throw ShapeError("network: mode: expected 0 to 3, found " + std::to_string(mode));
    options_.mode = mode;
    for (RandomPooling* pooling : layers_of<RandomPooling>(layers_)) pooling->set_mode(mode);
    for (ConvolutionLayer* convolution : convolutions())
        if (convolution->mode() != no_mode) convolution->set_mode(mode);
}

bool Network::has_mode() const {
    const auto convolutions = layers_of<ConvolutionLayer>(layers_);
    return !layers_of<RandomPooling>(layers_).empty() ||
           std::any_of(convolutions.begin(), convolutions.end(),
                       [](auto* c) { return c->mode() != no_mode; });
}

void Network::set_threads(int threads) {
    if (threads < 1) throw UsageError("threads: expected at least 1, found " + std::to_string(threads));
    options_.threads = threads;
    for (const auto& layer : layers_) layer->set_threads(threads);
}

std::vector<LayerProfile> Network::profile() const {
    std::vector<LayerProfile> result = profile_;
    for (std::size_t i = 0; i < layers_.size(); ++i)
        if (const auto* convolution = dynamic_cast<const ConvolutionLayer*>(layers_[i].get()))
            result[i].phases = convolution->engine().profile();
    return result;
}

void Network::reset_profile() {
    for (LayerProfile& layer : profile_) layer.forward = layer.backward = 0;
    for (ConvolutionLayer* convolution : convolutions()) convolution->engine().reset_profile();
}

std::size_t Network::workspace_bytes() const {
    std::size_t bytes = 0;
    for (const Tensor& tensor : activations_) bytes += tensor.size() * sizeof(float);
    for (const Tensor& tensor : gradients_) bytes += tensor.size() * sizeof(float);
    for (const Fused& fused : fused_) bytes += fused.winners.size();
    for (const ConvolutionLayer* convolution : layers_of<ConvolutionLayer>(layers_))
        bytes += convolution->engine().workspace_bytes();
    return bytes;
}

const NamedArray& find_array(const std::vector<NamedArray>& arrays, const std::string& name,
                             const std::vector<int>& shape) {
    const auto found = std::find_if(arrays.begin(), arrays.end(),
                                    [&](const NamedArray& array) { return array.name == name; });
    if (found == arrays.end()) throw ShapeError("state: " + name + ": expected an array, found none");
    if (found->shape != shape || found->values.size() != product(shape))
        throw ShapeError("state: " + name + ": expected shape " + text(shape) + ", found " +
                         text(found->shape));
    return *found;
}

Network fold_batch_norm(const Network& network) {
    Network folded(with_batch_norm(network.architecture(), false), network.options());
    std::vector<std::vector<Parameter*>> targets;  // weight and bias of each convolution and dense layer
    for (const auto& layer : folded.layers())
        if (!layer->parameters().empty()) targets.push_back(layer->parameters());
    auto target = targets.begin() - 1;
    for (const auto& layer : network.layers()) {
        if (const auto* norm = dynamic_cast<const BatchNorm*>(layer.get())) {
            const BatchNorm::Affine affine = norm->inference();
            Parameter& weight = *(*target)[0];
            const std::size_t inputs = weight.value.size() / affine.factor.size();
            for (std::size_t i = 0; i < weight.value.size(); ++i)
                weight.value[i] *= affine.factor[i / inputs];
            (*target)[1]->value = affine.offset;
        } else if (const auto own = layer->parameters(); !own.empty()) {
            ++target;
            for (std::size_t i = 0; i < own.size(); ++i) {
                (*target)[i]->value = own[i]->value;
                (*target)[i]->hold(own[i]->held);
            }
        }
    }
    for (const NamedParameter& named : folded.parameters()) named.parameter->changed();
    return folded;
}

}  // namespace fftconv
