#include "common/timing.hpp"

#include <boost/test/unit_test.hpp>
#include <chrono>
#include <cmath>
#include <filesystem>
#include <limits>

#include "bench/layer.hpp"
#include "bench/options.hpp"
#include "bench/report.hpp"
#include "fftconv/core/error.hpp"
#include "support/temporary_folder.hpp"

using namespace fftconv;

BOOST_AUTO_TEST_SUITE(benchmark)

BOOST_AUTO_TEST_CASE(statistics_are_medians_and_quartiles) {
    const Quartiles five = quartiles({5, 1, 4, 2, 3}), four = quartiles({4, 1, 3, 2}), one = quartiles({7});
    BOOST_TEST((five.lower == 2 && five.median == 3 && five.upper == 4));
    BOOST_TEST((four.lower == 1.75 && four.median == 2.5 && four.upper == 3.25));
    BOOST_TEST((one.lower == 7 && one.median == 7 && one.upper == 7));
    // A round in which everything is ten times slower leaves the ratio alone.
    const Quartiles ratios = ratio({2, 20, 2}, {1, 10, 1});
    BOOST_TEST((ratios.lower == 2 && ratios.median == 2 && ratios.upper == 2));
}

BOOST_AUTO_TEST_CASE(contenders_take_turns) {
    std::string calls;
    const Contender contenders[] = {{.name = "a", .run = [&] { calls += 'a'; }},
                                    {.name = "b", .run = [&] { calls += 'b'; }}};
    const auto timings = time_in_turn(contenders, {.rounds = 2, .slice = 1e-12});
    BOOST_TEST(calls == "abaaabbbbbbaaa");  // once each, then three calls a round, the order turning around
    for (const Timing& timing : timings) {
        BOOST_TEST(timing.rounds.size() == 2u);
        for (double seconds : timing.rounds) BOOST_TEST((seconds >= 0 && seconds < 1));
    }
}

// By its own clock the second call of all is the fastest, and its phases are those that are told.
BOOST_AUTO_TEST_CASE(phases_are_those_of_the_fastest_call) {
    int calls = 0;
    const Contender contender{
        .name = "a",
        .run = [&] { ++calls; },
        .phases =
            [&] {
                return std::vector<Phase>{{"sum", double(calls)}};
            },
        .seconds = [&] { return calls == 2 ? 0.5 : double(calls); },
    };
    const std::vector<Timing> timings = time_in_turn(std::span(&contender, 1), {.rounds = 2, .slice = 1e-12});
    BOOST_TEST(calls == 7);
    BOOST_TEST_REQUIRE(timings.at(0).phases.size() == 1u);
    BOOST_TEST(timings[0].phases[0].seconds == 2);
    BOOST_TEST(timings[0].rounds.at(0) == 0.5);
}

/// Whoever comes behind a rival whose threads still spin has the machine for itself.
BOOST_AUTO_TEST_CASE(a_contender_that_lingers_is_waited_for) {
    std::vector<std::pair<char, double>> calls;
    const auto call = [&](char name) {
        calls.emplace_back(
            name, std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count());
    };
    const Contender contenders[] = {{.name = "a", .run = [&] { call('a'); }, .lingers = true},
                                    {.name = "b", .run = [&] { call('b'); }}};
    time_in_turn(contenders, {.rounds = 1, .slice = 1e-12});
    BOOST_TEST_REQUIRE((calls.size() == 8u && calls[4].first == 'a' && calls[5].first == 'b'));
    BOOST_TEST(calls[5].second - calls[4].second >= 0.1);
}

BOOST_AUTO_TEST_CASE(differences_are_relative_and_see_nan) {
    BOOST_TEST(largest_difference({1, -3}, {1, -4}) == 0.25);
    BOOST_TEST(largest_difference({0, 0}, {0, 0}) == 0);
    BOOST_TEST(std::isinf(largest_difference({1}, {1, 2})));
    BOOST_TEST(std::isinf(largest_difference({std::numeric_limits<float>::quiet_NaN()}, {1})));
}

namespace {

/// What says itself how long it takes.
Entry timed(const std::string& name, int threads, double seconds, bool rival = false) {
    return {.contender = {
                .name = name, .threads = threads, .run = [] {}, .seconds = [seconds] { return seconds; }},
            .rival = rival};
}

}  // namespace

