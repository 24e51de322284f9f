#pragma once
#include <stdexcept>
#include <string>

#include "fftconv/core/public.hpp"

namespace FFTCONV_PUBLIC fftconv {

/// A user's error: something given to the library or an app was not what it must be. Apps exit with status 1.
class Error : public std::runtime_error {
  public:
    using std::runtime_error::runtime_error;
};

/// Wrong usage: an option or argument that cannot be taken. Apps exit with status 2.
class UsageError : public Error {
  public:
    using Error::Error;
};

/// A file that is not what it must be. The message reads `file: field: expected …, found …`.
class FileError : public Error {
  public:
    /// Makes the message of its four parts.
    FileError(std::string file, std::string field, std::string expected, std::string found);

    /// The file's path.
    const std::string& file() const { return file_; }
    /// What in the file is wrong: an array, an attribute, a line.
    const std::string& field() const { return field_; }
    /// What it must be.
    const std::string& expected() const { return expected_; }
    /// What it is.
    const std::string& found() const { return found_; }

  private:
    std::string file_, field_, expected_, found_;
};

/// Tensors or arrays whose shapes do not fit the operation; the message names both shapes.
class ShapeError : public Error {
  public:
    using Error::Error;
};

}  // namespace fftconv
