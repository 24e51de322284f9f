#pragma once
#include <span>
#include <vector>

#include "fftconv/convolution/engine.hpp"

namespace fftconv {

/// The energy of what each kernel makes of its input map: Σ over all pixels of (W[o,c] ⋆ x[c])², the
/// correlation continued with zeros over every border and, with strides, at every pixel, mean over the first
/// `valid` images (0 = all). By Parseval's theorem it is Σ_f |W[o,c](f)|²·P_c(f) / T², with P_c the mean
/// energy spectrum of input map c: one transform per input map and one per kernel give the energies of all
/// pairs, no convolution is computed. `without_mean` leaves out the energy of the mean over pixels and
/// images, which batch normalisation takes away: P · m² with m = Σ W[o,c] · Σ x[c] / P, P the pixels of the
/// correlation and Σ x[c] the mean over images. weights: row-major (O, C, k, k); x: (C, H, W, N). Returns (O,
/// C). @throws ShapeError on other sizes.
std::vector<double> kernel_energies(const ConvolutionShape& shape, std::span<const float> weights,
                                    const Tensor& x, int valid = 0, bool without_mean = false);

}  // namespace fftconv
