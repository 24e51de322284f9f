#pragma once
#include <filesystem>
#include <string>
#include <vector>

namespace fftconv {

/// Joins the files of one run of fftconv-prune that was split by --points over
/// processes. @throws UsageError when their configurations or data sets differ; FileError when their
/// baselines or a point that two of them have do.
void merge_pruning(const std::filesystem::path& out, const std::vector<std::string>& parts);

}  // namespace fftconv
