#include "fftconv/pruning/dead_ends.hpp"

#include <algorithm>

namespace fftconv {
namespace {

using Bytes = std::vector<std::uint8_t>;

class Removal {
  public:
    explicit Removal(const PrunedNetwork& pruned)
        : masks_(pruned.masks()),
          layers_(weighted_layers(pruned.network)),
          surviving_(pruned.surviving_weights()) {
        for (const WeightedLayer& layer : layers_) gone_.push_back(Bytes(std::size_t(layer.out), 0));
        for (std::size_t i = 0; i < layers_.size(); ++i) {
            const LayerMask* mask = find_mask(masks_, layers_[i].name());
            if (!mask || mask->feature_map.empty()) continue;
            for (std::size_t o = 0; o < mask->feature_map.size(); ++o) gone_[i][o] = !mask->feature_map[o];
        }
    }

    const Masks& masks() const { return masks_; }

    std::vector<DeadEnd> run() {
        for (bool changed = true; changed;) {
            changed = false;
            for (std::size_t i = 0; i + 1 < layers_.size(); ++i)
                for (int o = 0; o < layers_[i].out; ++o)
                    if (!gone_[i][std::size_t(o)]) changed = remove_if_dead(i, o) || changed;
        }
        report_constants();
        return found_;
    }

  private:
    bool has_incoming(std::size_t i, int o) const {
        const auto first = surviving_[i].begin() + std::ptrdiff_t(layers_[i].at(o, 0));
        return std::any_of(first, first + layers_[i].in * layers_[i].area,
                           [](std::uint8_t surviving) { return surviving != 0; });
    }

    bool has_outgoing(std::size_t i, int o) const {
        const WeightedLayer& next = layers_[i + 1];
        for (int to = 0; to < next.out; ++to) {
            const int input = next.input_of(to, o);
            if (input < 0) continue;
            const auto first = surviving_[i + 1].begin() + std::ptrdiff_t(next.at(to, input));
            if (std::any_of(first, first + next.area, [](std::uint8_t surviving) { return surviving != 0; }))
                return true;
        }
        return false;
    }

    /// Behind ReLU, of a map without incoming kernels; pooling does not change a constant.
    float constant(std::size_t i, int o) const {
        const WeightedLayer& layer = layers_[i];
        const float bias = layer.bias ? layer.bias->value[std::size_t(o)] : 0;
        return std::max(layer.norm ? layer.norm->inference().offset[std::size_t(o)] : bias, 0.0f);
    }

    bool foldable(std::size_t i, float value) const {
        const WeightedLayer& next = layers_[i + 1];
        const bool padded = next.convolution && !(next.convolution->shape().padding == 0);
        const bool takes_it = next.bias != nullptr || next.norm != nullptr;
        return value == 0 || (!padded && takes_it);
    }

    bool remove_if_dead(std::size_t i, int o) {
        if (!has_outgoing(i, o)) {
            prune(i, o, {layers_[i].name(), o, false, 0, true});
            return true;
        }
        if (has_incoming(i, o)) return false;
        const float value = constant(i, o);
        if (!foldable(i, value)) return false;
        if (value != 0) fold(i, o, value);
        prune(i, o, {layers_[i].name(), o, true, value, true});
        return true;
    }

    void fold(std::size_t i, int o, float value) {
        const WeightedLayer& next = layers_[i + 1];
        for (int to = 0; to < next.out; ++to) {
            const int input = next.input_of(to, o);
            if (input < 0) continue;
            double sum = 0;
            for (float weight : next.kernel(to, input)) sum += weight;
            const float share = float(sum * value);
            if (next.norm)  // y = f·(x + share − mean) + shift
                next.norm->buffers().front()->value[std::size_t(to)] -= share;
            else
                next.bias->value[std::size_t(to)] += share;
        }
        if (next.bias) next.bias->changed();
    }

    void prune(std::size_t i, int o, const DeadEnd& dead_end) {
        LayerMask& mask = mask_of(masks_, layers_, layers_[i].name());
        mask.out = layers_[i].out;
        mask.feature_map.resize(std::size_t(layers_[i].out), 1);
        mask.feature_map[std::size_t(o)] = 0;
        gone_[i][std::size_t(o)] = 1;
        std::fill_n(surviving_[i].begin() + std::ptrdiff_t(layers_[i].at(o, 0)),
                    layers_[i].in * layers_[i].area, 0);
        const WeightedLayer& next = layers_[i + 1];
        for (int to = 0; to < next.out; ++to)
            if (const int input = next.input_of(to, o); input >= 0)
                std::fill_n(surviving_[i + 1].begin() + std::ptrdiff_t(next.at(to, input)), next.area, 0);
        found_.push_back(dead_end);
    }

    void report_constants() {
        for (std::size_t i = 0; i + 1 < layers_.size(); ++i)
            for (int o = 0; o < layers_[i].out; ++o)
                if (!gone_[i][std::size_t(o)] && !has_incoming(i, o))
                    found_.push_back({layers_[i].name(), o, true, constant(i, o), false});
    }

    Masks masks_;  ///< extended
    std::vector<WeightedLayer> layers_;
    std::vector<Bytes> surviving_;  ///< weights of each layer
    std::vector<Bytes> gone_;       ///< maps of each layer, 1 = pruned
    std::vector<DeadEnd> found_;
};

}  // namespace

std::vector<DeadEnd> remove_dead_ends(PrunedNetwork& pruned) {
    Removal removal(pruned);
    std::vector<DeadEnd> found = removal.run();
    pruned.set_masks(removal.masks());
    return found;
}

}  // namespace fftconv
