#include "ecp/pure_convolution.hpp"

#include <spdlog/fmt/fmt.h>

#include <algorithm>
#include <memory>
#include <vector>

#include "ecp/results.hpp"
#include "fftconv/dataset/batches.hpp"
#include "fftconv/network/network.hpp"

namespace fftconv {

namespace {

/// One network on one engine, and what its convolutions took in each round.
struct Measurement {
    std::string column;
    std::unique_ptr<Network> network;
    std::vector<double> seconds;
};

std::vector<Measurement> measurements(const EcpOptions& options, MapShape maps) {
    std::vector<Measurement> result;
    for (const std::string network : {"one-conv", "two-conv"}) {
        if (std::find(options.networks.begin(), options.networks.end(), network) == options.networks.end())
            continue;
        for (const std::string engine : {"fft", "direct"}) {
            for (const bool easy : {false, true}) {
                const auto pooling = easy ? PoolingMethod::ecp : PoolingMethod::random;
                const NetworkOptions how{.engine = engine,
                                         .batch = options.batch,
                                         .threads = options.thread_count(),
                                         .seed = options.seed};
                result.push_back(
                    {convolution_column(network, engine, easy),
                     std::make_unique<Network>(options.architecture(network, pooling, maps), how),
                     {}});
            }
        }
    }
    return result;
}

double convolution_seconds(Network& network) {
    double seconds = 0;
    for (const LayerProfile& layer : network.profile()) {
        if (layer.layer.starts_with("conv")) seconds += layer.forward;
    }
    return seconds;
}

/// One pass over the images; the layers between are passed through, but their time does not count.
double pass(Network& network, Batches& batches) {
    network.reset_profile();
    batches.start(0);
    while (const Batch* batch = batches.next()) network.forward(batch->images, {false, batch->valid});
    return convolution_seconds(network);
}

Table table_of(const std::vector<Measurement>& all, std::size_t rounds) {
    std::vector<double> numbers(rounds);
    for (std::size_t i = 0; i < rounds; ++i) numbers[i] = double(i + 1);
    Table table{convolution_table,
                "Seconds of the convolutions alone, forward over the training set",
                {{"round", "1", numbers}}};
    for (const Measurement& each : all) {
        table.columns.push_back(
            {each.column, "s",
             std::vector<double>(each.seconds.begin(), each.seconds.begin() + long(rounds))});
    }
    return table;
}

}  // namespace

Table time_convolutions(const EcpOptions& options, const LabelledImages& images,
                        const std::function<void(const std::string&)>& line,
                        const std::function<bool()>& stop) {
    std::vector<Measurement> all = measurements(options, images.maps);
    Batches batches(images, {.size = options.batch});
    std::size_t rounds = 0;
    for (; rounds < std::size_t(options.convolution_rounds); ++rounds) {
        std::string text =
            fmt::format("pure convolution, round {} of {}:", rounds + 1, options.convolution_rounds);
        for (Measurement& each : all) {
            if (stop()) return table_of(all, rounds);
            each.seconds.push_back(pass(*each.network, batches));
            text += fmt::format(" {} {:.3f} s", each.column, each.seconds.back());
        }
        line(text);
    }
    return table_of(all, rounds);
}

}  // namespace fftconv
