#include "bench/layer.hpp"

#include <spdlog/fmt/fmt.h>

#include <algorithm>
#include <cmath>
#include <memory>

#include "fftconv/convolution/cost_model.hpp"
#include "fftconv/convolution/make_engine.hpp"
#include "fftconv/convolution/spectral/spectral.hpp"
#include "fftconv/core/error.hpp"
#include "fftconv/core/random.hpp"

namespace fftconv {
namespace {

std::vector<float> random_values(std::size_t count, const std::string& name) {
    RandomStream random(1, name);
    std::vector<float> values(count);
    for (float& value : values) value = random.uniform(-1, 1);
    return values;
}

const std::pair<const char*, LayerPass> pass_names[] = {{"forward", LayerPass::forward},
                                                        {"backward-input", LayerPass::backward_input},
                                                        {"backward-weights", LayerPass::backward_weights},
                                                        {"step", LayerPass::step}};

/// What an engine needs for its runs, kept alive by the contender's functions.
struct EngineRun {
    EngineRun(const LayerProblem& problem_of, const EngineOptions& options,
              std::span<const std::uint8_t> mask)
        : problem(problem_of),
          renew(options.renew_weights || problem_of.pass == LayerPass::step),
          engine(make_engine(options.engine, problem.shape,
                             {.tile = options.tile,
                              .mode = problem.mode,
                              .inverse = options.inverse,
                              .threads = options.threads,
                              .fixed_weights = problem_of.pass == LayerPass::forward && !renew,
                              .surviving = surviving_share(mask),
                              .measure = options.measure})),
          x(from_nchw(problem.x, problem.input_maps(), problem.shape.batch)),
          dy(from_nchw(problem.dy, problem.output_maps(), problem.shape.batch)),
          y(engine->make_output()),
          dx(engine->make_input()),
          weights(problem.weights),
          dw(weights.size()) {
        engine->keep_input_spectra(problem.pass == LayerPass::step);
        engine->set_mask(mask);
        engine->set_weights(weights);
    }

    void run() {
        if (renew) engine->set_weights(weights);
        const bool step = problem.pass == LayerPass::step;
        if (step || problem.pass == LayerPass::forward) engine->forward(x, y);
        if (step) engine->backward(x, dy, dx, dw);
        if (problem.pass == LayerPass::backward_weights) engine->backward_weights(x, dy, dw);
        if (problem.pass == LayerPass::backward_input) engine->backward_input(dy, dx);
    }
    std::vector<float> result() const {
        if (problem.pass == LayerPass::forward) return to_nchw(y);
        return problem.pass == LayerPass::backward_input ? to_nchw(dx) : dw;
    }

