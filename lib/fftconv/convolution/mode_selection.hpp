#pragma once
#include "fftconv/core/maps_view.hpp"

namespace fftconv {

/// Calls body(pixel of the whole output, pixel of the mode-K output) for each pixel of the latter.
template <class Whole, class Selected, class Body>
void for_each_selected(const Whole& whole, const Selected& selected, int mode, Body body) {
    for (int c = 0; c < selected.channels; ++c)
        for (int i = 0; i < selected.height; ++i)
            for (int j = 0; j < selected.width; ++j)
                body(whole.pixel(c, 2 * i + mode / 2, 2 * j + mode % 2), selected.pixel(c, i, j));
}

/// The images of a pixel; padding lanes become zero.
inline void copy_pixel(const ConstMapsView& from, const float* source, const MapsView& to, float* target) {
    for (int n = 0; n < from.batch; ++n) target[n * to.image_stride] = source[n * from.image_stride];
    for (int n = to.batch; n < to.lanes; ++n) target[n * to.image_stride] = 0;
}

/// Pixel K of each 2×2 window of `whole` (Inverse::full).
inline void select_mode(const ConstMapsView& whole, const MapsView& selected, int mode) {
    for_each_selected(whole, selected, mode,
                      [&](const float* from, float* to) { copy_pixel(whole, from, selected, to); });
}

/// The transpose: `selected` among zeros, at the places of mode K.
inline void scatter_mode(const ConstMapsView& selected, Tensor& whole, int mode) {
    whole.fill(0);
    const MapsView to(whole);
    for_each_selected(to, selected, mode,
                      [&](float* target, const float* from) { copy_pixel(selected, from, to, target); });
}

}  // namespace fftconv
