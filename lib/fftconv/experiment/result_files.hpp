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

/// Joins the files of one run of fftconv-prune that was split by --points over
/// processes. @throws UsageError when their configurations or data sets differ; FileError when their
/// baselines or a point that two of them have do.
void merge_pruning(const std::filesystem::path& out, const std::vector<std::string>& parts);

}  // namespace fftconv
