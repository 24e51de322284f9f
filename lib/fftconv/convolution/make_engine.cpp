#include "fftconv/convolution/make_engine.hpp"

#include "fftconv/convolution/cost_model.hpp"
#include "fftconv/convolution/direct.hpp"
#include "fftconv/convolution/measured_plan.hpp"
#include "fftconv/convolution/spatial/spatial.hpp"
#include "fftconv/convolution/spectral/spectral.hpp"
#include "fftconv/core/error.hpp"

namespace fftconv {

Plan plan_layer(const std::string& engine, const ConvolutionShape& shape, const ConvolutionOptions& options) {
    check_layer(shape, options);
    const bool chosen = engine == "auto" || engine == "fft";
    if (chosen && options.measure && options.tile == 0) return measured_plan(engine, shape, options);
    if (engine != "auto") return {engine, options.tile};
    const std::string cheaper = choose_engine(shape, options);
    if (cheaper != "fft" || options.tile != 0) return {cheaper, options.tile};
    return {cheaper, ranked_tiles(shape, options).front()};
}

std::unique_ptr<ConvolutionEngine> make_engine(const std::string& name, const ConvolutionShape& shape,
                                               const ConvolutionOptions& options) {
    const Plan plan = plan_layer(name, shape, options);
    ConvolutionOptions planned = options;
    planned.measure = false;
    planned.tile = plan.tile;
    if (plan.engine == "fft") return std::make_unique<SpectralConvolution>(shape, planned);
    if (plan.engine == "direct") return std::make_unique<DirectConvolution>(shape, planned);
    if (plan.engine == "spatial") return std::make_unique<SpatialConvolution>(shape, planned);
    throw_unknown_name(engine_names.choice(), engine_names.list(), name);
}

}  // namespace fftconv
