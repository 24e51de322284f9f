#pragma once
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "fuzz/mutator.hpp"

namespace fftconv::test {

/// What a reader made of a file. A file that was damaged and reads differently must say so by its digest,
/// which every record of a run keeps; where the format has checksums of its own, the digest is empty.
struct Reading {
    std::string content;  ///< SHA-256 of all that was read
    std::string digest;   ///< what the reader says that the file is
};

/// A way into the library from a file.
struct Reader {
    std::string name;
    std::string file;          ///< what the file is called, in a folder of its own
    std::vector<Bytes> seeds;  ///< files that it reads
    /// Reads it. @throws fftconv::Error when the file is refused.
    std::function<Reading(const std::filesystem::path&)> read;
    bool has_digest = true;  ///< or nothing can tell a flipped bit: TOML that a person typed
};

/// All of them. `folder` takes the files that the seeds are made of.
std::vector<Reader> readers(const std::filesystem::path& folder);

}  // namespace fftconv::test