    const LayerProblem& problem;
    bool renew;
    std::unique_ptr<ConvolutionEngine> engine;
    Tensor x, dy, y, dx;
    std::vector<float> weights, dw;
};

/// The first images, rows and columns of maps (N, C, H, W).
std::vector<float> cut(const std::vector<float>& values, MapShape from, int images, MapShape to) {
    std::vector<float> part;
    part.reserve(images * to.size());
    for (int map = 0; map < images * to.channels; ++map)
        for (int row = 0; row < to.height; ++row) {
            const auto first = values.begin() + (std::ptrdiff_t(map) * from.height + row) * from.width;
            part.insert(part.end(), first, first + to.width);
        }
    return part;
}

/// Cuts an axis behind what its first outputs read; what they read behind the image stays padding.
void cut_axis(int outputs, int kernel, int stride, int dilation, int before, int& length, int& behind) {
    const int read = (outputs - 1) * stride + (kernel - 1) * dilation + 1 - before;
    behind = std::max(0, read - length);
    length = std::clamp(read, 1, length);
}

}  // namespace

LayerPass parse_layer_pass(const std::string& name) {
    for (const auto& [known, pass] : pass_names)
        if (name == known) return pass;
    throw UsageError("--pass: expected forward, backward-input, backward-weights or step, found " + name);
}

std::string to_string(LayerPass pass) {
    for (const auto& [name, known] : pass_names)
        if (pass == known) return name;
    return {};
}

LayerProblem::LayerProblem(const ConvolutionShape& shape_of, int mode_of, LayerPass pass_of)
    : shape(shape_of),
      mode(mode_of),
      pass(pass_of),
      x(random_values(shape.batch * input_maps().size(), "x")),
      weights(random_values(shape.weights(), "weights")),
      dy(random_values(shape.batch * output_maps().size(), "dy")) {}

MapShape LayerProblem::output_maps() const {
    const int step = mode == no_mode ? 1 : 2;
    return {shape.out_channels, shape.output_height() / step, shape.output_width() / step};
}

double LayerProblem::flop() const {
    const double pixels = double(output_maps().size()) / shape.out_channels * shape.batch;
    return 2 * double(shape.weights()) * pixels * (pass == LayerPass::step ? 3 : 1);
}

LayerProblem LayerProblem::corner(double most_products) const {
    if (pass != LayerPass::forward || mode != no_mode || flop() <= 2 * most_products) return *this;
    ConvolutionShape part = shape;
    double share = 2 * most_products / flop();
    const auto least = [&share](int extent) {
        const int taken = std::clamp(int(extent * share), 1, extent);
        share *= double(extent) / taken;
        return taken;
    };
    part.batch = least(shape.batch);
    const int columns = least(shape.output_width()), rows = least(shape.output_height());
    cut_axis(columns, part.kernel.horizontal, part.stride.horizontal, part.dilation.horizontal,
             part.padding.left, part.width, part.padding.right);
    cut_axis(rows, part.kernel.vertical, part.stride.vertical, part.dilation.vertical, part.padding.top,
             part.height, part.padding.bottom);
    LayerProblem problem = *this;
    problem.shape = part;
    problem.x = cut(x, input_maps(), part.batch, problem.input_maps());
    problem.dy = cut(dy, output_maps(), part.batch, problem.output_maps());
    return problem;
}

std::vector<float> LayerProblem::corner_of(const std::vector<float>& result,
                                           const LayerProblem& corner) const {
    if (pass != LayerPass::forward) return result;
    return cut(result, output_maps(), corner.shape.batch, corner.output_maps());
}

std::string LayerProblem::describe() const {
    const std::string size = shape.height == shape.width ? fmt::format("{}", shape.height)
                                                         : fmt::format("{}x{}", shape.height, shape.width);
    std::string text = fmt::format("{}->{} @ {}, {}, padding {}", shape.in_channels, shape.out_channels, size,
                                   fftconv::to_string(shape.kernel), fftconv::to_string(shape.padding));
    if (shape.stride != 1) text += ", stride " + fftconv::to_string(shape.stride);
    if (shape.dilation != 1) text += ", dilation " + fftconv::to_string(shape.dilation);
    if (shape.groups != 1) text += fmt::format(", groups {}", shape.groups);
    return text +
           fmt::format(", batch {}{}", shape.batch, mode == no_mode ? "" : fmt::format(", mode {}", mode));
}

Contender engine_contender(const LayerProblem& problem, const EngineOptions& options,
                           std::span<const std::uint8_t> mask) {
    auto run = std::make_shared<EngineRun>(problem, options, mask);
    const auto* spectral = dynamic_cast<const SpectralConvolution*>(run->engine.get());
    const bool known = spectral && problem.pass == LayerPass::forward;
    return {.name = options.engine,
            .threads = options.threads,
            .run = [run] { run->run(); },
            .result = [run] { return run->result(); },
            .phases =
                [run] {
                    auto phases = run->engine->profile();
                    run->engine->reset_profile();
                    return phases;
                },
            .sum_flop = known ? 2.0 * double(spectral->sum_multiply_adds(problem.shape.batch)) : 0};
}

std::vector<std::uint8_t> random_mask(const ConvolutionShape& shape, double pruned, bool kernel_groups) {
    if (pruned == 0) return {};
    const std::size_t together = kernel_groups ? 4 : 1, outputs = shape.out_channels,
                      inputs = shape.kernels() / outputs;
    std::vector<std::uint8_t> units((outputs + together - 1) / together * inputs, 1);
    std::fill_n(units.begin(), std::size_t(std::lround(pruned * double(units.size()))), 0);
    RandomStream random(1, "benchmark mask");
    shuffle(units, random);
    std::vector<std::uint8_t> mask(shape.kernels());
    for (std::size_t o = 0; o < outputs; ++o)
        std::copy_n(units.begin() + std::ptrdiff_t(o / together * inputs), inputs,
                    mask.begin() + std::ptrdiff_t(o * inputs));
    return mask;
}

}  // namespace fftconv
