#pragma once
#include <boost/test/unit_test.hpp>

namespace fftconv::test {

/// Marks a test of many calls of the apps that asks what comes of them, by code that other tests run as well:
/// BOOST_AUTO_TEST_CASE(name, *in_release_alone). Instrumented, they took two thirds of the time of all tests
/// of the apps; tests/CMakeLists.txt leaves them out there.
inline const boost::unit_test::label in_release_alone("release");

}  // namespace fftconv::test
