#include "fftconv/convolution/measured_plan.hpp"

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <limits>
#include <locale>
#include <mutex>
#include <optional>
#include <set>
#include <sstream>
#include <vector>

#include "fftconv/convolution/cost_model.hpp"
#include "fftconv/convolution/make_engine.hpp"
#include "fftconv/convolution/simd/target_name.hpp"
#include "fftconv/convolution/spatial/spatial.hpp"
#include "fftconv/core/atomic_file.hpp"
#include "fftconv/core/clock.hpp"
#include "fftconv/core/error.hpp"
#include "fftconv/core/processor.hpp"
#include "fftconv/core/random.hpp"

namespace fftconv {
namespace {

constexpr int tiles_tried = 4;  // the cheapest in the model
constexpr int calls = 3;        // of each candidate; the fastest counts

/// What a plan is for, in one line without tabs: the layer, whatever computes it.
std::string layer_of(const std::string& engine, const ConvolutionShape& s,
                     const ConvolutionOptions& options) {
    std::ostringstream key;
    key.imbue(std::locale::classic());  // the same text in every locale
    key << engine << ", " << to_string(s) << ", batch " << s.batch << ", mode " << options.mode
        << (options.mode != no_mode && options.inverse == Inverse::full ? " full" : "");
    if (options.surviving < 1) key << ", surviving " << options.surviving;
    if (options.fixed_weights) key << ", fixed weights";
    return key.str();
}

/// What a plan depends on: also on the machine.
std::string key_of(const std::string& layer, const ConvolutionOptions& options) {
    return processor_name() + ", " + simd_target_name() + ", " + layer + ", threads " +
           std::to_string(options.threads);
}

struct Remembered {
    std::string key;
    Plan plan;
};

/// "36", or of tiles that are not square "24x36".
std::string tile_text(const PerAxis& tile) {
    return tile == tile.vertical ? std::to_string(tile.vertical) : to_string(tile);
}

/// A whole number of at least 0; nothing of other text.
std::optional<int> edge_of(const std::string& text) {
    int edge = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), edge);
    if (error != std::errc() || end != text.data() + text.size() || edge < 0) return std::nullopt;
    return edge;
}

std::optional<PerAxis> tile_of(const std::string& text) {
    const std::size_t cross = text.find('x');
    const std::optional<int> vertical = edge_of(text.substr(0, cross)),
                             horizontal = cross == text.npos ? vertical : edge_of(text.substr(cross + 1));
    if (!vertical || !horizontal) return std::nullopt;
    return PerAxis(*vertical, *horizontal);
}

/// Once for each text: what is wrong with the memory costs a measurement, not the run.
void warn(const std::string& text) {
    static std::mutex mutex;
    static std::set<std::string> said;
    const std::lock_guard lock(mutex);
    if (said.insert(text).second) std::fprintf(stderr, "fftconv: warning: %s\n", text.c_str());
}

/// Of "key<tab>engine<tab>tile"; nothing of another line.
std::optional<Remembered> remembered(const std::string& line) {
    const std::size_t first = line.find('\t'), second = line.find('\t', first + 1);
    if (first == line.npos || second == line.npos) return std::nullopt;
    Remembered found{line.substr(0, first), {line.substr(first + 1, second - first - 1), 0}};
    const std::optional<PerAxis> tile = tile_of(line.substr(second + 1));
    const bool known = found.plan.engine == "fft" || found.plan.engine == "spatial";
    if (!tile || !known) return std::nullopt;
    found.plan.tile = *tile;
    return found;
}

/// The lines that can be read, and a warning about the others.
std::vector<Remembered> read_memory(const std::filesystem::path& file) {
    std::vector<Remembered> plans;
    std::error_code ignored;
    if (!std::filesystem::is_regular_file(file, ignored)) return plans;
    std::ifstream in(file);
    int number = 0;
    for (std::string line; std::getline(in, line);) {
        ++number;
        if (std::optional<Remembered> found = remembered(line))
            plans.push_back(std::move(*found));
        else
            warn(file.string() + ": line " + std::to_string(number) +
                 ": expected a layer, fft or spatial, and a tile, with tabs between them; it is left out");
    }
    if (!in.eof()) warn(file.string() + ": plan memory: cannot be read; layers are measured again");
    return plans;
}

std::string line_of(const Remembered& remembered) {
    return remembered.key + '\t' + remembered.plan.engine + '\t' + tile_text(remembered.plan.tile);
}

/// The plans that this process has used or was told to use, by layer.
class PlansInUse {
  public:
    std::optional<Plan> find(const std::string& layer) {
        const std::lock_guard lock(mutex_);
        for (const Remembered& each : plans_)
            if (each.key == layer) return each.plan;
        return std::nullopt;
    }
    Plan add(const Remembered& plan) {
        const std::lock_guard lock(mutex_);
        plans_.push_back(plan);
        return plan.plan;
    }
    /// A plan that this process was told to use.
    std::optional<Plan> find_given(const std::string& layer) {
        const std::lock_guard lock(mutex_);
        for (std::size_t i = 0; i < given_; ++i)
            if (plans_[i].key == layer) return plans_[i].plan;
        return std::nullopt;
    }
    void replace(std::vector<Remembered> plans) {
        const std::lock_guard lock(mutex_);
        plans_ = std::move(plans);
        given_ = plans_.size();
    }
    std::vector<std::string> lines() {
        const std::lock_guard lock(mutex_);
        std::vector<std::string> lines;
        for (const Remembered& each : plans_) lines.push_back(line_of(each));
        return lines;
    }

