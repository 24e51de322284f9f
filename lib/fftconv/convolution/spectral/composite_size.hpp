#pragma once
#include <cstddef>
#include <vector>

namespace fftconv::vector_transform {

/// How a size without a straight-line transform is split: N = first · second, `first` a size of
/// tile_sizes.hpp, and the twiddles e^{−2πi·a·j/N} of the split, [a][j], real then imaginary.
struct CompositeSize {
    int first, second;
    std::vector<float> twiddles;
};

/// The split of a size that has_size; kept for the life of the process. @throws std::bad_alloc
const CompositeSize& composite_size(int n);

/// Floats for each lane that a transform of this size, or of one smaller along the other axis, works in.
std::size_t work_floats(int n);

}  // namespace fftconv::vector_transform
