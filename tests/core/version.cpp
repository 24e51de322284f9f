#include "fftconv/core/version.hpp"

#include <boost/test/unit_test.hpp>
#include <regex>
#include <string>

BOOST_AUTO_TEST_CASE(the_version_has_three_parts_and_a_commit) {
    BOOST_TEST(std::regex_match(std::string(fftconv::library_version()), std::regex("\\d+\\.\\d+\\.\\d+")));
    BOOST_TEST(std::regex_match(std::string(fftconv::git_commit()), std::regex("[0-9a-f]{40}|unknown")));
}
