#pragma once
#include <boost/test/unit_test.hpp>
#include <string>

#include "fftconv/core/error.hpp"

namespace fftconv::test {

/// action must throw a FileError for this file and field, and say what it found.
template <class Action>
void check_file_error(Action action, const std::string& file, const std::string& field,
                      const std::string& found) {
    try {
        action();
    } catch (const FileError& error) {
        BOOST_TEST_INFO(error.what());
        BOOST_TEST(error.file() == file);
        BOOST_TEST_INFO(error.what());
        BOOST_TEST(error.field() == field);
        BOOST_TEST_INFO(error.what());
        BOOST_TEST(error.found().find(found) != std::string::npos,
                   "found '" << error.found() << "', not " << found);
        BOOST_TEST(!error.expected().empty());
        return;
    }
    BOOST_TEST(false, file << ": no error for " << field);
}

}  // namespace fftconv::test
