// Plans chosen by timing, and their memory.
#include "fftconv/convolution/measured_plan.hpp"

#include <boost/test/unit_test.hpp>
#include <cstdlib>
#include <fstream>
#include <map>
#include <sstream>

#include "fftconv/convolution/cost_model.hpp"
#include "fftconv/convolution/make_engine.hpp"
#include "fftconv/convolution/spatial/spatial.hpp"
#include "fftconv/convolution/spectral/spectral.hpp"
#include "fftconv/core/error.hpp"
#include "support/convolution_tester.hpp"
#include "support/temporary_folder.hpp"

using namespace fftconv;
using namespace fftconv::test;

namespace {

constexpr ConvolutionShape layer{
    .batch = 8, .in_channels = 9, .out_channels = 10, .height = 16, .width = 12, .kernel = 3, .padding = 1};

constexpr ConvolutionShape large{
    .batch = 16, .in_channels = 64, .out_channels = 64, .height = 32, .width = 32, .kernel = 5, .padding = 2};

/// Points FFTCONV_PLANS to a file in a folder that is not there yet.
struct Memory {
    TemporaryFolder folder;
    std::filesystem::path file = folder / "deep" / "plans";

    Memory() {
        ::setenv("FFTCONV_PLANS", file.c_str(), 1);
        use_plans({});  // forget those of other tests
    }
    ~Memory() { ::unsetenv("FFTCONV_PLANS"); }

    std::string text() const {
        std::ifstream in(file);
        return {std::istreambuf_iterator<char>(in), {}};
    }
    /// What another run finds there.
    void write(const std::string& text) const {
        std::ofstream(file) << text;
        use_plans({});
    }
};

std::string text_of_variable(const char* name) {
    const char* value = std::getenv(name);
    return value ? value : "";
}

}  // namespace

BOOST_AUTO_TEST_SUITE(measured_plans)

BOOST_AUTO_TEST_CASE(a_plan_is_one_of_the_candidates_and_remembered) {
    const Memory memory;
    for (const std::string engine : {"fft", "auto"})
        for (int mode : {no_mode, 1}) {
            const ConvolutionOptions options{.mode = mode};
            const Plan plan = measured_plan(engine, layer, options);
            const std::vector<PerAxis> tiles = ranked_tiles(layer, options);
            if (engine == "fft" || plan.engine != "spatial")
                BOOST_TEST(std::count(tiles.begin(), tiles.end(), plan.tile) == 1);
            BOOST_TEST((measured_plan(engine, layer, options) == plan));
        }
    const std::string lines = memory.text();
    BOOST_TEST(std::count(lines.begin(), lines.end(), '\n') == 4);
    BOOST_TEST(std::distance(std::filesystem::directory_iterator(memory.file.parent_path()),
                             std::filesystem::directory_iterator()) == 1);
}

BOOST_AUTO_TEST_CASE(every_option_that_matters_has_a_plan_of_its_own) {
    const Memory memory;
    int lines = 0;
    for (const ConvolutionOptions& options :
         {ConvolutionOptions{}, ConvolutionOptions{.mode = 0},
          ConvolutionOptions{.mode = 0, .inverse = Inverse::full}, ConvolutionOptions{.threads = 2},
          ConvolutionOptions{.fixed_weights = true}, ConvolutionOptions{.surviving = 0.5}}) {
        use_plans({});  // a run keeps to a layer's plan with any number of threads
        measured_plan("fft", layer, options);
        const std::string text = memory.text();
        BOOST_TEST(std::count(text.begin(), text.end(), '\n') == ++lines);
    }
}

