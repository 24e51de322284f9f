// fftconv-bench: how fast the engine is, next to the best dense library at hand.
#include <iostream>

#include "bench/interruptions.hpp"
#include "bench/layer.hpp"
#include "bench/report.hpp"
#include "bench/run.hpp"
#include "bench/scaling.hpp"
#include "bench/transforms.hpp"
#include "common/team.hpp"
#include "common/timing.hpp"

int main(int argc, char** argv) {
    fftconv::limit_waiting_of_onednn(argv);
    fftconv::BenchmarkOptions benchmark;
    fftconv::Options options(
        "fftconv-bench",
        "Times convolution layers on the FFT engine and on its rivals, in turn, in one process: "
        "medians, ratios with their quartiles, effective GFLOP/s, seconds of each phase.");
    fftconv::add_benchmark_options(options, benchmark);
    options.allow_team();  // of --shards
    return options.run(argc, argv, [&] {
        options.require_alone("report", {"summary", "figures", "threads"});
        if (benchmark.shards == 0 && fftconv::team().count() > 1)
            throw fftconv::UsageError("works in one process but for --shards: start it without mpirun");
        if (!benchmark.drawing.empty() && (benchmark.shards != 1 || fftconv::team().count() > 1))
            throw fftconv::UsageError("--drawing: expected --shards 1 in one process, whose model it draws");
        if (!benchmark.simd.empty()) fftconv::pin_simd_target(benchmark.simd);
        if (benchmark.transforms)
            std::cout << fftconv::transform_table({.rounds = benchmark.rounds, .slice = benchmark.slice});
        else if (benchmark.interruptions)
            fftconv::time_interruptions(benchmark);
        else if (benchmark.shards)
            fftconv::time_scaling(benchmark);
        else if (benchmark.report.empty())
            fftconv::run_benchmark(benchmark, options);
        else {
            std::cout << fftconv::benchmark_text(benchmark.report, benchmark.summary);
            if (!benchmark.figures.empty()) fftconv::draw_benchmark(benchmark.report, benchmark.figures);
        }
    });
}
