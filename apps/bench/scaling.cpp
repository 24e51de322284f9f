#include "bench/scaling.hpp"

#include <spdlog/fmt/fmt.h>

#include <algorithm>
#include <cmath>
#include <iostream>
#include <limits>
#include <memory>
#include <utility>
#include <vector>

#include "common/markdown_table.hpp"
#include "common/plot.hpp"
#include "common/team.hpp"
#include "common/timing.hpp"
#include "fftconv/core/clock.hpp"
#include "fftconv/core/error.hpp"
#include "fftconv/core/random.hpp"
#include "fftconv/training/optimizer.hpp"
#include "fftconv/training/shards.hpp"

namespace fftconv {
namespace {

/// Gigabit links as clusters have them: TCP over 10 Gb/s Ethernet, and 100 Gb/s InfiniBand.
constexpr Link links[] = {{"10 Gb/s", 1.25e9, 30e-6}, {"100 Gb/s", 12.5e9, 2e-6}};

/// Random images and labels: those of this process's shards.
Batch random_batch(MapShape maps, int classes, int images, int whole) {
    Batch batch{.images = Tensor(maps, images), .labels = {}, .valid = images, .whole = whole};
    RandomStream random(1, "benchmark images");
    for (std::size_t p = 0; p < maps.size(); ++p)
        for (int n = 0; n < images; ++n)
            batch.images.data()[p * batch.images.batch_stride() + n] = random.uniform(-1, 1);
    for (int n = 0; n < images; ++n) batch.labels.push_back(std::uint8_t(random.below(classes)));
    return batch;
}

/// What was measured of sharded steps: medians over the rounds, and means by layer.
struct Measured {
    double step = 0, update = 0, waiting = 0;  ///< seconds
    std::vector<ShardedLayerTime> layers;
};

double now() {
    return double(ticks()) * seconds_per_tick();
}

Measured measure(const Architecture& architecture, const BenchmarkOptions& options, Shards& shards) {
    const int images = shards.images(options.batch);
    Network network(architecture,
                    {.engine = options.engines[0], .batch = images, .threads = options.thread_counts()[0]});
    Optimizer optimizer(network, {});
    const Batch batch = random_batch(architecture.input, architecture.classes(), images * shards.own(),
                                     images * shards.count());
    ShardedPass(network, shards).run(batch, 0);  // plans, spectra, memory
    ShardedPass pass(network, shards);
    pass.run(batch, 0);
    const std::vector<ShardedLayerTime> before = pass.times();
    const double waited = pass.waiting();
    std::vector<double> steps, updates;
    for (int round = 0; round < options.rounds; ++round) {
        const double start = now();
        pass.run(batch, optimizer.steps());
        const double computed = now();
        optimizer.step(1e-4f);
        steps.push_back(now() - start);
        updates.push_back(now() - computed);
    }
    Measured measured{.step = quartiles(steps).median,
                      .update = quartiles(updates).median,
                      .waiting = (pass.waiting() - waited) / options.rounds,
                      .layers = pass.times()};
    for (std::size_t i = 0; i < before.size(); ++i) {
        ShardedLayerTime& layer = measured.layers[i];
        layer.forward = (layer.forward - before[i].forward) / options.rounds;
        layer.backward = (layer.backward - before[i].backward) / options.rounds;
        layer.exchange = (layer.exchange - before[i].exchange) / options.rounds;
    }
    return measured;
}

void print_layers(const Measured& measured) {
    MarkdownTable table({"layer", "forward, ms", "backward, ms", "of these exchange, ms", "gradients, kB"});
    ShardedLayerTime sum;
    for (const ShardedLayerTime& layer : measured.layers) {
        table.add({layer.layer, fmt::format("{:.3f}", 1e3 * layer.forward),
                   fmt::format("{:.3f}", 1e3 * layer.backward), fmt::format("{:.3f}", 1e3 * layer.exchange),
                   fmt::format("{:.1f}", 4e-3 * double(layer.floats))});
        sum.forward += layer.forward;
        sum.backward += layer.backward;
        sum.exchange += layer.exchange;
        sum.floats += layer.floats;
    }
    table.add({"in all", fmt::format("{:.3f}", 1e3 * sum.forward), fmt::format("{:.3f}", 1e3 * sum.backward),
               fmt::format("{:.3f}", 1e3 * sum.exchange), fmt::format("{:.1f}", 4e-3 * double(sum.floats))});
    std::cout << table.text()
              << fmt::format(
                     "\nstep {:.3f} ms; of it update {:.3f} ms, waiting for the last gradients {:.3f} ms\n",
                     1e3 * measured.step, 1e3 * measured.update, 1e3 * measured.waiting);
}

std::vector<LayerLoad> loads_of(const Measured& measured) {
    std::vector<LayerLoad> loads;
    for (const ShardedLayerTime& layer : measured.layers)
        loads.push_back({.forward = layer.forward,
                         .backward = layer.backward,
                         .gradient_bytes = 4.0 * double(layer.floats),
                         .statistics = layer.layer.starts_with("norm") ? 3 : 0});
    return loads;
}

/// One shard on each node: this machine computes what a node would, and the model adds the exchange.
void print_model(const Architecture& architecture, const BenchmarkOptions& options) {
    MarkdownTable table({"nodes", "images of a shard", "computing, ms", "10 Gb/s: step, ms", "speed-up",
                         "bound by", "100 Gb/s: step, ms", "speed-up", "bound by"});
    Plot plot{fmt::format("{}, batch {}: the model, one shard on each node", options.network, options.batch),
              "nodes",
              "times as fast as one node",
              {},
              true};
    for (const Link& link : links) plot.series.push_back({link.name, {}, {}});
    double alone = 0;
    for (int nodes = 1; nodes <= std::min(256, options.batch); nodes *= 2) {
        BenchmarkOptions of_shard = options;
        of_shard.batch = (options.batch + nodes - 1) / nodes;
        Shards one(1);
        const Measured measured = measure(architecture, of_shard, one);
        if (nodes == 1) alone = measured.step;
        std::vector<std::string> row{std::to_string(nodes), std::to_string(of_shard.batch),
                                     fmt::format("{:.3f}", 1e3 * measured.step)};
        for (std::size_t i = 0; i < std::size(links); ++i) {
            const std::vector<LayerLoad> loads = loads_of(measured);
            const double step = modelled_step(loads, nodes, links[i], measured.update);
            row.push_back(fmt::format("{:.3f}", 1e3 * step));
            row.push_back(fmt::format("{:.2f}", alone / step));
            row.push_back(bound_of_step(loads, nodes, links[i], measured.update));
            plot.series[i].x.push_back(nodes);
            plot.series[i].y.push_back(alone / step);
        }
        table.add(row);
    }
    if (!options.drawing.empty()) write_svg(plot, options.drawing);
    std::cout << "\n## Model, one shard on each node\n\n" << table.text();
}

/// "1000:0.03": Mb/s, 0 for no limit, and ms.
Link link_of(const std::string& text) {
    const std::vector<std::string> fields = split(text, ':');
    if (fields.size() != 2)
        throw UsageError("--links: expected Mb/s and ms with a colon between them, found '" + text + "'");
    const double rate = parse_number<double>("--links", fields[0], at_least(0.0)),
                 delay = parse_number<double>("--links", fields[1], at_least(0.0));
    return {"", rate > 0 ? rate * 1e6 / 8 : std::numeric_limits<double>::infinity(), delay * 1e-3};
}

/// A link and how it was given; none of an empty text.
std::vector<std::pair<std::string, Link>> links_of(const std::string& text) {
    std::vector<std::pair<std::string, Link>> result;
    if (text.empty()) return result;
    for (const std::string& each : split(text, ',')) result.emplace_back(each, link_of(each));
    return result;
}

/// What these processes would take over other links.
void print_links(const Measured& measured, const std::vector<std::pair<std::string, Link>>& others) {
    for (const auto& [name, link] : others)
        std::cout << fmt::format(
            "model over {}: step {:.3f} ms\n", name,
            1e3 * modelled_step(loads_of(measured), team().count(), link, measured.update));
}

}  // namespace

double modelled_step(const std::vector<LayerLoad>& layers, int nodes, const Link& link, double update) {
    const double part = double(nodes - 1) / nodes;
    double computed = 0, sent = 0;  // when this node has computed so far, and when its link is free
    for (const LayerLoad& layer : layers)
        computed += layer.forward + layer.statistics * std::ceil(std::log2(nodes)) * link.latency;
    for (auto layer = layers.rbegin(); layer != layers.rend(); ++layer) {
        computed += layer->backward;
        if (nodes == 1 || layer->gradient_bytes == 0) continue;
        const double half = (nodes - 1) * link.latency + part * layer->gradient_bytes / link.bytes_per_second;
        sent = std::max(sent, computed) + 2 * half;
    }
    return std::max(computed, sent) + update;
}

std::string bound_of_step(const std::vector<LayerLoad>& layers, int nodes, const Link& link, double update) {
    const double endless = std::numeric_limits<double>::infinity();
    const auto step = [&](double bandwidth, double latency) {
        return modelled_step(layers, nodes, {"", bandwidth, latency}, update);
    };
    const double whole = step(link.bytes_per_second, link.latency);
    if (step(endless, 0) >= whole / 2) return "computing";
    return step(link.bytes_per_second, 0) < step(endless, link.latency) ? "latency" : "bandwidth";
}

void time_scaling(const BenchmarkOptions& options) {
    const auto others = links_of(options.links);
    const Architecture architecture = parse_architecture(options.network);
    const std::unique_ptr<Shards> shards = team().shards(options.shards);
    const Measured measured = measure(architecture, options, *shards);
    if (!team().first()) return;
    std::cout << fmt::format("## {}, training step, batch {} in {} shards, {} processes\n\n",
                             to_string(architecture), options.batch, options.shards, team().count());
    print_layers(measured);
    print_links(measured, others);
    if (team().count() == 1 && options.shards == 1) print_model(architecture, options);
}

}  // namespace fftconv
