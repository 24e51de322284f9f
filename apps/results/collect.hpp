#pragma once
#include <filesystem>
#include <string>
#include <vector>

namespace fftconv {

/// Puts result files into a collection: each of `named` is "NAME=FILE", where NAME is made of identifiers and
/// slashes ("figure_2a", "figure_3b/kernels"). Experiments of other names that `out` holds already stay; one
/// of the same name is replaced in its place.
/// @throws UsageError, FileError
void collect_results(const std::filesystem::path& out, const std::vector<std::string>& named);

}  // namespace fftconv
