#pragma once
#include <memory>
#include <string>
#include <vector>

#include "fftconv/convolution/engine.hpp"

namespace fftconv {

/// The engines: "fft" (SpectralConvolution), "spatial" (SpatialConvolution), "direct" (DirectConvolution),
/// and "auto": whichever of the first two the cost model expects to be faster for the layer, and for the
/// share of its kernels that survives (ConvolutionOptions::surviving).
const std::vector<std::string>& engine_names();

/// An engine by its name. With `measure`, what is not given (the tile, or with "auto" the engine as well)
/// comes from measured_plan. @throws UsageError on another name.
std::unique_ptr<ConvolutionEngine> make_engine(const std::string& name, const ConvolutionShape& shape,
                                               const ConvolutionOptions& options);

/// An engine and, for "fft", the tile (ConvolutionOptions::tile).
struct Plan {
    std::string engine;
    int tile = 0;
    bool operator==(const Plan&) const = default;
};

/// Resolves these arguments to an engine and a tile: what they name, and of "auto" (or with `measure`, where
/// no tile is given) what the cost model or measured_plan chooses.
Plan plan_layer(const std::string& engine, const ConvolutionShape& shape, const ConvolutionOptions& options);

}  // namespace fftconv
