#pragma once
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>

namespace fftconv {

/// SHA-256 of bytes, 64 hexadecimal digits, as sha256sum prints it.
std::string sha256(std::span<const std::uint8_t> bytes);

/// SHA-256 of a file's bytes. @throws FileError when it cannot be read.
std::string sha256_of_file(const std::filesystem::path& path);

}  // namespace fftconv
