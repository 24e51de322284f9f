// fftconv-bench from the outside: it runs, writes what it measured, and refuses what it cannot do.
#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "app.hpp"
#include "bench/layer.hpp"
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

BOOST_AUTO_TEST_CASE(steps_in_shards_are_timed) {
    const std::string steps =
        app("bench") + " --network 1x8x8:2C3-P2-3Softmax --batch 4 --shards 2 --threads 1 --rounds 1";
    const CommandResult plain = run(steps);
    BOOST_TEST(plain.status == 0, plain.output);
    BOOST_TEST(contains(plain.output, "| conv1"), plain.output);
    BOOST_TEST(!contains(plain.output, "model over"), plain.output);
    const CommandResult over_links = run(steps + " --links 1000:0.03,300:20");
    BOOST_TEST(over_links.status == 0, over_links.output);
    BOOST_TEST(contains(over_links.output, "model over 1000:0.03: step"), over_links.output);
    BOOST_TEST(contains(over_links.output, "model over 300:20: step"), over_links.output);
    for (const char* wrong : {"1000", "1000:x", "-1:0", "1000:0,"}) {
        const CommandResult refused = run(steps + " --links=" + wrong);
        BOOST_TEST(refused.status == 2, wrong);
        BOOST_TEST(!contains(refused.output, "step"), refused.output);  // before anything is timed
    }
}

BOOST_AUTO_TEST_CASE(ratios_are_drawn) {
    const TemporaryFolder folder;
    const std::string draw = app("bench") + " --figures " + (folder / "figures").string();
    BOOST_TEST(run(draw).status == 2);
    const CommandResult result =
        run(draw + " --report " FFTCONV_SOURCE_DIR "/results/benchmark/benchmark.h5 --summary");
    BOOST_TEST(result.status == 0, result.output);
    const std::string drawn = text_of(folder / "figures/speed.svg");
    for (const char* part :
         {"16->16 @ 128, 31x31, padding 15, batch 1", "AVX2: 128->128 @ 16", "times as fast"})
        BOOST_TEST(contains(drawn, part), part);
}

/// auto, and what it chooses from: the summary compares them. Gradients to few channels took twenty times as
/// long as they need, which is judged with room for a busy machine.
BOOST_AUTO_TEST_CASE(auto_is_compared_with_what_it_chooses_from) {
    const TemporaryFolder folder;
    const std::string out = (folder / "bench.h5").string();
    const CommandResult result =
        run(app("bench") +
            " --rounds 5 --slice 0.01 --peer none --layer '1,20,28,5,0;3,20,14,5,0;3,4,9,3,2,d2' --batch 50 "
            "--pass backward-input --engine auto,fft,spatial --out " +
            out);
    BOOST_TEST(result.status == 0, result.output);
    BOOST_TEST(contains(result.output, "dilation: expected 1 with the spatial engine, found 2x2"),
               result.output);
    const ResultRecord record = read_results(out);
    const auto& contenders = record.column<std::string>(out, "benchmark", "contender");
    const auto& seconds = record.column<double>(out, "benchmark", "seconds");
    const std::vector<std::string> expected{"auto", "fft",     "spatial", "auto",
                                            "fft",  "spatial", "auto",    "fft"};
    BOOST_TEST_REQUIRE((contenders == expected));
    for (std::size_t layer : {0, 3}) {
        const double best = std::min(seconds[layer + 1], seconds[layer + 2]);
        BOOST_TEST(seconds[layer] <= 3 * best, result.output);
        BOOST_TEST(seconds[layer + 2] <= 4 * best, result.output);
    }
    const CommandResult summary = run(app("bench") + " --summary --report " + out);
    BOOST_TEST(contains(summary.output, "| auto / best |"), summary.output);
    BOOST_TEST(contains(summary.output, "| 1->20 @ 28, 5x5, padding 0, batch 50, backward-input "),
               summary.output);
}

