#pragma once
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "fftconv/convolution/engine.hpp"
#include "fftconv/core/names.hpp"
#include "fftconv/core/public.hpp"

namespace FFTCONV_PUBLIC fftconv {

/// The engines: "fft" (SpectralConvolution), "spatial" (SpatialConvolution), "direct" (DirectConvolution),
/// and "auto": whichever of the first two the cost model expects to be faster for the layer, and for the
/// share of its kernels that survives (ConvolutionOptions::surviving).
inline constexpr auto engine_names =
    names<std::string_view>("engine", {{"fft", "fft"},
                                       {"spatial", "spatial"},
                                       {"direct", "direct"},
                                       {"auto", "auto", "fft or spatial, layer by layer"}});

/// An engine by its name. With `measure`, what is not given (the tile, or with "auto" the engine as well)
/// comes from measured_plan. @throws UsageError on another name.
std::unique_ptr<ConvolutionEngine> make_engine(const std::string& name, const ConvolutionShape& shape,
                                               const ConvolutionOptions& options);

/// An engine and, for "fft", the tile (ConvolutionOptions::tile).
struct Plan {
    std::string engine;  ///< "fft", "spatial" or "direct"
    PerAxis tile = 0;    ///< 0: chosen when the engine is made
    bool operator==(const Plan&) const = default;
};

/// Resolves these arguments to an engine and a tile: what they name, and of "auto" (or with `measure`, where
/// no tile is given) what the cost model or measured_plan chooses.
Plan plan_layer(const std::string& engine, const ConvolutionShape& shape, const ConvolutionOptions& options);

}  // namespace fftconv
