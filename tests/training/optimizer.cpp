#include "fftconv/training/optimizer.hpp"

#include <boost/test/unit_test.hpp>
#include <functional>

#include "fftconv/core/error.hpp"
#include "support/gradient_check.hpp"

using namespace fftconv;
using namespace fftconv::test;

namespace {

constexpr OptimizerMethod methods[] = {OptimizerMethod::sgd, OptimizerMethod::momentum, OptimizerMethod::adam,
                                       OptimizerMethod::rmsprop};

Network make() {
    return Network(parse_architecture("2x8x8:3C3-P2-5FC-3Softmax"), {.engine = "direct", .batch = 2});
}

/// Gradients as a backward pass would leave them, the same for the same step.
void set_gradients(Network& network, int step) {
    for (const NamedParameter& named : network.parameters()) {
        RandomStream random(std::uint64_t(step), named.name);
        for (float& value : named.parameter->gradient) value = random.normal();
    }
}

/// One value's way under a method, in double, from the papers' formulas.
struct Reference {
    double w, first = 0, second = 0;
    int t = 0;
    void step(const OptimizerOptions& o, double g, double rate, bool decays) {
        ++t;
        if (decays) g += double(o.weight_decay) * w;
        switch (o.method) {
            case OptimizerMethod::sgd:
                w -= rate * g;
                break;
            case OptimizerMethod::momentum:
                first = o.momentum * first + g;
                w -= rate * first;
                break;
            case OptimizerMethod::rmsprop:
                first = o.decay * first + (1 - o.decay) * g * g;
                w -= rate * g / (std::sqrt(first / (1 - std::pow(double(o.decay), t))) + o.epsilon);
                break;
            case OptimizerMethod::adam:
                first = o.beta1 * first + (1 - o.beta1) * g;
                second = o.beta2 * second + (1 - o.beta2) * g * g;
                w -= rate * (first / (1 - std::pow(o.beta1, t))) /
                     (std::sqrt(second / (1 - std::pow(o.beta2, t))) + o.epsilon);
        }
    }
};

/// Those of all of a network's values; what is held stays.
class References {
  public:
    References(Network& network, const OptimizerOptions& options)
        : parameters_(network.parameters()), options_(options) {
        for (const NamedParameter& named : parameters_) {
            values_.emplace_back();
            for (float value : named.parameter->value) values_.back().push_back({value});
        }
    }

    /// Along the gradients that are there.
    void step(float rate) {
        each([&](const Parameter& parameter, std::size_t i, Reference& value) {
            if (parameter.held.empty() || parameter.held[i])
                value.step(options_, parameter.gradient[i], rate, parameter.name == "weight");
        });
    }

    void check() {
        each([](const Parameter& parameter, std::size_t i, const Reference& value) {
            BOOST_REQUIRE_SMALL(parameter.value[i] - value.w, 2e-6);
        });
    }

  private:
    template <class Function>
    void each(const Function& function) {
        for (std::size_t p = 0; p < values_.size(); ++p)
            for (std::size_t i = 0; i < values_[p].size(); ++i)
                function(*parameters_[p].parameter, i, values_[p][i]);
    }

    std::vector<NamedParameter> parameters_;
    OptimizerOptions options_;
    std::vector<std::vector<Reference>> values_;
};

}  // namespace

BOOST_AUTO_TEST_SUITE(optimizer)

// The first step is no longer than any other: of a gradient that stays, each is the rate.
BOOST_AUTO_TEST_CASE(rmsprop_begins_with_steps_of_the_rate) {
    Network network = make();
    Optimizer optimizer(network, {.method = OptimizerMethod::rmsprop});
    Parameter& parameter = *network.parameters()[0].parameter;
    float before = parameter.value[0];
    for (int step = 0; step < 4; ++step) {
        set_gradients(network, 0);
        optimizer.step(0.01f);
        BOOST_CHECK_CLOSE(std::abs(parameter.value[0] - before), 0.01f, 0.1);
        before = parameter.value[0];
    }
}

