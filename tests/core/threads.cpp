#include "fftconv/core/threads.hpp"

#include <atomic>
#include <boost/test/unit_test.hpp>
#include <vector>

using namespace fftconv;

BOOST_AUTO_TEST_CASE(parallel_for_runs_every_index_once) {
    BOOST_TEST(available_threads() >= 1);
    for (int threads : {1, 2, 5})
        for (int count : {0, 1, 3, 100}) {
            std::vector<std::atomic<int>> runs(count);
            parallel_for(threads, count, [&](int index) { ++runs[index]; });
            for (const auto& run : runs) BOOST_TEST(run == 1);
        }
}
