#include <boost/test/unit_test.hpp>
#include <chrono>
#include <string>

#include "support/process.hpp"

using namespace fftconv::test;

namespace {

/// Processes on one machine, more than it has processors, as root where the tests are.
CommandResult start(int processes, const std::string& words) {
    const std::string root = ::geteuid() == 0 ? " --allow-run-as-root" : "";
    return run("ASAN_OPTIONS=detect_leaks=0 mpirun" + root +
               " --oversubscribe --mca mpi_yield_when_idle 1 -np " + std::to_string(processes) +
               " " FFTCONV_WORKER " " + words);
}

bool contains(const std::string& text, const std::string& part) {
    return text.find(part) != std::string::npos;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(processes)

/// Batch statistics, dropout, augmentation, a mask, a short last batch (three images over eight shards).
BOOST_AUTO_TEST_CASE(any_number_of_processes_and_threads_gives_the_same_bits) {
    for (const std::string optimizer : {"adam", "rmsprop"}) {
        const CommandResult one = run(FFTCONV_WORKER " train 8 1 " + optimizer);
        BOOST_REQUIRE_EQUAL(one.status, 0);
        for (int count : {2, 3, 4, 8})
            BOOST_CHECK_EQUAL(
                start(count, "train 8 " + std::to_string(1 + count % 2) + " " + optimizer).output,
                one.output);
    }
    BOOST_CHECK_NE(run(FFTCONV_WORKER " train 7 1 adam").output,
                   run(FFTCONV_WORKER " train 8 1 adam").output);
}

BOOST_AUTO_TEST_CASE(any_number_of_processes_retrains_a_pruned_network_to_the_same_bits) {
    const CommandResult one = run(FFTCONV_WORKER " retrain 4");
    BOOST_REQUIRE_EQUAL(one.status, 0);
    BOOST_CHECK_MESSAGE(one.output.starts_with("1 "), one.output);  // it has lost maps
    for (int count : {2, 3}) BOOST_CHECK_EQUAL(start(count, "retrain 4").output, one.output);
    BOOST_CHECK_NE(run(FFTCONV_WORKER " retrain 1").output, one.output);
}

BOOST_AUTO_TEST_CASE(jobs_are_handed_out_and_their_results_come_back) {
    const std::string all = "0 1 4 9 16 25 36 49 64 81 all\n";
    BOOST_CHECK_EQUAL(run(FFTCONV_WORKER " jobs 10 -1").output, all);
    for (int count : {2, 3}) BOOST_CHECK_EQUAL(start(count, "jobs 10 -1").output, all);
    const std::string stopped = start(2, "jobs 30 3").output;
    BOOST_CHECK(contains(stopped, "stopped") && contains(stopped, "0 1 4 9 "));
}

BOOST_AUTO_TEST_CASE(a_stop_in_the_middle_of_a_job_reaches_all) {
    for (int rank : {0, 2})
        BOOST_CHECK_EQUAL(start(3, "give_up " + std::to_string(rank)).output,
                          "given up, 0 1 4 9 16 25 36 49 64 81 all\n");
}

BOOST_AUTO_TEST_CASE(a_process_that_differs_is_named) {
    for (const std::string rank : {"1", "2"}) {
        const CommandResult differ = start(3, "differ " + rank);
        BOOST_CHECK_NE(differ.status, 0);
        BOOST_CHECK_MESSAGE(
            contains(differ.output, "process " + rank + ": data: expected same as in process 0, found other"),
            differ.output);
    }
}

BOOST_AUTO_TEST_CASE(those_on_one_machine_are_counted) {
    BOOST_CHECK_EQUAL(start(3, "machine").output, "3\n");
    BOOST_CHECK_EQUAL(run(FFTCONV_WORKER " machine").output, "1\n");
}

BOOST_AUTO_TEST_CASE(fewer_shards_than_processes_are_refused) {
    const CommandResult few = start(3, "train 2 1 adam");
    BOOST_CHECK_NE(few.status, 0);
    BOOST_CHECK_MESSAGE(
        contains(few.output, "shards: expected at least one for each of 3 processes, found 2"), few.output);
}

BOOST_AUTO_TEST_CASE(a_process_that_dies_ends_them_all) {
    const auto start_time = std::chrono::steady_clock::now();
    BOOST_CHECK_NE(start(3, "die").status, 0);
    BOOST_CHECK_LT(std::chrono::duration<double>(std::chrono::steady_clock::now() - start_time).count(), 10);
}

BOOST_AUTO_TEST_SUITE_END()
