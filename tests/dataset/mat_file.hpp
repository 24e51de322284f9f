#pragma once
#include <matio.h>

#include <boost/test/unit_test.hpp>
#include <filesystem>
#include <memory>
#include <vector>

#include "dataset/files.hpp"

namespace fftconv::test {

template <class Value>
void write_variable(mat_t* file, const char* name, matio_classes matlab_class, matio_types type,
                    std::vector<std::size_t> shape, std::vector<Value> values) {
    matvar_t* variable = Mat_VarCreate(name, matlab_class, type, int(shape.size()), shape.data(),
                                       values.data(), MAT_F_DONT_COPY_DATA);
    BOOST_REQUIRE(Mat_VarWrite(file, variable, MAT_COMPRESSION_ZLIB) == 0);
    Mat_VarFree(variable);
}

using MatFile = std::unique_ptr<mat_t, decltype(&Mat_Close)>;

inline MatFile create_mat_file(const std::filesystem::path& path) {
    return {Mat_CreateVer(path.c_str(), nullptr, MAT_FT_MAT5), Mat_Close};
}

inline void write_x(const MatFile& file, std::vector<std::size_t> shape, const Bytes& values) {
    write_variable(file.get(), "X", MAT_C_UINT8, MAT_T_UINT8, std::move(shape), values);
}

inline void write_y(const MatFile& file, const std::vector<double>& labels) {
    write_variable(file.get(), "y", MAT_C_DOUBLE, MAT_T_DOUBLE, {labels.size(), 1}, labels);
}

/// A file as SVHN's, of random digits.
inline void write_svhn(const std::filesystem::path& path, int count, std::uint64_t seed) {
    std::filesystem::create_directories(path.parent_path());
    const MatFile file = create_mat_file(path);
    write_x(file, {32, 32, 3, std::size_t(count)}, random_bytes(count * 3072, seed));
    std::vector<double> labels(count);
    for (int n = 0; n < count; ++n) labels[n] = 1 + n % 10;
    write_y(file, labels);
}

}  // namespace fftconv::test
