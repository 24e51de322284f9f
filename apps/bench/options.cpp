#include "bench/options.hpp"

#include "common/training_options.hpp"
#include "fftconv/convolution/make_engine.hpp"
#include "fftconv/core/error.hpp"

namespace fftconv {
namespace {

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

template <Number T>
std::vector<T> numbers(const std::string& option, const std::vector<std::string>& texts,
                       const Bounds& bounds = {}) {
    std::vector<T> values;
    values.reserve(texts.size());
    for (const std::string& text : texts) values.push_back(parse_number<T>(option, text, bounds));
    return values;
}

void add_work_options(Options& options, BenchmarkOptions& benchmark) {
    options.group("Work");
    options.add(
        "layer", benchmark.layer,
        "C,O,H,k,padding: input and output channels, height and width, kernel, padding, the last three one "
        "number or rows x columns (1x64000); then, if wanted, s2 (stride), d2 (dilation), g4 (groups) or dw "
        "(depthwise), b8 (images, in place of --batch); several separated by semicolons; without it, the "
        "table of layers that the engine is "
        "judged by");
    options
        .add("simd", benchmark.simd,
             "the SIMD target to run on, as Highway names it (AVX2, AVX3, SSE4, ...); without it, the best")
        ->type_name("TARGET");
    options.add("batch", benchmark.batch, between(1, 1 << 20), "images, of --layer and --network");
    options.add("pass", benchmark.pass, {"forward", "backward-input", "backward-weights", "step"},
                "what is timed; a step is new weights and all three");
    options.add("pruned", benchmark.pruned, "shares of the kernels that are pruned, each 0 to 1");
    options.add_flag("kernel-groups", benchmark.kernel_groups,
                     "prune the kernels of four neighbouring output channels together");
    options.add("mode", benchmark.mode, between(-1, 3),
                "compute only the mode-K outputs, K = 0 to 3; -1 = all");
    options.add_flag("renew-weights", benchmark.renew_weights,
                     "new weights before every call, so that kernel spectra are counted; backward-input and "
                     "step always do so");
}

void add_network_options(Options& options, BenchmarkOptions& benchmark) {
    options.group("Networks");
    options
        .add("network", benchmark.network,
             "instead of layers: an architecture or its name (two-conv, cnn-small, …), a whole training step "
             "and inference with --batch images, pruned in every convolution but the first")
        ->type_name("ARCHITECTURE");
    options.add("pooling", benchmark.pooling, {"max", "average", "random", "ecp"},
                "of --network, in every 2x2 window");
    options.add_call_flag("interruptions", benchmark.interruptions,
                          "with --network: every number of threads back to back, after half a second of "
                          "idleness, and next to a busy process, worst tries too");
    options.add(
        "shards", benchmark.shards, between(0, 1 << 12),
        "with --network: a training step in so many shards, over the processes that mpirun starts; with "
        "one shard in one process also what the model expects of 2 to 256 nodes; 0 = none");
    options
        .add("links", benchmark.links,
             "with --shards: Mb/s and ms of links between the processes, as 1000:0.03, several separated by "
             "commas, 0 Mb/s for no limit: what the model expects of the step over each of them")
        ->type_name("LINKS");
    options
        .add("drawing", benchmark.drawing, "with --shards 1: the speed that the model expects, drawn as SVG")
        ->type_name("FILE");
}

void add_contender_options(Options& options, BenchmarkOptions& benchmark) {
    options.group("Contenders");
    options.add("engine", benchmark.engines, engine_names.list(), "engines to time");
    add_measure_option(options, benchmark.measure);
    options.add("inverse", benchmark.inverses, {"folded", "full"}, "with a mode");
    options.add("tile", benchmark.tile, between(0, 1 << 12), "edge of the transformed tiles; 0 = choose");
    options.add("tiles", benchmark.tiles, between(0, 100),
                "also time so many other tiles with the FFT engine, those that the cost model likes best");
    options.add("threads", benchmark.threads, "numbers of threads");
    options.add(
        "peer", benchmark.peers, {"usual", "onednn", "direct", "pytorch", "onnxruntime", "none"},
        "rivals, the fastest of which the others are compared with: onednn = the best that it offers for "
        "a layer, direct = our own direct engine, pytorch (python3-torch), onnxruntime (of npm, the "
        "package onnxruntime-node); usual = onednn for layers, direct for networks, none with "
        "--peer-command; none = none");
    options
        .add("peer-command", benchmark.peer_command,
             "a rival that is a program of yours; apps/bench/README.md has the lines that it answers")
        ->type_name("PROGRAM");
    options
        .add(
            "scripts", benchmark.scripts,
            "where pytorch.py and onnxruntime.mjs are; without it, in the source that this program was built "
            "from")
        ->type_name("FOLDER");
    options.add("rounds", benchmark.rounds, between(1, 1 << 20), "rounds in which the contenders take turns");
    options.add("slice", benchmark.slice, more_than(0), "seconds of each contender in each round");
}

/// "5", or "1x9": rows and columns.
PerAxis per_axis(const std::string& text) {
    const std::vector<int> sides = numbers<int>("--layer", split(text, 'x'));
    if (sides.empty() || sides.size() > 2)
        throw UsageError("--layer: expected a number or two with an x between them, found '" + text + "'");
    return {sides.front(), sides.back()};
}

/// s2, d2 (or s1x2, d1x2), g4 or dw, b8, behind C,O,H,k,padding.
void add_to_layer(const std::string& word, ConvolutionShape& shape) {
    if (word == "dw")
        shape.groups = shape.in_channels;
    else if (word.starts_with("s"))
        shape.stride = per_axis(word.substr(1));
    else if (word.starts_with("d"))
        shape.dilation = per_axis(word.substr(1));
    else if (word.starts_with("g"))
        shape.groups = parse_number<int>("--layer", word.substr(1));
    else if (word.starts_with("b"))
        shape.batch = parse_number<int>("--layer", word.substr(1), between(1, 1 << 20));
    else
        throw UsageError("--layer: expected s, d, g or b and a number, or dw, found '" + word + "'");
}

ConvolutionShape layer_of(const std::string& text, int batch) {
    const std::vector<std::string> fields = split(text, ',');
    if (fields.size() < 5) throw UsageError("--layer: expected C,O,H,k,padding, found '" + text + "'");
    const PerAxis size = per_axis(fields[2]);
    ConvolutionShape shape{.batch = batch,
                           .in_channels = parse_number<int>("--layer", fields[0]),
                           .out_channels = parse_number<int>("--layer", fields[1]),
                           .height = size.vertical,
                           .width = size.horizontal,
                           .kernel = per_axis(fields[3]),
                           .padding = per_axis(fields[4])};
    for (std::size_t i = 5; i < fields.size(); ++i) add_to_layer(fields[i], shape);
    return shape;
}

}  // namespace

EngineOptions BenchmarkOptions::engine_options(const std::string& engine, const std::string& inverse,
                                               LayerPass timed, int thread_count) const {
    return {.engine = engine,
            .threads = thread_count,
            .tile = tile,
            .inverse = inverse == "full" ? Inverse::full : Inverse::folded,
            .renew_weights = renew_weights || timed == LayerPass::backward_input,
            .measure = measure};
}

NetworkOptions BenchmarkOptions::network_options(const std::string& engine, bool inference,
                                                 int thread_count) const {
    return {.engine = engine,
            .batch = batch,
            .threads = thread_count,
            .fixed_weights = inference,
            .measure = measure};
}

Architecture BenchmarkOptions::architecture() const {
    const Architecture named = parse_architecture(network);
    return pooling == "max" ? named : with_pooling(named, parse_pooling_method(pooling));
}

std::vector<BenchmarkLayer> BenchmarkOptions::layers() const {
    if (layer.empty()) return layer_table(mode);
    std::vector<BenchmarkLayer> layers;
    for (const std::string& text : split(layer, ';')) {
        layers.push_back({layer_of(text, batch), mode});
    }
    return layers;
}

std::vector<int> BenchmarkOptions::thread_counts() const {
    return numbers<int>("--threads", threads, at_least(1));
}

std::vector<double> BenchmarkOptions::pruned_ratios() const {
    return numbers<double>("--pruned", pruned, between(0, 1));
}

std::vector<std::string> BenchmarkOptions::rivals() const {
    std::vector<std::string> rivals;
    for (const std::string& peer : peers) {
        if (peer == "none") continue;
        if (peer != "usual")
            rivals.push_back(peer);
        else if (peer_command.empty())
            rivals.emplace_back(network.empty() ? "onednn" : "direct");
    }
    return rivals;
}

void add_benchmark_options(Options& options, BenchmarkOptions& benchmark) {
    add_work_options(options, benchmark);
    add_network_options(options, benchmark);
    add_contender_options(options, benchmark);
    options.group("Output");
    options.add("out", benchmark.out, "also write the results here, as HDF5")->type_name("FILE");
    options.add_call_flag("overwrite", benchmark.overwrite, "replace what --out holds");
    options
        .add_call_option("report", benchmark.report, "time nothing: print the tables of a result file again")
        ->type_name("FILE");
    options.add_call_flag("transforms", benchmark.transforms,
                          "time the transforms of all tiles instead, next to the planner's cost model");
    options.add_call_flag("summary", benchmark.summary, "with --report: one table, of the ratios")
        ->needs("--report");
    options
        .add_call_option("figures", benchmark.figures,
                         "with --report: draw the ratios of layers there, as speed.svg")
        ->type_name("FOLDER")
        ->needs("--report");
}

}  // namespace fftconv
