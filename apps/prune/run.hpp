#pragma once
#include <filesystem>

#include "common/options.hpp"
#include "prune/options.hpp"

namespace fftconv {

/// Prunes as the options say, or resumes what --out has; then reports. Every candidate, mask, retrained
/// network and result is saved as soon as it is found.
/// @throws Interrupted, with the command that resumes it; UsageError, FileError.
void run_pruning(PruneOptions& prune, Options& options);

/// Prints the tables of a result file, with what the paper states, and draws its figures.
void report_pruning(const std::filesystem::path& file, const std::filesystem::path& figures);

}  // namespace fftconv
