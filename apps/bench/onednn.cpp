// The rival: oneDNN. It gets what it is best with: its own blocked layouts (reorders are not timed), every
// algorithm, every implementation but the plain reference loops, inference and training mode.
#include "bench/layer.hpp"
#include "fftconv/convolution/axis.hpp"

#if !FFTCONV_HAVE_ONEDNN

namespace fftconv {

std::vector<Contender> onednn_contenders(const LayerProblem&, int) {
    return {};
}
void limit_waiting_of_onednn(char**) {}
std::string onednn_version() {
    return {};
}

}  // namespace fftconv

#else

#include <omp.h>
#include <spdlog/fmt/fmt.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <dnnl.hpp>
#include <memory>
#include <optional>

namespace fftconv {
namespace {

using dnnl::algorithm;
using dnnl::memory;
using dnnl::prop_kind;
using Floats = std::vector<float>;

/// oneDNN's strided convolution for one axis. Where mode K starts inside the padding, or drops pixels at the
/// end, the image is cut to the pixels that are read.
struct AxisOfPeer {
    explicit AxisOfPeer(const LayerAxis& axis)
        : outputs(axis.outputs), step(axis.step), between_taps(axis.dilation - 1) {
        const int from = axis.offset,
                  to = (outputs - 1) * step + axis.offset + (axis.kernel - 1) * axis.dilation;
        first = std::max(0, from);
        size = std::min(axis.length - 1, to) - first + 1;
        before = std::max(0, -from);
        after = std::max(0, to - (axis.length - 1));
    }
    int outputs, step, between_taps, first, size, before, after;
};

struct Geometry {
    explicit Geometry(const LayerProblem& p)
        : vertical(vertical_axis(p.shape, {.mode = p.mode})),
          horizontal(horizontal_axis(p.shape, {.mode = p.mode})),
          x{p.shape.batch, p.shape.in_channels, vertical.size, horizontal.size},
          w{p.shape.out_channels, p.shape.group_channels(), p.shape.kernel.vertical,
            p.shape.kernel.horizontal},
          y{p.shape.batch, p.shape.out_channels, vertical.outputs, horizontal.outputs} {
        if (p.shape.groups == 1) return;
        w.insert(w.begin(), p.shape.groups);
        w[1] /= p.shape.groups;
    }

    AxisOfPeer vertical, horizontal;
    memory::dims x, w, y;
    memory::dims strides() const { return {vertical.step, horizontal.step}; }
    memory::dims dilates() const { return {vertical.between_taps, horizontal.between_taps}; }
    memory::dims before() const { return {vertical.before, horizontal.before}; }
    memory::dims after() const { return {vertical.after, horizontal.after}; }
};

/// Calls body(index in the whole image, index in the cut one) for each pixel that is read.
template <class Body>
void for_each_read(const LayerProblem& p, const Geometry& g, Body body) {
    const std::size_t maps = std::size_t(p.shape.batch) * p.shape.in_channels;
    std::size_t cut = 0;
    for (std::size_t map = 0; map < maps; ++map)
        for (int h = 0; h < g.vertical.size; ++h)
            for (int w = 0; w < g.horizontal.size; ++w, ++cut)
                body((map * p.shape.height + h + g.vertical.first) * p.shape.width + w + g.horizontal.first,
                     cut);
}

memory::desc any(const memory::dims& dims) {
    return {dims, memory::data_type::f32, memory::format_tag::any};
}
memory::desc plain(const memory::dims& dims) {
    return {dims, memory::data_type::f32,
            dims.size() == 5 ? memory::format_tag::abcde : memory::format_tag::abcd};
}

/// A primitive with its memories in its own layouts.
class Run {
  public:
    Run(const dnnl::engine& engine, const dnnl::stream& stream) : engine_(engine), stream_(stream) {}

    void add(int argument, const memory::desc& layout) {
        arguments_.insert_or_assign(argument, memory(layout, engine_));
    }
    void write(int argument, const memory::dims& dims, Floats values) {
        memory source(plain(dims), engine_, values.data());
        dnnl::reorder(source, arguments_.at(argument)).execute(stream_, source, arguments_.at(argument));
        stream_.wait();
    }
    Floats read(int argument, const memory::dims& dims) const {
        Floats values(plain(dims).get_size() / sizeof(float));
        memory target(plain(dims), engine_, values.data()), source = arguments_.at(argument);
        dnnl::stream stream = stream_;
        dnnl::reorder(source, target).execute(stream, source, target);
        stream.wait();
        return values;
    }
    bool has(int argument) const { return arguments_.contains(argument); }
    void execute() {
        primitive.execute(stream_, arguments_);
        stream_.wait();
    }

