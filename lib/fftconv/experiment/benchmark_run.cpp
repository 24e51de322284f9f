#include "fftconv/experiment/benchmark_run.hpp"

#include <spdlog/fmt/fmt.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <iostream>
#include <map>
#include <optional>

#include "fftconv/core/clock.hpp"
#include "fftconv/core/error.hpp"
#include "fftconv/core/random.hpp"
#include "fftconv/experiment/benchmark.hpp"
#include "fftconv/experiment/benchmark_layer.hpp"
#include "fftconv/experiment/benchmark_report.hpp"
#include "fftconv/experiment/progress.hpp"

namespace fftconv {
namespace {

/// Winograd convolution in float loses digits; nothing right differs by more.
constexpr double largest_allowed_difference = 1e-4;

struct BenchmarkLayer {
    ConvolutionShape shape;
    int mode = no_mode;
};

/// The layers by which the engine is judged: 5×5, one input channel, 3×3.
std::vector<BenchmarkLayer> layer_table(int mode) {
    const auto layer = [mode](int batch, int in, int out, int size, int kernel, int padding) {
        return BenchmarkLayer{{.batch = batch,
                               .in_channels = in,
                               .out_channels = out,
                               .height = size,
                               .width = size,
                               .kernel = kernel,
                               .padding = padding},
                              mode};
    };
    std::vector<BenchmarkLayer> layers{layer(16, 64, 64, 32, 5, 2),   layer(64, 32, 64, 16, 5, 2),
                                       layer(50, 20, 32, 12, 5, 0),   layer(50, 1, 20, 28, 5, 0),
                                       layer(16, 128, 128, 32, 3, 1), layer(64, 128, 128, 16, 3, 1),
                                       layer(128, 256, 256, 8, 3, 1)};
    if (mode == no_mode) {  // the easy convolution of the papers' first layer
        layers.push_back(layers[3]);
        layers.back().mode = 0;
    }
    return layers;
}

template <class Number>
Number number(const std::string& option, const std::string& text) {
    Number value{};
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc() || end != text.data() + text.size())
        throw UsageError(option + ": expected a number, found '" + text + "'");
    return value;
}

template <class Number>
std::vector<Number> numbers(const std::string& option, const std::vector<std::string>& texts) {
    std::vector<Number> values;
    for (const std::string& text : texts) values.push_back(number<Number>(option, text));
    return values;
}

std::vector<std::string> split(const std::string& text, char separator) {
    std::vector<std::string> parts(1);
    for (char c : text)
        if (c == separator) {
            parts.emplace_back();
        } else {
            parts.back() += c;
        }
    return parts;
}

std::vector<BenchmarkLayer> layers_of(const BenchmarkOptions& options) {
    if (options.layer.empty()) return layer_table(options.mode);
    std::vector<BenchmarkLayer> layers;
    for (const std::string& text : split(options.layer, ';')) {
        const std::vector<int> fields = numbers<int>("--layer", split(text, ','));
        if (fields.size() != 5) throw UsageError("--layer: expected C,O,H,k,padding, found '" + text + "'");
        layers.push_back({{.batch = options.batch,
                           .in_channels = fields[0],
                           .out_channels = fields[1],
                           .height = fields[2],
                           .width = fields[2],
                           .kernel = fields[3],
                           .padding = fields[4]},
                          options.mode});
    }
    return layers;
}

/// A mask without round(ratio · kernels) kernels, drawn at random.
std::vector<std::uint8_t> random_mask(const ConvolutionShape& shape, double pruned_ratio) {
    std::vector<std::uint8_t> mask(shape.kernels(), 1);
    std::fill_n(mask.begin(), std::size_t(std::lround(pruned_ratio * double(mask.size()))), 0);
    RandomStream random(1, "benchmark mask");
    shuffle(mask, random);
    return mask;
}

/// A contender and what it came to.
struct Entry {
    LayerContender contender;
    double pruned = 0;
    std::vector<std::uint8_t> mask = {};
    bool ours = true;
    Rounds rounds = {};
    std::vector<Phase> phases = {};  ///< of its fastest call, summed over threads
};

/// All contenders of one layer, timed together.
class LayerBenchmark {
  public:
    LayerBenchmark(const BenchmarkOptions& options, const BenchmarkLayer& layer)
        : options_(options), problem_(layer.shape, layer.mode, parse_layer_pass(options.pass)) {}

