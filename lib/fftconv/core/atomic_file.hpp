#pragma once
#include <cstddef>
#include <filesystem>
#include <span>

namespace fftconv {

/// Replaces the contents of `file`, or creates it, atomically: whoever looks, and whenever the process or the
/// machine stops, sees the old contents or the new, never a part. The bytes go to a fresh file
/// `file`.partial-PID-N in the same folder, reach the disk (fsync), and take the name (rename); the folder is
/// then synced too. The new file has the mode of the old one; where `file` is a link, what it leads to is
/// replaced. Partial files that killed processes left are removed. Of writers at the same time the last wins.
/// Going beyond the limit of file sizes (`ulimit -f`) is an error like a full disk, and no signal.
/// @throws FileError when that fails or the old file is read-only; the old contents then stand, and no
/// partial file stays.
void replace_file(const std::filesystem::path& file, std::span<const std::byte> contents);

/// Before long work: @throws FileError when `file` is there and replace_file would refuse to replace it.
void require_replaceable(const std::filesystem::path& file);

}  // namespace fftconv
