#include "fftconv/core/threads.hpp"

#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <boost/test/unit_test.hpp>
#include <chrono>
#include <cmath>
#include <numeric>
#include <stdexcept>
#include <thread>
#include <vector>

using namespace fftconv;

namespace {

/// Σ index, each index run once.
long sum_of_indices(int threads, int count) {
    std::vector<std::atomic<int>> runs(count);
    parallel_for(threads, count, [&](int index) { runs[index] += index + 1; });
    return std::accumulate(runs.begin(), runs.end(), 0L);
}

constexpr long sum_to(long count) {
    return count * (count + 1) / 2;
}

}  // namespace

BOOST_AUTO_TEST_CASE(parallel_for_runs_every_index_once) {
    BOOST_TEST(available_threads() >= 1);
    for (int threads : {1, 2, 5, 3, 2})
        for (int count : {0, 1, 3, 100, 10007}) {
            std::vector<std::atomic<int>> runs(count);
            parallel_for(threads, count, [&](int index) { ++runs[index]; });
            for (const auto& run : runs) BOOST_TEST(run == 1);
        }
}

/// Some processors take many times as long with denormal numbers. The caller's own arithmetic stays as it
/// was.
BOOST_AUTO_TEST_CASE(bodies_take_denormal_numbers_for_zero) {
#if defined(__x86_64__)
    volatile const float small = 1e-20f, denormal = 1e-40f;
    for (int threads : {1, 2, 3}) {
        std::vector<float> products(200, NAN), others(200, NAN);
        parallel_for(threads, 200, [&](int index) {
            products[std::size_t(index)] = small * small;                // a denormal result
            others[std::size_t(index)] = denormal * 1e30f;               // a denormal operand
            std::this_thread::sleep_for(std::chrono::microseconds(20));  // helpers come
        });
        BOOST_TEST(std::ranges::count(products, 0.0f) == 200);
        BOOST_TEST(std::ranges::count(others, 0.0f) == 200);
        BOOST_TEST(small * small > 0);
        BOOST_TEST(denormal * 1e30f > 0);
    }
#endif
}

BOOST_AUTO_TEST_CASE(many_short_calls_lose_no_index) {
    for (int call = 0; call < 20000; ++call) {
        const int count = 2 + call % 7;
        std::vector<int> runs(count);  // written without atomics: a call that ended too soon would be seen
        parallel_for(2 + call % 3, count, [&](int index) { ++runs[index]; });
        BOOST_REQUIRE(runs == std::vector<int>(count, 1));
    }
}

BOOST_AUTO_TEST_CASE(a_worker_is_one_thread_at_a_time_and_less_than_the_threads) {
    for (int threads : {2, 4}) {
        std::vector<std::atomic<int>> at_work(threads);
        std::atomic<bool> wrong{false};
        parallel_for(threads, 1000, [&](int, int worker) {
            if (worker < 0 || worker >= threads || at_work[worker]++ != 0) wrong = true;
            if (worker >= 0 && worker < threads) --at_work[worker];
        });
        BOOST_TEST(!wrong);
    }
}

BOOST_AUTO_TEST_CASE(helpers_do_come) {
    std::atomic<int> others{0};
    const auto late = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    while (others == 0 && std::chrono::steady_clock::now() < late) {
        std::this_thread::sleep_for(std::chrono::milliseconds(5));  // asleep by now
        parallel_for(2, 50, [&](int, int worker) {
            if (worker > 0) ++others;
            std::this_thread::sleep_for(std::chrono::microseconds(200));
        });
    }
    BOOST_TEST(others > 0);
}

BOOST_AUTO_TEST_CASE(what_a_body_throws_is_thrown_again_when_all_have_ended) {
    for (int threads : {1, 2, 4})
        for (int thrower : {0, 1, 499, 999}) {
            std::atomic<int> at_work{0};
            const auto run = [&] {
                parallel_for(threads, 1000, [&](int index) {
                    ++at_work;
                    const bool fails = index == thrower || index == 500;
                    --at_work;
                    if (fails) throw std::runtime_error("index " + std::to_string(index));
                });
            };
            BOOST_CHECK_EXCEPTION(run(), std::runtime_error, [&](const std::runtime_error& error) {
                const std::string text = error.what();
                return at_work == 0 && (text == "index 500" || text == "index " + std::to_string(thrower));
            });
            BOOST_TEST(sum_of_indices(threads, 100) == sum_to(100));  // nothing is left of it
        }
}

BOOST_AUTO_TEST_CASE(a_call_inside_a_body_runs_on_its_thread) {
    std::vector<long> sums(20);
    std::atomic<bool> elsewhere{false};
    parallel_for(3, 20, [&](int index) {
        const auto own = std::this_thread::get_id();
        parallel_for(3, 10, [&](int inner, int worker) {
            if (worker != 0 || std::this_thread::get_id() != own) elsewhere = true;
            sums[index] += inner + 1;
        });
    });
    BOOST_TEST(!elsewhere);
    for (long sum : sums) BOOST_TEST(sum == sum_to(10));
}

BOOST_AUTO_TEST_CASE(every_thread_has_a_team_of_its_own) {
    std::vector<long> sums(6);
    std::vector<std::thread> callers;
    for (std::size_t caller = 0; caller < sums.size(); ++caller)
        callers.emplace_back([&sums, caller] {
            for (int call = 0; call < 200; ++call) sums[caller] += sum_of_indices(3, 100);
        });
    for (std::thread& caller : callers) caller.join();
    for (long sum : sums) BOOST_TEST(sum == 200 * sum_to(100));
}

BOOST_AUTO_TEST_CASE(a_child_process_makes_a_team_of_its_own) {
    BOOST_TEST(sum_of_indices(3, 1000) == sum_to(1000));
    const pid_t child = ::fork();
    BOOST_REQUIRE(child >= 0);
    if (child == 0) _exit(sum_of_indices(3, 1000) == sum_to(1000) ? 7 : 1);
    int status = 0;
    BOOST_REQUIRE(::waitpid(child, &status, 0) == child);
    BOOST_TEST(WIFEXITED(status));
    BOOST_TEST(WEXITSTATUS(status) == 7);
    BOOST_TEST(sum_of_indices(3, 1000) == sum_to(1000));
}
