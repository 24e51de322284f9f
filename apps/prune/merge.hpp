#pragma once
#include <string>
#include <vector>

#include "common/process.hpp"

namespace fftconv {

/// Joins the files of one run of fftconv-prune that was split by --points over processes. Nothing is written
/// unless every part and every point is there, once.
/// @throws UsageError when a part is missing or given twice, when configurations differ, or when the output
/// is one of the parts or exists; FileError when data sets, baselines, a point that two files have or the
/// plans of a layer differ.
void merge_pruning(const OutputOptions& output, const std::vector<std::string>& parts);

}  // namespace fftconv