BOOST_AUTO_TEST_CASE(a_cosine_falls_step_by_step_to_zero_after_its_warm_up) {
    const Schedule cosine{.kind = Schedule::Kind::cosine, .warm_up = 0.5f};
    const int epochs = 3, batches = 10;
    double before = 0;
    for (int step = 0; step < epochs * batches; ++step) {
        const double rate = cosine.rate(2, step / batches, epochs, step % batches, batches);
        const double at = (step + 0.5) / batches;
        BOOST_CHECK_CLOSE(rate, std::min(1.0, at / 0.5) * (1 + std::cos(3.14159265358979 * at / 3)), 1e-4);
        BOOST_CHECK(step <= 5 ? rate > before : rate < before);
        before = rate;
    }
    BOOST_CHECK_LT(before, 2 * 0.001);
    const Schedule constant, steps{.kind = Schedule::Kind::step, .every = 2, .factor = 0.1f};
    BOOST_CHECK_EQUAL(constant.rate(2, 0, 3, 0, 10), 2);
    BOOST_CHECK_CLOSE(steps.rate(2, 1, 3, 9, 10), 2.0f, 1e-4);
    BOOST_CHECK_CLOSE(steps.rate(2, 2, 3, 0, 10), 0.2f, 1e-4);
}

BOOST_AUTO_TEST_CASE(steps_follow_the_formulas) {
    for (OptimizerMethod method : methods)
        for (float weight_decay : {0.0f, 0.1f})
            BOOST_TEST_CONTEXT(to_string(method) << ", decay " << weight_decay) {
                Network network = make();
                OptimizerOptions options{.method = method, .weight_decay = weight_decay};
                if (weight_decay > 0) {  // and every other number one of its own
                    options.momentum = 0.7f;
                    options.decay = 0.8f;
                    options.beta1 = 0.6f;
                    options.beta2 = 0.95f;
                    options.epsilon = 0.01f;
                }
                Optimizer optimizer(network, options);
                References references(network, options);
                for (int step = 0; step < 5; ++step) {
                    const float rate = step < 3 ? 0.01f : 0.002f;
                    set_gradients(network, step);
                    references.step(rate);
                    const std::uint64_t version = network.parameters()[0].parameter->version;
                    optimizer.step(rate);
                    BOOST_CHECK_GT(network.parameters()[0].parameter->version, version);
                }
                BOOST_CHECK_EQUAL(optimizer.steps(), 5);
                references.check();
            }
}

// Biases, scales and shifts do not decay, and weights do beside others that are held.
BOOST_AUTO_TEST_CASE(weights_alone_decay_also_beside_what_is_held) {
    for (OptimizerMethod method : methods) BOOST_TEST_CONTEXT(to_string(method)) {
            Network network(parse_architecture("2x8x8:3C3+BN-P2-5FC+BN-3Softmax"),
                            {.engine = "direct", .batch = 2});
            network.convolutions()[0]->set_kernel_mask(std::vector<std::uint8_t>{1, 0, 0, 1, 1, 1});
            const OptimizerOptions options{.method = method, .weight_decay = 0.1f};
            Optimizer optimizer(network, options);
            References references(network, options);
            for (int step = 0; step < 3; ++step) {
                set_gradients(network, step);
                references.step(0.01f);
                optimizer.step(0.01f);
            }
            references.check();
        }
}

