#include "fftconv/network/layer.hpp"

#include "fftconv/core/error.hpp"

namespace fftconv {

Parameter::Parameter(std::string name_, std::vector<int> shape_, float initial, bool decays_)
    : name(std::move(name_)), shape(std::move(shape_)), decays(decays_) {
    std::size_t size = 1;
    for (int extent : shape) size *= extent;
    value.assign(size, initial);
    gradient.assign(size, 0.0f);
}

void Parameter::hold(std::span<const std::uint8_t> mask) {
    if (!mask.empty() && mask.size() != value.size())
        throw ShapeError(name + ": mask: expected " + std::to_string(value.size()) + " bytes, found " +
                         std::to_string(mask.size()));
    held.assign(mask.begin(), mask.end());
    ++held_version;
    for (std::size_t i = 0; i < held.size(); ++i)
        if (!held[i]) value[i] = gradient[i] = 0;
    changed();
}

}  // namespace fftconv
