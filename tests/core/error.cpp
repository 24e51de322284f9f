#include "fftconv/core/error.hpp"

#include <boost/test/unit_test.hpp>

using namespace fftconv;

BOOST_AUTO_TEST_CASE(file_errors_name_file_field_expected_and_found) {
    const FileError error("masks.h5", "/mask/conv2/kernel", "(32, 20) bytes", "(32, 1) bytes");
    BOOST_TEST(error.what() ==
               std::string("masks.h5: /mask/conv2/kernel: expected (32, 20) bytes, found (32, 1) bytes"));
    BOOST_TEST(error.file() == "masks.h5");
    BOOST_TEST(error.field() == "/mask/conv2/kernel");
    BOOST_TEST(error.expected() == "(32, 20) bytes");
    BOOST_TEST(error.found() == "(32, 1) bytes");
}