BOOST_AUTO_TEST_CASE(layers_that_differ_in_one_number_have_plans_of_their_own) {
    const Memory memory;
    const ConvolutionShape first{.batch = 8,
                                 .in_channels = 4,
                                 .out_channels = 6,
                                 .height = 12,
                                 .width = 12,
                                 .kernel = 3,
                                 .padding = 1};
    std::vector<ConvolutionShape> shapes(12, first);
    shapes[1].batch = 9;
    shapes[2].in_channels = 6;
    shapes[3].out_channels = 4;
    shapes[4].height = 11;
    shapes[5].width = 11;
    shapes[6].kernel = {3, 2};
    shapes[7].padding = {1, 1, 0, 1};
    shapes[8].stride = 2;
    shapes[9].stride = {1, 2};
    shapes[10].dilation = 2;
    shapes[11].groups = 2;
    for (std::size_t i = 0; i < shapes.size(); ++i) {
        measured_plan("fft", shapes[i], {});
        BOOST_TEST(plans_in_use().size() == i + 1);
        const std::string lines = memory.text();
        BOOST_TEST(std::count(lines.begin(), lines.end(), '\n') == std::ptrdiff_t(i + 1));
    }
}

BOOST_AUTO_TEST_CASE(a_plan_follows_the_share_of_kernels) {
    const Plan dense = plan_layer("auto", large, {}), few = plan_layer("auto", large, {.surviving = 0.01});
    BOOST_TEST(dense.engine == "fft");
    BOOST_TEST(dense.tile == choose_tile(large, {}));
    BOOST_TEST(few.engine == "spatial");
    BOOST_TEST((plan_layer("auto", large, {.tile = 12}) == Plan{"fft", 12}));
    BOOST_TEST((plan_layer("fft", large, {}) == Plan{"fft", 0}));
    BOOST_TEST(surviving_share({}) == 1);
    BOOST_TEST(surviving_share(std::vector<std::uint8_t>{1, 0, 0, 0}) == 0.25);
}

// Either engine is some times faster than the other here; where the machine does much else, in one of several
// tries.
BOOST_AUTO_TEST_CASE(the_fastest_is_chosen_for_the_kernels_that_survive,
                     *boost::unit_test::enable_if<!FFTCONV_SANITIZED>()) {
    const auto fastest = [](double surviving, const std::string& engine) {
        for (int attempt = 0; attempt < 5; ++attempt) {
            const Memory memory;
            if (measured_plan("auto", large, {.surviving = surviving}).engine == engine) return true;
        }
        return false;
    };
    BOOST_TEST(fastest(1, "fft"));
    BOOST_TEST(fastest(0.01, "spatial"));
}

BOOST_AUTO_TEST_CASE(fixed_weights_allow_larger_tiles) {
    BOOST_TEST(tile_cost(large, {}, 36).kernels > 0);
    BOOST_TEST(tile_cost(large, {.fixed_weights = true}, 36).kernels == 0);
    BOOST_TEST(choose_tile(large, {.fixed_weights = true}) > choose_tile(large, {}));
}

BOOST_AUTO_TEST_CASE(what_is_remembered_is_used) {
    const Memory memory;
    measured_plan("auto", layer, {});
    const std::string key = memory.text().substr(0, memory.text().find('\t'));
    memory.write(key + "\tspatial\t0\n");
    BOOST_TEST(dynamic_cast<SpatialConvolution*>(make_engine("auto", layer, {.measure = true}).get()));
    memory.write(key + "\tfft\t20\n");
    const auto engine = make_engine("auto", layer, {.measure = true});
    BOOST_REQUIRE(dynamic_cast<SpectralConvolution*>(engine.get()));
    BOOST_TEST(dynamic_cast<SpectralConvolution&>(*engine).tile() == 20);
    ConvolutionTester tester(layer);
    engine->set_weights(tester.weights());
    tester.check_passes(*engine);
    // Another layer is measured, what is given is left alone, and the model needs no memory.
    ConvolutionShape other = layer;
    other.batch = 9;
    make_engine("auto", other, {.measure = true});
    BOOST_TEST(memory.text().starts_with(key + "\tfft\t20\n"));
    const std::string lines = memory.text();
    BOOST_TEST(std::count(lines.begin(), lines.end(), '\n') == 2);
    const auto given = make_engine("fft", layer, {.tile = 12, .measure = true});
    BOOST_TEST(dynamic_cast<SpectralConvolution&>(*given).tile() == 12);
}

