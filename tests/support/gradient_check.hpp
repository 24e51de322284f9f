#pragma once
#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <limits>
#include <map>
#include <string>
#include <vector>

#include "fftconv/core/random.hpp"
#include "fftconv/network/layer.hpp"

namespace fftconv::test {

inline constexpr float quiet_nan = std::numeric_limits<float>::quiet_NaN();

/// Normal numbers for the first `valid` images (0 = all), 7 everywhere else: what lies there must not matter.
inline Tensor random_tensor(MapShape maps, int batch, const std::string& stream, int valid = 0) {
    Tensor tensor(maps, batch);
    tensor.fill(7);
    RandomStream random(1, stream);
    const std::size_t pixels = maps.size();
    for (std::size_t p = 0; p < pixels; ++p)
        for (int n = 0; n < (valid ? valid : batch); ++n)
            tensor.data()[p * tensor.batch_stride() + n] = random.normal();
    return tensor;
}

/// The same with distinct multiples of `spacing`, none nearer to zero than half of it: for layers with kinks.
inline Tensor spaced_tensor(MapShape maps, int batch, const std::string& stream, float spacing,
                            int valid = 0) {
    Tensor tensor(maps, batch);
    tensor.fill(7);
    const int images = valid ? valid : batch;
    std::vector<float> values(maps.size() * images);
    const std::size_t half = values.size() / 2;
    for (std::size_t i = 0; i < values.size(); ++i) values[i] = (float(i) - float(half) + 0.5f) * spacing;
    RandomStream random(1, stream);
    shuffle(values, random);
    auto next = values.begin();
    for (std::size_t p = 0; p < maps.size(); ++p)
        for (int n = 0; n < images; ++n) tensor.data()[p * tensor.batch_stride() + n] = *next++;
    return tensor;
}

/// Sets every lane from `first` on to `value`.
inline void fill_lanes(Tensor& tensor, int first, float value) {
    for (std::size_t p = 0; p < tensor.maps().size(); ++p)
        std::fill(tensor.data() + p * tensor.batch_stride() + first,
                  tensor.data() + (p + 1) * tensor.batch_stride(), value);
}

/// ⟨a, b⟩ over the first `valid` images, in double.
inline double inner_product(const Tensor& a, const Tensor& b, int valid) {
    double sum = 0;
    for (std::size_t p = 0; p < a.maps().size(); ++p)
        for (int n = 0; n < valid; ++n)
            sum += double(a.data()[p * a.batch_stride() + n]) * b.data()[p * b.batch_stride() + n];
    return sum;
}

/// Largest |a − b| over the first `valid` images (0 = all), relative to the largest |b|.
inline double largest_error(const Tensor& a, const Tensor& b, int valid = 0) {
    BOOST_REQUIRE(a.same_shape(b));
    double error = 0, scale = 0;
    for (std::size_t p = 0; p < a.maps().size(); ++p)
        for (int n = 0; n < (valid ? valid : a.batch()); ++n) {
            const double one = a.data()[p * a.batch_stride() + n], other = b.data()[p * b.batch_stride() + n];
            error = std::isfinite(one) ? std::max(error, std::abs(one - other)) : HUGE_VAL;
            scale = std::max(scale, std::abs(other));
        }
    return error / std::max(scale, 1e-30);
}

inline double largest_error(const std::vector<float>& a, const std::vector<float>& b) {
    BOOST_REQUIRE_EQUAL(a.size(), b.size());
    double error = 0, scale = 1e-30;
    for (std::size_t i = 0; i < a.size(); ++i) {
        error = std::isfinite(a[i]) ? std::max(error, std::abs(double(a[i]) - b[i])) : HUGE_VAL;
        scale = std::max(scale, std::abs(double(b[i])));
    }
    return error / scale;
}

/// A layer's passes over outputs that were filled with NaN before.
struct Passes {
    Tensor y, dy, dx;
};

inline Passes run(Layer& layer, const Tensor& x, const PassContext& context) {
    Passes passes{Tensor(layer.output_maps(), x.batch()), {}, Tensor(x.maps(), x.batch())};
    passes.y.fill(quiet_nan);
    passes.dx.fill(quiet_nan);
    for (Parameter* parameter : layer.parameters())
        std::fill(parameter->gradient.begin(), parameter->gradient.end(), quiet_nan);
    layer.forward(x, passes.y, context);
    passes.dy = random_tensor(layer.output_maps(), x.batch(), "output gradient");
    fill_lanes(passes.dy, context.valid_of(x), 0);
    layer.backward(x, passes.y, passes.dy, &passes.dx, context);
    return passes;
}

/// Checks a layer's gradients against central differences of the loss ⟨dy, y⟩, accumulated in double, dy
/// fixed random numbers: the largest error of dx and of each parameter's gradient, relative to its largest
/// element. Linear layers stand any `step`; others need it small, and the tolerance to suit. Padding lanes
/// and images ≥ valid must get a gradient of exactly zero, and every output of the passes a finite value.
inline void check_gradients(Layer& layer, const Tensor& given, const PassContext& context, float step,
                            double tolerance) {
    Tensor x = given;
    const int valid = context.valid_of(x);
    const Passes passes = run(layer, x, context);
    for (std::size_t i = 0; i < passes.y.size(); ++i) BOOST_REQUIRE(std::isfinite(passes.y.data()[i]));

    Tensor y(layer.output_maps(), x.batch());
    const auto slope = [&](float& value, Parameter* parameter) {
        const float centre = value;
        double loss[2];
        double distance = 0;
        for (int side = 0; side < 2; ++side) {
            value = side ? centre - step : centre + step;
            distance += side ? -double(value) : double(value);
            if (parameter) parameter->changed();
            layer.forward(x, y, context);
            loss[side] = inner_product(passes.dy, y, valid);
        }
        value = centre;
        if (parameter) parameter->changed();
        return float((loss[0] - loss[1]) / distance);
    };

    Tensor expected(x.maps(), x.batch());
    for (std::size_t p = 0; p < x.maps().size(); ++p)
        for (int n = 0; n < x.batch_stride(); ++n) {
            const std::size_t i = p * x.batch_stride() + n;
            if (n < valid)
                expected.data()[i] = slope(x.data()[i], nullptr);
            else
                BOOST_CHECK_EQUAL(passes.dx.data()[i], 0.0f);
        }
    BOOST_CHECK_LE(largest_error(passes.dx, expected, valid), tolerance);

    for (Parameter* parameter : layer.parameters()) {
        BOOST_TEST_CONTEXT(parameter->name) {
            std::vector<float> slopes;
            for (float& value : parameter->value) slopes.push_back(slope(value, parameter));
            BOOST_CHECK_LE(largest_error(parameter->gradient, slopes), tolerance);
        }
    }
}

/// ⟨A x, dy⟩ = ⟨x, Aᵀ dy⟩ for a layer whose output is linear in x.
inline void check_adjoint(Layer& layer, const Tensor& x, const PassContext& context = {}) {
    const Passes passes = run(layer, x, context);
    const int valid = context.valid_of(x);
    const double forward = inner_product(passes.y, passes.dy, valid),
                 backward = inner_product(x, passes.dx, valid);
    const double scale =
        std::sqrt(inner_product(passes.y, passes.y, valid) * inner_product(passes.dy, passes.dy, valid));
    BOOST_CHECK_LE(std::abs(forward - backward), 1e-5 * scale);
}

/// A layer that may work in place gives the same bits when it does.
inline void check_in_place(Layer& layer, const Tensor& x, const PassContext& context) {
    BOOST_REQUIRE(layer.in_place());
    const Passes passes = run(layer, x, context);
    Tensor both = x, gradient = passes.dy;
    layer.forward(both, both, context);
    layer.backward(both, both, gradient, &gradient, context);
    BOOST_CHECK(std::equal(both.data(), both.data() + both.size(), passes.y.data()));
    BOOST_CHECK(std::equal(gradient.data(), gradient.data() + gradient.size(), passes.dx.data()));
}

}  // namespace fftconv::test
