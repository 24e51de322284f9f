#include "fftconv/network/loss.hpp"

#include <boost/test/unit_test.hpp>

#include "fftconv/core/error.hpp"
#include "support/gradient_check.hpp"

using namespace fftconv;
using namespace fftconv::test;

namespace {

const std::vector<std::uint8_t> labels = {2, 0, 3, 1, 1, 0, 0, 0, 0};

}  // namespace

BOOST_AUTO_TEST_SUITE(loss)

BOOST_AUTO_TEST_CASE(value_by_hand) {
    Tensor logits(2, 1, 1, 1);
    logits(0, 0, 0, 0) = std::log(3.0f);
    const std::vector<std::uint8_t> zero = {0}, one = {1};
    BOOST_CHECK_CLOSE(softmax_cross_entropy(logits, zero).mean(), -std::log(0.75), 1e-5);
    BOOST_CHECK_CLOSE(softmax_cross_entropy(logits, one).mean(), -std::log(0.25), 1e-5);
    BOOST_CHECK_EQUAL(softmax_cross_entropy(logits, zero).correct, 1);
    BOOST_CHECK_EQUAL(softmax_cross_entropy(logits, one).correct, 0);
    BOOST_CHECK_CLOSE(softmax(logits)[0], 0.75f, 1e-4);
}

BOOST_AUTO_TEST_CASE(gradient_to_the_logits) {
    for (int valid : {9, 5}) {
        Tensor logits = random_tensor({4, 1, 1}, 9, "logits"), gradient;
        const Loss loss = softmax_cross_entropy(logits, labels, valid, &gradient);
        BOOST_CHECK_EQUAL(loss.count, valid);
        BOOST_REQUIRE(gradient.same_shape(logits));
        for (int c = 0; c < 4; ++c)
            for (int n = 0; n < logits.batch_stride(); ++n) {
                float& value = logits.pixel(c, 0, 0)[n];
                const float centre = value, step = 0.01f;
                value = centre + step;
                const double above = softmax_cross_entropy(logits, labels, valid).mean();
                value = centre - step;
                const double below = softmax_cross_entropy(logits, labels, valid).mean();
                value = centre;
                if (n >= valid)
                    BOOST_CHECK_EQUAL(gradient.pixel(c, 0, 0)[n], 0.0f);
                else
                    BOOST_CHECK_SMALL(gradient.pixel(c, 0, 0)[n] - (above - below) / (2 * step), 1e-5);
            }
    }
}

// Central differences of the mixed loss; a share of 0 is the loss of the labels alone.
BOOST_AUTO_TEST_CASE(gradient_of_distillation) {
    const Tensor teacher = random_tensor({4, 1, 1}, 9, "teacher");
    for (const SoftTargets mix : {SoftTargets{0, 4}, SoftTargets{0.3f, 4}, SoftTargets{1, 1.5f}})
        for (int valid : {9, 5}) {
            Tensor logits = random_tensor({4, 1, 1}, 9, "logits"), gradient, hard;
            const auto mean = [&] { return distillation_loss(logits, teacher, labels, mix, valid).mean(); };
            gradient.reshape({4, 1, 1}, 9);
            gradient.fill(NAN);
            const Loss loss = distillation_loss(logits, teacher, labels, mix, valid, &gradient);
            const Loss of_labels = softmax_cross_entropy(logits, labels, valid, &hard);
            BOOST_CHECK_EQUAL(loss.count, valid);
            BOOST_CHECK_EQUAL(loss.correct, of_labels.correct);
            if (mix.share == 0) BOOST_CHECK_EQUAL(loss.sum, of_labels.sum);
            for (int c = 0; c < 4; ++c)
                for (int n = 0; n < logits.batch_stride(); ++n) {
                    float& value = logits.pixel(c, 0, 0)[n];
                    const float centre = value, step = 0.01f;
                    value = centre + step;
                    const double above = mean();
                    value = centre - step;
                    const double below = mean();
                    value = centre;
                    if (n >= valid)
                        BOOST_CHECK_EQUAL(gradient.pixel(c, 0, 0)[n], 0.0f);
                    else
                        BOOST_CHECK_SMALL(gradient.pixel(c, 0, 0)[n] - (above - below) / (2 * step), 2e-5);
                }
        }
}

