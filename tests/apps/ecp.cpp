// fftconv-ecp from the outside: what it prints, writes and draws, and that no way of being stopped changes
// what comes out.
#include <signal.h>

#include <boost/test/unit_test.hpp>
#include <chrono>
#include <cstdlib>
#include <string>
#include <thread>

#include "app.hpp"
#include "fftconv/storage/checkpoint.hpp"
#include "fftconv/storage/results.hpp"
#include "support/release_alone.hpp"
#include "support/temporary_folder.hpp"

using namespace fftconv;
using namespace fftconv::test;

namespace {

/// A folder with data, and the commands of small runs on it.
struct Ecp {
    TemporaryFolder folder;
    std::filesystem::path data = write_mnist(folder.path() / "data");

    std::string command(const std::string& out, const std::string& more = "") const {
        return app("ecp") + " --network two-conv --epochs 3 --batch 20 --convolution-rounds 1 --data " +
               data.string() + " --out " + (folder / out).string() + ' ' + more;
    }
    Checkpoint checkpoint(const std::string& out, const std::string& name) const {
        return read_checkpoint(folder.path() / (out + ".checkpoints") / (name + ".h5"));
    }
    bool has(const std::string& out, const std::string& name) const {
        return std::filesystem::exists(folder.path() / (out + ".checkpoints") / (name + ".h5"));
    }
    /// The flag that resumes what a killed run left, if it left anything.
    std::string resume(const std::string& out) const {
        const auto folder = this->folder.path() / (out + ".checkpoints");
        const bool any = std::filesystem::exists(this->folder / out) ||
                         (std::filesystem::exists(folder) && !std::filesystem::is_empty(folder));
        return any ? "--resume " : "";
    }
    /// Everything but the times is equal.
    void check_same(const std::string& one, const std::string& other) const {
        for (const std::string name : {"two-conv-max", "two-conv-ecp-per-batch"}) {
            const Checkpoint a = checkpoint(one, name), b = checkpoint(other, name);
            BOOST_TEST((a.model == b.model), name << ": weights differ");
            BOOST_TEST((a.optimizer_state == b.optimizer_state), name << ": optimizer state differs");
            BOOST_TEST(a.state.epoch == 3);
            BOOST_TEST(a.state.step == b.state.step);
            BOOST_TEST((a.curves.front().train_loss == b.curves.front().train_loss));
            BOOST_TEST((a.curves.front().test_mcr == b.curves.front().test_mcr));
        }
    }
};

/// Starts a command in its own process group, so that it can be killed without its shell living on.
pid_t start(const std::string& command) {
    return start_child([&] {
        ::execl("/bin/sh", "sh", "-c", ("exec " + command + " >/dev/null 2>&1").c_str(), nullptr);
        return 98;
    });
}

void wait_milliseconds(int count) {
    std::this_thread::sleep_for(std::chrono::milliseconds(count));
}

}  // namespace

BOOST_AUTO_TEST_CASE(tables_figures_and_files_of_a_small_run) {
    const Ecp ecp;
    const CommandResult run =
        test::run(ecp.command("all.h5", "--network one-conv,two-conv --mode 0,1,per-batch --epochs 1"));
    BOOST_TEST_REQUIRE(run.status == 0, run.output);
    for (const char* part :
         {"Table 3", "Table 4", "Table 5", "Table 6", "299650.2", "243077.5 (1.23x)", "883.6 (5.09x)",
          "ECP k=1", "Random k per batch", "under each K", "MNIST (not the publisher's files)"}) {
        BOOST_TEST(contains(run.output, part), part << " is missing from\n" << run.output);
    }
    for (int figure = 5; figure <= 10; ++figure) {
        const auto file =
            ecp.folder.path() / "all.h5.figures" / ("figure-" + std::to_string(figure) + ".svg");
        BOOST_TEST(contains(text_of(file), "</svg>"), file);
    }
    const ResultRecord record = read_results(ecp.folder / "all.h5");
    BOOST_TEST(record.curves.size() == 2u * (8 + 2 * 5));  // random-K networks have a curve for each K too
    BOOST_TEST(contains(record.resolved_toml, "rate = 0.001"));

    const CommandResult report = test::run(app("ecp") + " --report " + (ecp.folder / "all.h5").string());
    BOOST_TEST(report.status == 0);
    BOOST_TEST(contains(run.output, report.output.substr(0, report.output.find("figure: "))));
}

