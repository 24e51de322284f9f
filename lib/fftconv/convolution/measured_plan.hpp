#pragma once
#include <filesystem>
#include <string>
#include <vector>

#include "fftconv/convolution/make_engine.hpp"

namespace fftconv {

/// The file of measured plans, a line each: the variable FFTCONV_PLANS, else fftconv/plans in XDG_CACHE_HOME
/// or in .cache of HOME. A variable that is empty counts as unset, and so do relative ones of the last two,
/// as the XDG base directory specification has it. Without any of them the path is empty and plans are not
/// remembered.
std::filesystem::path plan_memory();

/// The fastest plan for a layer on this machine: of "fft" with the few tiles that the cost model likes best
/// and, for "auto", of "spatial" as well, by timing forward on random numbers. Taken from the plans in use
/// (use_plans), or from the plan memory when it has this layer with these options on this processor;
/// remembered in both.
/// A memory that cannot be read or written costs a warning on the standard error output, and the measurement.
Plan measured_plan(const std::string& engine, const ConvolutionShape& shape,
                   const ConvolutionOptions& options);

/// The plans that this process has used so far, a line for each layer: to be stored with what was computed
/// by them, since another plan rounds otherwise. Safe from any thread.
std::vector<std::string> plans_in_use();

/// From here on measured_plan answers with these plans, on any machine and with any number of threads,
/// before it looks for others. @throws UsageError on a line that is not one of plans_in_use.
void use_plans(const std::vector<std::string>& lines);

}  // namespace fftconv
