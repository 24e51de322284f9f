#define BOOST_TEST_MODULE fftconv
#include <boost/test/unit_test.hpp>
