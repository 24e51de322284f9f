// Bad input to the apps: a message that names what is wrong, status 1 or 2, nothing half-written.
#include <boost/test/unit_test.hpp>
#include <string>

#include "app.hpp"
#include "support/temporary_folder.hpp"

using namespace fftconv;
using namespace fftconv::test;

namespace {

struct Bench {
    TemporaryFolder folder;
    std::filesystem::path data = write_mnist(folder.path() / "data");

    std::string path(const std::string& name) const { return (folder / name).string(); }
    std::string ecp(const std::string& more) const {
        return app("ecp") +
               " --network two-conv --epochs 1 --convolution-rounds 0 --method max --batch 20 --data " +
               data.string() + " --out " + path("ecp.h5") + ' ' + more;
    }
    std::string train(const std::string& more) const {
        return app("train") + " --epochs 1 --architecture 1x28x28:2C5v-P2-10Softmax --batch 20 --data " +
               data.string() + " --out " + path("network.h5") + ' ' + more;
    }
    bool any_partial_file() const {
        for (const auto& entry : std::filesystem::recursive_directory_iterator(folder.path())) {
            if (contains(entry.path().filename().string(), ".part")) return true;
        }
        return false;
    }
};

void fails(const std::string& command, int status, const std::vector<std::string>& parts) {
    const CommandResult result = run(command);
    BOOST_TEST(result.status == status, command << "\n" << result.output);
    for (const std::string& part : parts) {
        BOOST_TEST(contains(result.output, part), part << " is missing from\n" << result.output);
    }
}

}  // namespace

BOOST_AUTO_TEST_CASE(wrong_options_are_status_2) {
    const Bench bench;
    for (const std::string name : {"ecp", "train", "evaluate network.h5"}) {
        fails(app(name) + " --no-such-option", 2, {"--no-such-option", "--help"});
    }
    fails(bench.ecp("--epochs 0"), 2, {"--epochs"});
    fails(bench.ecp("--method median"), 2, {"--method", "median"});
    fails(bench.ecp("--mode 4"), 2, {"--mode", "4"});
    fails(bench.ecp("--engine gpu"), 2, {"--engine", "gpu"});
    fails(app("evaluate"), 2, {"checkpoint"});
    fails(bench.train("--dropout 0.5"), 2, {"--dropout", "hidden dense layers", "2C5v-P2-10Softmax"});
    const std::string no_effect = "with --report nothing comes of it";
    fails(app("ecp") + " --report a.h5 --epochs 3", 2, {"--epochs", no_effect});
    fails(app("prune") + " --report a.h5 --figures f --ratio 0.5", 2, {"--ratio", no_effect});
    fails(app("prune") + " --report a.h5 --time-again", 2, {"--time-again", no_effect});
    fails(app("bench") + " --report a.h5 --summary --batch 4", 2, {"--batch", no_effect});
    BOOST_TEST(!std::filesystem::exists(bench.path("ecp.h5")));
}

BOOST_AUTO_TEST_CASE(an_unknown_key_of_a_configuration_file_is_named) {
    const Bench bench;
    std::ofstream(bench.path("run.toml")) << "epochs = 1\nlearning = 0.1\n";
    fails(bench.ecp("--config " + bench.path("run.toml")), 2, {"run.toml", "unknown key 'learning'"});
}

BOOST_AUTO_TEST_CASE(an_unknown_architecture_has_a_caret_under_the_place) {
    const Bench bench;
    const CommandResult result = run(bench.train("--architecture 1x28x28:20C5v-P2-100XY-10Softmax"));
    BOOST_TEST(result.status == 2);
    const std::size_t line = result.output.find("1x28x28:20C5v-P2-100XY"), caret = result.output.find('^');
    BOOST_TEST_REQUIRE(line != std::string::npos, result.output);
    BOOST_TEST_REQUIRE(caret != std::string::npos, result.output);
    const std::size_t line_start = result.output.rfind('\n', line),
                      caret_start = result.output.rfind('\n', caret);
    const std::string under = result.output.substr(line_start + (caret - caret_start), 2);
    BOOST_TEST((under == "10" || under == "XY"), "the caret is under " << under << " in\n" << result.output);
}

