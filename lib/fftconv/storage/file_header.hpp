#pragma once
#include <cstdint>
#include <filesystem>
#include <string>

#include "fftconv/core/public.hpp"

namespace FFTCONV_PUBLIC fftconv {

/// What every fftconv file says about itself: the attributes of its root group.
struct FileHeader {
    std::string kind;  ///< "checkpoint", "mask", "result" or "collection"
    std::string
        schema_version;  ///< "major.minor": readers refuse a newer major, and ignore what a minor adds
    std::string library_version;  ///< of the library that wrote the file
    std::string git_commit;       ///< of the library that wrote the file, or "unknown"
    /// Whether that commit's tree had changes.
    bool git_dirty = false;
    std::string created_utc;  ///< ISO 8601, "2026-01-31T23:59:59Z"
};

/// The data that a run saw: /dataset.
struct DatasetRecord {
    std::string name;              ///< "mnist", …
    std::string sha256;            ///< of the files as read, 64 hexadecimal digits
    std::uint64_t split_seed = 0;  ///< seed of the split into training and validation images
    std::int64_t n_train = 0, n_validation = 0, n_test = 0;  ///< images

    bool operator==(const DatasetRecord&) const = default;
};

/// Reads the root attributes of any fftconv file, whatever its kind.
/// @throws FileError when the file is no fftconv file, is damaged, or has a newer major schema.
FileHeader read_file_header(const std::filesystem::path& file);

}  // namespace fftconv
