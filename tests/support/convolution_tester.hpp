#pragma once
#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <cstdint>
#include <limits>
#include <memory>
#include <sstream>
#include <string>
#include <vector>

#include "fftconv/convolution/engine.hpp"
#include "fftconv/convolution/make_engine.hpp"
#include "fftconv/convolution/reference.hpp"
#include "fftconv/convolution/spectral/spectral.hpp"
#include "fftconv/core/random.hpp"

namespace fftconv::test {

inline constexpr float not_a_number = std::numeric_limits<float>::quiet_NaN();

inline std::vector<float> random_floats(std::size_t count, std::uint64_t seed, std::string_view name) {
    RandomStream random(seed, name);
    std::vector<float> values(count);
    for (float& value : values) value = random.uniform(-1, 1);
    return values;
}

inline std::vector<double> doubles(const std::vector<float>& values) {
    return {values.begin(), values.end()};
}

/// The values of a tensor in (N, C, H, W) order, or NaN in its padding lanes instead of the zeros of
/// from_nchw.
inline Tensor tensor_of(const std::vector<float>& nchw, MapShape maps, int batch, float padding_lanes = 0) {
    Tensor tensor = from_nchw(nchw, maps, batch);
    for (std::size_t pixel = 0; pixel < maps.size(); ++pixel)
        std::fill(tensor.data() + pixel * tensor.batch_stride() + batch,
                  tensor.data() + (pixel + 1) * tensor.batch_stride(), padding_lanes);
    return tensor;
}

/// The largest |found − expected| relative to the largest |expected|; NaN when something found is.
inline double largest_error(const std::vector<float>& found, const std::vector<double>& expected) {
    BOOST_REQUIRE_EQUAL(found.size(), expected.size());
    double error = 0, largest = 0;
    for (std::size_t i = 0; i < found.size(); ++i) {
        if (!std::isfinite(found[i])) return not_a_number;
        error = std::max(error, std::abs(found[i] - expected[i]));
        largest = std::max(largest, std::abs(expected[i]));
    }
    return error == 0 ? 0 : error / largest;
}

/// ‖found − expected‖ / ‖expected‖; NaN when something found is.
inline double norm_error(const std::vector<float>& found, const std::vector<double>& expected) {
    BOOST_REQUIRE_EQUAL(found.size(), expected.size());
    double error = 0, norm = 0;
    for (std::size_t i = 0; i < found.size(); ++i) {
        error += (found[i] - expected[i]) * (found[i] - expected[i]);
        norm += expected[i] * expected[i];
    }
    return error == 0 ? 0 : std::sqrt(error / norm);
}

inline void copy_nchw(const std::vector<float>& values, const MapsView& to) {
    auto next = values.begin();
    for (int n = 0; n < to.batch; ++n)
        for (int c = 0; c < to.channels; ++c)
            for (int h = 0; h < to.height; ++h)
                for (int w = 0; w < to.width; ++w) to(n, c, h, w) = *next++;
}

inline std::vector<float> to_nchw_of(const ConstMapsView& view) {
    std::vector<float> values;
    for (int n = 0; n < view.batch; ++n)
        for (int c = 0; c < view.channels; ++c)
            for (int h = 0; h < view.height; ++h)
                for (int w = 0; w < view.width; ++w) values.push_back(view(n, c, h, w));
    return values;
}

inline bool all_finite(const Tensor& tensor) {
    return std::all_of(tensor.data(), tensor.data() + tensor.size(),
                       [](float value) { return std::isfinite(value); });
}

/// One layer with random inputs, weights and output gradients, checked against the double-precision reference
/// in all three passes; outputs are filled with NaN first, and the largest error is judged. What the
/// reference computes is kept while only what must not matter changes (engine, threads, tile, inverse).
class ConvolutionTester {
  public:
    explicit ConvolutionTester(const ConvolutionShape& shape) : shape_(shape), planned_batch_(shape.batch) {}

    ConvolutionTester& mode(int mode) { return forget(options_.mode = mode); }
    ConvolutionTester& seed(std::uint64_t seed) { return forget(seed_ = seed); }
    /// The part of kernels that survives a random mask; 1 = no mask.
    ConvolutionTester& density(double density) {
        RandomStream random(shape_.kernels(), "mask");
        mask([&](int, int) { return random.uniform() < density; });
        if (density >= 1) mask_.clear();
        return *this;
    }
    /// The kernels (o, c) for which kept(o, c) holds survive; c is a channel of o's group.
    template <class Kept>
    ConvolutionTester& mask(Kept kept) {
        mask_.clear();
        for (int o = 0; o < shape_.out_channels; ++o)
            for (int c = 0; c < shape_.group_channels(); ++c) mask_.push_back(kept(o, c));
        return forget(mask_);
    }
    ConvolutionTester& biased(bool biased = true) { return forget(biased_ = biased); }
    ConvolutionTester& inverse(Inverse inverse) { return options_.inverse = inverse, *this; }
    ConvolutionTester& threads(int threads) { return options_.threads = threads, *this; }
    ConvolutionTester& tile(int tile) { return options_.tile = tile, *this; }
    /// The batch that the engine is made for, where it is not the one of the calls.
    ConvolutionTester& planned_batch(int batch) { return planned_batch_ = batch, *this; }
    /// NaN in the padding lanes of inputs: they must reach no result.
    ConvolutionTester& garbage_lanes(bool garbage = true) { return garbage_lanes_ = garbage, *this; }