    dnnl::primitive primitive;

  private:
    dnnl::engine engine_;
    dnnl::stream stream_;
    std::unordered_map<int, memory> arguments_;
};

/// One implementation of one pass, and what to call it.
struct Implementation {
    std::string name;
    std::shared_ptr<Run> run;
};

/// Goes through all implementations that a descriptor has, the reference loops left out.
template <class Primitive, class Description, class Bind>
void each_implementation(Description description, const std::string& name, const dnnl::engine& engine,
                         std::vector<Implementation>& found, Bind bind) {
    do {
        const std::string implementation = description.impl_info_str();
        if (implementation.starts_with("ref")) continue;
        auto run = std::make_shared<Run>(engine, dnnl::stream(engine));
        bind(*run, description);
        try {
            run->primitive = Primitive(description);
        } catch (const dnnl::error&) {
            continue;  // offered, but not for this shape
        }
        found.push_back({name + ", " + implementation, run});
    } while (description.next_impl());
}

const std::pair<algorithm, const char*> algorithms[] = {{algorithm::convolution_direct, "direct"},
                                                        {algorithm::convolution_winograd, "Winograd"},
                                                        {algorithm::convolution_auto, "auto"}};

dnnl::convolution_forward::desc forward_description(const Geometry& g, prop_kind kind, algorithm how) {
    return {kind, how, any(g.x), any(g.w), any(g.y), g.strides(), g.dilates(), g.before(), g.after()};
}

std::vector<Implementation> forwards(const Geometry& g, const dnnl::engine& engine, algorithm how,
                                     const char* name, bool training_only) {
    std::vector<Implementation> found;
    for (const auto& [kind, mode] : {std::pair{prop_kind::forward_inference, "inference"},
                                     std::pair{prop_kind::forward_training, "training"}}) {
        if (training_only && kind != prop_kind::forward_training) continue;
        try {
            using Forward = dnnl::convolution_forward;
            each_implementation<Forward>(Forward::primitive_desc(forward_description(g, kind, how), engine),
                                         fmt::format("{} {}", name, mode), engine, found,
                                         [](Run& run, const Forward::primitive_desc& description) {
                                             run.add(DNNL_ARG_SRC, description.src_desc());
                                             run.add(DNNL_ARG_WEIGHTS, description.weights_desc());
                                             run.add(DNNL_ARG_DST, description.dst_desc());
                                         });
        } catch (const dnnl::error&) {
            // this algorithm is not offered for this shape or machine
        }
    }
    return found;
}

std::vector<Implementation> backwards_to_input(const Geometry& g, const dnnl::engine& engine, algorithm how,
                                               const char* name) {
    std::vector<Implementation> found;
    try {
        using Backward = dnnl::convolution_backward_data;
        const dnnl::convolution_forward::primitive_desc hint(
            forward_description(g, prop_kind::forward_training, algorithm::convolution_auto), engine);
        const Backward::desc description(how, any(g.x), any(g.w), any(g.y), g.strides(), g.dilates(),
                                         g.before(), g.after());
        each_implementation<Backward>(Backward::primitive_desc(description, engine, hint), name, engine,
                                      found, [](Run& run, const Backward::primitive_desc& made) {
                                          run.add(DNNL_ARG_DIFF_SRC, made.diff_src_desc());
                                          run.add(DNNL_ARG_WEIGHTS, made.weights_desc());
                                          run.add(DNNL_ARG_DIFF_DST, made.diff_dst_desc());
                                      });
    } catch (const dnnl::error&) {
    }
    return found;
}

std::vector<Implementation> backwards_to_weights(const Geometry& g, const dnnl::engine& engine, algorithm how,
                                                 const char* name) {
    std::vector<Implementation> found;
    try {
        using Backward = dnnl::convolution_backward_weights;
        const dnnl::convolution_forward::primitive_desc hint(
            forward_description(g, prop_kind::forward_training, algorithm::convolution_auto), engine);
        const Backward::desc description(how, any(g.x), any(g.w), any(g.y), g.strides(), g.dilates(),
                                         g.before(), g.after());
        each_implementation<Backward>(Backward::primitive_desc(description, engine, hint), name, engine,
                                      found, [](Run& run, const Backward::primitive_desc& made) {
                                          run.add(DNNL_ARG_SRC, made.src_desc());
                                          run.add(DNNL_ARG_DIFF_WEIGHTS, made.diff_weights_desc());
                                          run.add(DNNL_ARG_DIFF_DST, made.diff_dst_desc());
                                      });
    } catch (const dnnl::error&) {
    }
    return found;
}

/// The passes of one contender, one after the other, with the problem's data in them.
struct PeerRun {
    PeerRun(const LayerProblem& problem_of, int threads_of, std::vector<std::shared_ptr<Run> > runs_of)
        : problem(problem_of), geometry(problem), threads(threads_of), runs(std::move(runs_of)) {
        Floats cut(geometry.x[0] * geometry.x[1] * geometry.x[2] * geometry.x[3]);
        for_each_read(problem, geometry,
                      [&](std::size_t whole, std::size_t index) { cut[index] = problem.x[whole]; });
        for (const auto& run : runs) {
            if (run->has(DNNL_ARG_SRC)) run->write(DNNL_ARG_SRC, geometry.x, cut);
            if (run->has(DNNL_ARG_WEIGHTS)) run->write(DNNL_ARG_WEIGHTS, geometry.w, problem.weights);
            if (run->has(DNNL_ARG_DIFF_DST)) run->write(DNNL_ARG_DIFF_DST, geometry.y, problem.dy);
        }
    }