// Two classes at T = 2: p = (3/4, 1/4), q = (1/2, 1/2), KL(q ‖ p) = ½ ln(2/3) + ½ ln 2.
BOOST_AUTO_TEST_CASE(distillation_by_hand) {
    Tensor logits(2, 1, 1, 1), teacher(2, 1, 1, 1);
    logits(0, 0, 0, 0) = 2 * std::log(3.0f);
    const std::vector<std::uint8_t> zero = {0};
    const double kl = 0.5 * std::log(2.0 / 3) + 0.5 * std::log(2.0), hard = -std::log(0.9);
    BOOST_CHECK_CLOSE(distillation_loss(logits, teacher, zero, {0.25f, 2}).sum, 0.75 * hard + 0.25 * 4 * kl,
                      1e-4);
    teacher(1, 0, 0, 0) = 2 * std::log(2.0f);  // q = (1/3, 2/3)
    const double other = std::log(4.0 / 9) / 3 + 2 * std::log(8.0 / 3) / 3;
    BOOST_CHECK_CLOSE(distillation_loss(logits, teacher, zero, {1, 2}).sum, 4 * other, 1e-4);
    BOOST_CHECK_THROW(distillation_loss(logits, Tensor(3, 1, 1, 1), zero, {}), ShapeError);
}

BOOST_AUTO_TEST_CASE(huge_logits_stay_finite) {
    Tensor logits(2, 1, 1, 1), gradient;
    logits(0, 0, 0, 0) = 3e4f;
    const std::vector<std::uint8_t> one = {1};
    BOOST_CHECK(std::isfinite(softmax_cross_entropy(logits, one, 0, &gradient).sum));
    BOOST_CHECK_EQUAL(gradient(0, 0, 0, 0), 1.0f);
}

// A NaN among the logits is a NaN loss, and no class: not even the first one.
BOOST_AUTO_TEST_CASE(nan_is_no_answer) {
    for (int bad : {0, 2}) {
        Tensor logits(3, 1, 1, 2);
        logits(bad, 0, 0, 0) = NAN;
        logits(1, 0, 0, 1) = 5;
        const std::vector<std::uint8_t> of_both = {0, 1};
        const Loss loss = softmax_cross_entropy(logits, of_both);
        BOOST_CHECK(std::isnan(loss.sum));
        BOOST_CHECK_EQUAL(loss.correct, 1);
        const std::vector<float> probabilities = softmax(logits);
        BOOST_CHECK_EQUAL(answer_of(std::span<const float>(probabilities).first(3)), no_answer);
        BOOST_CHECK_EQUAL(answer_of(std::span<const float>(probabilities).last(3)), 1);
    }
}

BOOST_AUTO_TEST_CASE(errors) {
    const Tensor logits(3, 1, 1, 9);
    BOOST_CHECK_THROW(softmax_cross_entropy(logits, labels), ShapeError);  // label 3 of classes 0 to 2
    BOOST_CHECK_THROW(softmax_cross_entropy(Tensor(4, 1, 1, 10), labels), ShapeError);
    BOOST_CHECK_THROW(softmax_cross_entropy(Tensor(4, 1, 1, 9), labels, 10), ShapeError);
    Tensor both(4, 1, 1, 9);
    BOOST_CHECK_THROW(softmax_cross_entropy(both, labels, 0, &both), ShapeError);
    BOOST_CHECK_THROW(distillation_loss(Tensor(4, 1, 1, 9), both, labels, {}, 0, &both), ShapeError);
}

BOOST_AUTO_TEST_SUITE_END()