/// What layers are checked by, where the direct engine would take minutes for all of one.
BOOST_AUTO_TEST_CASE(a_corner_has_outputs_of_the_whole) {
    const ConvolutionShape shapes[] = {
        {.batch = 3, .in_channels = 2, .out_channels = 4, .width = 300, .kernel = {1, 40}},
        {.batch = 2, .height = 21, .width = 18, .kernel = {5, 3}, .padding = {4, 0, 2, 5}, .stride = {2, 1}},
        {.in_channels = 2,
         .out_channels = 2,
         .height = 9,
         .width = 17,
         .kernel = 7,
         .padding = 6,
         .dilation = {1, 2},
         .groups = 2}};
    for (const ConvolutionShape& shape : shapes)
        for (double products : {1.0, 300.0, 3000.0, 1e9}) {
            const LayerProblem whole(shape, no_mode, LayerPass::forward), corner = whole.corner(products);
            BOOST_TEST((corner.flop() < whole.flop()) == (products < 1e9));
            const Contender all = engine_contender(whole, {.engine = "direct"}, {}),
                            part = engine_contender(corner, {.engine = "direct"}, {});
            all.run();
            part.run();
            BOOST_TEST(largest_difference(whole.corner_of(all.result(), corner), part.result()) <= 1e-6,
                       corner.describe());
        }
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

/// A rival whose answers are those of the protocol in apps/bench/README.md: `first` to the work.
std::string peer(const TemporaryFolder& folder, const std::string& first, const std::string& to_run = "0.5",
                 const std::string& to_result = "echo done") {
    const auto script = folder / "peer";
    std::ofstream(script) << "#!/bin/sh\nwhile read -r line; do case $line in run) echo '" << to_run
                          << "';; result) " << to_result << ";; *) echo \"$line\" >> '"
                          << (folder / "work").string() << "'; echo '" << first << "';; esac; done\n";
    std::filesystem::permissions(script, std::filesystem::perms::owner_all);
    return " --peer-command " + script.string();
}

std::string text_of(const std::filesystem::path& file) {
    std::ostringstream text;
    text << std::ifstream(file).rdbuf();
    return text.str();
}

const std::string timed = app("bench") + " --rounds 2 --slice 0.001 ";

BOOST_AUTO_TEST_CASE(a_program_takes_its_turn_with_a_network) {
    const TemporaryFolder folder;
    const std::string network = "--network 1x8x8:2C3-P2-3Softmax --batch 2 --threads 2 --simd AVX2";
    const CommandResult result = run(timed + network + peer(folder, "ready a rival, it says"));
    BOOST_TEST(result.status == 0, result.output);
    BOOST_TEST(contains(result.output, "| a rival, it says |       2 |    0 % |   500.000 |"), result.output);
    BOOST_TEST(!contains(result.output, "| direct"), result.output);
    for (const char* pass : {"training", "inference"})
        BOOST_TEST(contains(text_of(folder / "work"),
                            "network architecture=1x8x8:2C3-P2-3Softmax batch=2 pass=" + std::string(pass) +
                                " threads=2 simd=AVX2 folder=/"),
                   text_of(folder / "work"));
    const CommandResult without = run(timed + network + peer(folder, "cannot today"));
    BOOST_TEST(without.status == 0, without.output);
    BOOST_TEST(contains(without.output, "peer: cannot today"), without.output);
}

BOOST_AUTO_TEST_CASE(a_program_computes_a_layer) {
    const TemporaryFolder folder;
    const auto script = folder / "scale.py";
    std::ofstream(script)
        << R"(# With one channel and kernels of one tap, the outputs are multiples of the images.
import array, sys
def read(name):
    return array.array("f", open(f"{work['folder']}/{name}.f32", "rb").read())
for line in map(str.strip, sys.stdin):
    if line == "run":
        outputs = array.array("f", [weight * value for value in read("x") for weight in read("weights")])
        print("0.25", flush=True)
    elif line == "result":
        outputs.tofile(open(work["folder"] + "/y.f32", "wb"))
        print("done", flush=True)
    else:
        work = dict(word.split("=") for word in line.split(" ")[1:])
        print("ready it got " + line.split(" folder=")[0], flush=True)
)";
    const CommandResult result =
        run(timed + "--layer 1,2,1x1,1,0 --batch 3 --peer-command 'python3 " + script.string() + "'");
    BOOST_TEST(result.status == 0, result.output);
    BOOST_TEST(contains(result.output,
                        "| it got layer batch=3 channels=1 outputs=2 height=1 width=1 kernel=1,1 "
                        "padding=0,0,0,0 stride=1,1 dilation=1,1 groups=1 threads=1 simd=best |       1 |    "
                        "0 % |   250.000 |"),
               result.output);
}