    void run() {
        for (int threads : numbers<int>("--threads", options_.threads)) {
            peak_[threads] = multiply_add_peak(threads);
            add_contenders(threads);
        }
        check_results();
        time_entries({.rounds = options_.rounds, .slice = options_.slice});
        for (auto& [threads, peak] : peak_) peak = std::max(peak, multiply_add_peak(threads));
    }
    /// What the rival offered and the machine's peak, for people.
    std::string notes() const;
    std::vector<BenchmarkRow> rows() const;

  private:
    void add_contenders(int threads);
    void add_best_peer(int threads);
    void check_results();
    void time_entries(const RoundOptions& rounds);
    const Entry* peer(int threads) const;

    const BenchmarkOptions& options_;
    LayerProblem problem_;
    std::vector<Entry> entries_;
    std::vector<std::string> peer_candidates_;  ///< what the peer offered, with times
    std::map<int, double> peak_;                ///< by threads
};

void LayerBenchmark::add_contenders(int threads) {
    for (const std::string& inverse : options_.inverses)
        for (double pruned : numbers<double>("--pruned", options_.pruned)) {
            Entry entry{.contender = {}, .pruned = pruned};
            if (pruned > 0) entry.mask = random_mask(problem_.shape, pruned);
            entry.contender = engine_contender(
                problem_,
                {.engine = "fft",
                 .threads = threads,
                 .tile = options_.tile,
                 .inverse = inverse == "full" ? Inverse::full : Inverse::folded,
                 .renew_weights = options_.renew_weights || problem_.pass == LayerPass::backward_input},
                entry.mask);
            if (inverse == "full") entry.contender.name += " full";
            entries_.push_back(std::move(entry));
        }
    for (const std::string& peer : options_.peers) {
        if (peer == "onednn") add_best_peer(threads);
        if (peer == "direct")
            entries_.push_back(
                {.contender = engine_contender(problem_, {.engine = "direct", .threads = threads}, {}),
                 .ours = false});
    }
}

/// The fastest of all that oneDNN offers, by a few rounds in which they take turns.
void LayerBenchmark::add_best_peer(int threads) {
    if (onednn_version().empty())
        throw UsageError(
            "--peer onednn: this program was built without oneDNN (libdnnl-dev); use --peer direct");
    std::vector<LayerContender> offered = onednn_contenders(problem_, threads);
    if (offered.empty()) return;
    std::vector<std::function<void()>> runs;
    for (const LayerContender& each : offered) runs.push_back(each.run);
    const std::vector<Rounds> times = time_in_turn(runs, {.rounds = 5, .slice = options_.slice});
    std::size_t best = 0;
    for (std::size_t i = 0; i < offered.size(); ++i) {
        if (spread(times[i]).median < spread(times[best]).median) best = i;
        peer_candidates_.push_back(fmt::format("{}, {} threads: {:.3f} ms", offered[i].name, threads,
                                               1e3 * spread(times[i]).median));
    }
    entries_.push_back({.contender = std::move(offered[best]), .ours = false});
}

/// Everybody against our direct engine with the same mask.
void LayerBenchmark::check_results() {
    for (Entry& entry : entries_) {
        const LayerContender reference = engine_contender(problem_, {.engine = "direct"}, entry.mask);
        reference.run();
        entry.contender.run();
        const double difference = largest_difference(entry.contender.result(), reference.result());
        if (!(difference <= largest_allowed_difference))
            throw Error(fmt::format("{}: {} differs from the direct engine by {:.2g} of the largest value",
                                    problem_.describe(), entry.contender.name, difference));
    }
}

/// Phases are those of a contender's fastest call, for the reason that time_in_turn takes the fastest.
void LayerBenchmark::time_entries(const RoundOptions& rounds) {
    std::vector<std::function<void()>> runs;
    std::vector<double> fastest(entries_.size(), INFINITY);
    for (std::size_t i = 0; i < entries_.size(); ++i) {
        const LayerContender& contender = entries_[i].contender;
        if (!contender.phases) {
            runs.push_back(contender.run);
            continue;
        }
        contender.phases();  // forget what was before
        runs.push_back([&contender, &fastest = fastest[i], &kept = entries_[i].phases] {
            const std::uint64_t start = ticks();
            contender.run();
            const double seconds = double(ticks() - start) * seconds_per_tick();
            std::vector<Phase> phases = contender.phases();
            if (seconds >= fastest) return;
            fastest = seconds;
            kept = std::move(phases);
        });
    }
    const std::vector<Rounds> times = time_in_turn(runs, rounds);
    for (std::size_t i = 0; i < entries_.size(); ++i) entries_[i].rounds = times[i];
}

const Entry* LayerBenchmark::peer(int threads) const {
    for (const Entry& entry : entries_)
        if (!entry.ours && entry.contender.threads == threads) return &entry;
    return nullptr;
}

std::string LayerBenchmark::notes() const {
    std::string text = fmt::format("## {}, {}\n\n", problem_.describe(), to_string(problem_.pass));
    for (const std::string& line : peer_candidates_) text += fmt::format("    {}\n", line);
    for (const auto& [threads, peak] : peak_)
        text += fmt::format("    peak of multiply-adds, {} threads: {:.1f} GFLOP/s\n", threads, peak * 1e-9);
    return text;
}

std::vector<BenchmarkRow> LayerBenchmark::rows() const {
    std::vector<BenchmarkRow> rows;
    for (const Entry& entry : entries_) {
        const Entry* rival = peer(entry.contender.threads);
        rows.push_back({.work = problem_.describe() + ", " + to_string(problem_.pass),
                        .contender = entry.contender.name,
                        .threads = entry.contender.threads,
                        .pruned = entry.pruned,
                        .rounds = entry.rounds,
                        .flop = problem_.flop(),
                        .peak = peak_.at(entry.contender.threads),
                        .ratio = rival && rival != &entry ? std::optional(ratio(rival->rounds, entry.rounds))
                                                          : std::nullopt,
                        .phases = entry.phases});
    }
    return rows;
}

}  // namespace

