#pragma once
#include <cstddef>
#include <filesystem>
#include <span>

namespace fftconv {

/// Replaces the contents of `file`, or creates it, atomically: whoever looks, and whenever the process or the
/// machine stops, sees the old contents or the new, never a part. The bytes go to `file`.partial in the same
/// folder, reach the disk (fsync), and take the name (rename); the folder is then synced too. What a killed
/// process left under the partial name is overwritten by the next, and writers of the same file take turns.
/// @throws FileError when that fails; the old contents then stand, and no partial file stays.
void replace_file(const std::filesystem::path& file, std::span<const std::byte> contents);

}  // namespace fftconv
