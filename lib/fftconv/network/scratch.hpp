#pragma once
#include <cstddef>

#include "fftconv/core/aligned.hpp"

namespace fftconv {

/// Memory of the calling thread for what a layer holds no longer than its pass: uninitialised, good until the
/// next call.
inline float* scratch(std::size_t floats) {
    thread_local AlignedFloats memory;
    if (memory.size() < floats) memory.resize(floats);
    return memory.data();
}

}  // namespace fftconv
