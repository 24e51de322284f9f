#include "fftconv/core/error.hpp"

#include <utility>

namespace fftconv {

FileError::FileError(std::string file, std::string field, std::string expected, std::string found)
    : Error(file + ": " + field + ": expected " + expected + ", found " + found),
      file_(std::move(file)),
      field_(std::move(field)),
      expected_(std::move(expected)),
      found_(std::move(found)) {}

}  // namespace fftconv
