#pragma once
#include <filesystem>

#include "fftconv/dataset/images.hpp"

namespace fftconv {

/// Reads a file of SVHN's format 2 (cropped digits): MATLAB variables X, bytes (32, 32, 3, N), and y, (N, 1),
/// 1 … 10, where 10 is the digit 0. http://ufldl.stanford.edu/housenumbers/
/// @throws FileError when it cannot be read, is truncated or longer than its elements say, lacks a variable,
/// or has one of another type or shape, counts that differ, or a label out of range.
LabelledImages read_svhn(const std::filesystem::path& path);

}  // namespace fftconv
