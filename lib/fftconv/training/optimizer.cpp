#include "fftconv/training/optimizer.hpp"

#include <Eigen/Core>
#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>

#include "fftconv/core/error.hpp"
#include "fftconv/core/number_text.hpp"
#include "fftconv/network/chunks.hpp"

namespace fftconv {
namespace {

/// Names of the state arrays that a method keeps for each parameter, at most two.
std::vector<std::string> state_names(OptimizerMethod method) {
    switch (method) {
        case OptimizerMethod::sgd:
            return {};
        case OptimizerMethod::momentum:
            return {"velocity"};
        case OptimizerMethod::adam:
            return {"first_moment", "second_moment"};
        case OptimizerMethod::rmsprop:
            return {"mean_square"};
    }
    return {};
}

void require(bool holds, const char* field, const char* expected, float found) {
    if (!holds)
        throw UsageError(std::string("optimizer: ") + field + ": expected " + expected + ", found " +
                         number_text(found));
}

void check(const OptimizerOptions& options) {
    const auto is_share = [](float value) { return value >= 0 && value < 1; };
    require(options.rate > 0 && std::isfinite(options.rate), "rate", "more than 0", options.rate);
    require(is_share(options.momentum), "momentum", "at least 0, less than 1", options.momentum);
    require(is_share(options.decay), "decay", "at least 0, less than 1", options.decay);
    require(is_share(options.beta1), "beta1", "at least 0, less than 1", options.beta1);
    require(is_share(options.beta2), "beta2", "at least 0, less than 1", options.beta2);
    require(options.epsilon > 0, "epsilon", "more than 0", options.epsilon);
    require(options.weight_decay >= 0, "weight decay", "at least 0", options.weight_decay);
}

using Floats = Eigen::Map<Eigen::ArrayXf>;

}  // namespace

float Schedule::rate(float initial, double epoch, int epochs) const {
    const double rising = warm_up > 0 ? std::min(1.0, epoch / double(warm_up)) : 1.0;
    switch (kind) {
        case Kind::constant:
            return float(initial * rising);
        case Kind::step:
            return float(initial * rising * std::pow(double(factor), int(epoch) / std::max(every, 1)));
        case Kind::cosine:
            return float(initial * rising * 0.5 * (1 + std::cos(std::numbers::pi * epoch / epochs)));
    }
    return initial;
}

Optimizer::Optimizer(Network& network, const OptimizerOptions& options)
    : network_(network), options_(options) {
    check(options);
    const std::size_t arrays = state_names(options.method).size();
    for (const NamedParameter& named : network.parameters()) {
        Slot slot{named, {}};
        for (std::size_t i = 0; i < arrays; ++i) slot.state[i].assign(named.parameter->value.size(), 0.0f);
        slots_.push_back(std::move(slot));
    }
}

void Optimizer::step(float rate) {
    ++steps_;
    for (Slot& slot : slots_) {
        Parameter& parameter = *slot.named.parameter;
        for_chunks(network_.options().threads, parameter.value.size(),
                   [&](std::size_t begin, std::size_t end) {
                       update(slot, rate, begin, end);
                       if (!parameter.held.empty()) clear_held(slot, begin, end);
                   });
        parameter.changed();
    }
}

void Optimizer::update(Slot& slot, float rate, std::size_t begin, std::size_t end) const {
    Parameter& parameter = *slot.named.parameter;
    const Eigen::Index size = Eigen::Index(end - begin);
    Floats w(parameter.value.data() + begin, size), g(parameter.gradient.data() + begin, size);
    if (parameter.decays && options_.weight_decay > 0) g += options_.weight_decay * w;
    if (options_.method == OptimizerMethod::sgd) {
        w -= rate * g;
        return;
    }
    Floats first(slot.state[0].data() + begin, size);
    if (options_.method == OptimizerMethod::momentum) {
        first = options_.momentum * first + g;
        w -= rate * first;
    } else if (options_.method == OptimizerMethod::rmsprop) {
        first = options_.decay * first + (1 - options_.decay) * g.square();
        const float scale = float(1 / (1 - std::pow(double(options_.decay), double(steps_))));
        w -= rate * g / ((scale * first).sqrt() + options_.epsilon);
    } else {
        Floats second(slot.state[1].data() + begin, size);
        first = options_.beta1 * first + (1 - options_.beta1) * g;
        second = options_.beta2 * second + (1 - options_.beta2) * g.square();
        const float first_scale = float(1 / (1 - std::pow(double(options_.beta1), double(steps_))));
        const float second_scale = float(1 / (1 - std::pow(double(options_.beta2), double(steps_))));
        w -= (rate * first_scale) * first / ((second_scale * second).sqrt() + options_.epsilon);
    }
}

void Optimizer::clear_held(Slot& slot, std::size_t begin, std::size_t end) {
    Parameter& parameter = *slot.named.parameter;
    const auto clear = [&](std::vector<float>& values) {
        if (values.empty()) return;
        for (std::size_t i = begin; i < end; ++i) values[i] = parameter.held[i] ? values[i] : 0.0f;
    };
    clear(parameter.value);
    clear(parameter.gradient);
    for (std::vector<float>& values : slot.state) clear(values);
}

std::vector<NamedArray> Optimizer::state() const {
    const std::vector<std::string> names = state_names(options_.method);
    std::vector<NamedArray> arrays;
    for (const Slot& slot : slots_)
        for (std::size_t i = 0; i < names.size(); ++i)
            arrays.push_back({slot.named.name + "/" + names[i], slot.named.parameter->shape, slot.state[i]});
    return arrays;
}

void Optimizer::load_state(const std::vector<NamedArray>& arrays, std::uint64_t steps) {
    std::vector<const NamedArray*> found;
    for (const NamedArray& own : state()) found.push_back(&find_array(arrays, own.name, own.shape));
    const std::size_t per_slot = state_names(options_.method).size();
    for (std::size_t i = 0; i < found.size(); ++i)
        slots_[i / per_slot].state[i % per_slot] = found[i]->values;
    steps_ = steps;
}

}  // namespace fftconv
