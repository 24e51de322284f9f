#include "fftconv/network/dense.hpp"

#include <Eigen/Core>
#include <algorithm>

#include "fftconv/convolution/spectral/frequency_sum.hpp"
#include "fftconv/core/aligned.hpp"
#include "fftconv/core/error.hpp"
#include "fftconv/core/threads.hpp"

namespace fftconv {
namespace {

using Matrix = Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
using ConstMatrix = Eigen::Map<const Matrix>;
using MutableMatrix = Eigen::Map<Matrix>;

/// (features, lanes): maps, rows and columns of a tensor are the rows, its padded batch the columns.
ConstMatrix matrix(const Tensor& tensor) {
    return {tensor.data(), Eigen::Index(tensor.maps().size()), tensor.batch_stride()};
}
MutableMatrix matrix(Tensor& tensor) {
    return {tensor.data(), Eigen::Index(tensor.maps().size()), tensor.batch_stride()};
}

/// body(first, count) for blocks of rows whose extent does not depend on the threads, so that neither do the
/// bits of the products.
template <class Body>
void for_row_blocks(int threads, int rows, int block, const Body& body) {
    parallel_for(threads, (rows + block - 1) / block,
                 [&](int index) { body(index * block, std::min(block, rows - index * block)); });
}

constexpr int output_block = 32, input_block = 256;

/// The product loop of the convolutions serves whole vectors; Eigen, which a portable binary has without AVX,
/// serves the rest: fewer than eight images, or inputs that are no multiple of eight.
bool fills_vectors(const Tensor& x) {
    return x.batch_stride() % 8 == 0 && x.maps().size() % 8 == 0;
}

float* scratch(std::size_t floats) {
    thread_local AlignedFloats memory;
    if (memory.size() < floats) memory.resize(floats);
    return memory.data();
}

/// out (rows, columns) = a · b, with a in panels of four rows (frequency_sum) and b (depth, columns).
void product(int rows, int depth, const float* panels, const float* b, std::size_t columns, float* out,
             float* memory) {
    frequency_sum::dense(frequency_sum::Weights::plain, rows, depth, panels, nullptr,
                         {b, nullptr, out, nullptr, columns}, false, memory);
}

/// y rows first … first + count − 1 = W x.
void forward_block(const std::vector<float>& weights, const Tensor& x, Tensor& y, int first, int count) {
    const std::size_t inputs = x.maps().size(), lanes = x.batch_stride();
    const std::size_t panel_floats = frequency_sum::padded_rows(count) * inputs;
    float* panels = scratch(panel_floats + frequency_sum::dense_scratch_floats(count, int(inputs), lanes));
    frequency_sum::transpose(weights.data() + first * inputs, count, inputs, inputs, panels, 4, 4 * inputs);
    product(count, int(inputs), panels, x.data(), lanes, y.data() + first * lanes, panels + panel_floats);
}

/// Columns first … first + count − 1 of the weight gradient dy · xᵀ, lanes in the place of inputs.
void gradient_block(const Tensor& x, const Tensor& dy, std::vector<float>& gradient, int first, int count) {
    const int outputs = dy.channels(), lanes = x.batch_stride();
    const std::size_t inputs = x.maps().size();
    const std::size_t panel_floats = std::size_t(frequency_sum::padded_rows(outputs)) * lanes;
    const std::size_t slice = std::size_t(lanes) * count, block = std::size_t(outputs) * count;
    float* panels =
        scratch(panel_floats + slice + block + frequency_sum::dense_scratch_floats(outputs, lanes, count));
    float* x_lanes = panels + panel_floats;
    float* out = x_lanes + slice;
    frequency_sum::transpose(dy.data(), outputs, lanes, lanes, panels, 4, 4 * std::size_t(lanes));
    frequency_sum::transpose(x.data() + std::size_t(first) * lanes, count, lanes, lanes, x_lanes, count, 4);
    product(outputs, lanes, panels, x_lanes, count, out, out + block);
    for (int o = 0; o < outputs; ++o)
        std::copy_n(out + std::size_t(o) * count, count, gradient.data() + o * inputs + first);
}

/// dx rows first … first + count − 1 = Wᵀ dy.
void input_block_gradient(const std::vector<float>& weights, const Tensor& dy, Tensor& dx, int first,
                          int count) {
    const int outputs = dy.channels();
    const std::size_t inputs = dx.maps().size(), lanes = dy.batch_stride(),
                      panel_floats = std::size_t(outputs) * count;
    float* panels = scratch(panel_floats + frequency_sum::dense_scratch_floats(count, outputs, lanes));
    for (int o = 0; o < outputs; ++o)
        for (int i = 0; i < count; i += 4)
            std::copy_n(weights.data() + o * inputs + first + i, 4,
                        panels + std::size_t(i) * outputs + 4 * o);
    product(count, outputs, panels, dy.data(), lanes, dx.data() + std::size_t(first) * lanes,
            panels + panel_floats);
}

}  // namespace

DenseLayer::DenseLayer(std::string name, MapShape input, int outputs, bool with_bias)
    : Layer(std::move(name), input),
      outputs_(outputs),
      with_bias_(with_bias),
      weight_("weight", {outputs, int(input.size())}),
      bias_("bias", {outputs}, 0, false) {
    if (outputs < 1)
        throw ShapeError(this->name() + ": outputs: expected at least 1, found " + std::to_string(outputs));
}

std::vector<Parameter*> DenseLayer::parameters() {
    if (with_bias_) return {&weight_, &bias_};
    return {&weight_};
}

void DenseLayer::forward(const Tensor& x, Tensor& y, const PassContext&) {
    const ConstMatrix weights(weight_.value.data(), outputs_, Eigen::Index(input_maps().size()));
    const Eigen::Map<const Eigen::VectorXf> bias(bias_.value.data(), outputs_);
    for_row_blocks(threads(), outputs_, output_block, [&](int first, int count) {
        auto rows = matrix(y).middleRows(first, count);
        if (fills_vectors(x))
            forward_block(weight_.value, x, y, first, count);
        else
            rows.noalias() = weights.middleRows(first, count) * matrix(x);
        if (with_bias_) rows.colwise() += bias.segment(first, count);
    });
}

void DenseLayer::backward(const Tensor& x, const Tensor&, const Tensor& dy, Tensor* dx, const PassContext&) {
    const Eigen::Index inputs = Eigen::Index(input_maps().size());
    const ConstMatrix weights(weight_.value.data(), outputs_, inputs);
    MutableMatrix gradient(weight_.gradient.data(), outputs_, inputs);
    for_row_blocks(threads(), int(inputs), input_block, [&](int first, int count) {
        if (fills_vectors(x)) {
            gradient_block(x, dy, weight_.gradient, first, count);
            if (dx) input_block_gradient(weight_.value, dy, *dx, first, count);
            return;
        }
        gradient.middleCols(first, count).noalias() =
            matrix(dy) * matrix(x).middleRows(first, count).transpose();
        if (dx)
            matrix(*dx).middleRows(first, count).noalias() =
                weights.middleCols(first, count).transpose() * matrix(dy);
    });
    if (with_bias_) Eigen::Map<Eigen::VectorXf>(bias_.gradient.data(), outputs_) = matrix(dy).rowwise().sum();
}

}  // namespace fftconv
