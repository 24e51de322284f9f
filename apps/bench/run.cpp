#include "bench/run.hpp"

#include <spdlog/fmt/fmt.h>

#include <iostream>
#include <map>
#include <optional>

#include "bench/layer.hpp"
#include "bench/network.hpp"
#include "bench/peer.hpp"
#include "bench/report.hpp"
#include "common/process.hpp"
#include "common/progress.hpp"
#include "fftconv/convolution/cost_model.hpp"
#include "fftconv/convolution/spatial/spatial.hpp"
#include "fftconv/core/error.hpp"

namespace fftconv {
namespace {

/// Of the direct engine, whose results others are compared with: some seconds. All of every layer of the
/// table.
constexpr double most_checked_products = 5e9;

/// All contenders of one layer, timed together.
class LayerBenchmark {
  public:
    LayerBenchmark(const BenchmarkOptions& options, const BenchmarkLayer& layer)
        : options_(options),
          problem_(layer.shape, layer.mode, parse_layer_pass(options.pass)),
          checked_(problem_.corner(most_checked_products)) {}

    std::vector<BenchmarkRow> run();

  private:
    std::string work() const { return problem_.describe() + ", " + to_string(problem_.pass); }
    void add_engines(int threads);
    void add_rivals(int threads);
    void add_engine(const std::string& engine, const std::string& inverse, double pruned, int threads);
    Contender best_of_onednn(int threads) const;
    void check(const Contender& contender, const std::vector<std::uint8_t>& mask);

    const BenchmarkOptions& options_;
    LayerProblem problem_, checked_;  // the layer, and what of it is compared with the direct engine
    std::map<std::vector<std::uint8_t>, std::vector<float>> expected_;  // of checked_, by mask
    std::vector<Entry> entries_;
};

std::vector<BenchmarkRow> LayerBenchmark::run() {
    std::cout << "## " << work() << "\n\n";
    for (int threads : options_.thread_counts()) {
        add_engines(threads);
        add_rivals(threads);
    }
    return time_entries(work(), entries_, options_.round_options(), problem_.flop());
}

void LayerBenchmark::add_engines(int threads) {
    for (const std::string& engine : options_.engines) {
        std::string why;
        if (engine == "spatial" && !spatial_can(problem_.shape, {.mode = problem_.mode}, &why)) {
            std::cout << "    " << why << '\n';
            continue;
        }
        for (const std::string& inverse : options_.inverses)
            for (double pruned : options_.pruned_ratios()) add_engine(engine, inverse, pruned, threads);
    }
}

void LayerBenchmark::add_engine(const std::string& engine, const std::string& inverse, double pruned,
                                int threads) {
    const std::vector<std::uint8_t> mask = random_mask(problem_.shape, pruned, options_.kernel_groups);
    EngineOptions how = options_.engine_options(engine, inverse, problem_.pass, threads);
    const auto add = [&](PerAxis tile, const std::string& remark) {
        how.tile = tile;
        Contender contender = engine_contender(problem_, how, mask);
        contender.name += (inverse == "full" ? " full" : "") + remark;
        check(contender, mask);
        entries_.push_back({std::move(contender), pruned});
    };
    if (engine != "fft" || options_.tiles == 0) return add(how.tile, "");
    std::vector<PerAxis> tiles = ranked_tiles(
        problem_.shape, {.mode = problem_.mode,
                         .inverse = how.inverse,
                         .fixed_weights = problem_.pass == LayerPass::forward && !options_.renew_weights,
                         .surviving = surviving_share(mask)});
    tiles.erase(tiles.begin() + std::ptrdiff_t(std::min(tiles.size(), 1 + std::size_t(options_.tiles))),
                tiles.end());
    for (const PerAxis& tile : tiles)
        add(tile,
            fmt::format(", tile {}{}",
                        tile == tile.vertical ? std::to_string(tile.vertical) : fftconv::to_string(tile),
                        tile == tiles[0] ? " (chosen)" : ""));
}

void LayerBenchmark::add_rivals(int threads) {
    const auto add = [&](Contender contender) {
        check(contender, {});
        entries_.push_back({.contender = std::move(contender), .rival = true});
    };
    for (const std::string& peer : options_.rivals()) {
        if (peer == "onednn") add(best_of_onednn(threads));
        if (peer == "direct") add(engine_contender(problem_, {.engine = "direct", .threads = threads}, {}));
    }
    for (const PeerProgram& program : peer_programs(options_))
        if (auto contender = peer_contender(program, problem_, threads, options_.simd))
            add(std::move(*contender));
}

/// The fastest of all that oneDNN offers, by a few rounds in which they take turns.
Contender LayerBenchmark::best_of_onednn(int threads) const {
    if (onednn_version().empty())
        throw UsageError(
            "--peer onednn: this program was built without oneDNN (libdnnl-dev); use --peer direct");
    const std::vector<Contender> offered = onednn_contenders(problem_, threads);
    if (offered.empty()) throw Error(onednn_version() + " offers nothing for " + work());
    const std::vector<Timing> timings = time_in_turn(offered, {.rounds = 2, .slice = options_.slice});
    std::size_t best = 0;
    for (std::size_t i = 0; i < offered.size(); ++i) {
        const double seconds = quartiles(timings[i].rounds).median;
        std::cout << fmt::format("    {}, {} threads: {:.3f} ms\n", offered[i].name, threads, 1e3 * seconds);
        if (seconds < quartiles(timings[best].rounds).median) best = i;
    }
    return offered[best];
}

/// Against our direct engine with the same mask.
void LayerBenchmark::check(const Contender& contender, const std::vector<std::uint8_t>& mask) {
    std::vector<float>& expected = expected_[mask];
    if (expected.empty()) {
        const Contender reference = engine_contender(checked_, {.engine = "direct"}, mask);
        reference.run();
        expected = reference.result();
    }
    contender.run();
    const double difference = largest_difference(problem_.corner_of(contender.result(), checked_), expected);
    if (!(difference <= largest_allowed_difference))
        throw Error(fmt::format("{}: {} differs from the direct engine by {:.2g} of the largest value",
                                work(), contender.name, difference));
}

}  // namespace

void run_benchmark(const BenchmarkOptions& benchmark, const Options& options) {
    for (int threads : benchmark.thread_counts()) require_threads(threads);
    std::optional<OutputLock> lock;
    if (!benchmark.out.empty()) {
        const std::filesystem::path folder = std::filesystem::absolute(benchmark.out).parent_path();
        if (!std::filesystem::is_directory(folder))
            throw FileError(benchmark.out, "folder", "one that is there", folder.string());
        require_output({.out = benchmark.out, .overwrite = benchmark.overwrite, .resumable = false});
        lock.emplace(benchmark.out);
    }
    std::vector<BenchmarkRow> all;
    const auto report = [&](const std::vector<BenchmarkRow>& rows) {
        std::cout << '\n' << report_text(rows) << std::endl;
        all.insert(all.end(), rows.begin(), rows.end());
        // Each time, so that a run that is stopped leaves what it has measured.
        if (!benchmark.out.empty()) write_benchmark_hdf5(benchmark.out, options.resolved_toml(), all);
    };
    if (benchmark.network.empty()) {
        const std::vector<BenchmarkLayer> layers = benchmark.layers();
        Progress progress(long(layers.size()));
        for (const BenchmarkLayer& layer : layers) {
            report(LayerBenchmark(benchmark, layer).run());
            progress.advance();
        }
    } else {
        for (NetworkPass pass : {NetworkPass::training_step, NetworkPass::inference})
            report(time_network(benchmark, pass));
    }
}

}  // namespace fftconv
