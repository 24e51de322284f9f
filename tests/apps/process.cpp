// What every app does with its outputs, its signals, its threads and its terminal.
#include "common/process.hpp"

#include <signal.h>

#include <boost/test/unit_test.hpp>
#include <chrono>
#include <cmath>
#include <fstream>
#include <string>
#include <thread>

#include "apps/app.hpp"
#include "common/options.hpp"
#include "common/progress.hpp"
#include "common/statistics.hpp"
#include "fftconv/core/error.hpp"
#include "fftconv/core/processor.hpp"
#include "fftconv/core/threads.hpp"
#include "fftconv/storage/checkpoint.hpp"
#include "support/temporary_folder.hpp"

using namespace fftconv;
using namespace fftconv::test;

namespace {

/// A folder with data, and small trainings.
struct SmallTraining {
    TemporaryFolder folder;
    std::filesystem::path data = write_mnist(folder.path() / "data");

    std::string path(const std::string& name) const { return (folder / name).string(); }
    std::string command(const std::string& out, const std::string& more = "") const {
        return app("train") +
               " --threads 1 --architecture 1x28x28:3C5v-P2-10Softmax --batch 20 --epochs 2 --data " +
               data.string() + " --out " + path(out) + ' ' + more;
    }
};

void expect_status(const std::string& command, int status, const std::string& part) {
    const CommandResult result = run(command);
    BOOST_TEST(result.status == status, command << '\n' << result.output);
    BOOST_TEST(contains(result.output, part), part << " is missing from\n" << result.output);
}

}  // namespace

BOOST_AUTO_TEST_SUITE(process)

BOOST_AUTO_TEST_CASE(an_output_is_locked_for_as_long_as_the_run) {
    const TemporaryFolder folder;
    const std::filesystem::path out = folder / "deep" / "n.h5";
    std::thread waiting;
    {
        const OutputLock lock(out);
        BOOST_CHECK_EXCEPTION(OutputLock{out}, Error, [&](const Error& error) {
            return contains(error.what(), out.string()) &&
                   contains(error.what(), "process " + std::to_string(getpid()));
        });
        std::filesystem::create_symlink(out, folder / "link.h5");
        BOOST_CHECK_THROW(OutputLock{folder / "link.h5"}, Error);
        waiting = std::thread([&] { const OutputLock own(out, true); });
        std::this_thread::sleep_for(std::chrono::milliseconds(20));
        BOOST_TEST(std::filesystem::exists(out.string() + ".lock"));
    }
    waiting.join();
    BOOST_CHECK_NO_THROW(OutputLock{out});
    BOOST_TEST(!std::filesystem::exists(out.string() + ".lock"));
    std::ofstream(folder / "file") << "in the way";
    BOOST_CHECK_THROW(OutputLock{folder / "file" / "n.h5"}, FileError);
}

BOOST_AUTO_TEST_CASE(an_output_that_exists_needs_resume_or_overwrite) {
    const TemporaryFolder folder;
    const std::string out = (folder / "n.h5").string();
    const auto options = [&](bool resume, bool overwrite) { return OutputOptions{out, resume, overwrite}; };
    BOOST_TEST(!require_output(options(false, false)));
    BOOST_TEST(!require_output(options(false, true)));
    BOOST_CHECK_THROW(require_output(options(true, false)), UsageError);
    BOOST_TEST(!require_output(options(false, false), {folder.path()}));
    std::ofstream(folder / "point.h5") << "result";
    BOOST_CHECK_THROW(require_output(options(false, false), {folder.path()}), UsageError);
    std::ofstream(out) << "network";
    BOOST_CHECK_THROW(require_output(options(false, false)), UsageError);
    BOOST_CHECK_THROW(require_output(options(true, true)), UsageError);
    BOOST_TEST(require_output(options(true, false)));
    BOOST_TEST(require_output(options(false, true)));
}

BOOST_AUTO_TEST_CASE(a_training_is_never_replaced_unasked) {
    const SmallTraining train;
    BOOST_TEST_REQUIRE(run(train.command("n.h5")).status == 0);
    const std::string before = test::text_of(train.path("n.h5"));
    expect_status(train.command("n.h5", "--rate 0.5"), 2, "n.h5: it exists; --resume");
    expect_status(train.command("n.h5", "--resume --seed 2"), 2,
                  "--seed: this run was started with 1, found 2");
    expect_status(train.command("n.h5", "--overwrite --architecture 1x28x28:3C5v-P2-5Softmax"), 1,
                  "expected less than 5, the classes of the network");
    expect_status(train.command("typo.h5", "--resume"), 2, "no " + train.path("typo.h5"));
    BOOST_TEST(test::text_of(train.path("n.h5")) == before);
    BOOST_TEST(!std::filesystem::exists(train.path("typo.h5")));
    // Everything but the place comes from the file.
    expect_status(app("train") + " --resume --out " + train.path("n.h5"), 0, "3C5v-P2-10Softmax");
    expect_status(app("train") + " --resume --epochs 3 --out " + train.path("n.h5"), 0, "after 3 epochs");
    BOOST_TEST(run(train.command("n.h5", "--overwrite")).status == 0);
    BOOST_TEST(read_checkpoint(train.path("n.h5")).state.epoch == 2);
}

BOOST_AUTO_TEST_CASE(a_cosine_schedule_is_not_stretched) {
    const SmallTraining train;
    BOOST_TEST_REQUIRE(run(train.command("n.h5", "--schedule cosine")).status == 0);
    expect_status(train.command("n.h5", "--schedule cosine --epochs 4 --resume"), 2, "cosine");
    expect_status(train.command("n.h5", "--schedule cosine --resume"), 0, "after 2 epochs");
}

