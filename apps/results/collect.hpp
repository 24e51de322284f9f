#pragma once
#include <filesystem>
#include <string>
#include <vector>

namespace fftconv {

/// Puts result files into a collection: each of `named` is "NAME=FILE", where NAME is made of identifiers and
/// slashes ("figure_2a", "figure_3b/kernels"). What `out` holds already stays; an experiment of the same name
/// is replaced in its place, with `overwrite` alone. A run that is not finished is taken with `unfinished`
/// alone. Others that write to `out` are waited for.
/// @throws UsageError, FileError
void collect_results(const std::filesystem::path& out, const std::vector<std::string>& named, bool overwrite,
                     bool unfinished);

}  // namespace fftconv
