// Types of others as views: Eigen's matrices and maps, and what has the interface of std::mdspan. The three
// passes over them against the double-precision oracle.
#include <Eigen/Core>
#include <array>
#include <boost/test/unit_test.hpp>

#include "support/convolution_tester.hpp"

using namespace fftconv;
using namespace fftconv::test;

namespace {

using RowMajor = Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
using ColumnMajor = Eigen::MatrixXf;
using Strided = Eigen::Map<RowMajor, 0, Eigen::Stride<Eigen::Dynamic, Eigen::Dynamic>>;

constexpr ConvolutionShape one_map{.height = 19, .width = 14, .kernel = {5, 3}, .padding = {2, 1}};

/// As C++23 has it: (N, C, H, W) with strides of their own, here W outermost.
template <class T>
class Mdspan {
  public:
    Mdspan(T* data, std::array<std::size_t, 4> extents) : data_(data), extents_(extents) {}
    static constexpr std::size_t rank() { return 4; }
    T* data_handle() const { return data_; }
    std::size_t extent(std::size_t axis) const { return extents_[axis]; }
    std::size_t stride(std::size_t axis) const {
        std::size_t stride = 1;
        for (std::size_t inner = 0; inner < axis; ++inner) stride *= extents_[inner];
        return stride;
    }

  private:
    T* data_;
    std::array<std::size_t, 4> extents_;
};

template <class Matrix>
std::vector<float> values_of(const Matrix& matrix) {
    std::vector<float> values;
    for (Eigen::Index row = 0; row < matrix.rows(); ++row)
        for (Eigen::Index column = 0; column < matrix.cols(); ++column) values.push_back(matrix(row, column));
    return values;
}

struct Oracle {
    explicit Oracle(const ConvolutionShape& shape)
        : x(random_floats(std::size_t(shape.batch * shape.in_channels * shape.height * shape.width), 1, "x")),
          weights(random_floats(shape.weights(), 1, "weights")),
          dy(random_floats(std::size_t(shape.batch * shape.out_channels) *
                               std::size_t(shape.output_height() * shape.output_width()),
                           1, "dy")),
          y(reference::forward(shape, no_mode, doubles(x), doubles(weights))),
          dx(reference::backward_input(shape, no_mode, doubles(dy), doubles(weights))),
          dw(reference::backward_weights(shape, no_mode, doubles(x), doubles(dy))) {}

    std::vector<float> x, weights, dy;
    std::vector<double> y, dx, dw;
};

void judge(const std::vector<float>& found, const std::vector<double>& expected) {
    BOOST_TEST(largest_error(found, expected) <= 2e-6);
}

/// x and dx of one kind of matrix, y and dy of another.
template <class In, class Out>
void check_matrices(const char* name, const In& x, const Out& dy, In&& dx, Out&& y, const Oracle& oracle) {
    BOOST_TEST_CONTEXT(name) {
        auto engine = make_engine(name, one_map, {});
        engine->set_weights(oracle.weights);
        std::vector<float> dw(oracle.dw.size(), not_a_number);
        engine->forward(x, y);
        engine->backward_input(dy, dx);
        engine->backward_weights(x, dy, dw);
        judge(values_of(y), oracle.y);
        judge(values_of(dx), oracle.dx);
        judge(dw, oracle.dw);
    }
}

}  // namespace

BOOST_AUTO_TEST_SUITE(views_of_other_types)

BOOST_AUTO_TEST_CASE(eigen_matrices_of_either_order) {
    const Oracle oracle(one_map);
    const Eigen::Map<const RowMajor> x(oracle.x.data(), one_map.height, one_map.width),
        dy(oracle.dy.data(), one_map.output_height(), one_map.output_width());
    for (const char* name : {"fft", "direct", "spatial"}) {
        const auto blank = [](const auto& like) {
            return ColumnMajor(ColumnMajor::Constant(like.rows(), like.cols(), not_a_number));
        };
        check_matrices(name, ColumnMajor(x), ColumnMajor(dy), blank(x), blank(dy), oracle);
        check_matrices(name, RowMajor(x), ColumnMajor(dy), RowMajor(blank(x)), blank(dy), oracle);
    }
}

BOOST_AUTO_TEST_CASE(eigen_maps_with_strides_leave_what_lies_between) {
    const Oracle oracle(one_map);
    const Eigen::Stride<Eigen::Dynamic, Eigen::Dynamic> apart(3 * one_map.width, 2);
    std::vector<float> memory(std::size_t(3 * one_map.width * one_map.height), 7), result(memory);
    Strided x(memory.data(), one_map.height, one_map.width, apart),
        y(result.data(), one_map.output_height(), one_map.output_width(), apart);
    x = Eigen::Map<const RowMajor>(oracle.x.data(), one_map.height, one_map.width);
    auto engine = make_engine("fft", one_map, {});
    engine->set_weights(oracle.weights);
    engine->forward(x, y);
    judge(values_of(y), oracle.y);
    y.setConstant(7);
    BOOST_TEST((result == std::vector<float>(result.size(), 7)));
    RowMajor whole(one_map.output_height() + 2, one_map.output_width() + 3);
    whole.setConstant(7);
    auto part = whole.block(1, 2, one_map.output_height(), one_map.output_width());
    engine->forward(x, part);
    judge(values_of(part), oracle.y);
    part.setConstant(7);
    BOOST_TEST((whole.array() == 7).all());
}

BOOST_AUTO_TEST_CASE(mdspans_of_any_layout) {
    const ConvolutionShape shape{.batch = 3,
                                 .in_channels = 4,
                                 .out_channels = 6,
                                 .height = 12,
                                 .width = 9,
                                 .kernel = 3,
                                 .padding = 1,
                                 .stride = {2, 1},
                                 .groups = 2};
    const Oracle oracle(shape);
    const std::array<std::size_t, 4> in{3, 4, 12, 9}, out{3, 6, 6, 9};
    std::vector<float> x(oracle.x.size()), dy(oracle.dy.size()), y(dy.size(), not_a_number),
        dx(x.size(), not_a_number), dw(oracle.dw.size(), not_a_number);
    copy_nchw(oracle.x, Mdspan<float>(x.data(), in));
    copy_nchw(oracle.dy, Mdspan<float>(dy.data(), out));
    const Mdspan<const float> x_view(x.data(), in), dy_view(dy.data(), out);
    const Mdspan<float> y_view(y.data(), out), dx_view(dx.data(), in);
    for (const char* name : {"fft", "direct", "spatial"}) BOOST_TEST_CONTEXT(name) {
            auto engine = make_engine(name, shape, {});
            engine->set_weights(oracle.weights);
            engine->forward(x_view, y_view);
            engine->backward_input(dy_view, dx_view);
            engine->backward_weights(x_view, dy_view, dw);
            judge(to_nchw_of(y_view), oracle.y);
            judge(to_nchw_of(dx_view), oracle.dx);
            judge(dw, oracle.dw);
        }
}

BOOST_AUTO_TEST_SUITE_END()