BOOST_AUTO_TEST_CASE(the_fastest_rival_of_as_many_threads_is_the_one_to_beat) {
    const Entry entries[] = {timed("slow", 1, 8, true),  timed("ours", 1, 1),       timed("fast", 1, 2, true),
                             timed("other", 1, 4, true), timed("slow", 2, 3, true), timed("ours", 2, 0.5)};
    const auto rows = time_entries("work", entries, {.rounds = 2, .slice = 1e-6}, 1e6);
    BOOST_TEST_REQUIRE((rows[0].ratio && rows[1].ratio && !rows[2].ratio && rows[3].ratio));
    BOOST_TEST(rows[0].ratio->median == 0.25);
    BOOST_TEST(rows[1].ratio->median == 2);
    BOOST_TEST(rows[3].ratio->median == 0.5);
    BOOST_TEST_REQUIRE((!rows[4].ratio && rows[5].ratio));
    BOOST_TEST(rows[5].ratio->median == 6);
    BOOST_TEST(rows[5].speedup->median == 2);
    // Each is held against the peak of as many threads.
    BOOST_TEST(rows[3].peak == rows[0].peak);
    BOOST_TEST(rows[5].peak == rows[4].peak);
    BOOST_TEST(rows[4].peak != rows[0].peak);
}

// Seconds of a phase are summed over threads: each of them is held against its part of the peak.
BOOST_AUTO_TEST_CASE(products_are_held_against_the_peak_of_a_thread) {
    BenchmarkRow row;
    row.threads = 4;
    row.peak = 400;
    row.phases = {{"sum", 8}};
    row.sum_flop = 200;
    BOOST_TEST(row.sum_of_peak() == 0.25);
    // A file has it, too.
    row.work = "work", row.contender = "fft", row.rounds = {16}, row.flop = 3200;
    const test::TemporaryFolder folder;
    const std::string results = folder / "benchmark.h5", text = report_text({row});
    write_benchmark_hdf5(results, "", {row});
    BOOST_TEST(text.find(" 25 % |") != std::string::npos, text);
    BOOST_TEST(benchmark_text(results, false).find(text) != std::string::npos,
               benchmark_text(results, false));
}

// Of the direct algorithm: two for each weight and output, three times as many in a step; of a mode a
// quarter.
BOOST_AUTO_TEST_CASE(flop_of_passes) {
    const ConvolutionShape shape{
        .batch = 3, .in_channels = 4, .out_channels = 6, .height = 9, .width = 13, .kernel = 2, .groups = 2};
    const double once = 2.0 * 6 * 2 * 4 * (8 * 12) * 3;
    for (const LayerPass pass : {LayerPass::forward, LayerPass::backward_input, LayerPass::backward_weights})
        BOOST_TEST(LayerProblem(shape, no_mode, pass).flop() == once);
    BOOST_TEST(LayerProblem(shape, no_mode, LayerPass::step).flop() == 3 * once);
    BOOST_TEST(LayerProblem(shape, 2, LayerPass::forward).flop() == once / 4);
}

BOOST_AUTO_TEST_CASE(the_peak_is_a_rate_that_machines_have) {
    const Entry entry[] = {{{.name = "nothing", .run = [] {}}}};
    const double peak = time_entries("work", entry, {.rounds = 3, .slice = 1e-3}, 0)[0].peak;
    BOOST_TEST((peak > 1e8 && peak < 1e13), "peak " << peak);
}

BOOST_AUTO_TEST_CASE(layers_are_read) {
    BenchmarkOptions options;
    BOOST_TEST(options.layers().size() == 8u);
    options.layer = "3,16,32,5,2;1,20,28,5,0";
    options.batch = 7;
    options.mode = 2;
    const auto layers = options.layers();
    BOOST_TEST(layers.size() == 2u);
    const ConvolutionShape first{.batch = 7,
                                 .in_channels = 3,
                                 .out_channels = 16,
                                 .height = 32,
                                 .width = 32,
                                 .kernel = 5,
                                 .padding = 2};
    BOOST_TEST((layers[0].shape == first));
    BOOST_TEST(layers[1].mode == 2);
    for (const char* bad : {"", "3", "3,16,32,5", "3,16,32,5,x", "3,16,32,5,2,1", "3,,32,5,2"}) {
        options.layer = std::string(bad) + ";";
        BOOST_CHECK_THROW(options.layers(), UsageError);
    }
    options.pruned = {"0.5", "half"};
    BOOST_CHECK_EXCEPTION(options.pruned_ratios(), UsageError, [](const UsageError& error) {
        return std::string(error.what()) == "--pruned: expected a number from 0 to 1, found 'half'";
    });
}