    const ConvolutionShape& shape() const { return shape_; }
    std::string describe(const std::string& engine) const {
        std::ostringstream text;
        text << engine << ' ' << to_string(shape_) << ", batch " << shape_.batch << " (planned "
             << planned_batch_ << "), mode " << options_.mode
             << (options_.inverse == Inverse::full ? " full" : " folded") << ", pruned "
             << std::count(mask_.begin(), mask_.end(), 0) << ", tile " << to_string(options_.tile)
             << ", threads " << options_.threads << ", seed " << seed_;
        return text.str();
    }

    /// The engine with the tester's weights, mask and bias.
    std::unique_ptr<ConvolutionEngine> make(const std::string& engine) {
        ConvolutionShape planned = shape_;
        planned.batch = planned_batch_;
        auto made = make_engine(engine, planned, options_);
        made->set_weights(data().w);
        made->set_mask(mask_);
        made->set_bias(data().bias);
        return made;
    }
    Tensor x() { return tensor_of(data().x, input_maps(), shape_.batch, garbage_lanes_ ? not_a_number : 0); }
    Tensor dy() {
        return tensor_of(data().dy, output_maps(), shape_.batch, garbage_lanes_ ? not_a_number : 0);
    }

    Tensor forward(ConvolutionEngine& engine) {
        Tensor y = engine.make_output(shape_.batch);
        y.fill(not_a_number);
        engine.forward(x(), y);
        check_visits(engine);
        if (!garbage_lanes_) BOOST_TEST(all_finite(y), "padding lanes of the output are not finite");
        return y;
    }
    Tensor backward_input(ConvolutionEngine& engine) {
        Tensor dx = engine.make_input(shape_.batch);
        dx.fill(not_a_number);
        engine.backward_input(dy(), dx);
        check_visits(engine);
        if (!garbage_lanes_) BOOST_TEST(all_finite(dx), "padding lanes of the input gradient are not finite");
        return dx;
    }
    std::vector<float> backward_weights(ConvolutionEngine& engine) {
        std::vector<float> dw(shape_.weights(), not_a_number);
        engine.backward_weights(x(), dy(), dw);
        check_visits(engine);
        check_pruned_gradients(dw);
        return dw;
    }

    /// Both gradients in one call, without and with spectra kept from forward: the bits of the two.
    void check_both_gradients(ConvolutionEngine& engine, const Tensor& dx, const std::vector<float>& dw) {
        const Tensor input = x();
        check_both_gradients(engine, input, dx, dw);
        engine.keep_input_spectra(true);
        Tensor y = engine.make_output(shape_.batch);
        engine.forward(input, y);
        check_both_gradients(engine, input, dx, dw);
        check_both_gradients(engine, input, dx, dw);  // nothing is kept any more
        engine.keep_input_spectra(false);
    }
    void check_both_gradients(ConvolutionEngine& engine, const Tensor& input, const Tensor& dx,
                              const std::vector<float>& dw) {
        Tensor both_dx = engine.make_input(shape_.batch);
        std::vector<float> both_dw(shape_.weights(), not_a_number);
        both_dx.fill(not_a_number);
        engine.backward(input, dy(), both_dx, both_dw);
        check_visits(engine);
        BOOST_TEST((to_nchw(both_dx) == to_nchw(dx)), "the input gradient of both is another");
        BOOST_TEST((both_dw == dw), "the weight gradient of both is another");
    }

    /// All passes of the engine against the reference.
    ConvolutionTester& check(const std::string& engine) {
        BOOST_TEST_CONTEXT(describe(engine)) {
            auto made = make(engine);
            check_passes(*made);
        }
        return *this;
    }
    void check_passes(ConvolutionEngine& engine, double tolerance = 2e-6) {
        judge("forward", largest_error(to_nchw(forward(engine)), data().expected_y), tolerance);
        const Tensor dx = backward_input(engine);
        const std::vector<float> dw = backward_weights(engine);
        judge("backward to input", largest_error(to_nchw(dx), data().expected_dx), tolerance);
        judge("backward to weights", largest_error(dw, data().expected_dw), tolerance);
        check_both_gradients(engine, dx, dw);
    }