    void run() {
        omp_set_num_threads(threads);
        for (const auto& run : runs) run->execute();
    }
    Floats result() const {
        for (const auto& run : runs) {
            if (problem.pass == LayerPass::forward) return run->read(DNNL_ARG_DST, geometry.y);
            if (run->has(DNNL_ARG_DIFF_WEIGHTS)) return run->read(DNNL_ARG_DIFF_WEIGHTS, geometry.w);
        }
        Floats whole(problem.x.size()), cut = runs[0]->read(DNNL_ARG_DIFF_SRC, geometry.x);
        for_each_read(problem, geometry,
                      [&](std::size_t pixel, std::size_t index) { whole[pixel] = cut[index]; });
        return whole;
    }

    const LayerProblem& problem;
    Geometry geometry;
    int threads;
    std::vector<std::shared_ptr<Run> > runs;
};

Contender contender_of(const LayerProblem& problem, int threads, const std::string& name,
                       std::vector<std::shared_ptr<Run> > runs) {
    auto peer = std::make_shared<PeerRun>(problem, threads, std::move(runs));
    return {.name = "oneDNN " + name,
            .threads = threads,
            .run = [peer] { peer->run(); },
            .result = [peer] { return peer->result(); }};
}

std::vector<Implementation> implementations(LayerPass pass, const Geometry& g, const dnnl::engine& engine,
                                            algorithm how, const char* name, bool training_only) {
    if (pass == LayerPass::forward) return forwards(g, engine, how, name, training_only);
    return pass == LayerPass::backward_input ? backwards_to_input(g, engine, how, name)
                                             : backwards_to_weights(g, engine, how, name);
}

}  // namespace

/// A step takes, for each algorithm, the first implementation of each pass; where the algorithm is not
/// offered for a pass, the direct one.
std::vector<Contender> onednn_contenders(const LayerProblem& problem, int threads) {
    omp_set_num_threads(threads);  // primitives are cut up for as many threads when they are made
    const dnnl::engine engine(dnnl::engine::kind::cpu, 0);
    const Geometry geometry(problem);
    std::vector<Contender> found;
    for (const auto& [how, name] : algorithms) {
        if (problem.pass != LayerPass::step) {
            for (const auto& each : implementations(problem.pass, geometry, engine, how, name, false))
                found.push_back(contender_of(problem, threads, each.name, {each.run}));
            continue;
        }
        std::vector<std::shared_ptr<Run> > runs;
        for (LayerPass pass : {LayerPass::backward_weights, LayerPass::forward, LayerPass::backward_input}) {
            auto offered = implementations(pass, geometry, engine, how, name, true);
            if (offered.empty())
                offered =
                    implementations(pass, geometry, engine, algorithm::convolution_direct, "direct", true);
            if (!offered.empty()) runs.push_back(offered.front().run);
        }
        if (runs.size() == 3) found.push_back(contender_of(problem, threads, name, runs));
    }
    return found;
}

void limit_waiting_of_onednn(char** argv) {
    if (std::getenv("GOMP_SPINCOUNT") != nullptr || std::getenv("OMP_WAIT_POLICY") != nullptr) return;
    setenv("GOMP_SPINCOUNT", "5000", 1);  // some tens of microseconds
    execv("/proc/self/exe", argv);
}

std::string onednn_version() {
    const dnnl_version_t* version = dnnl_version();
    return fmt::format("oneDNN {}.{}.{}", version->major, version->minor, version->patch);
}

}  // namespace fftconv

#endif