BOOST_AUTO_TEST_CASE(what_is_held_is_exactly_zero_after_each_step) {
    for (OptimizerMethod method : methods) BOOST_TEST_CONTEXT(to_string(method)) {
            Network network = make();
            Optimizer optimizer(network, {.method = method, .weight_decay = 0.01f});
            for (int step = 0; step < 6; ++step) {
                if (step == 2) {  // pruned when weights and state are no longer zero
                    network.convolutions()[0]->set_kernel_mask(std::vector<std::uint8_t>{1, 0, 0, 1, 1, 1});
                    Parameter& dense = network.dense_layers()[0]->weight();
                    std::vector<std::uint8_t> held(dense.value.size(), 1);
                    for (std::size_t i = 0; i < held.size(); i += 3) held[i] = 0;
                    dense.hold(held);
                }
                set_gradients(network, step);
                optimizer.step(0.01f);
                const std::vector<NamedArray> state = optimizer.state();
                for (const NamedParameter& named : network.parameters()) {
                    const Parameter& parameter = *named.parameter;
                    std::vector<const std::vector<float>*> all = {&parameter.value, &parameter.gradient};
                    for (const NamedArray& array : state)
                        if (array.name.starts_with(named.name + "/")) all.push_back(&array.values);
                    BOOST_CHECK_EQUAL(all.size(), method == OptimizerMethod::sgd    ? 2
                                                  : method == OptimizerMethod::adam ? 4
                                                                                    : 3);
                    for (const auto* values : all)
                        for (std::size_t i = 0; i < values->size(); ++i) {
                            const bool held = !parameter.held.empty() && !parameter.held[i];
                            BOOST_REQUIRE((*values)[i] == 0.0f || !held);
                            BOOST_REQUIRE((*values)[i] != 0.0f || held || parameter.gradient[i] == 0.0f);
                        }
                }
            }
        }
}

BOOST_AUTO_TEST_CASE(state_goes_out_and_back) {
    for (OptimizerMethod method : methods) BOOST_TEST_CONTEXT(to_string(method)) {
            Network one = make(), other = make();
            Optimizer first(one, {.method = method}), second(other, {.method = method});
            for (int step = 0; step < 3; ++step) {
                set_gradients(one, step);
                first.step(0.01f);
            }
            other.load_state(one.state());
            second.load_state(first.state(), first.steps());
            set_gradients(one, 3);
            set_gradients(other, 3);
            first.step(0.01f);
            second.step(0.01f);
            BOOST_CHECK(one.state() == other.state());
            BOOST_CHECK(first.state() == second.state());
            if (method != OptimizerMethod::sgd) BOOST_CHECK_THROW(second.load_state({}, 1), ShapeError);
        }
}

BOOST_AUTO_TEST_CASE(schedules) {
    const Schedule constant, step{Schedule::Kind::step, 10, 0.5f}, cosine{.kind = Schedule::Kind::cosine};
    BOOST_CHECK_EQUAL(constant.rate(0.1f, 99, 100), 0.1f);
    BOOST_CHECK_CLOSE(step.rate(0.1f, 9, 100), 0.1f, 1e-4);
    BOOST_CHECK_CLOSE(step.rate(0.1f, 10, 100), 0.05f, 1e-4);
    BOOST_CHECK_CLOSE(step.rate(0.1f, 39, 100), 0.0125f, 1e-4);
    BOOST_CHECK_CLOSE(cosine.rate(0.1f, 0, 100), 0.1f, 1e-4);
    BOOST_CHECK_CLOSE(cosine.rate(0.1f, 50, 100), 0.05f, 1e-3);
    BOOST_CHECK_SMALL(cosine.rate(0.1f, 99, 100), 1e-4f);
    for (const char* name : {"constant", "step", "cosine"})
        BOOST_CHECK_EQUAL(to_string(parse_schedule(name)), name);
    for (const char* name : {"sgd", "momentum", "adam", "rmsprop"})
        BOOST_CHECK_EQUAL(to_string(parse_optimizer_method(name)), name);
    BOOST_CHECK_THROW(parse_schedule("linear"), UsageError);
    BOOST_CHECK_THROW(parse_optimizer_method("lion"), UsageError);
}

BOOST_AUTO_TEST_CASE(options_are_checked) {
    Network network = make();
    BOOST_CHECK_THROW(Optimizer(network, {.rate = 0}), UsageError);
    BOOST_CHECK_THROW(Optimizer(network, {.rate = quiet_nan}), UsageError);
    BOOST_CHECK_THROW(Optimizer(network, {.momentum = 1}), UsageError);
    BOOST_CHECK_THROW(Optimizer(network, {.decay = -0.1f}), UsageError);
    BOOST_CHECK_THROW(Optimizer(network, {.beta2 = 1}), UsageError);
    BOOST_CHECK_THROW(Optimizer(network, {.epsilon = 0}), UsageError);
    BOOST_CHECK_THROW(Optimizer(network, {.weight_decay = -1}), UsageError);
}

BOOST_AUTO_TEST_SUITE_END()