    /// The passes over maps in memory of the caller's, `of_x` and `of_y` making their views (nchw, nhwc,
    /// chwn); norm-wise errors.
    template <class ViewOfX, class ViewOfY>
    void check_views(ConvolutionEngine& engine, ViewOfX of_x, ViewOfY of_y, double tolerance) {
        const MapShape in = input_maps(), out = output_maps();
        const auto view = [&](auto make, std::vector<float>& memory, MapShape maps) {
            return MapsView(make(memory.data(), shape_.batch, maps.channels, maps.height, maps.width));
        };
        const auto filled = [&](auto make, const std::vector<float>& values, MapShape maps) {
            std::vector<float> memory(values.size(), not_a_number);
            copy_nchw(values, view(make, memory, maps));
            return memory;
        };
        std::vector<float> x_memory = filled(of_x, data().x, in), dy_memory = filled(of_y, data().dy, out),
                           y_memory(dy_memory.size(), not_a_number), dx_memory(x_memory.size(), not_a_number),
                           dw(shape_.weights(), not_a_number), both(dw.size(), not_a_number);
        const MapsView xs = view(of_x, x_memory, in), dys = view(of_y, dy_memory, out),
                       y = view(of_y, y_memory, out), dx = view(of_x, dx_memory, in);
        engine.forward(xs, y);
        judge("forward", norm_error(to_nchw_of(y), data().expected_y), tolerance);
        engine.backward_input(dys, dx);
        judge("backward to input", norm_error(to_nchw_of(dx), data().expected_dx), tolerance);
        engine.backward_weights(xs, dys, dw);
        judge("backward to weights", norm_error(dw, data().expected_dw), tolerance);
        check_pruned_gradients(dw);
        const std::vector<float> once = dx_memory;
        engine.backward(xs, dys, dx, both);
        BOOST_TEST((both == dw), "the weight gradient of both is another");
        BOOST_TEST((once == dx_memory), "the input gradient of both is another");
    }

    const std::vector<float>& weights() { return data().w; }
    const std::vector<std::uint8_t>& mask() const { return mask_; }

  private:
    struct Data {
        std::vector<float> x, w, dy, bias;
        std::vector<double> expected_y, expected_dx, expected_dw;
    };

    template <class Changed>
    ConvolutionTester& forget(const Changed&) {
        data_.reset();
        return *this;
    }
    MapShape input_maps() const { return {shape_.in_channels, shape_.height, shape_.width}; }
    MapShape output_maps() const {
        const int step = options_.mode == no_mode ? 1 : 2;
        return {shape_.out_channels, shape_.output_height() / step, shape_.output_width() / step};
    }

    const Data& data() {
        if (!data_) data_ = std::make_unique<const Data>(make_data());
        return *data_;
    }
    Data make_data() const {
        Data d;
        d.x = random_floats(shape_.batch * input_maps().size(), seed_, "x");
        d.w = random_floats(shape_.weights(), seed_, "weights");
        d.dy = random_floats(shape_.batch * output_maps().size(), seed_, "dy");
        if (biased_) d.bias = random_floats(shape_.out_channels, seed_, "bias");
        d.expected_y = reference::forward(shape_, options_.mode, doubles(d.x), doubles(d.w), mask_);
        const std::size_t pixels = output_maps().size() / shape_.out_channels;
        if (biased_)
            for (std::size_t i = 0; i < d.expected_y.size(); ++i)
                d.expected_y[i] += d.bias[i / pixels % shape_.out_channels];
        d.expected_dx = reference::backward_input(shape_, options_.mode, doubles(d.dy), doubles(d.w), mask_);
        d.expected_dw =
            reference::backward_weights(shape_, options_.mode, doubles(d.x), doubles(d.dy), mask_);
        return d;
    }

    static void judge(const char* pass, double error, double tolerance) {
        BOOST_TEST(error <= tolerance, pass << ": largest error " << error << ", at most " << tolerance);
    }
    void check_visits(const ConvolutionEngine& engine) const {
        if (auto* spectral = dynamic_cast<const SpectralConvolution*>(&engine))
            BOOST_TEST(spectral->visited_kernels() == spectral->surviving_kernels());
    }
    void check_pruned_gradients(const std::vector<float>& dw) {
        const std::size_t taps = shape_.kernel.area();
        for (std::size_t i = 0; i < dw.size() && !mask_.empty(); ++i)
            if (!mask_[i / taps] && dw[i] != 0)
                BOOST_FAIL("gradient of pruned kernel " << i / taps << " is " << dw[i]);
    }

    ConvolutionShape shape_;
    ConvolutionOptions options_;
    int planned_batch_;
    std::uint64_t seed_ = 1;
    std::vector<std::uint8_t> mask_;
    bool biased_ = false, garbage_lanes_ = false;
    std::unique_ptr<const Data> data_;
};

}  // namespace fftconv::test
