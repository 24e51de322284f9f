#pragma once
#include <string>
#include <vector>

namespace fftconv {

/// What files have in common, as Markdown: misclassification rates and accuracies of rows of the same name
/// (points of fftconv-prune, methods of fftconv-ecp, trainings), those of the first file and how the others
/// differ, with 95 % intervals of the differences as if each were counted on images of its own. Files are
/// results or checkpoints. @throws UsageError on less than two; FileError
std::string comparison_text(const std::vector<std::string>& files);

}  // namespace fftconv