BOOST_AUTO_TEST_CASE(it_learns_and_both_engines_agree, *in_release_alone) {
    const Ecp ecp;
    const std::string how = "--method ecp --mode 0 --epochs 6 --rate 0.002 --convolution-rounds 0 ";
    for (const std::string engine : {"fft", "direct"}) {
        BOOST_TEST(test::run(ecp.command(engine + ".h5", how + "--engine " + engine)).status == 0);
    }
    const ResultRecord fft = read_results(ecp.folder / "fft.h5"),
                       direct = read_results(ecp.folder / "direct.h5");
    BOOST_TEST(fft.curves.front().test_mcr.back() < 20);  // chance is 90
    BOOST_TEST(fft.curves.front().train_loss.back() == direct.curves.front().train_loss.back(),
               boost::test_tools::tolerance(1e-3));
}

BOOST_AUTO_TEST_CASE(random_pooling_and_ecp_of_equal_k_train_alike) {
    const Ecp ecp;
    BOOST_TEST(test::run(ecp.command("a.h5", "--method random,ecp --mode 2 --convolution-rounds 0")).status ==
               0);
    const ResultRecord record = read_results(ecp.folder / "a.h5");
    BOOST_TEST(record.curves.at(0).train_loss == record.curves.at(1).train_loss,
               boost::test_tools::tolerance(1e-3) << boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(a_run_killed_at_any_moment_goes_on_bit_for_bit, *in_release_alone) {
    const Ecp ecp;
    const std::string methods = "--method max,ecp --mode per-batch ";
    BOOST_TEST_REQUIRE(test::run(ecp.command("whole.h5", methods)).status == 0);
    int kills = 0;
    for (int delay = 60; kills < 20; delay += 45) {
        const pid_t child = start(ecp.command("killed.h5", methods + ecp.resume("killed.h5")));
        wait_milliseconds(delay);
        ::kill(child, SIGKILL);
        if (wait_for(child) == 0) break;
        ++kills;
    }
    BOOST_TEST(kills >= 1);
    BOOST_TEST_MESSAGE("killed " << kills << " times");
    const CommandResult rest = test::run(ecp.command("killed.h5", methods + ecp.resume("killed.h5")));
    BOOST_TEST(rest.status == 0, rest.output);
    ecp.check_same("whole.h5", "killed.h5");
}

BOOST_AUTO_TEST_CASE(a_run_killed_after_its_first_checkpoint_resumes_from_it, *in_release_alone) {
    const Ecp ecp;
    const std::string methods = "--method max,ecp --mode per-batch ";
    BOOST_TEST_REQUIRE(test::run(ecp.command("whole.h5", methods)).status == 0);
    const pid_t child = start(ecp.command("killed.h5", methods));
    while (!ecp.has("killed.h5", "two-conv-max")) wait_milliseconds(1);
    ::kill(child, SIGKILL);
    BOOST_TEST(wait_for(child) == 128 + SIGKILL);
    BOOST_TEST(ecp.checkpoint("killed.h5", "two-conv-max").state.epoch >= 1);
    BOOST_TEST(test::run(ecp.command("killed.h5", methods + "--resume")).status == 0);
    ecp.check_same("whole.h5", "killed.h5");
}

BOOST_AUTO_TEST_CASE(an_interrupted_run_saves_says_how_to_go_on_and_does, *in_release_alone) {
    const Ecp ecp;
    const std::string methods = "--method max,ecp --mode per-batch ";
    BOOST_TEST_REQUIRE(test::run(ecp.command("whole.h5", methods)).status == 0);
    for (const std::string signal : {"INT", "TERM"}) {
        const std::string out = "interrupted-" + signal + ".h5";
        // The signal goes to the app alone, once its first checkpoint is there.
        const std::string file = (ecp.folder.path() / (out + ".checkpoints") / "two-conv-max.h5").string();
        const CommandResult stopped =
            test::run("env --default-signal=INT " +  // a shell ignores it for jobs in the background
                      ecp.command(out, methods) + "& app=$!; while [ ! -e " + file +
                      " ]; do sleep 0.01; done; kill -" + signal + " $app; wait $app");
        BOOST_TEST(stopped.status == 3, stopped.output);
        const std::string mark = "everything is saved. Resume with:\n";
        const std::size_t place = stopped.output.find(mark);
        BOOST_TEST_REQUIRE(place != std::string::npos, stopped.output);
        const std::string collect = app("results") + " collect " + (ecp.folder / "all.h5").string() + " " +
                                    (signal == "INT" ? "one" : "two") + "=" + (ecp.folder / out).string();
        const CommandResult early = test::run(collect);
        BOOST_TEST((early.status == 1 && contains(early.output, "the run is not finished: ")), early.output);
        BOOST_TEST(test::run(stopped.output.substr(place + mark.size())).status == 0);
        ecp.check_same("whole.h5", out);
        BOOST_TEST(test::run(collect).status == 0);
    }
}

BOOST_AUTO_TEST_CASE(repeats_are_other_seeds_and_more_can_be_added) {
    const Ecp ecp;
    const std::string how = "--method max --epochs 1 --convolution-rounds 0 ";
    BOOST_TEST(test::run(ecp.command("r.h5", how)).status == 0);
    const CommandResult run = test::run(ecp.command("r.h5", how + "--repeat 2 --resume"));
    BOOST_TEST(run.status == 0, run.output);
    const Checkpoint first = ecp.checkpoint("r.h5", "two-conv-max");
    const Checkpoint second = ecp.checkpoint("r.h5", "two-conv-max-repeat-2");
    BOOST_TEST((first.model != second.model));
    BOOST_TEST(read_results(ecp.folder / "r.h5").curves.size() == 2u);
}

BOOST_AUTO_TEST_CASE(trainings_made_apart_are_joined_by_their_checkpoints) {
    const Ecp ecp;
    const std::string how = "--epochs 1 --convolution-rounds 0 ", both = "--method max,average --resume ";
    const auto joint = ecp.folder / "joint.h5.checkpoints";
    std::filesystem::create_directory(joint);
    std::vector<Curve> curves;
    for (const std::string method : {"max", "average"}) {
        const std::string out = method + ".h5", name = "two-conv-" + method + ".h5";
        BOOST_TEST_REQUIRE(test::run(ecp.command(out, how + "--method " + method)).status == 0);
        curves.push_back(read_results(ecp.folder / out).curves.at(0));
        std::filesystem::copy_file(ecp.folder / (out + ".checkpoints") / name, joint / name);
    }
    BOOST_TEST(test::run(ecp.command("joint.h5", how + both)).status == 0);
    BOOST_TEST((read_results(ecp.folder / "joint.h5").curves == curves));  // times too: nothing ran again
    // Others stand next to them.
    const CommandResult third = test::run(ecp.command("joint.h5", how + "--method ecp --mode 3 --resume"));
    BOOST_TEST(third.status == 0, third.output);
    BOOST_TEST(contains(third.output, "their times are not divided: two-conv, ECP k=3 and Average pooling"),
               third.output);
    const ResultRecord joined = read_results(ecp.folder / "joint.h5");
    BOOST_TEST_REQUIRE(joined.curves.size() == 3u);
    BOOST_TEST(joined.curves[0].method == "two-conv-max");
    BOOST_TEST(joined.curves[2].method == "two-conv-ecp-3");

    const CommandResult other = test::run(ecp.command("other.h5", how + "--method max --rate 0.01"));
    BOOST_TEST_REQUIRE(other.status == 0);
    std::filesystem::copy_file(ecp.folder / "other.h5.checkpoints" / "two-conv-max.h5",
                               joint / "two-conv-max.h5", std::filesystem::copy_options::overwrite_existing);
    const CommandResult refused = test::run(ecp.command("joint.h5", how + both));
    BOOST_TEST(refused.status == 2);
    BOOST_TEST(contains(refused.output, "two-conv-max.h5: --rate"), refused.output);
}
