#include "fftconv/network/dense.hpp"

#include <Eigen/Core>

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

constexpr int output_block = 64, input_block = 256;

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
        rows.noalias() = weights.middleRows(first, count) * matrix(x);
        if (with_bias_) rows.colwise() += bias.segment(first, count);
    });
}

void DenseLayer::backward(const Tensor& x, const Tensor&, const Tensor& dy, Tensor* dx, const PassContext&) {
    const Eigen::Index inputs = Eigen::Index(input_maps().size());
    const ConstMatrix weights(weight_.value.data(), outputs_, inputs);
    MutableMatrix gradient(weight_.gradient.data(), outputs_, inputs);
    for_row_blocks(threads(), int(inputs), input_block, [&](int first, int count) {
        gradient.middleCols(first, count).noalias() =
            matrix(dy) * matrix(x).middleRows(first, count).transpose();
        if (dx)
            matrix(*dx).middleRows(first, count).noalias() =
                weights.middleCols(first, count).transpose() * matrix(dy);
    });
    if (with_bias_) Eigen::Map<Eigen::VectorXf>(bias_.gradient.data(), outputs_) = matrix(dy).rowwise().sum();
}

}  // namespace fftconv
