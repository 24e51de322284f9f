#include "fftconv/dataset/formats/svhn.hpp"

#include <algorithm>

#include "dataset/files.hpp"
#include "dataset/mat_file.hpp"
#include "support/file_error.hpp"
#include "support/temporary_folder.hpp"

namespace fftconv::test {
namespace {

const Bytes x = random_bytes(32 * 32 * 3 * 4, 1);

std::filesystem::path write_good(const TemporaryFolder& folder,
                                 const std::vector<double>& labels = {10, 1, 9, 5}) {
    const MatFile file = create_mat_file(folder / "train_32x32.mat");
    write_x(file, {32, 32, 3, 4}, x);
    write_y(file, labels);
    return folder / "train_32x32.mat";
}

BOOST_AUTO_TEST_SUITE(svhn_files)

BOOST_AUTO_TEST_CASE(reads_doubles_and_bytes) {
    const TemporaryFolder folder;
    const LabelledImages images = read_svhn(write_good(folder));
    BOOST_TEST(images.labels == Bytes({0, 1, 9, 5}), boost::test_tools::per_element());
    BOOST_TEST((images.maps == MapShape{3, 32, 32}));
    const auto& pixels = std::get<Bytes>(images.pixels);
    for (int n = 0; n < 4; ++n)
        for (int c = 0; c < 3; ++c)
            for (int row = 0; row < 32; ++row)
                for (int column = 0; column < 32; ++column)
                    BOOST_REQUIRE(pixels[((n * 3 + c) * 32 + row) * 32 + column] ==
                                  x[row + 32 * (column + 32 * (c + 3 * n))]);
    {
        const MatFile file = create_mat_file(folder / "bytes.mat");
        write_x(file, {32, 32, 3, 4}, x);
        write_variable<std::uint8_t>(file.get(), "y", MAT_C_UINT8, MAT_T_UINT8, {4, 1}, {10, 1, 9, 5});
    }
    BOOST_TEST(read_svhn(folder / "bytes.mat").labels == images.labels, boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(damaged_files) {
    const TemporaryFolder folder;
    const auto path = write_good(folder);
    const Bytes whole = read(path);
    for (std::size_t kept : {whole.size() - 1, whole.size() / 2, std::size_t(130)}) {
        write(path, Bytes(whole.begin(), whole.begin() + kept));
        check_file_error([&] { read_svhn(path); }, path.string(), "length", std::to_string(kept));
    }
    Bytes longer = whole;
    longer.resize(whole.size() + 3);
    write(path, longer);
    check_file_error([&] { read_svhn(path); }, path.string(), "length", std::to_string(longer.size()));
    write(path, random_bytes(1000, 2));
    check_file_error([&] { read_svhn(path); }, path.string(), "header", "");
    check_file_error([&] { read_svhn(folder / "none"); }, (folder / "none").string(), "file", "No such file");
    Bytes damaged = whole;
    const std::size_t length = whole[132] | whole[133] << 8;  // of the first element, X
    const std::string element = "element before byte " + std::to_string(136 + length);
    std::fill(damaged.begin() + 1000, damaged.begin() + 1400, 0x55);
    write(path, damaged);
    check_file_error([&] { read_svhn(path); }, path.string(), element, "damaged data");
}

BOOST_AUTO_TEST_CASE(a_stream_that_goes_on_after_its_element_is_refused) {
    const TemporaryFolder folder;
    const auto path = write_good(folder);
    const Bytes whole = read(path);
    const std::size_t length = whole[132] | whole[133] << 8;
    Bytes element(1 << 20);
    uLongf size = element.size();
    BOOST_REQUIRE(uncompress(element.data(), &size, whole.data() + 136, length) == Z_OK);
    element.resize(size + (64 << 20));  // zeros behind it
    Bytes packed(compressBound(element.size()));
    size = packed.size();
    BOOST_REQUIRE(compress2(packed.data(), &size, element.data(), element.size(), 1) == Z_OK);
    Bytes bomb(whole.begin(), whole.begin() + 132);
    for (const int shift : {0, 8, 16, 24}) bomb.push_back(std::uint8_t(size >> shift));
    bomb.insert(bomb.end(), packed.begin(), packed.begin() + std::ptrdiff_t(size));
    bomb.insert(bomb.end(), whole.begin() + std::ptrdiff_t(136 + length), whole.end());
    write(path, bomb);
    check_file_error([&] { read_svhn(path); }, path.string(),
                     "element before byte " + std::to_string(136 + size), "damaged data");
}

BOOST_AUTO_TEST_CASE(wrong_variables) {
    const TemporaryFolder folder;
    const auto path = folder / "bad.mat";
    const auto check = [&](auto fill, const std::string& field, const std::string& found) {
        {
            const MatFile file = create_mat_file(path);
            fill(file);
        }
        check_file_error([&] { read_svhn(path); }, path.string(), field, found);
    };
    check([](const MatFile& file) { write_y(file, {1, 2}); }, "variable X", "none");
    check([](const MatFile& file) { write_x(file, {32, 32, 3, 4}, x); }, "variable y", "none");
    check([](const MatFile& file) { write_x(file, {32, 96, 4}, x); }, "variable X", "(32, 96, 4)");
    check([](const MatFile& file) { write_x(file, {16, 64, 3, 4}, x); }, "variable X", "(16, 64, 3, 4)");
    check(
        [](const MatFile& file) {
            write_variable(file.get(), "X", MAT_C_DOUBLE, MAT_T_DOUBLE, {32, 32, 3, 1},
                           std::vector<double>(3072));
        },
        "variable X", "(32, 32, 3, 1)");
    check(
        [](const MatFile& file) {
            write_x(file, {32, 32, 3, 4}, x);
            write_y(file, {1, 2, 3});
        },
        "variable y", "3");
    check(
        [](const MatFile& file) {
            const Bytes imaginary = x;
            mat_complex_split_t parts{const_cast<std::uint8_t*>(x.data()),
                                      const_cast<std::uint8_t*>(imaginary.data())};
            std::size_t shape[] = {32, 32, 3, 4};
            matvar_t* variable =
                Mat_VarCreate("X", MAT_C_UINT8, MAT_T_UINT8, 4, shape, &parts, MAT_F_COMPLEX);
            BOOST_REQUIRE(Mat_VarWrite(file.get(), variable, MAT_COMPRESSION_ZLIB) == 0);
            Mat_VarFree(variable);
        },
        "variable X", "complex");
}

BOOST_AUTO_TEST_CASE(extents_beyond_the_data) {
    const TemporaryFolder folder;
    const auto path = folder / "large.mat";
    {
        const MatFile file = create_mat_file(path);
        std::size_t shape[] = {32, 32, 3, 4};
        matvar_t* variable =
            Mat_VarCreate("X", MAT_C_UINT8, MAT_T_UINT8, 4, shape, const_cast<std::uint8_t*>(x.data()), 0);
        BOOST_REQUIRE(Mat_VarWrite(file.get(), variable, MAT_COMPRESSION_NONE) == 0);
        Mat_VarFree(variable);
        write_y(file, {1, 2, 3, 4});
    }
    Bytes bytes = read(path);
    const Bytes extents = {32, 0, 0, 0, 32, 0, 0, 0, 3, 0, 0, 0, 4, 0, 0, 0};
    const auto at = std::search(bytes.begin(), bytes.end(), extents.begin(), extents.end());
    BOOST_REQUIRE((at != bytes.end()));
    at[15] = 0x7f;  // 2 billion images
    write(path, bytes);
    check_file_error([&] { read_svhn(path); }, path.string(), "variable X", "2130706436");
}

BOOST_AUTO_TEST_CASE(labels_out_of_range) {
    const TemporaryFolder folder;
    for (double bad : {0.0, 11.0, 1.5, -1.0}) {
        const auto path = write_good(folder, {1, 2, bad, 3});
        check_file_error([&] { read_svhn(path); }, path.string(), "label 2", std::to_string(bad));
    }
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace fftconv::test
