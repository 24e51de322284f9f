#pragma once
#include <cstdint>
#include <span>
#include <vector>

#include "fftconv/core/public.hpp"
#include "fftconv/core/tensor.hpp"

namespace FFTCONV_PUBLIC fftconv {

/// Softmax and cross-entropy of a batch of logits (classes, 1, 1, N).
struct Loss {
    double sum = 0;   ///< of −log p(label) over the valid images
    int correct = 0;  ///< valid images whose largest logit is the label's
    int count = 0;    ///< valid images
    /// Of a valid image, nat.
    double mean() const { return count ? sum / count : 0; }
};

/// The loss of the first `valid` images (0 = all), and, unless null, the gradient of its mean to the logits,
/// exactly zero in padding lanes and images ≥ valid. The mean is over `of` images where these are only some
/// of a batch (0 = over these). @throws ShapeError when labels are too few or too large.
Loss softmax_cross_entropy(const Tensor& logits, std::span<const std::uint8_t> labels, int valid = 0,
                           Tensor* gradient = nullptr, int of = 0);

/// Probabilities (N, classes), row-major, of the first `valid` images (0 = all).
std::vector<float> softmax(const Tensor& logits, int valid = 0);

}  // namespace fftconv