BOOST_AUTO_TEST_CASE(two_runs_do_not_write_one_file) {
    const SmallTraining train;
    const OutputLock other(train.path("n.h5"));
    expect_status(train.command("n.h5"), 1, "is writing it");
    BOOST_TEST(!std::filesystem::exists(train.path("n.h5")));
}

BOOST_AUTO_TEST_CASE(an_ignored_signal_stays_ignored_and_others_are_status_3) {
    const SmallTraining train;
    const auto signalled = [&](const std::string& before, const std::string& signal, const std::string& out) {
        return run(before + train.command(out, "--epochs 300") + "& app=$!; while [ ! -e " + train.path(out) +
                   " ]; do sleep 0.01; done; sleep 0.1; kill -" + signal +
                   " $app; sleep 0.2; kill -TERM $app; wait $app");
    };
    const CommandResult stopped = signalled("", "TERM", "a.h5");
    BOOST_TEST(stopped.status == 3, stopped.output);
    BOOST_TEST(contains(stopped.output, "Resume with:"));
    const Checkpoint checkpoint = read_checkpoint(train.path("a.h5"));
    BOOST_TEST(checkpoint.state.values.at("finished") == 0);
    const CommandResult ignored = signalled("trap '' INT; ", "INT", "b.h5");
    BOOST_TEST(ignored.status == 3, ignored.output);  // by the second signal, TERM
    expect_status(app("prune") + " --checkpoint " + train.path("a.h5") +
                      " --ratio 0.5 --criterion l2 --out " + train.path("p.h5"),
                  1, "a.h5: /state/finished");
}

BOOST_AUTO_TEST_CASE(threads_keep_to_the_environment_and_to_control_groups) {
    const SmallTraining train;
    BOOST_TEST_REQUIRE(run(train.command("n.h5")).status == 0);
    expect_status(
        "OMP_NUM_THREADS=1 " + app("evaluate") + " --data " + train.data.string() + " " + train.path("n.h5"),
        0, " 1 thread,");
    expect_status(train.command("m.h5", "--threads 100000"), 2, "--threads: expected at most");

    const TemporaryFolder groups;
    const auto write = [&](const std::string& file, const std::string& text) {
        std::filesystem::create_directories((groups / file).parent_path());
        std::ofstream(groups / file) << text;
    };
    write("membership", "4:memory:/x\n0::/job/step\n");
    const auto limit = [&] { return processor_limit(groups.path(), groups / "membership"); };
    BOOST_TEST(std::isinf(limit()));
    write("job/cpu.max", "max 100000\n");
    BOOST_TEST(std::isinf(limit()));
    write("job/cpu.max", "250000 100000\n");
    BOOST_TEST(limit() == 2.5);
    write("job/step/cpu.max", "50000 100000\n");
    BOOST_TEST(limit() == 0.5);
    write("membership", "3:cpu,cpuacct:/old\n");
    write("cpu,cpuacct/old/cpu.cfs_quota_us", "-1\n");
    write("cpu,cpuacct/old/cpu.cfs_period_us", "100000\n");
    BOOST_TEST(std::isinf(limit()));
    write("cpu,cpuacct/old/cpu.cfs_quota_us", "300000\n");
    BOOST_TEST(limit() == 3);
}

BOOST_AUTO_TEST_CASE(a_bar_fits_its_line) {
    Progress progress(1000, 0);
    progress.describe("two-conv-random-per-batch");
    for (int columns : {200, 80, 40, 20, 5, 1})
        BOOST_TEST(progress.bar(columns).size() <= std::size_t(std::max(columns - 1, 1)));
    BOOST_TEST(contains(progress.bar(200), "two-conv-random-per-batch"));
    BOOST_TEST(contains(progress.bar(40), "0.0 %"));
}

BOOST_AUTO_TEST_CASE(what_an_earlier_run_did_does_not_shorten_the_time_left) {
    Progress progress(1000, 100);
    progress.skip(400);
    BOOST_TEST(progress.time_left() == "unknown");
    BOOST_TEST(contains(progress.bar(80), "50.0 %"));
}

BOOST_AUTO_TEST_CASE(statistics) {
    BOOST_TEST(median({4, 1, 3}) == 3);
    BOOST_TEST(median({4, 1, 3, 2}) == 2.5);
    BOOST_TEST(std::isnan(median({})));
    const Mean mean = mean_of({1, 2, 6});
    BOOST_TEST(mean.mean == 3);
    BOOST_TEST(mean.deviation == std::sqrt(7.0), boost::test_tools::tolerance(1e-12));
    BOOST_TEST(std::isnan(mean_of({5}).deviation));
    BOOST_TEST(std::isnan(mean_of({5}).interval));
    BOOST_TEST(mean_of({5}).low() == 5);
    BOOST_TEST(mean_of({5}).text() == "5.00");
    BOOST_TEST(mean_of({}).text().empty());
    // t of two degrees of freedom, tabulated everywhere.
    BOOST_TEST(mean.interval == 4.302653 * std::sqrt(7.0 / 3), boost::test_tools::tolerance(1e-6));
    BOOST_TEST(mean.text() == "3.00 ± 6.57");
    const std::pair<int, double> tabulated[] = {{1, 12.706205}, {3, 3.182446},  {4, 2.776445},
                                                {10, 2.228139}, {29, 2.045230}, {100, 1.983972}};
    for (const auto& [freedom, t] : tabulated)
        BOOST_TEST(student_95(freedom) == t, boost::test_tools::tolerance(1e-6));
    BOOST_TEST(std::isnan(mean_of({}).mean));
    BOOST_TEST(ratios({2, 9, 4}, {1, 3}) == (std::vector<double>{2, 3}), boost::test_tools::per_element());
}

BOOST_AUTO_TEST_SUITE_END()