BOOST_AUTO_TEST_CASE(masks_prune_what_was_asked_for) {
    const ConvolutionShape shape{.in_channels = 20, .out_channels = 10};
    BOOST_TEST(random_mask(shape, 0, false).empty());
    for (double pruned : {0.25, 0.5, 0.85}) {
        const auto mask = random_mask(shape, pruned, false);
        BOOST_TEST(std::count(mask.begin(), mask.end(), 0) == long(std::lround(200 * pruned)));
    }
    // Four neighbouring output channels together, the last two of ten by themselves.
    const auto groups = random_mask(shape, 0.5, true);
    BOOST_TEST_REQUIRE(groups.size() == 200u);
    int pruned = 0;
    for (std::size_t input = 0; input < 20; ++input)
        for (std::size_t output = 0; output < 10; ++output) {
            const std::size_t first = output / 4 * 4;
            BOOST_TEST(groups[20 * output + input] == groups[20 * first + input]);
            pruned += output == first && groups[20 * output + input] == 0;
        }
    BOOST_TEST(pruned == 30);
}

// Every implementation that oneDNN offers computes what our direct engine does: modes are its strided
// convolutions.
BOOST_AUTO_TEST_CASE(rivals_compute_the_same) {
    const ConvolutionShape shapes[] = {
        {.batch = 3,
         .in_channels = 4,
         .out_channels = 5,
         .height = 9,
         .width = 12,
         .kernel = 3,
         .padding = 1},
        {.batch = 2,
         .in_channels = 1,
         .out_channels = 8,
         .height = 11,
         .width = 8,
         .kernel = 5,
         .padding = 0},
    };
    for (const ConvolutionShape& shape : shapes)
        for (int mode : {no_mode, 0, 3})
            for (LayerPass pass : {LayerPass::forward, LayerPass::backward_input, LayerPass::backward_weights,
                                   LayerPass::step}) {
                const LayerProblem problem(shape, mode, pass);
                const Contender direct = engine_contender(problem, {.engine = "direct"}, {});
                direct.run();
                auto rivals = onednn_contenders(problem, 1);
                BOOST_TEST(rivals.empty() == onednn_version().empty());
                rivals.push_back(engine_contender(problem, {.engine = "fft"}, {}));
                for (const Contender& rival : rivals) {
                    rival.run();
                    BOOST_TEST(largest_difference(rival.result(), direct.result()) < 1e-5,
                               rival.name << ", " << problem.describe() << ", " << to_string(pass));
                }
            }
}

BOOST_AUTO_TEST_CASE(reports_compare_with_the_rival_of_the_same_threads) {
    const auto spin = [](int steps) {
        return [steps] {
            volatile double sum = 0;
            for (int i = 0; i < steps; ++i) sum = sum + i;
        };
    };
    const Entry entries[] = {{{.name = "ours", .run = spin(20000)}, 0.5},
                             {{.name = "theirs", .run = spin(100000)}, 0, true},
                             {{.name = "ours", .threads = 2, .run = spin(4000)}, 0.5},
                             {{.name = "ours", .threads = 2, .run = spin(4000)}, 0}};
    const auto rows = time_entries("work", entries, {.rounds = 3, .slice = 1e-4}, 1e6);
    BOOST_TEST(rows.size() == 4u);
    BOOST_TEST((rows[0].ratio && !rows[1].ratio && !rows[2].ratio));  // nobody else has two threads
    BOOST_TEST((!rows[0].speedup && rows[2].speedup && !rows[3].speedup));
    BOOST_TEST((rows[2].speedup->median > 1.5 && rows[2].speedup->median < 15), rows[2].speedup->median);
    BOOST_TEST((rows[0].ratio->median > 1.5 && rows[0].ratio->median < 15), rows[0].ratio->median);
    const std::string text = report_text(rows);
    for (const char* part : {"ours", "theirs", "50 %", "GFLOP/s", "one thread / this"})
        BOOST_TEST(text.find(part) != std::string::npos, part);

    // A file tells what the run told.
    const test::TemporaryFolder folder;
    const std::string results = folder / "benchmark.h5";
    write_benchmark_hdf5(results, "", rows);
    BOOST_TEST(benchmark_text(results, false).find(text) != std::string::npos);
    const std::string summary = benchmark_text(results, true);
    for (const char* part : {"rival / this", "one thread / this"})
        BOOST_TEST(summary.find(part) != std::string::npos, part);
}

BOOST_AUTO_TEST_SUITE_END()
