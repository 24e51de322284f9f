#include "fftconv/network/dense.hpp"

#include <Eigen/Core>
#include <algorithm>

#include "fftconv/convolution/simd/matrix_product.hpp"
#include "fftconv/core/error.hpp"
#include "fftconv/core/threads.hpp"
#include "fftconv/network/scratch.hpp"

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
/// bits of Eigen's products. Ours have the same bits for any blocks.
template <class Body>
void for_row_blocks(int threads, int rows, int block, const Body& body) {
    parallel_for(threads, (rows + block - 1) / block,
                 [&](int index) { body(index * block, std::min(block, rows - index * block)); });
}

constexpr int output_block = 32, input_block = 256;
constexpr int vector_columns = 8;  // of which columns of our products are a multiple

/// Threads that the products of a pass feed: below some ten microseconds each, one is faster.
int fed_threads(int threads, const Tensor& x, int outputs) {
    constexpr double least = 5e5;  // multiply-adds
    return int(std::min<double>(threads, 1 + double(x.size()) * outputs / least));
}

/// Outputs of a thread, in whole panels: every block packs the inputs for itself.
int outputs_of_thread(int threads, int outputs) {
    return matrix_product::padded_rows((outputs + threads - 1) / threads);
}

/// The product loop of the convolutions serves whole vectors, and forward of few images has a loop of its
/// own; Eigen, which a portable binary has without AVX, serves the rest: gradients of few images, and those
/// to the weights of the last inputs, up to seven.
bool fills_vectors(const Tensor& x) {
    return x.batch_stride() % vector_columns == 0;
}

bool few_images(const Tensor& x) {
    return x.batch_stride() <= matrix_product::most_few_columns;
}

/// out (rows, columns; rows out_stride floats apart) = a · b.
void multiply(int rows, int depth, std::size_t columns, const matrix_product::Operand& a,
              const matrix_product::Operand& b, float* out, std::size_t out_stride) {
    matrix_product::multiply(rows, depth, columns, a, b, out, out_stride,
                             scratch(matrix_product::multiply_scratch_floats(columns)));
}

/// y rows first … first + count − 1 = W x.
void forward_block(const std::vector<float>& weights, const Tensor& x, Tensor& y, int first, int count) {
    const std::size_t inputs = x.maps().size(), lanes = x.batch_stride();
    const float* rows = weights.data() + first * inputs;
    float* out = y.data() + first * lanes;
    if (few_images(x))
        matrix_product::multiply_few(count, int(inputs), int(lanes), rows, inputs, x.data(), out,
                                     scratch(matrix_product::multiply_few_scratch_floats(count, int(lanes))));
    else
        multiply(count, int(inputs), lanes, {rows, inputs}, {x.data(), lanes}, out, lanes);
}

/// Columns first … first + count − 1 of the weight gradient dy · xᵀ, lanes in the place of inputs.
void gradient_block(const Tensor& x, const Tensor& dy, std::vector<float>& gradient, int first, int count) {
    const std::size_t inputs = x.maps().size(), lanes = x.batch_stride();
    const int ours = count / vector_columns * vector_columns, rest = count - ours;
    if (ours > 0)
        multiply(dy.channels(), int(lanes), ours, {dy.data(), lanes}, {x.data() + first * lanes, lanes, true},
                 gradient.data() + first, inputs);
    if (rest > 0)
        MutableMatrix(gradient.data(), dy.channels(), Eigen::Index(inputs))
            .middleCols(first + ours, rest)
            .noalias() = matrix(dy) * matrix(x).middleRows(first + ours, rest).transpose();
}

/// dx rows first … first + count − 1 = Wᵀ dy.
void input_block_gradient(const std::vector<float>& weights, const Tensor& dy, Tensor& dx, int first,
                          int count) {
    const std::size_t inputs = dx.maps().size(), lanes = dy.batch_stride();
    multiply(count, dy.channels(), lanes, {weights.data() + first, inputs, true}, {dy.data(), lanes},
             dx.data() + first * lanes, lanes);
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
    const int threads = fed_threads(this->threads(), x, outputs_);
    const bool ours = few_images(x) || fills_vectors(x);
    const int block = ours ? outputs_of_thread(threads, outputs_) : output_block;
    for_row_blocks(threads, outputs_, block, [&](int first, int count) {
        auto rows = matrix(y).middleRows(first, count);
        if (ours)
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
    for_row_blocks(fed_threads(threads(), x, outputs_), int(inputs), input_block, [&](int first, int count) {
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
