#include "fftconv/network/loss.hpp"

#include <algorithm>
#include <cmath>
#include <string>

#include "fftconv/core/error.hpp"

namespace fftconv {
namespace {

/// The softmax of one image's logits divided by the temperature, in double; `p` gets (classes).
void softmax_of(const Tensor& logits, int n, std::vector<double>& p, double temperature = 1) {
    double most = logits(0, 0, 0, n), sum = 0;
    for (int c = 1; c < logits.channels(); ++c) most = std::max<double>(most, logits(c, 0, 0, n));
    for (int c = 0; c < logits.channels(); ++c)
        sum += p[c] = std::exp((logits(c, 0, 0, n) - most) / temperature);
    for (double& probability : p) probability /= sum;
}

int checked_valid(const Tensor& logits, int valid) {
    if (valid < 0 || valid > logits.batch())
        throw ShapeError("loss: valid: expected 0 to " + std::to_string(logits.batch()) + ", found " +
                         std::to_string(valid));
    return valid ? valid : logits.batch();
}

void check_labels(const Tensor& logits, std::span<const std::uint8_t> labels, int valid) {
    if (labels.size() < std::size_t(valid))
        throw ShapeError("loss: labels: expected at least " + std::to_string(valid) + ", found " +
                         std::to_string(labels.size()));
    for (int n = 0; n < valid; ++n)
        if (labels[n] >= logits.channels())
            throw ShapeError("loss: label: expected less than " + std::to_string(logits.channels()) +
                             ", found " + std::to_string(labels[n]));
}

/// The gradient is written before the last of these is read.
void require_apart(const Tensor* gradient, const Tensor& read, const char* what) {
    if (gradient == &read)
        throw ShapeError(std::string("loss: gradient: expected another tensor than the ") + what);
}

}  // namespace

Loss softmax_cross_entropy(const Tensor& logits, std::span<const std::uint8_t> labels, int valid,
                           Tensor* gradient, int of) {
    valid = checked_valid(logits, valid);
    check_labels(logits, labels, valid);
    require_apart(gradient, logits, "logits");
    if (gradient) {
        gradient->reshape(logits.maps(), logits.batch());
        gradient->fill(0);
    }
    Loss loss{.count = valid};
    std::vector<double> p(logits.channels());
    for (int n = 0; n < valid; ++n) {
        softmax_of(logits, n, p);
        loss.sum -= std::log(std::max(p[labels[n]], 1e-300));
        loss.correct += answer_of(std::span<const double>(p)) == labels[n];
        if (!gradient) continue;
        for (int c = 0; c < logits.channels(); ++c)
            (*gradient)(c, 0, 0, n) = float((p[c] - (c == labels[n])) / (of ? of : valid));
    }
    return loss;
}

Loss distillation_loss(const Tensor& logits, const Tensor& teacher, std::span<const std::uint8_t> labels,
                       const SoftTargets& mix, int valid, Tensor* gradient) {
    if (!(teacher.maps() == logits.maps()) || teacher.batch() != logits.batch())
        throw ShapeError("loss: teacher: expected logits of " + std::to_string(logits.channels()) +
                         " classes and " + std::to_string(logits.batch()) + " images, found " +
                         std::to_string(teacher.channels()) + " and " + std::to_string(teacher.batch()));
    require_apart(gradient, teacher, "teacher");
    Loss loss = softmax_cross_entropy(logits, labels, valid, gradient);
    const double share = mix.share, temperature = mix.temperature;
    loss.sum *= 1 - share;
    std::vector<double> p(logits.channels()), q(logits.channels());
    for (int n = 0; n < loss.count; ++n) {
        softmax_of(logits, n, p, temperature);
        softmax_of(teacher, n, q, temperature);
        for (int c = 0; c < logits.channels(); ++c) {
            const double ratio = std::max(q[c], 1e-300) / std::max(p[c], 1e-300);
            loss.sum += share * temperature * temperature * q[c] * std::log(ratio);
            if (!gradient) continue;
            float& of_logit = (*gradient)(c, 0, 0, n);
            of_logit = float((1 - share) * of_logit + share * temperature * (p[c] - q[c]) / loss.count);
        }
    }
    return loss;
}

std::vector<float> softmax(const Tensor& logits, int valid) {
    valid = checked_valid(logits, valid);
    std::vector<double> p(logits.channels());
    std::vector<float> result;
    result.reserve(std::size_t(valid) * logits.channels());
    for (int n = 0; n < valid; ++n) {
        softmax_of(logits, n, p);
        result.insert(result.end(), p.begin(), p.end());
    }
    return result;
}

}  // namespace fftconv
