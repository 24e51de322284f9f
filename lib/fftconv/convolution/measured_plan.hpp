#pragma once
#include <filesystem>
#include <string>

#include "fftconv/convolution/make_engine.hpp"

namespace fftconv {

/// The file of measured plans, a line each: the variable FFTCONV_PLANS, else fftconv/plans in XDG_CACHE_HOME
/// or in .cache of HOME. A variable that is empty counts as unset, and so do relative ones of the last two,
/// as the XDG base directory specification has it. Without any of them the path is empty and plans are not
/// remembered.
std::filesystem::path plan_memory();

/// The fastest plan for a layer on this machine: of "fft" with the few tiles that the cost model likes best
/// and, for "auto", of "spatial" as well, by timing forward on random numbers. Remembered in the plan memory,
/// and taken from there when it has this layer with these options on this processor.
/// @throws FileError when the memory is damaged or cannot be written.
Plan measured_plan(const std::string& engine, const ConvolutionShape& shape,
                   const ConvolutionOptions& options);

}  // namespace fftconv
