#pragma once
#include <string>
#include <vector>

#include "fftconv/core/public.hpp"

namespace FFTCONV_PUBLIC fftconv {

/// A named array of floats, row-major: how weights, optimizer state and preprocessing travel between networks
/// and files without either knowing the other. The name is a path, "conv1/weight": layer, then array.
struct NamedArray {
    /// A path, "conv1/weight".
    std::string name;
    std::vector<int> shape;     ///< e.g. (out, in, ky, kx)
    std::vector<float> values;  ///< the product of the shape

    bool operator==(const NamedArray&) const = default;
};

}  // namespace fftconv