void add_benchmark_options(Options& options, BenchmarkOptions& benchmark) {
    const CLI::Range at_least_one(1, 1 << 20);
    options.add(
        "layer", benchmark.layer,
        "C,O,H,k,padding: input and output channels, height and width, kernel, padding; several separated by "
        "semicolons; without it, the table of layers that the engine is judged by");
    options.add("batch", benchmark.batch, "images, of --layer")->check(at_least_one);
    options
        .add("pass", benchmark.pass,
             "forward, backward-input, backward-weights, or step (new weights and all three)")
        ->check(CLI::IsMember({"forward", "backward-input", "backward-weights", "step"}));
    options.add("pruned", benchmark.pruned, "parts of kernels pruned, each 0 to 1")
        ->check(CLI::Range(0.0, 1.0));
    options.add("mode", benchmark.mode, "compute only the mode-K outputs, K = 0 to 3; -1 = all")
        ->check(CLI::Range(-1, 3));
    options.add("inverse", benchmark.inverses, "with a mode: folded, full, or both")
        ->check(CLI::IsMember({"folded", "full"}));
    options.add("tile", benchmark.tile, "edge of the transformed tiles; 0 = choose")
        ->check(CLI::Range(0, 1 << 12));
    options.add("threads", benchmark.threads, "numbers of threads")->check(at_least_one);
    options
        .add("peer", benchmark.peers,
             "whom to compare with: onednn (the best that it offers), direct (our own)")
        ->check(CLI::IsMember({"onednn", "direct"}));
    options.add_flag(
        "renew-weights", benchmark.renew_weights,
        "new weights before every call, so that kernel spectra are counted; backward-input and step "
        "always do so");
    options.add("rounds", benchmark.rounds, "rounds in which the contenders take turns")->check(at_least_one);
    options.add("slice", benchmark.slice, "seconds of each contender in each round")
        ->check(CLI::PositiveNumber);
    options.add("json", benchmark.json, "also write the results here, as JSON")->type_name("FILE");
    options.add("out", benchmark.out, "also write the results here, as HDF5")->type_name("FILE");
}

void run_benchmark(const BenchmarkOptions& benchmark, const Options& options) {
    const std::vector<BenchmarkLayer> layers = layers_of(benchmark);
    std::vector<BenchmarkRow> all;
    Progress progress(long(layers.size()));
    for (const BenchmarkLayer& layer : layers) {
        LayerBenchmark timed(benchmark, layer);
        timed.run();
        const std::vector<BenchmarkRow> rows = timed.rows();
        std::cout << timed.notes() << '\n' << report_text(rows) << std::endl;
        all.insert(all.end(), rows.begin(), rows.end());
        progress.advance();
    }
    if (!benchmark.json.empty()) write_benchmark_json(benchmark.json, all);
    if (!benchmark.out.empty()) write_benchmark_hdf5(benchmark.out, options.resolved_toml(), all);
}

}  // namespace fftconv