  private:
    std::mutex mutex_;
    std::vector<Remembered> plans_;
    std::size_t given_ = 0;  ///< the first ones, which this process was told to use
};

PlansInUse& in_use() {
    static PlansInUse plans;
    return plans;
}

/// The path in a variable; an empty variable is as good as none.
std::filesystem::path variable(const char* name) {
    const char* value = std::getenv(name);
    return value ? value : "";
}

/// Replaces the file in one step, so that processes that measure at the same time leave it whole.
void write_memory(const std::filesystem::path& file, const std::vector<Remembered>& plans) {
    if (file.empty()) return;
    std::error_code ignored;
    if (std::filesystem::exists(file, ignored) && !std::filesystem::is_regular_file(file, ignored)) {
        warn(file.string() + ": plan memory: no ordinary file; layers are measured again next time");
        return;
    }
    if (file.has_parent_path()) std::filesystem::create_directories(file.parent_path(), ignored);
    std::string lines;
    for (const Remembered& plan : plans) lines += line_of(plan) + '\n';
    try {
        replace_file(file, std::as_bytes(std::span(lines)));
    } catch (const FileError&) {
        warn(file.string() + ": plan memory: cannot be written; layers are measured again next time");
    }
}

double seconds_of_forward(const Plan& plan, const ConvolutionShape& shape, ConvolutionOptions options) {
    options.tile = plan.tile;
    const auto engine = make_engine(plan.engine, shape, options);
    RandomStream random(1, "measured plan");
    std::vector<float> weights(shape.weights());
    for (float& weight : weights) weight = random.uniform(-1, 1);
    Tensor x = engine->make_input(), y = engine->make_output();
    std::generate_n(x.data(), x.size(), [&] { return random.uniform(-1, 1); });
    engine->set_weights(weights);
    if (options.surviving < 1) {
        std::vector<std::uint8_t> mask(shape.kernels());
        for (std::uint8_t& kept : mask) kept = random.uniform(0, 1) < options.surviving;
        engine->set_mask(mask);
    }
    engine->forward(x, y);  // kernel spectra, memory
    std::uint64_t fastest = std::numeric_limits<std::uint64_t>::max();
    for (int call = 0; call < calls; ++call) {
        const std::uint64_t start = ticks();
        engine->forward(x, y);
        fastest = std::min(fastest, ticks() - start);
    }
    return double(fastest) * seconds_per_tick();
}

}  // namespace

std::filesystem::path plan_memory() {
    if (const std::filesystem::path file = variable("FFTCONV_PLANS"); !file.empty()) return file;
    if (const std::filesystem::path cache = variable("XDG_CACHE_HOME"); cache.is_absolute())
        return cache / "fftconv" / "plans";
    const std::filesystem::path home = variable("HOME");
    return home.is_absolute() ? home / ".cache" / "fftconv" / "plans" : std::filesystem::path();
}

std::vector<std::string> plans_in_use() {
    return in_use().lines();
}

void use_plans(const std::vector<std::string>& lines) {
    std::vector<Remembered> plans;
    for (const std::string& line : lines) {
        std::optional<Remembered> plan = remembered(line);
        if (!plan)
            throw UsageError(
                "plan: expected a layer, fft or spatial, and a tile, with tabs between them, found " + line);
        plans.push_back(std::move(*plan));
    }
    in_use().replace(std::move(plans));
}

Plan measured_plan(const std::string& engine, const ConvolutionShape& shape,
                   const ConvolutionOptions& given) {
    ConvolutionOptions options = given;
    options.measure = false;
    const std::string layer = layer_of(engine, shape, options), key = key_of(layer, options);
    if (const std::optional<Plan> plan = in_use().find(layer)) return *plan;
    options.fixed_weights = false;  // a network is computed as it was trained
    if (const std::optional<Plan> plan = in_use().find_given(layer_of(engine, shape, options)))
        return in_use().add({layer, *plan});
    options.fixed_weights = given.fixed_weights;
    for (const auto& [known, plan] : read_memory(plan_memory()))
        if (known == key) return in_use().add({layer, plan});
    std::vector<Plan> candidates;
    for (const PerAxis& tile : ranked_tiles(shape, options)) {
        candidates.push_back({"fft", tile});
        if (candidates.size() == tiles_tried) break;
    }
    if (engine == "auto" && spatial_can(shape, options)) candidates.push_back({"spatial", 0});
    Plan best;
    double fastest = std::numeric_limits<double>::infinity();
    for (const Plan& candidate : candidates)
        if (const double seconds = seconds_of_forward(candidate, shape, options); seconds < fastest) {
            fastest = seconds;
            best = candidate;
        }
    std::vector<Remembered> plans = read_memory(plan_memory());  // what another process added meanwhile too
    plans.push_back({key, best});
    write_memory(plan_memory(), plans);
    return in_use().add({layer, best});
}

}  // namespace fftconv
