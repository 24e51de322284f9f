// The apps under mpirun, from the outside.
#ifdef FFTCONV_HAVE_MPI
#include <boost/test/unit_test.hpp>
#include <string>

#include "app.hpp"
#include "fftconv/storage/checkpoint.hpp"
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
    return std::string("ASAN_OPTIONS=detect_leaks=0 OMP_WAIT_POLICY=passive timeout 60 mpirun ") +
           (::geteuid() == 0 ? "--allow-run-as-root " : "") +
           "--oversubscribe --mca mpi_yield_when_idle 1 -np " + std::to_string(processes) + ' ';
}

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
BOOST_AUTO_TEST_CASE(one_that_is_asked_to_stop_stops_all_and_any_number_resumes) {
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

BOOST_AUTO_TEST_CASE(what_is_wrong_is_said_once) {
    const Train train;
    const CommandResult few = run(mpirun(3) + train.command("a.h5", "--shards 2"));
    BOOST_TEST(few.status == 2, few.output);
    BOOST_TEST(contains(few.output, "at least one for each of 3 processes, found 2"), few.output);
    const CommandResult evaluate = run(mpirun(2) + app("evaluate") + " no.h5");
    BOOST_TEST(evaluate.status == 2, evaluate.output);
    BOOST_TEST(contains(evaluate.output, "start it without mpirun"), evaluate.output);
}

BOOST_AUTO_TEST_SUITE_END()
#endif