// A run that is resumed is computed by the plans that it began with, whatever the memory says by now.
BOOST_AUTO_TEST_CASE(plans_in_use_hold) {
    const Memory memory;
    const Plan plan = measured_plan("fft", layer, {});
    const std::vector<std::string> lines = plans_in_use();
    BOOST_TEST_REQUIRE(lines.size() == 1u);
    const int other = plan.tile == 8 ? 16 : 8;
    const std::string begin = lines.front().substr(0, lines.front().rfind('\t') + 1);
    use_plans({begin + std::to_string(other)});
    for (int threads : {1, 2}) BOOST_TEST(measured_plan("fft", layer, {.threads = threads}).tile == other);
    BOOST_CHECK_THROW(use_plans({"nonsense"}), UsageError);
}

// A network is tested by the plans that a run was told to use for its training. What comes from the memory is
// in use as well, so that a run can say by which plans it was computed.
BOOST_AUTO_TEST_CASE(plans_of_training_serve_fixed_weights_and_those_remembered_are_in_use) {
    const Memory memory;
    const Plan plan = measured_plan("fft", layer, {});
    const std::string line = plans_in_use().front(), begin = line.substr(0, line.rfind('\t') + 1);
    use_plans({});
    BOOST_TEST((measured_plan("fft", layer, {}) == plan));  // from the memory
    BOOST_TEST_REQUIRE(plans_in_use().size() == 1u);
    BOOST_TEST(plans_in_use().front() == line);
    for (const int given : {8, 16}) {
        use_plans({begin + std::to_string(given)});
        BOOST_TEST(measured_plan("fft", layer, {.fixed_weights = true}).tile == given);
        BOOST_TEST(plans_in_use().size() == 2u);
        BOOST_TEST(measured_plan("fft", layer, {}).tile == given);
    }
}

// A memory that cannot be read or written costs the measurement and a warning, not the run.
BOOST_AUTO_TEST_CASE(a_damaged_memory_is_left_out_and_what_can_be_read_stays) {
    const Memory memory;
    const Plan plan = measured_plan("fft", layer, {});
    const std::string good = memory.text();
    for (const std::string bad : {"nonsense", "layer\twinograd\t4", "layer\tfft\tfour", "layer\tfft\t-4",
                                  "layer\tfft", "half a li"}) {
        memory.write(bad + "\n" + good);
        BOOST_TEST((measured_plan("fft", layer, {}) == plan));  // from the memory
        BOOST_TEST(memory.text() == bad + "\n" + good);
        use_plans({});
        measured_plan("fft", layer, {.threads = 2});
        BOOST_TEST(memory.text().starts_with(good), "the good line stays, the bad one goes");
    }
    for (const char* place : {"/dev/null/plans", "/proc/plans", "/"}) {
        ::setenv("FFTCONV_PLANS", place, 1);
        use_plans({});
        BOOST_CHECK_NO_THROW(measured_plan("fft", layer, {}));
    }
}

BOOST_AUTO_TEST_CASE(the_memory_is_found_by_variables_that_are_not_empty) {
    const std::map<std::string, std::string> before{{"XDG_CACHE_HOME", text_of_variable("XDG_CACHE_HOME")},
                                                    {"HOME", text_of_variable("HOME")}};
    const auto found = [](const char* plans, const char* cache, const char* home) {
        ::setenv("FFTCONV_PLANS", plans, 1);
        ::setenv("XDG_CACHE_HOME", cache, 1);
        ::setenv("HOME", home, 1);
        return plan_memory();
    };
    BOOST_TEST(found("plans", "/cache", "/home/user") == "plans");
    BOOST_TEST(found("", "/cache", "/home/user") == "/cache/fftconv/plans");
    BOOST_TEST(found("", "", "/home/user") == "/home/user/.cache/fftconv/plans");
    BOOST_TEST(found("", "cache", "/home/user") == "/home/user/.cache/fftconv/plans");
    BOOST_TEST(found("", "", "") == "");
    BOOST_TEST(measured_plan("fft", layer, {}).engine == "fft");  // and nothing is written
    for (const auto& [name, value] : before) ::setenv(name.c_str(), value.c_str(), 1);
    ::unsetenv("FFTCONV_PLANS");
}

BOOST_AUTO_TEST_SUITE_END()
