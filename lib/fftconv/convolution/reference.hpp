#pragma once
#include <vector>

#include "fftconv/convolution/engine.hpp"
#include "fftconv/core/public.hpp"

namespace FFTCONV_PUBLIC fftconv {
namespace reference {

/// The specification: convolution by plain loops in double, for tests and for whoever wants to read what the
/// engines compute. All arrays row-major: x (N, C, H, W), w (O, C/groups, k_h, k_w), y and dy (N, O, H', W'),
/// with H' and W' those of the whole output, or of the mode-K output when `mode` is 0 to 3. An empty mask
/// keeps every kernel.
std::vector<double> forward(const ConvolutionShape& shape, int mode, const std::vector<double>& x,
                            const std::vector<double>& w, const std::vector<std::uint8_t>& mask = {});
std::vector<double> backward_input(const ConvolutionShape& shape, int mode, const std::vector<double>& dy,
                                   const std::vector<double>& w, const std::vector<std::uint8_t>& mask = {});
std::vector<double> backward_weights(const ConvolutionShape& shape, int mode, const std::vector<double>& x,
                                     const std::vector<double>& dy,
                                     const std::vector<std::uint8_t>& mask = {});

}  // namespace reference
}  // namespace fftconv
