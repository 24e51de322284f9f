// fftconv-bench from the outside: it runs, writes what it measured, and refuses what it cannot do.
#include <spdlog/fmt/fmt.h>

#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <chrono>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <limits>
#include <sstream>

#include "app.hpp"
#include "bench/layer.hpp"
#include "bench/network.hpp"
#include "common/options.hpp"
#include "fftconv/convolution/cost_model.hpp"
#include "fftconv/core/random.hpp"
#include "fftconv/network/network.hpp"
#include "fftconv/storage/results.hpp"
#include "support/release_alone.hpp"
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

/// The cells of the rows of the tables behind a text, without their heads.
std::vector<std::vector<std::string>> rows_behind(const std::string& output, const std::string& mark) {
    const std::size_t begin = output.find(mark);
    BOOST_REQUIRE_MESSAGE(begin != output.npos, mark << " is missing from\n" << output);
    std::istringstream lines(output.substr(begin));
    std::vector<std::vector<std::string>> rows;
    bool table = false;
    for (std::string line; std::getline(lines, line) && !(table && line.empty());) {
        if (!line.starts_with("|")) continue;
        table = true;
        std::vector<std::string> cells;
        for (const std::string& cell : split(line.substr(1), '|'))
            if (const std::size_t first = cell.find_first_not_of(' '); first != cell.npos)
                cells.push_back(cell.substr(first, cell.find_last_not_of(' ') + 1 - first));
        rows.push_back(cells);
    }
    BOOST_TEST_REQUIRE(rows.size() > 2u, output);
    rows.erase(rows.begin(), rows.begin() + 2);
    return rows;
}

/// Whether a printed ratio is that of two printed numbers, all of them rounded.
bool is_ratio(const std::string& ratio, const std::string& above, const std::string& below) {
    const double found = std::stod(ratio), a = std::stod(above), b = std::stod(below);
    constexpr double half = 0.000501;
    return found >= (a - half) / (b + half) - 0.0051 &&
           found <= (a + half) / std::max(b - half, 1e-9) + 0.0051;
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
        app("bench") + " --network 1x8x8:20C3-P2-10Softmax --batch 4 --shards 2 --threads 1 --rounds 1";
    const CommandResult plain = run(steps);
    BOOST_TEST(plain.status == 0, plain.output);
    BOOST_TEST(contains(plain.output, "| conv1"), plain.output);
    BOOST_TEST(!contains(plain.output, "model over"), plain.output);
    // Of one round the parts follow each other in the step, and one process computes them whatever its link.
    const auto rows = rows_behind(plain.output, "## ");
    BOOST_TEST_REQUIRE(rows.back().at(0) == "in all", plain.output);
    for (std::size_t column = 1; column < rows.back().size(); ++column) {
        double sum = 0;
        for (std::size_t i = 0; i + 1 < rows.size(); ++i) sum += std::stod(rows[i].at(column));
        const double unit = column == 4 ? 0.1 : 0.001;
        BOOST_TEST(std::abs(std::stod(rows.back()[column]) - sum) <= unit * double(rows.size()),
                   plain.output);
    }
    for (const auto& row : rows)
        if (row[0] == "softmax" || row[0].starts_with("fc")) BOOST_TEST(row.back() == "12.8", plain.output);
    BOOST_TEST(rows.back().back() == "13.6", plain.output);  // 200 and 3210 numbers of four bytes
    const auto milliseconds = [](const std::string& output, const std::string& mark) {
        BOOST_TEST_REQUIRE(contains(output, mark), output);
        return std::stod(output.substr(output.find(mark) + mark.size()));
    };
    const auto parts_of = [&](const std::string& output) {
        const auto all = rows_behind(output, "## ").back();
        return std::stod(all.at(1)) + std::stod(all.at(2)) + milliseconds(output, "of it update ");
    };
    BOOST_TEST(milliseconds(plain.output, "\nstep ") >= parts_of(plain.output) - 0.003, plain.output);
    // The rounds of a mean together took less than the command.
    constexpr int rounds = 20;
    const auto start = std::chrono::steady_clock::now();
    const CommandResult mean = run(
        app("bench") + " --network 3x32x32:16C5-P2-10Softmax --batch 32 --shards 2 --threads 1 --rounds " +
        std::to_string(rounds));
    const std::chrono::duration<double, std::milli> taken = std::chrono::steady_clock::now() - start;
    BOOST_TEST(rounds * parts_of(mean.output) <= taken.count(), mean.output);
    const CommandResult over_links = run(steps + " --links 1000:0.03,300:20");
    for (const char* link : {"1000:0.03", "300:20"})
        BOOST_TEST(std::abs(milliseconds(over_links.output, "model over " + std::string(link) + ": step ") -
                            parts_of(over_links.output)) <= 0.003,
                   over_links.output);
    BOOST_TEST(over_links.status == 0, over_links.output);
    BOOST_TEST(contains(over_links.output, "model over 1000:0.03: step"), over_links.output);
    BOOST_TEST(contains(over_links.output, "model over 300:20: step"), over_links.output);
    for (const char* wrong : {"1000", "1000:x", "-1:0", "1000:0,"}) {
        const CommandResult refused = run(steps + " --links=" + wrong);
        BOOST_TEST(refused.status == 2, wrong);
        BOOST_TEST(!contains(refused.output, "step"), refused.output);  // before anything is timed
    }
}

