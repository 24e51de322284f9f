#include "fftconv/convolution/measured_plan.hpp"

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <limits>
#include <sstream>
#include <vector>

#include "fftconv/convolution/cost_model.hpp"
#include "fftconv/convolution/make_engine.hpp"
#include "fftconv/convolution/simd/target_name.hpp"
#include "fftconv/convolution/spatial/spatial.hpp"
#include "fftconv/core/clock.hpp"
#include "fftconv/core/error.hpp"
#include "fftconv/core/processor.hpp"
#include "fftconv/core/random.hpp"

namespace fftconv {
namespace {

constexpr int tiles_tried = 4;  // the cheapest in the model
constexpr int calls = 3;        // of each candidate; the fastest counts

/// What a plan depends on, in one line without tabs.
std::string key_of(const std::string& engine, const ConvolutionShape& s, const ConvolutionOptions& options) {
    std::ostringstream key;
    key << processor_name() << ", " << simd_target_name() << ", " << engine << ", " << to_string(s)
        << ", batch " << s.batch << ", mode " << options.mode
        << (options.mode != no_mode && options.inverse == Inverse::full ? " full" : "") << ", threads "
        << options.threads;
    if (options.surviving < 1) key << ", surviving " << options.surviving;
    if (options.fixed_weights) key << ", fixed weights";
    return key.str();
}

struct Remembered {
    std::string key;
    Plan plan;
};

/// "36", or of tiles that are not square "24x36".
std::string tile_text(const PerAxis& tile) {
    return tile == tile.vertical ? std::to_string(tile.vertical) : to_string(tile);
}

PerAxis tile_of(const std::string& text, char** end) {
    const int vertical = int(std::strtol(text.c_str(), end, 10));
    if (**end != 'x') return vertical;
    return {vertical, int(std::strtol(*end + 1, end, 10))};
}

/// Lines "key<tab>engine<tab>tile".
std::vector<Remembered> read_memory(const std::filesystem::path& file) {
    std::vector<Remembered> plans;
    std::ifstream in(file);
    int number = 0;
    for (std::string line; std::getline(in, line);) {
        ++number;
        std::istringstream fields(line);
        Remembered found;
        std::string tile;
        char* end = nullptr;
        if (std::getline(fields, found.key, '\t') && std::getline(fields, found.plan.engine, '\t') &&
            std::getline(fields, tile))
            found.plan.tile = tile_of(tile, &end);
        const bool known = found.plan.engine == "fft" || found.plan.engine == "spatial";
        if (!end || *end != '\0' || tile.empty() || !known || found.plan.tile.vertical < 0 ||
            found.plan.tile.horizontal < 0)
            throw FileError(file.string(), "line " + std::to_string(number),
                            "a layer, fft or spatial, and a tile, with tabs between them (delete the file to "
                            "measure again)",
                            line);
        plans.push_back(std::move(found));
    }
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
    std::error_code failed;
    std::filesystem::create_directories(file.parent_path(), failed);
    const std::filesystem::path part = file.string() + "." + std::to_string(ticks()) + ".part";
    {
        std::ofstream out(part);
        for (const auto& [key, plan] : plans)
            out << key << '\t' << plan.engine << '\t' << tile_text(plan.tile) << '\n';
        if (!out.flush())
            throw FileError(file.string(), "plan memory", "a place that can be written", "no way to write");
    }
    std::filesystem::rename(part, file, failed);
    if (failed) throw FileError(file.string(), "plan memory", "a file to replace", failed.message());
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

Plan measured_plan(const std::string& engine, const ConvolutionShape& shape,
                   const ConvolutionOptions& given) {
    ConvolutionOptions options = given;
    options.measure = false;
    const std::string key = key_of(engine, shape, options);
    for (const auto& [known, plan] : read_memory(plan_memory()))
        if (known == key) return plan;
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
    return best;
}

}  // namespace fftconv
