// The apps under mpirun, from the outside.
#ifdef FFTCONV_HAVE_MPI
#include <signal.h>

#include <boost/test/unit_test.hpp>
#include <chrono>
#include <cmath>
#include <string>

#include "app.hpp"
#include "apps/recomputation.hpp"
#include "fftconv/storage/checkpoint.hpp"
#include "fftconv/storage/masks.hpp"
#include "fftconv/storage/results.hpp"
#include "support/release_alone.hpp"
#include "support/temporary_folder.hpp"

using namespace fftconv;
using namespace fftconv::test;

namespace {

struct Train {
    TemporaryFolder folder;
    std::filesystem::path data = write_mnist(folder.path() / "data");

    std::string file(const std::string& out) const { return (folder / out).string(); }
    std::string command(const std::string& out, const std::string& more) const {
        return app("train") +
               " --architecture \"1x28x28:6C5v-P2(ecp)-30FC-10Softmax\" --batch-norm --dropout 0.2 " +
               "--flip --mode per-batch --preprocess contrast --batch 18 --threads 1 --shards 4 --data " +
               data.string() + " --out " + file(out) + ' ' + more;
    }
    Checkpoint checkpoint(const std::string& out) const { return read_checkpoint(file(out)); }
};

std::string mpirun(int processes) {
    return std::string("ASAN_OPTIONS=detect_leaks=0 timeout 300 mpirun ") +
           (::geteuid() == 0 ? "--allow-run-as-root " : "") +
           "--oversubscribe --mca mpi_yield_when_idle 1 -np " + std::to_string(processes) + ' ';
}

/// Waits until the file is there, and a little longer.
std::string once_there(const std::string& file, double seconds) {
    return "(until [ -e " + file + " ]; do sleep 0.02; done; sleep " + std::to_string(seconds) + "; ";
}

struct Prune {
    Train train;
    Prune() { BOOST_TEST_REQUIRE(run(train.command("net.h5", "--validation 0.2 --epochs 2")).status == 0); }

