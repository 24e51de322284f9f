#include "fftconv/training/shards.hpp"

#include <algorithm>

#include "fftconv/core/error.hpp"
#include "fftconv/core/scoped_seconds.hpp"

namespace fftconv {

namespace {

/// Lanes first … first + to.batch() − 1 of a tensor; lanes that it does not have become zero.
void copy_lanes(const Tensor& from, int first, Tensor& to) {
    const int lanes = std::clamp(from.batch() - first, 0, to.batch());
    for (std::size_t pixel = 0; pixel < from.maps().size(); ++pixel) {
        float* out = to.data() + pixel * to.batch_stride();
        std::copy_n(from.data() + pixel * from.batch_stride() + first, lanes, out);
        std::fill(out + lanes, out + to.batch_stride(), 0.0f);
    }
}

}  // namespace

Shards::Shards(int count) : count_(count), own_(count) {
    if (count < 1) throw UsageError("shards: expected at least 1, found " + std::to_string(count));
}

void Shards::gather(std::span<const double> rows, std::span<double> all) {
    std::copy(rows.begin(), rows.end(), all.begin());
}

void Shards::sum(std::span<const double> rows, std::span<double> total) {
    all_.resize(count_ * total.size());
    gather(rows, all_);
    sum_rows<double>(all_, count_, total);
}

bool Shards::all(bool here) {
    const std::vector<double> rows(own_, here ? 0.0 : 1.0);
    double against = 0;
    sum(rows, {&against, 1});
    return against == 0;
}

void Shards::start_sum(std::span<const float> rows, std::span<float> total) {
    sum_rows(rows, own_, total);
}

/// One shard's images and the tensors of its pass.
struct ShardedPass::Shard {
    int index = 0, valid = 0;
    Tensor cut;                      ///< a copy of its lanes, unless the batch holds nothing else
    const Tensor* images = nullptr;  ///< what the first layer takes
    std::span<const std::uint8_t> labels;
    std::vector<Tensor> activations;
    Tensor loss_gradient, gradients[2];
    const Tensor* dy = nullptr;  ///< on the way back: the gradient behind a layer,
    Tensor* dx = nullptr;        ///< and the one before it
    int free = 0;                ///< of the two gradient tensors, the one that dy is not

    const Tensor& input_of(std::size_t layer, const std::vector<std::size_t>& output_of) const {
        return layer ? activations[output_of[layer - 1]] : *images;
    }

