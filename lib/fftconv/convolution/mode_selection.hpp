#pragma once
#include <algorithm>

#include "fftconv/core/tensor.hpp"

namespace fftconv {

/// Calls body(pixel of the whole output, pixel of the mode-K output) for each pixel of the latter.
template <class Whole, class Selected, class Body>
void for_each_selected(Whole& whole, Selected& selected, int mode, Body body) {
    for (int c = 0; c < selected.channels(); ++c)
        for (int i = 0; i < selected.height(); ++i)
            for (int j = 0; j < selected.width(); ++j)
                body(whole.pixel(c, 2 * i + mode / 2, 2 * j + mode % 2), selected.pixel(c, i, j));
}

/// Pixel K of each 2×2 window of `whole` (Inverse::full).
inline void select_mode(const Tensor& whole, Tensor& selected, int mode) {
    for_each_selected(whole, selected, mode,
                      [&](const float* from, float* to) { std::copy_n(from, selected.batch_stride(), to); });
}

/// The transpose: `selected` among zeros, at the places of mode K.
inline void spread_mode(const Tensor& selected, Tensor& whole, int mode) {
    whole.fill(0);
    for_each_selected(whole, selected, mode,
                      [&](float* to, const float* from) { std::copy_n(from, selected.batch_stride(), to); });
}

}  // namespace fftconv
