#pragma once
#include <cstdint>
#include <filesystem>
#include <vector>

namespace fftconv {

/// The bytes of an ordinary file, or of what a link to one leads to. Opening anything else, a FIFO or a
/// device, could wait for ever or read without end.
/// @throws FileError when it is something else, or not there.
std::uintmax_t size_of_ordinary_file(const std::filesystem::path& file);

/// All bytes of an ordinary file, of which there are no more than `most`.
/// @throws FileError when there are more, or it cannot be read whole.
std::vector<std::uint8_t> read_ordinary_file(const std::filesystem::path& file, std::uintmax_t most);

}  // namespace fftconv
