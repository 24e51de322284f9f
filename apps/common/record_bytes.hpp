#pragma once
#include <vector>

#include "fftconv/storage/results.hpp"

namespace fftconv {

/// Curves and tables of a record as bytes, bit for bit, for another process of the same program.
std::vector<char> bytes_of(const ResultRecord& record);
/// @throws Error when they are not those of bytes_of.
ResultRecord record_of(const std::vector<char>& bytes);

}  // namespace fftconv
