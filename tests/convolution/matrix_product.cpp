// The real matrix products of dense layers against plain loops, on every SIMD target.
#include "fftconv/convolution/simd/highway_targets.hpp"
// (before Highway)
#include "fftconv/convolution/simd/matrix_product.hpp"
#include "fftconv/core/aligned.hpp"
#include "support/convolution_tester.hpp"
#include "support/targets.hpp"

using namespace fftconv;
using namespace fftconv::test;

namespace {

struct Sizes {
    int rows, depth, columns;
};

/// A matrix (rows, columns) with rows further apart than they are long, or its transpose.
struct Matrix {
    Matrix(int rows, int columns, bool transposed_of, const char* name)
        : transposed(transposed_of),
          stride(std::size_t(transposed ? rows : columns) + 3),
          values(random_floats(stride * (transposed ? columns : rows), 1, name)) {}

    bool transposed;
    std::size_t stride;
    std::vector<float> values;

    double at(int row, int column) const {
        return transposed ? values[column * stride + row] : values[row * stride + column];
    }
    matrix_product::Operand operand() const { return {values.data(), stride, transposed}; }
};

std::vector<double> expected_product(const Sizes& n, const Matrix& a, const Matrix& b) {
    std::vector<double> product;
    for (int r = 0; r < n.rows; ++r)
        for (int c = 0; c < n.columns; ++c) {
            double sum = 0;
            for (int k = 0; k < n.depth; ++k) sum += a.at(r, k) * b.at(k, c);
            product.push_back(sum);
        }
    return product;
}

void check_product(const Sizes& n, bool a_transposed, bool b_transposed) {
    const Matrix a(n.rows, n.depth, a_transposed, "a"), b(n.depth, n.columns, b_transposed, "b");
    AlignedFloats scratch(matrix_product::multiply_scratch_floats(n.columns));
    std::fill(scratch.begin(), scratch.end(), not_a_number);
    const std::size_t stride = n.columns + 5;
    std::vector<float> out(n.rows * stride, not_a_number), product;
    matrix_product::multiply(n.rows, n.depth, n.columns, a.operand(), b.operand(), out.data(), stride,
                             scratch.data());
    for (int r = 0; r < n.rows; ++r) {
        const float* row = out.data() + r * stride;
        product.insert(product.end(), row, row + n.columns);
        BOOST_TEST(std::all_of(row + n.columns, row + stride, [](float v) { return std::isnan(v); }),
                   "written beyond the columns of row " << r);
    }
    BOOST_TEST(largest_error(product, expected_product(n, a, b)) <= 2e-6);
}

void check_products() {
    for (const Sizes& n : {Sizes{1, 1, 8}, Sizes{4, 256, 24}, Sizes{7, 257, 40}, Sizes{262, 30, 104},
                           Sizes{10, 600, 136}, Sizes{33, 64, 256}})
        for (bool a_transposed : {false, true})
            for (bool b_transposed : {false, true})
                BOOST_TEST_CONTEXT(n.rows << " x " << n.depth << " x " << n.columns << ", transposed "
                                          << a_transposed << b_transposed)
    check_product(n, a_transposed, b_transposed);
}

}  // namespace

BOOST_AUTO_TEST_SUITE(matrix_products)

BOOST_AUTO_TEST_CASE(any_sizes_on_every_simd_target) {
    for_each_target(check_products);
}

BOOST_AUTO_TEST_CASE(few_columns_of_any_depth_on_every_simd_target) {
    const auto check = [](int rows, int depth, int columns) {
        const Matrix a(rows, depth, false, "a"), b(depth, columns, false, "b");
        std::vector<float> dense(std::size_t(depth) * columns);
        for (int k = 0; k < depth; ++k)
            for (int c = 0; c < columns; ++c) dense[k * columns + c] = float(b.at(k, c));
        std::vector<float> whole(std::size_t(rows) * columns, not_a_number), parts(whole);
        const auto multiply = [&](int first, int count, std::vector<float>& out) {
            std::vector<float> scratch(matrix_product::multiply_few_scratch_floats(count, columns),
                                       not_a_number);
            matrix_product::multiply_few(count, depth, columns, a.values.data() + first * a.stride, a.stride,
                                         dense.data(), out.data() + first * columns, scratch.data());
        };
        multiply(0, rows, whole);
        std::vector<double> expected(whole.size());
        for (int r = 0; r < rows; ++r)
            for (int c = 0; c < columns; ++c)
                for (int k = 0; k < depth; ++k) expected[r * columns + c] += a.at(r, k) * b.at(k, c);
        BOOST_TEST(largest_error(whole, expected) <= 2e-6);
        multiply(0, rows / 3, parts);
        multiply(rows / 3, rows - rows / 3, parts);
        BOOST_TEST((parts == whole), "rows change bits");
    };
    for_each_target([&] {
        for (const auto& [rows, depth] :
             {std::pair{1, 1}, {8, 16}, {23, 37}, {16, 1000}, {9, 4096}, {5, 515}})
            for (int columns : {1, 2, 4, 8})
                BOOST_TEST_CONTEXT(rows << " x " << depth << " x " << columns) check(rows, depth, columns);
    });
}

BOOST_AUTO_TEST_CASE(blocks_of_rows_and_columns_change_no_bit) {
    const Sizes n{22, 300, 120};
    const Matrix a(n.rows, n.depth, false, "a"), b(n.depth, n.columns, false, "b");
    AlignedFloats scratch(matrix_product::multiply_scratch_floats(n.columns));
    std::vector<float> whole(n.rows * n.columns), parts(whole.size());
    const auto multiply = [&](int row, int rows, int column, int columns, std::vector<float>& out) {
        matrix_product::multiply(rows, n.depth, columns, {a.values.data() + row * a.stride, a.stride},
                                 {b.values.data() + column, b.stride}, out.data() + row * n.columns + column,
                                 n.columns, scratch.data());
    };
    multiply(0, n.rows, 0, n.columns, whole);
    for (int row : {0, 5, 9}) multiply(row, row == 9 ? 13 : 9 - row, 0, 40, parts);
    multiply(0, n.rows, 40, 80, parts);
    BOOST_TEST((parts == whole));
}

BOOST_AUTO_TEST_SUITE_END()