// A node has its share of the images, rounded up; how much faster all are is against one node's measured
// step.
BOOST_AUTO_TEST_CASE(nodes_share_the_images_of_a_step) {
    for (const int images : {4, 5}) {
        const CommandResult result =
            run(app("bench") + " --network 1x8x8:2C3-P2-3Softmax --shards 1 --threads 1 --rounds 3 --batch " +
                std::to_string(images));
        BOOST_TEST_REQUIRE(result.status == 0, result.output);
        const auto rows = rows_behind(result.output, "## Model");
        BOOST_TEST_REQUIRE(rows.size() == 3u, result.output);
        for (const int i : {0, 1, 2}) {
            const int nodes = 1 << i;
            const auto& row = rows[std::size_t(i)];
            BOOST_TEST(row.at(0) == std::to_string(nodes), result.output);
            BOOST_TEST(row.at(1) == std::to_string((images + nodes - 1) / nodes), result.output);
            for (const std::size_t step : {3, 6})
                BOOST_TEST(is_ratio(row.at(step + 1), rows[0].at(2), row.at(step)), result.output);
        }
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
BOOST_AUTO_TEST_CASE(auto_is_compared_with_what_it_chooses_from, *in_release_alone) {
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
    for (std::size_t layer = 0; layer < 2; ++layer) {
        const double* of_layer = &seconds[3 * layer];  // auto, fft, spatial
        const double best = std::min(of_layer[1], of_layer[2]);
        BOOST_TEST(of_layer[0] <= 3 * best, result.output);
        BOOST_TEST(of_layer[2] <= 4 * best, result.output);
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
    }
    BOOST_TEST(rows > 20, result.output);
    for (const auto& row : rows_behind(result.output, "| tile")) {
        const int tile = std::stoi(row.at(0));
        if (tile == 16) BOOST_TEST(row.at(2) == "1.00", result.output);
        BOOST_TEST(row.at(3) == fmt::format("{:.2f}", transform_cycles(tile) / transform_cycles(16)),
                   result.output);
    }
}

BOOST_AUTO_TEST_CASE(networks_are_timed) {
    const CommandResult result =
        run(quick + "--network 1x8x8:2C3-P2-4C3-10Softmax --pooling ecp --batch 3 --pruned 0.5");
    BOOST_TEST(result.status == 0, result.output);
    for (const char* part : {"training step", "inference", "P2(ecp)", "other layers", "direct"})
        BOOST_TEST(contains(result.output, part), part << " is missing from\n" << result.output);
}

BOOST_AUTO_TEST_CASE(networks_are_timed_as_users_meet_them, *in_release_alone) {
    const CommandResult result =
        run(quick + "--network 1x8x8:2C3-P2-3Softmax --batch 2 --threads 1,2 --interruptions");
    BOOST_TEST(result.status == 0, result.output);
    for (const char* part : {"training step", "inference", "| back to back ", "| after half a second ",
                             "| next to a busy process "})
        BOOST_TEST(contains(result.output, part), part << " is missing from\n" << result.output);
    for (const char* pass : {"training step", "inference"}) {
        const auto rows = rows_behind(result.output, pass);
        BOOST_TEST_REQUIRE(rows.size() == 6u, result.output);  // of three settings
        for (std::size_t i = 0; i < rows.size(); ++i) {
            const auto &row = rows[i], &one_thread = rows[i - i % 2];
            BOOST_TEST(row.at(1) == std::to_string(1 + i % 2), result.output);
            BOOST_TEST(std::stod(row.at(2)) <= std::stod(row.at(3)), result.output);
            BOOST_TEST(is_ratio(row.at(4), one_thread.at(2), row.at(2)), result.output);
            BOOST_TEST(is_ratio(row.at(5), one_thread.at(3), row.at(3)), result.output);
        }
        BOOST_TEST(std::stod(rows[0].at(2)) < 1, result.output);  // many calls fit into the slice
    }
    bench_fails("--interruptions", 2, "expected --network");
}

// The rival of as many threads is the direct engine with all kernels; its ratios come from the stored rounds.
BOOST_AUTO_TEST_CASE(rows_of_a_network_name_their_contenders) {
    const TemporaryFolder folder;
    const std::string out = (folder / "bench.h5").string();
    const CommandResult done = run(quick +
                                   "--network 1x8x8:2C3-P2-4C3-3Softmax --batch 3 --engine spatial "
                                   "--threads 1,2 --pruned 0,0.5 --out " +
                                   out);
    BOOST_TEST_REQUIRE(done.status == 0, done.output);
    const ResultRecord record = read_results(out);
    const auto numbers = [&](const std::string& table, const std::string& column) {
        return record.column<double>(out, table, column);
    };
    const auto& contenders = record.column<std::string>(out, "benchmark", "contender");
    const std::vector<double> threads = numbers("benchmark", "threads"),
                              ratios = numbers("benchmark", "ratio"), pruned = numbers("benchmark", "pruned"),
                              row_of = numbers("rounds", "row"), seconds = numbers("rounds", "seconds");
    BOOST_TEST_REQUIRE(contenders.size() == 16u);  // two passes
    const auto rounds_of = [&](std::size_t row) {
        std::vector<double> rounds;
        for (std::size_t i = 0; i < seconds.size(); ++i)
            if (row_of[i] == double(row)) rounds.push_back(seconds[i]);
        return rounds;
    };
    for (std::size_t i = 0; i < contenders.size(); ++i) {
        BOOST_TEST(contenders[i] == (i % 2 == 0 ? "spatial" : "direct"));
        BOOST_TEST(pruned[i] == (i % 4 < 2 ? 0 : 0.5));
        BOOST_TEST(threads[i] == (i % 8 < 4 ? 1 : 2));
        BOOST_TEST(ratios[i] == ratio(rounds_of(i / 4 * 4 + 1), rounds_of(i)).median);
    }
}

// Every convolution but the first, by single kernels or by groups of them.
BOOST_AUTO_TEST_CASE(a_pruned_network_computes_what_its_masks_leave) {
    BenchmarkOptions options;
    options.network = "2x8x8:4C3-8C3-8C3-3Softmax";
    options.batch = 3;
    Tensor images(options.architecture().input, options.batch);
    RandomStream random(1, "benchmark images");
    for (std::size_t pixel = 0; pixel < images.maps().size(); ++pixel)
        for (int n = 0; n < options.batch; ++n)
            images.data()[pixel * images.batch_stride() + n] = random.uniform(-1, 1);
    std::vector<std::vector<float>> found;
    for (const bool groups : {false, true}) {
        options.kernel_groups = groups;
        const Contender contender = network_contender(options, "direct", 1, 0.5, NetworkPass::inference);
        Network expected(options.architecture(), options.network_options("direct", true, 1));
        for (const std::size_t i : {1, 2}) {
            ConvolutionLayer& layer = *expected.convolutions()[i];
            layer.set_kernel_mask(random_mask(layer.shape(), 0.5, groups));
        }
        found.push_back(contender.result());
        BOOST_TEST(largest_difference(found.back(),
                                      to_nchw(expected.forward(images, {.forward_only = true}))) <= 1e-6);
    }
    BOOST_TEST(largest_difference(found[0], found[1]) > 1e-3);
}

// The layers' seconds since they were asked for last, forward and backward: of a training step more than half
// as much again as of an inference. A first dense layer's backward pass takes as long as its forward pass:
// without either of them its step would take no longer than an inference.
BOOST_AUTO_TEST_CASE(phases_of_a_network_are_its_layers) {
    BenchmarkOptions options;
    options.batch = 16;
    for (const bool convolves : {true, false}) {
        options.network = convolves ? "3x16x16:16C5-16C5-2Softmax" : "3x16x16:300FC-2Softmax";
        const auto least_seconds = [&](const Contender& contender, double& least) {
            const auto start = std::chrono::steady_clock::now();
            for (int call = 0; call < 10; ++call) contender.run();
            const double all =
                std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
            const std::vector<Phase> phases = contender.phases(), after = contender.phases();
            BOOST_TEST_REQUIRE(phases.size() == 2u);
            BOOST_TEST((phases[0].seconds > phases[1].seconds) == convolves);
            BOOST_TEST(phases[0].seconds + phases[1].seconds <= all);
            for (const Phase& phase : after) BOOST_TEST(phase.seconds == 0);
            least = std::min(least, phases[convolves ? 0 : 1].seconds);
        };
        const Contender step = network_contender(options, "fft", 1, 0, NetworkPass::training_step);
        const Contender inference = network_contender(options, "fft", 1, 0, NetworkPass::inference);
        double of_step = std::numeric_limits<double>::infinity(), of_inference = of_step;
        for (const Contender* contender : {&step, &inference}) {
            contender->run();  // plans and spectra
            contender->phases();
        }
        for (int attempt = 0; attempt < 5; ++attempt) {  // the least: whatever interrupts a call adds to it
            least_seconds(step, of_step);
            least_seconds(inference, of_inference);
        }
        BOOST_TEST(of_step >= 1.5 * of_inference);
    }
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
