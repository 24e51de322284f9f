#pragma once
#include <algorithm>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "common/timing.hpp"
#include "fftconv/convolution/engine.hpp"

namespace fftconv {

/// One contender's result.
struct BenchmarkRow {
    std::string work;  ///< what was done: layer and pass, or network and pass
    std::string contender;
    int threads = 1;
    double pruned = 0;  ///< part of the kernels
    Rounds rounds;      ///< seconds of a call, by round
    double flop = 0;    ///< of a call, by the direct algorithm with every kernel; 0: not known
    double peak = 0;    ///< of the machine with as many threads in the best round, FLOP per second
    std::optional<Quartiles>
        ratio;  ///< time of the fastest rival / time of this one, by round; none: it is that rival
    std::optional<Quartiles> speedup;  ///< time of the same on one thread / time of this one, by round
    std::vector<Phase> phases;         ///< of the fastest call, summed over threads; empty: not known
    double sum_flop = 0;               ///< of the phase "sum"; 0: not known

    double seconds() const { return quartiles(rounds).median; }
    double fastest() const { return *std::min_element(rounds.begin(), rounds.end()); }
    double flop_rate() const { return flop / seconds(); }
    /// Part of the peak that the products of the phase "sum" reach; NaN: not known.
    double sum_of_peak() const;
};

/// A contender for a row; within each number of threads the fastest rival is the baseline of the others.
struct Entry {
    Contender contender;
    double pruned = 0;
    bool rival = false;
};

/// Times the entries in turn, and the machine's peak of multiply-adds with as many threads among them, in the
/// same rounds. `flop` of a call (0: not known).
std::vector<BenchmarkRow> time_entries(const std::string& work, std::span<const Entry> entries,
                                       const RoundOptions& options, double flop);

/// The rows of one work: two Markdown tables, of times and of phases.
std::string report_text(const std::vector<BenchmarkRow>& rows);
/// Tables "benchmark" (a row per contender), "rounds" and "phases". @throws FileError when the file cannot be
/// written.
void write_benchmark_hdf5(const std::string& file, const std::string& resolved_toml,
                          const std::vector<BenchmarkRow>& rows);

/// The tables of such a file, or of a collection of them; as a summary, one with the ratios alone. @throws
/// FileError when one is not of fftconv-bench.
std::string benchmark_text(const std::string& file, bool summary);

/// Draws speed.svg into the folder: how many times as fast as the fastest rival the engine `auto` is on one
/// thread, a bar for each layer of such a file or collection, forward and nothing pruned. @throws FileError;
/// Error when gnuplot is absent, or no such layer is in the file.
void draw_benchmark(const std::string& file, const std::filesystem::path& folder);

}  // namespace fftconv