BOOST_AUTO_TEST_CASE(a_program_that_answers_wrongly_is_refused) {
    const TemporaryFolder folder;
    const auto fails = [&](const std::string& command, const std::string& part) {
        const CommandResult result = run(timed + "--layer 1,1,4,1,0 --batch 1" + command);
        BOOST_TEST(result.status == 1, result.output);
        BOOST_TEST(contains(result.output, part), part << " is missing from\n" << result.output);
    };
    fails(" --peer-command /bin/true", "/bin/true: it ended without an answer");
    fails(" --peer-command " + (folder / "nothing").string(), "nothing: it ended without an answer");
    fails(peer(folder, "hello"), "expected 'ready NAME' or 'cannot REASON', found 'hello'");
    fails(peer(folder, "ready it", "-1"), "'run': expected seconds, found '-1'");
    fails(peer(folder, "ready it", "soon"), "'run': expected seconds, found 'soon'");
    fails(peer(folder, "ready it", "1", "echo no"), "'result': expected 'done', found 'no'");
    fails(peer(folder, "ready it", "1", "echo done"), "y.f32: size: expected 64 bytes");
    const std::string zeros = "folder=$(sed -n 's/.* folder=//p' " + (folder / "work").string() +
                              " | tail -n 1); head -c 64 /dev/zero > $folder/y.f32; echo done";
    fails(peer(folder, "ready it", "1", zeros), "it differs from the direct engine");
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

BOOST_AUTO_TEST_CASE(networks_are_timed_as_users_meet_them) {
    const CommandResult result =
        run(quick + "--network 1x8x8:2C3-P2-3Softmax --batch 2 --threads 1,2 --interruptions");
    BOOST_TEST(result.status == 0, result.output);
    for (const char* part : {"training step", "inference", "| back to back ", "| after half a second ",
                             "| next to a busy process "})
        BOOST_TEST(contains(result.output, part), part << " is missing from\n" << result.output);
    bench_fails("--interruptions", 2, "expected --network");
}

BOOST_AUTO_TEST_CASE(wrong_options_are_refused) {
    bench_fails("--layer 3,4,9", 2, "expected C,O,H,k,padding");
    bench_fails("--layer 3,4,9,12,1", 1,
                "height: expected room for the kernel (and a pooling window), found 9");
    bench_fails("--pass sideways", 2, "--pass");
    bench_fails("--mode 4", 2, "--mode");
    bench_fails("--pruned 2", 2, "--pruned");
    bench_fails("--network nonsense", 2, "nonsense");
    bench_fails("--layer 3,4,9,3,1 --pass step --peer-command true", 2, "forward of layers");
    bench_fails("--layer 3,4,9,3,1 --peer pytorch --scripts /nowhere", 2, "/nowhere/pytorch.py");
    bench_fails("--network two-conv --peer onednn", 2, "layers, not networks");
    bench_fails("--layer 3,4,9,3,1 --out /nowhere/at/all.h5", 1, "/nowhere/at/all.h5");
}

BOOST_AUTO_TEST_SUITE_END()
