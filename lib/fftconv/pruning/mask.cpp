#include "fftconv/pruning/mask.hpp"

#include <algorithm>

#include "fftconv/core/error.hpp"

namespace fftconv {
namespace {

using Bytes = std::vector<std::uint8_t>;

void require_size(const std::string& layer, const char* array, const Bytes& bytes, std::size_t expected) {
    if (!bytes.empty() && bytes.size() != expected)
        throw ShapeError("mask: " + layer + "/" + array + ": expected " + std::to_string(expected) +
                         " bytes, found " + std::to_string(bytes.size()));
}

std::size_t index_of(const std::vector<WeightedLayer>& layers, const std::string& name) {
    for (std::size_t i = 0; i < layers.size(); ++i)
        if (layers[i].name() == name) return i;
    std::string known;
    for (const WeightedLayer& layer : layers) known += (known.empty() ? "" : ", ") + layer.name();
    throw ShapeError("mask: layer: expected one of " + known + ", found " + name);
}

void check_extent(const std::string& layer, const char* what, int expected, int found) {
    if (found != 0 && found != expected)
        throw ShapeError("mask: " + layer + ": " + what + ": expected " + std::to_string(expected) +
                         ", found " + std::to_string(found));
}

void check_mask(const LayerMask& mask, const WeightedLayer& layer, bool last) {
    check_extent(mask.layer, "maps behind the layer", layer.out, mask.out);
    check_extent(mask.layer, "maps before the layer", layer.in, mask.in);
    if (layer.convolution) {
        check_extent(mask.layer, "kernel height", layer.convolution->shape().kernel.vertical,
                     mask.kernel_height);
        check_extent(mask.layer, "kernel width", layer.convolution->shape().kernel.horizontal,
                     mask.kernel_width);
    } else if (!mask.kernel.empty() || !mask.intra_kernel.empty()) {
        throw ShapeError("mask: " + mask.layer + ": expected a convolution for kernels, found a dense layer");
    }
    if (last && std::count(mask.feature_map.begin(), mask.feature_map.end(), 0) > 0)
        throw ShapeError("mask: " + mask.layer +
                         ": feature_map: expected every class kept, found one pruned");
    require_size(mask.layer, "feature_map", mask.feature_map, std::size_t(layer.out));
    require_size(mask.layer, "kernel", mask.kernel, layer.units());
    require_size(mask.layer, "intra_kernel", mask.intra_kernel, layer.weights());
}

bool keeps_map(const LayerMask* mask, int map) {
    return !mask || mask->feature_map.empty() || mask->feature_map[std::size_t(map)] != 0;
}

Bytes surviving_weights(const LayerMask* mask, const LayerMask* before, const WeightedLayer& layer) {
    Bytes surviving(layer.weights(), 1);
    for (int o = 0; o < layer.out; ++o)
        for (int c = 0; c < layer.in; ++c) {
            const std::size_t unit = std::size_t(o) * layer.in + c, first = layer.at(o, c);
            const bool pair = keeps_map(mask, o) && keeps_map(before, layer.map_of(o, c)) &&
                              (!mask || mask->kernel.empty() || mask->kernel[unit] != 0);
            for (std::size_t i = first; i < first + layer.area; ++i)
                surviving[i] = pair && (!mask || mask->intra_kernel.empty() || mask->intra_kernel[i] != 0);
        }
    return surviving;
}

Bytes combine(const Bytes& a, const Bytes& b, const std::string& layer) {
    if (a.empty() || b.empty()) return a.empty() ? b : a;
    require_size(layer, "masks to combine", b, a.size());
    Bytes both(a.size());
    std::transform(a.begin(), a.end(), b.begin(), both.begin(),
                   [](std::uint8_t x, std::uint8_t y) { return std::uint8_t(x && y); });
    return both;
}

}  // namespace

const LayerMask* find_mask(const Masks& masks, const std::string& layer) {
    const auto found =
        std::find_if(masks.begin(), masks.end(), [&](const LayerMask& mask) { return mask.layer == layer; });
    return found == masks.end() ? nullptr : &*found;
}

LayerMask& mask_of(Masks& masks, const std::vector<WeightedLayer>& layers, const std::string& layer) {
    const std::size_t index = index_of(layers, layer);
    const PerAxis kernel = layers[index].convolution ? layers[index].convolution->shape().kernel : PerAxis(0);
    auto place = std::ranges::find(masks, layer, &LayerMask::layer);
    if (place == masks.end()) {  // masks that were combined, or come from a file, may be in any order
        place = std::ranges::find_if(
            masks, [&](const LayerMask& mask) { return index_of(layers, mask.layer) >= index; });
        place = masks.insert(place, LayerMask{.layer = layer});
    }
    place->out = layers[index].out;  // files leave out the extents that none of their arrays has
    place->in = layers[index].in;
    place->kernel_height = kernel.vertical;
    place->kernel_width = kernel.horizontal;
    return *place;
}

void check_masks(const Masks& masks, const std::vector<WeightedLayer>& layers) {
    for (const LayerMask& mask : masks) {
        if (find_mask(masks, mask.layer) != &mask)
            throw ShapeError("mask of " + mask.layer + ": expected one, found two");
        const std::size_t i = index_of(layers, mask.layer);
        check_mask(mask, layers[i], i + 1 == layers.size());
    }
}

std::vector<Bytes> surviving_weights(const Masks& masks, const std::vector<WeightedLayer>& layers) {
    check_masks(masks, layers);
    std::vector<Bytes> result;
    const LayerMask* before = nullptr;
    for (const WeightedLayer& layer : layers) {
        const LayerMask* mask = find_mask(masks, layer.name());
        result.push_back(surviving_weights(mask, before, layer));
        before = mask;
    }
    return result;
}

Bytes surviving_maps(const LayerMask* mask, const WeightedLayer& layer) {
    return mask && !mask->feature_map.empty() ? mask->feature_map : Bytes(std::size_t(layer.out), 1);
}

Masks combine(const Masks& a, const Masks& b) {
    Masks both = a;
    for (const LayerMask& other : b) {
        LayerMask* mask = const_cast<LayerMask*>(find_mask(both, other.layer));
        if (!mask) {
            both.push_back(other);
            continue;
        }
        for (const auto extent :
             {&LayerMask::out, &LayerMask::in, &LayerMask::kernel_height, &LayerMask::kernel_width}) {
            if (mask->*extent == 0) mask->*extent = other.*extent;
            check_extent(other.layer, "extent", mask->*extent, other.*extent);
        }
        mask->feature_map = combine(mask->feature_map, other.feature_map, other.layer);
        mask->kernel = combine(mask->kernel, other.kernel, other.layer);
        mask->intra_kernel = combine(mask->intra_kernel, other.intra_kernel, other.layer);
    }
    return both;
}

LayerDensity total(const std::vector<LayerDensity>& layers, const std::vector<std::string>& names) {
    LayerDensity sum;
    sum.layer = "in all";
    for (const std::string& name : names) {
        const auto found = std::find_if(layers.begin(), layers.end(),
                                        [&](const LayerDensity& d) { return d.layer == name; });
        if (found == layers.end())
            throw ShapeError("mask: layer: expected one of the network, found " + name);
        for (const auto count :
             {&LayerDensity::maps, &LayerDensity::surviving_maps, &LayerDensity::kernels,
              &LayerDensity::surviving_kernels, &LayerDensity::weights, &LayerDensity::surviving_weights})
            sum.*count += (*found).*count;
    }
    return sum;
}

}  // namespace fftconv
