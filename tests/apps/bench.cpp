// fftconv-bench from the outside: it runs, writes what it measured, and refuses what it cannot do.
#include <boost/test/unit_test.hpp>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "app.hpp"
#include "fftconv/storage/results.hpp"
#include "support/temporary_folder.hpp"

using namespace fftconv;
using namespace fftconv::test;

namespace {

const std::string quick = app("bench") + " --rounds 2 --slice 0.001 --peer direct ";

void bench_fails(const std::string& arguments, int status, const std::string& part) {
    const CommandResult result = run(quick + arguments);
    BOOST_TEST(result.status == status, result.output);
    BOOST_TEST(contains(result.output, part), part << " is missing from\n" << result.output);
}

}  // namespace

BOOST_AUTO_TEST_SUITE(bench)

BOOST_AUTO_TEST_CASE(layers_are_timed_and_written) {
    const TemporaryFolder folder;
    const std::string out = (folder / "bench.h5").string();
    const CommandResult result = run(
        quick +
        "--layer '3,4,9,3,1;1,2,8,5,0' --batch 3 --pass step --mode 1 --inverse folded,full --pruned 0,0.5 " +
        "--out " + out);
    BOOST_TEST(result.status == 0, result.output);
    for (const char* part :
         {"3->4 @ 9", "1->2 @ 8", "fft full", "direct", "kernel spectra", "Peak of multiply-adds"})
        BOOST_TEST(contains(result.output, part), part << " is missing from\n" << result.output);
    const ResultRecord record = read_results(out);
    BOOST_TEST(record.tables.at(0).rows() == 10u);  // two layers; four engines and a rival
    const CommandResult again = run(app("bench") + " --report " + out);  // the tables as they were printed
    BOOST_TEST(again.status == 0, again.output);
    const std::string tables = result.output.substr(result.output.find("| contender"));
    std::istringstream lines(tables);
    for (std::string line; std::getline(lines, line);)
        if (line.starts_with("|")) BOOST_TEST(contains(again.output, line), line);
    BOOST_TEST(contains(again.output, "1->2 @ 8"));
    const CommandResult summary = run(app("bench") + " --summary --report " + out);
    BOOST_TEST(contains(summary.output, "| 1->2 @ 8, 5x5, padding 0, batch 3, mode 1, step"), summary.output);
    BOOST_TEST(!contains(summary.output, "kernel spectra"));
    BOOST_TEST(run(app("bench") + " --summary").status == 2);
}

BOOST_AUTO_TEST_CASE(tiles_take_turns) {
    const CommandResult result = run(quick + "--layer 3,4,9,3,1 --batch 3 --tiles 2");
    BOOST_TEST(result.status == 0, result.output);
    std::size_t tiles = 0;
    for (std::size_t at = 0; (at = result.output.find("| fft, tile ", at)) != std::string::npos; ++at)
        ++tiles;
    BOOST_TEST(tiles == 6u, result.output);  // the chosen one and two others, in both tables
    BOOST_TEST(contains(result.output, "(chosen)"), result.output);
}

BOOST_AUTO_TEST_CASE(a_process_that_answers_takes_its_turn) {
    const TemporaryFolder folder;
    const auto script = folder / "pytorch";
    std::ofstream(script) << "#!/bin/sh\necho \"PyTorch, it says\"\nwhile read line; do echo done; done\n";
    std::filesystem::permissions(script, std::filesystem::perms::owner_all);
    const std::string network = "--network 1x8x8:2C3-P2-3Softmax --batch 2 --pytorch ";
    const CommandResult result = run(quick + network + script.string());
    BOOST_TEST(result.status == 0, result.output);
    BOOST_TEST(contains(result.output, "| PyTorch, it says |"), result.output);
    BOOST_TEST(!contains(result.output, "| direct"), result.output);
    bench_fails(network + "/bin/true", 1, "/bin/true: it ended without an answer");
    bench_fails(network + (folder / "nothing").string(), 1, "nothing: it ended without an answer");
}

BOOST_AUTO_TEST_CASE(transforms_are_timed) {
    const CommandResult result = run(quick + "--transforms");
    BOOST_TEST(result.status == 0, result.output);
    BOOST_TEST(contains(result.output, "of 16 x 16"), result.output);
    std::istringstream lines(result.output);
    int rows = 0;
    for (std::string line; std::getline(lines, line);) {
        rows += line.starts_with("|");
        if (line.starts_with("| 16 ")) BOOST_TEST(contains(line, "1.00"), line);
    }
    BOOST_TEST(rows > 20, result.output);
}

BOOST_AUTO_TEST_CASE(networks_are_timed) {
    const CommandResult result =
        run(quick + "--network 1x8x8:2C3-P2-4C3-10Softmax --pooling ecp --batch 3 --pruned 0.5");
    BOOST_TEST(result.status == 0, result.output);
    for (const char* part : {"training step", "inference", "P2(ecp)", "other layers", "direct"})
        BOOST_TEST(contains(result.output, part), part << " is missing from\n" << result.output);
}

BOOST_AUTO_TEST_CASE(wrong_options_are_refused) {
    bench_fails("--layer 3,4,9", 2, "expected C,O,H,k,padding");
    bench_fails("--layer 3,4,9,12,1", 1,
                "height: expected room for the kernel (and a pooling window), found 9");
    bench_fails("--pass sideways", 2, "--pass");
    bench_fails("--mode 4", 2, "--mode");
    bench_fails("--pruned 2", 2, "--pruned");
    bench_fails("--network nonsense", 2, "nonsense");
    bench_fails("--layer 3,4,9,3,1 --out /nowhere/at/all.h5", 1, "/nowhere/at/all.h5");
}

BOOST_AUTO_TEST_SUITE_END()
