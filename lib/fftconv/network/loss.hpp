#pragma once
#include <algorithm>
#include <cstdint>
#include <span>
#include <vector>

#include "fftconv/core/public.hpp"
#include "fftconv/core/tensor.hpp"

namespace FFTCONV_PUBLIC fftconv {

/// Softmax and cross-entropy of a batch of logits (classes, 1, 1, N).
struct Loss {
    double sum = 0;   ///< of −log p(label) over the valid images
    int correct = 0;  ///< valid images whose largest logit is the label's; never one with a NaN among them
    int count = 0;    ///< valid images
    /// Of a valid image, nat.
    double mean() const { return count ? sum / count : 0; }
};

/// The loss of the first `valid` images (0 = all), and, unless null, the gradient of its mean to the logits,
/// exactly zero in padding lanes and images ≥ valid. The mean is over `of` images where these are only some
/// of a batch (0 = over these). @throws ShapeError when labels are too few or too large.
Loss softmax_cross_entropy(const Tensor& logits, std::span<const std::uint8_t> labels, int valid = 0,
                           Tensor* gradient = nullptr, int of = 0);

/// How a network learns from another one's answers besides the labels (Hinton et al. 2015, section 2): the
/// loss of an image is (1 − share) · cross-entropy + share · T² · KL(q ‖ p), where q and p are the softmax of
/// the other's and the own logits divided by T; T² keeps the size of the gradients.
struct SoftTargets {
    float share = 0.5f;     ///< 0 to 1
    float temperature = 4;  ///< T, more than 0
};

/// Such a loss, as softmax_cross_entropy; `teacher` are the other's logits of the same images, (classes, 1,
/// 1, N). @throws ShapeError also when they are of another shape.
Loss distillation_loss(const Tensor& logits, const Tensor& teacher, std::span<const std::uint8_t> labels,
                       const SoftTargets& mix, int valid = 0, Tensor* gradient = nullptr);

inline constexpr int no_answer = -1;

/// The class of the largest probability, of equal ones the first; no_answer when they are not numbers.
template <class Number>
int answer_of(std::span<const Number> probabilities) {
    if (!(probabilities.front() == probabilities.front())) return no_answer;  // one NaN logit makes all NaN
    return int(std::max_element(probabilities.begin(), probabilities.end()) - probabilities.begin());
}

/// Probabilities (N, classes), row-major, of the first `valid` images (0 = all).
std::vector<float> softmax(const Tensor& logits, int valid = 0);

}  // namespace fftconv