BOOST_AUTO_TEST_CASE(missing_data_says_how_to_get_it) {
    const Bench bench;
    fails(app("train") + " --dataset mnist --data " + bench.path("nowhere") + " --out " + bench.path("n.h5"),
          1, {"MNIST", "nowhere", "datasets/fetch.sh mnist"});
    BOOST_TEST(!std::filesystem::exists(bench.path("n.h5")));
}

BOOST_AUTO_TEST_CASE(damaged_data_is_named) {
    const Bench bench;
    const auto labels = bench.data / "mnist" / "train-labels-idx1-ubyte";
    std::filesystem::resize_file(labels, 100);
    fails(bench.ecp(""), 1, {"train-labels-idx1-ubyte", "expected", "found"});
}

BOOST_AUTO_TEST_CASE(an_output_that_cannot_be_written_is_found_out_before_the_work) {
    const Bench bench;
    std::ofstream(bench.path("file")) << "in the way";
    for (const std::string& out : {bench.path("file") + "/a.h5", std::string("/proc/none/a.h5")}) {
        for (const std::string& command : {bench.ecp("--out " + out), bench.train("--out " + out)}) {
            fails(command, 1, {out.substr(0, out.rfind('/')), "expected", "found"});
            BOOST_TEST(!contains(run(command).output, "epoch 1/"));
        }
    }
}

/// A limit on the size of files stands for a full disk: writes fail in the same way.
BOOST_AUTO_TEST_CASE(a_full_disk_leaves_nothing_half_written) {
    const Bench bench;
    const std::string full = "ulimit -f 4; ";
    fails(full + bench.ecp(""), 1, {".h5"});
    fails(full + bench.train(""), 1, {"network.h5"});
    BOOST_TEST(!bench.any_partial_file());
    BOOST_TEST(!std::filesystem::exists(bench.path("network.h5")));
}

BOOST_AUTO_TEST_CASE(an_output_stream_that_is_full_is_an_error) {
    const Bench bench;
    BOOST_TEST(run(bench.ecp(">/dev/full")).status == 1);
}

BOOST_AUTO_TEST_CASE(a_checkpoint_for_another_architecture_is_refused) {
    const Bench bench;
    BOOST_TEST_REQUIRE(run(bench.ecp("--network two-conv,one-conv")).status == 0);
    const auto folder = std::filesystem::path(bench.path("ecp.h5.checkpoints"));
    std::filesystem::copy_file(folder / "one-conv-max.h5", folder / "two-conv-max.h5",
                               std::filesystem::copy_options::overwrite_existing);
    fails(bench.ecp("--network two-conv,one-conv --resume"), 1,
          {"two-conv-max.h5", "architecture", "20C5", "32C5"});
}

BOOST_AUTO_TEST_CASE(a_run_is_resumed_with_its_own_options_only) {
    const Bench bench;
    BOOST_TEST_REQUIRE(run(bench.ecp("")).status == 0);
    fails(bench.ecp("--rate 0.01 --resume"), 2, {"--rate", "0.001", "0.01"});
    BOOST_TEST(run(bench.ecp("--resume --threads 1")).status == 0);
}

BOOST_AUTO_TEST_CASE(a_file_of_another_kind_is_refused) {
    const Bench bench;
    BOOST_TEST_REQUIRE(run(bench.train("")).status == 0);
    fails(app("ecp") + " --report " + bench.path("network.h5"), 1, {"network.h5", "result", "checkpoint"});
    fails(app("ecp") + " --report " + bench.path("absent.h5"), 1, {"absent.h5"});
    fails(app("evaluate") + " " + (bench.data / "mnist" / "train-labels-idx1-ubyte").string(), 1,
          {"train-labels-idx1-ubyte"});
}