    /// Where the gradient before this layer goes: nowhere before the first.
    void place_gradient(std::size_t layer, const Layer& current, const std::vector<std::size_t>& output_of) {
        const bool in_place = current.in_place() && dy != &loss_gradient;
        const Tensor& x = input_of(layer, output_of);
        dx = layer == 0 ? nullptr : in_place ? &gradients[1 - free] : &gradients[free];
        if (dx && !in_place) dx->reshape(x.maps(), x.batch());
        if (!in_place) free = 1 - free;
    }
};

ShardedPass::ShardedPass(Network& network, Shards& shards) : network_(network), shards_(shards) {
    std::size_t activations = 0;
    for (const auto& layer : network.layers()) {
        if (!layer->in_place() || activations == 0) ++activations;
        output_of_.push_back(activations - 1);
        times_.push_back({.layer = layer->name()});
        gradients_.emplace_back();
        if (dynamic_cast<const BatchNorm*>(layer.get())) continue;  // sums its own on the way
        for (const Parameter* parameter : layer->parameters()) {
            gradients_.back().emplace_back(shards.own() * parameter->value.size());
            times_.back().floats += parameter->value.size();
        }
    }
    for (int i = 0; i < shards.own(); ++i) {
        own_.push_back(std::make_unique<Shard>());
        own_.back()->index = shards.first() + i;
        own_.back()->activations.resize(activations);
    }
}

ShardedPass::~ShardedPass() = default;

void ShardedPass::cut(const Batch& batch) {
    valid_ = batch.whole;
    const int images = batch.images.batch() / shards_.own();
    for (int i = 0; i < shards_.own(); ++i) {
        Shard& shard = *own_[i];
        shard.valid = std::clamp(batch.valid - i * images, 0, images);
        shard.labels = std::span(batch.labels).subspan(std::size_t(i) * images, images);
        shard.images = &batch.images;
        if (shards_.own() == 1) continue;
        shard.cut.reshape(batch.images.maps(), images);
        copy_lanes(batch.images, i * images, shard.cut);
        shard.images = &shard.cut;
    }
}

PassContext ShardedPass::context(const Shard& shard, std::uint64_t step) const {
    return {.training = true,
            .valid = shard.valid,
            .step = step,
            .shard = shard.index,
            .shards = shards_.count()};
}

Loss ShardedPass::run(const Batch& batch, std::uint64_t step) {
    if (batch.images.maps() != network_.architecture().input)
        throw ShapeError("sharded pass: images of other maps than the network takes");
    if (batch.images.batch() % shards_.own() != 0)
        throw ShapeError("sharded pass: images: expected a multiple of the " + std::to_string(shards_.own()) +
                         " shards, found " + std::to_string(batch.images.batch()));
    if (batch.whole < std::max(1, batch.valid))
        throw ShapeError("sharded pass: images of the whole batch: expected at least " +
                         std::to_string(std::max(1, batch.valid)) + ", found " + std::to_string(batch.whole));
    cut(batch);
    const std::size_t layers = network_.layers().size();
    for (std::size_t layer = 0; layer < layers; ++layer) forward(layer, step);
    const Loss of_batch = loss();
    for (std::size_t layer = layers; layer-- > 0;) backward(layer, step);
    const ScopedSeconds stopwatch(waiting_);
    shards_.finish();
    return of_batch;
}

void ShardedPass::forward(std::size_t layer, std::uint64_t step) {
    const ScopedSeconds stopwatch(times_[layer].forward);
    Layer& current = *network_.layers()[layer];
    for (auto& shard : own_)
        shard->activations[output_of_[layer]].reshape(current.output_maps(), shard->images->batch());
    if (auto* norm = dynamic_cast<BatchNorm*>(&current)) return normalise(*norm, layer, step);
    for (auto& shard : own_)
        if (shard->valid)
            current.forward(shard->input_of(layer, output_of_), shard->activations[output_of_[layer]],
                            context(*shard, step));
}

void ShardedPass::normalise(BatchNorm& norm, std::size_t layer, std::uint64_t step) {
    const MapShape maps = norm.input_maps();
    const double count = double(maps.height) * maps.width * valid_;
    const auto sum_over_shards = [&](const auto& sum_of_shard) {
        std::vector<double> rows(std::size_t(shards_.own()) * maps.channels), total(maps.channels);
        for (std::size_t i = 0; i < own_.size(); ++i)
            if (own_[i]->valid)
                sum_of_shard(*own_[i], std::span(rows).subspan(i * maps.channels, maps.channels));
        const ScopedSeconds stopwatch(times_[layer].exchange);
        shards_.sum(rows, total);
        return total;
    };
    norm.set_mean(sum_over_shards([&](const Shard& shard, std::span<double> sums) {
                      norm.sum(shard.input_of(layer, output_of_), context(shard, step), sums);
                  }),
                  count);
    norm.set_variance(sum_over_shards([&](const Shard& shard, std::span<double> squares) {
                          norm.sum_squares(shard.input_of(layer, output_of_), context(shard, step), squares);
                      }),
                      count);
    for (auto& shard : own_)
        norm.normalise(shard->input_of(layer, output_of_), shard->activations[output_of_[layer]]);
}

Loss ShardedPass::loss() {
    std::vector<double> rows(std::size_t(shards_.own()) * 2), total(2);
    for (std::size_t i = 0; i < own_.size(); ++i) {
        Shard& shard = *own_[i];
        shard.dy = &shard.loss_gradient;
        shard.free = 0;
        if (!shard.valid) continue;
        const Loss of_shard = softmax_cross_entropy(shard.activations.back(), shard.labels, shard.valid,
                                                    &shard.loss_gradient, valid_);
        rows[2 * i] = of_shard.sum;
        rows[2 * i + 1] = of_shard.correct;
    }
    shards_.sum(rows, total);
    return {.sum = total[0], .correct = int(total[1]), .count = valid_};
}

void ShardedPass::backward(std::size_t layer, std::uint64_t step) {
    const ScopedSeconds stopwatch(times_[layer].backward);
    Layer& current = *network_.layers()[layer];
    for (auto& shard : own_) shard->place_gradient(layer, current, output_of_);
    if (auto* norm = dynamic_cast<BatchNorm*>(&current)) {
        backward_norm(*norm, layer, step);
    } else {
        for (std::size_t i = 0; i < own_.size(); ++i) backward_shard(i, layer, step);
        const ScopedSeconds exchange(times_[layer].exchange);
        for (std::size_t p = 0; p < current.parameters().size(); ++p)
            shards_.start_sum(gradients_[layer][p], current.parameters()[p]->gradient);
    }
    for (auto& shard : own_) shard->dy = shard->dx;
}

/// One shard's gradients: its row of gradients_, and dx.
void ShardedPass::backward_shard(std::size_t i, std::size_t layer, std::uint64_t step) {
    Shard& shard = *own_[i];
    Layer& current = *network_.layers()[layer];
    if (shard.valid)
        current.backward(shard.input_of(layer, output_of_), shard.activations[output_of_[layer]], *shard.dy,
                         shard.dx, context(shard, step));
    const std::vector<Parameter*> parameters = current.parameters();
    for (std::size_t p = 0; p < parameters.size(); ++p) {
        std::vector<float>& gradient = parameters[p]->gradient;
        if (!shard.valid) std::fill(gradient.begin(), gradient.end(), 0.0f);
        std::copy(gradient.begin(), gradient.end(), gradients_[layer][p].begin() + i * gradient.size());
    }
}

void ShardedPass::backward_norm(BatchNorm& norm, std::size_t layer, std::uint64_t step) {
    const MapShape maps = norm.input_maps();
    const double count = double(maps.height) * maps.width * valid_;
    const std::size_t channels = maps.channels, width = 2 * channels;  // of a row: Σ dy, then Σ dy · x̂
    std::vector<double> rows(own_.size() * width), total(width);
    for (std::size_t i = 0; i < own_.size(); ++i) {
        if (!own_[i]->valid) continue;
        const std::span row = std::span(rows).subspan(i * width, width);
        norm.sum_gradients(own_[i]->input_of(layer, output_of_), *own_[i]->dy, context(*own_[i], step),
                           row.first(channels), row.last(channels));
    }
    {
        const ScopedSeconds exchange(times_[layer].exchange);
        shards_.sum(rows, total);
    }
    const std::span sums = std::span(total).first(channels), products = std::span(total).last(channels);
    norm.set_gradients(sums, products);
    for (auto& shard : own_)
        if (shard->valid && shard->dx)
            norm.input_gradient(shard->input_of(layer, output_of_), *shard->dy, *shard->dx,
                                context(*shard, step), sums, products, count);
}

}  // namespace fftconv
