#pragma once
#include <array>
#include <cstddef>
#include <span>

#include "fftconv/convolution/simd/matrix_product.hpp"

namespace fftconv {

/// The dense sum over channels in one bin, y = Σ w̄·z (forward) or Σ w·z (backward), and its transpose for the
/// weight gradient. A bin is a small matrix product over planes of real numbers (see SpectrumLayout); these
/// are the loops where a dense layer spends its time. Lanes are a multiple of eight. Every
/// function runs the best SIMD target of the machine, and adds in an order that depends on the arguments
/// alone.
namespace frequency_sum {

using matrix_product::padded_rows, matrix_product::panel_rows, matrix_product::widest_visit;

enum class Weights { conjugated, plain };

/// One bin's operands: planes (depth, lanes) in, planes (rows, lanes) out. A real bin has no imaginary
/// planes.
struct Planes {
    const float *in_re, *in_im;
    float *out_re, *out_im;
    std::size_t lanes;  ///< also the stride between channels
};

/// Floats of scratch that `dense` needs.
std::size_t dense_scratch_floats(int rows, int depth, std::size_t lanes);

/// Memory that is going to be worked on, fetched into the second-level cache meanwhile.
using Next = std::array<std::span<const float>, 6>;

/// Every kernel. A complex product in three real ones (Gauss): k = (w_r − w_i)z_r; Re w̄z = k + w_i(z_r +
/// z_i), Im w̄z = k + w_r(z_i − z_r), and wz with −w_i for w_i, so that a complex bin is three real matrix
/// products. weights_im and the imaginary planes are null in a real bin. With `add` the result is added to
/// what the output planes hold.
void dense(Weights kind, int rows, int depth, const float* weights_re, const float* weights_im,
           const Planes& planes, bool add, float* scratch, const Next& next = {});

/// What a call of `dense` works on first: its inputs, and the weights and outputs of the first rows. It
/// fetches the others itself.
Next first_needs(int rows, int depth, const float* weights_re, const float* weights_im, const Planes& planes);

}  // namespace frequency_sum
}  // namespace fftconv