    std::string file(const std::string& out) const { return train.file(out); }
    std::string command(const std::string& out, const std::string& more) const {
        return app("prune") + " --checkpoint " + file("net.h5") + " --threads 1 --timing-rounds 1 --data " +
               train.data.string() + " --out " + file(out) + ' ' + more;
    }
};

bool same(const Checkpoint& a, const Checkpoint& b) {
    return a.model == b.model && a.optimizer_state == b.optimizer_state && a.extra == b.extra;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(team)

BOOST_AUTO_TEST_CASE(any_number_of_processes_trains_the_same_network_and_tells_it_once) {
    const Train train;
    const CommandResult one = run(train.command("one.h5", "--epochs 2"));
    BOOST_TEST_REQUIRE(one.status == 0, one.output);
    for (int count : {2, 3}) {
        const std::string out = std::to_string(count) + ".h5";
        const CommandResult several = run(mpirun(count) + train.command(out, "--epochs 2"));
        BOOST_TEST_REQUIRE(several.status == 0, several.output);
        BOOST_TEST(same(train.checkpoint(out), train.checkpoint("one.h5")));
        const std::size_t told = several.output.find("test MCR");
        BOOST_TEST(told != std::string::npos);
        BOOST_TEST(several.output.find("test MCR", told + 1) == std::string::npos);
    }
}

/// SIGTERM at one of the processes stops all after the batch; another number of them resumes.
BOOST_AUTO_TEST_CASE(one_that_is_asked_to_stop_stops_all_and_any_number_resumes, *in_release_alone) {
    const Train train;
    BOOST_TEST_REQUIRE(run(train.command("whole.h5", "--epochs 150")).status == 0);
    const CommandResult stopped =
        run(mpirun(3) + "sh -c 'if [ $OMPI_COMM_WORLD_RANK = 2 ]; then (until [ -s " +
            train.file("parts.h5") + " ]; do sleep 0.05; done; sleep 0.3; kill -TERM $$) & fi; exec " +
            train.command("parts.h5", "--epochs 150'"));
    BOOST_TEST_REQUIRE(stopped.status == 3, stopped.output);
    BOOST_TEST(contains(stopped.output, "--resume"), stopped.output);
    BOOST_TEST(!same(train.checkpoint("parts.h5"), train.checkpoint("whole.h5")));
    const CommandResult resumed = run(mpirun(2) + app("train") + " --resume --out " + train.file("parts.h5"));
    BOOST_TEST_REQUIRE(resumed.status == 0, resumed.output);
    BOOST_TEST(same(train.checkpoint("parts.h5"), train.checkpoint("whole.h5")));
}

BOOST_AUTO_TEST_CASE(processes_that_differ_are_named) {
    const Train train;
    const CommandResult result = run(mpirun(1) + train.command("a.h5", "--epochs 2") + " : -np 1 " +
                                     train.command("a.h5", "--epochs 3"));
    BOOST_TEST(result.status != 0);
    BOOST_TEST(contains(result.output, "process 1: configuration: expected"), result.output);
}

/// Points, repeats, sequences, searches and a budget: the file is that of one process, but for times.
BOOST_AUTO_TEST_CASE(any_number_of_processes_prunes_the_same) {
    const Prune prune;
    const std::string sweep =
                          "--granularity feature-map,kernel --ratio 0.3,0.25:0.5:0.25 --criterion "
                          "best-of-n,l2 --candidates 12 "
                          "--repeat 2 --retrain-epochs 1 --layers conv1 ",
                      budget = "--criterion l2,random --ratio 0.1:0.9:0.1 --budget 20 --layers conv1 ";
    for (const auto& [name, options] : {std::pair<std::string, std::string>{"a", sweep}, {"b", budget}}) {
        const CommandResult one = run(prune.command(name + "1.h5", options));
        BOOST_TEST_REQUIRE(one.status == 0, one.output);
        for (int count : {2, 3}) {
            const std::string out = name + std::to_string(count) + ".h5";
            const CommandResult several = run(mpirun(count) + prune.command(out, options));
            BOOST_TEST_REQUIRE(several.status == 0, several.output);
            BOOST_TEST((timeless(prune.file(out)) == timeless(prune.file(name + "1.h5"))));
        }
    }
    const std::string point = ".points/best-of-n-feature-map-0.3-kernel-0.5-repeat-2.h5";
    BOOST_TEST((read_checkpoint(prune.file("a3.h5") + point).model ==
                read_checkpoint(prune.file("a1.h5") + point).model));
}

/// With --shards all of them retrain each point: the same bits, sequences, budgets and thinner networks
/// included.
BOOST_AUTO_TEST_CASE(any_number_of_processes_retrains_each_point_together, *in_release_alone) {
    const Prune prune;
    const std::string
        point = ".points/l2-feature-map-0.3-kernel-0.5.h5",
        sweep =
            "--granularity feature-map,kernel --ratio 0.3,0.5 --criterion best-of-n,l2 "
            "--candidates 6 --retrain-epochs 2 --layers conv1 --compact ",
        budget =
            "--criterion best-of-n,l2 --candidates 5 --ratio 0.1:0.9:0.2 --budget 20 --retrain-epochs 1 ";
    for (const auto& [name, options] : {std::pair<std::string, std::string>{"a", sweep}, {"b", budget}}) {
        const CommandResult one = run(prune.command(name + "1.h5", options + "--shards 4"));
        BOOST_TEST_REQUIRE(one.status == 0, one.output);
        for (int count : {2, 3}) {
            const std::string out = name + std::to_string(count) + ".h5";
            const CommandResult several = run(mpirun(count) + prune.command(out, options + "--shards 4"));
            BOOST_TEST_REQUIRE(several.status == 0, several.output);
            BOOST_TEST((timeless(prune.file(out)) == timeless(prune.file(name + "1.h5"))));
        }
    }
    BOOST_TEST_REQUIRE(run(prune.command("whole.h5", sweep)).status == 0);
    const Checkpoint one = read_checkpoint(prune.file("a1.h5") + point);
    for (const std::string several : {"a2.h5", "a3.h5"})
        BOOST_TEST(same(read_checkpoint(prune.file(several) + point), one));
    BOOST_TEST(!same(read_checkpoint(prune.file("whole.h5") + point), one));

    const auto refused = [&](const std::string& command, const std::string& words) {
        const CommandResult result = run(command);
        BOOST_TEST(result.status != 0);
        BOOST_TEST(contains(result.output, words), result.output);
    };
    refused(mpirun(1) + prune.command("c.h5", sweep + "--shards 4 : -np 1 ") +
                prune.command("c.h5", sweep + "--shards 5"),
            "process 1: configuration: expected");
    refused(mpirun(3) + prune.command("d.h5", sweep + "--shards 2"), "at least one for each of 3 processes");
    refused(prune.command("e.h5", "--distil 0.5 --retrain-epochs 1 --shards 2"),
            "--distil: expected --shards 1");
}

/// SIGTERM at one of them stops all between two batches; another number of processes resumes to the same
/// bits.
BOOST_AUTO_TEST_CASE(retraining_together_that_is_stopped_is_resumed_by_any_number, *in_release_alone) {
    const Prune prune;
    const std::string options =
        "--shards 3 --criterion l2 --ratio 0.25:0.5:0.25 --retrain-epochs 40 --layers conv1 ";
    BOOST_TEST_REQUIRE(run(prune.command("whole.h5", options)).status == 0);
    const CommandResult stopped =
        run(mpirun(3) + "sh -c 'if [ $OMPI_COMM_WORLD_RANK = 2 ]; then " +
            once_there(prune.file("parts.h5.points/control.h5"), 0.05) + "kill -TERM $$) & fi; exec " +
            prune.command("parts.h5", options + "'"));
    BOOST_TEST(stopped.status == 3, stopped.output);
    BOOST_TEST(!std::filesystem::exists(prune.file("parts.h5.points/l2-kernel-0.5.h5")));
    const CommandResult rest = run(mpirun(2) + app("prune") + " --resume --out " + prune.file("parts.h5"));
    BOOST_TEST_REQUIRE(rest.status == 0, rest.output);
    BOOST_TEST((timeless(prune.file("parts.h5")) == timeless(prune.file("whole.h5"))));
    const std::string point = ".points/l2-kernel-0.5.h5";
    BOOST_TEST(same(read_checkpoint(prune.file("parts.h5") + point),
                    read_checkpoint(prune.file("whole.h5") + point)));
}

/// A process that is killed ends them all within ten seconds, with a message, and leaves whole files; any
/// number resumes. So does SIGTERM at a process or at mpirun, which ends with status 3.
BOOST_AUTO_TEST_CASE(pruning_that_is_killed_or_stopped_is_resumed_by_any_number, *in_release_alone) {
    const Prune prune;
    const std::string options =
        "--ratio 0.2:0.8:0.2 --candidates 150 --repeat 2 --retrain-epochs 4 --layers conv1 ";
    BOOST_TEST_REQUIRE(run(prune.command("whole.h5", options)).status == 0);
    const auto interrupted = [&](const std::string& out, const std::string& signal) {
        return run(mpirun(3) + "sh -c 'if [ $OMPI_COMM_WORLD_RANK = 2 ]; then " +
                   once_there(prune.file(out + ".points/best-of-n-kernel-0.2.mask.h5"), 0) + "kill -" +
                   signal + " $$) & fi; exec " + prune.command(out, options + "'"));
    };
    const auto begun = std::chrono::steady_clock::now();
    const CommandResult killed = interrupted("killed.h5", "KILL");
    BOOST_TEST(killed.status != 0);
    BOOST_TEST(contains(killed.output, "signal 9"), killed.output);
    BOOST_TEST(std::chrono::duration<double>(std::chrono::steady_clock::now() - begun).count() < 20);
    const CommandResult stopped = interrupted("stopped.h5", "TERM");
    BOOST_TEST(stopped.status == 3, stopped.output);
    BOOST_TEST(contains(stopped.output, "--resume"), stopped.output);
    const auto finished_by = [&](const std::string& out, const std::string& launcher) {
        const CommandResult rest = run(launcher + app("prune") + " --resume --out " + prune.file(out));
        BOOST_TEST_REQUIRE(rest.status == 0, rest.output);
        BOOST_TEST((timeless(prune.file(out)) == timeless(prune.file("whole.h5"))));
    };
    finished_by("killed.h5", mpirun(2));
    finished_by("stopped.h5", "");
}

/// SIGUSR1 is handed on, and the status is that of an interrupted run. To SIGTERM mpirun has a status of its
/// own, and gives its processes a second.
BOOST_AUTO_TEST_CASE(signals_at_mpirun_stop_all_with_everything_saved) {
    const Prune prune;
    for (const std::string signal : {"USR1", "TERM"}) {
        const std::string name = signal + ".h5", out = prune.file(name);
        const CommandResult stopped =
            run(mpirun(2) + prune.command(name, "--ratio 0.2:0.8:0.2 --candidates 20000 --layers conv1") +
                " & launcher=$!; " + once_there(out + ".points/best-of-n-kernel-0.2.mask.h5", 0.3) +
                "true); pkill -" + signal + " -P $launcher mpirun; wait $launcher");
        BOOST_TEST(stopped.status == (signal == "USR1" ? 3 : 1), stopped.output);
        BOOST_TEST(contains(stopped.output, "--resume"), stopped.output);
        BOOST_TEST(!read_masks(out + ".points/best-of-n-kernel-0.2.mask.h5").search.seed.empty());
    }
}

/// Methods and repeats of the EasyConvPooling paper likewise; times of trainings side by side are not told.
BOOST_AUTO_TEST_CASE(any_number_of_processes_trains_the_methods, *in_release_alone) {
    const Train train;
    const auto command = [&](const std::string& out, const std::string& more) {
        return app("ecp") + " --network one-conv --method max,ecp --mode 0,per-batch --epochs 2 --batch 18 " +
               "--repeat 2 --threads 1 --convolution-rounds 0 --data " + train.data.string() + " --out " +
               train.file(out) + more;
    };
    BOOST_TEST_REQUIRE(run(command("one.h5", "")).status == 0);
    const CommandResult several = run(mpirun(3) + command("three.h5", ""));
    BOOST_TEST_REQUIRE(several.status == 0, several.output);
    BOOST_TEST((timeless(train.file("one.h5")) == timeless(train.file("three.h5"))));
    const auto check_no_speed = [&] {
        const ResultRecord file = read_results(train.file("three.h5"));
        for (const double speed : file.column<double>("three.h5", "table_5", "training_speed_up"))
            BOOST_TEST(std::isnan(speed));
    };
    check_no_speed();
    const CommandResult more =
        run(mpirun(2) + app("ecp") + " --resume --epochs 3 --out " + train.file("three.h5"));
    BOOST_TEST_REQUIRE(more.status == 0, more.output);
    BOOST_TEST_REQUIRE(run(app("ecp") + " --resume --epochs 3 --out " + train.file("one.h5")).status == 0);
    BOOST_TEST(same(read_checkpoint(train.file("one.h5.checkpoints/one-conv-ecp-0-repeat-2.h5")),
                    read_checkpoint(train.file("three.h5.checkpoints/one-conv-ecp-0-repeat-2.h5"))));
    // One process alone that resumes them knows that they did not take turns.
    BOOST_TEST_REQUIRE(run(app("ecp") + " --resume --epochs 4 --out " + train.file("three.h5")).status == 0);
    check_no_speed();
    // What is replaced leaves nothing of itself behind.
    BOOST_TEST_REQUIRE(run(command("new.h5", " --epochs 1")).status == 0);
    const CommandResult replaced = run(mpirun(2) + command("three.h5", " --epochs 1 --overwrite"));
    BOOST_TEST_REQUIRE(replaced.status == 0, replaced.output);
    BOOST_TEST((timeless(train.file("new.h5")) == timeless(train.file("three.h5"))));
    const CommandResult differing =
        run(mpirun(1) + command("d.h5", " --rate 0.01") + " : -np 1 " + command("d.h5", " --rate 0.02"));
    BOOST_TEST(differing.status != 0);
    BOOST_TEST(contains(differing.output, "process 1: configuration: expected"), differing.output);
}

/// Each of two layers sends half of its gradients there and back: 119 numbers of four bytes over a kilobit a
/// second take 3.8 s, four messages that wait a second for each other 4 s. What is computed takes next to
/// nothing.
BOOST_AUTO_TEST_CASE(steps_over_other_links_are_modelled) {
    const CommandResult result = run(mpirun(2) + app("bench") +
                                     " --network 1x8x8:2C3-P2-3Softmax --batch 4 --shards 2 --threads 1 "
                                     "--rounds 1 --links 0.001:0,0:1000");
    BOOST_TEST_REQUIRE(result.status == 0, result.output);
    for (const auto& [link, least] : {std::pair("0.001:0", 3808.0), {"0:1000", 4000.0}}) {
        const std::string mark = "model over " + std::string(link) + ": step ";
        BOOST_TEST_REQUIRE(contains(result.output, mark), result.output);
        const double step = std::stod(result.output.substr(result.output.find(mark) + mark.size()));
        BOOST_TEST(step >= least, result.output);
        BOOST_TEST(step < 2 * least, result.output);
    }
    // A normalisation waits three times more: for its means, its variances and its gradients.
    const CommandResult norm = run(mpirun(2) + app("bench") +
                                   " --network 1x8x8:2C3+BN-P2-3Softmax --batch 4 --shards 2 --threads 1 "
                                   "--rounds 1 --links 0:1000");
    const std::string mark = "model over 0:1000: step ";
    BOOST_TEST_REQUIRE(contains(norm.output, mark), norm.output);
    const double step = std::stod(norm.output.substr(norm.output.find(mark) + mark.size()));
    BOOST_TEST(step >= 7000.0, norm.output);
    BOOST_TEST(step < 8000.0, norm.output);
}

BOOST_AUTO_TEST_CASE(what_is_wrong_is_said_once) {
    const Train train;
    const CommandResult few = run(mpirun(3) + train.command("a.h5", "--shards 2"));
    BOOST_TEST(few.status == 2, few.output);
    BOOST_TEST(contains(few.output, "at least one for each of 3 processes, found 2"), few.output);
    const CommandResult evaluate = run(mpirun(2) + app("evaluate") + " no.h5");
    BOOST_TEST(evaluate.status == 2, evaluate.output);
    BOOST_TEST(contains(evaluate.output, "start it without mpirun"), evaluate.output);
    const CommandResult timing = run(mpirun(2) + app("prune") + " --resume --time-again --out p.h5");
    BOOST_TEST(timing.status == 2, timing.output);
    BOOST_TEST(contains(timing.output, "--time-again: expected one process, found 2"), timing.output);
}

BOOST_AUTO_TEST_SUITE_END()
#endif
