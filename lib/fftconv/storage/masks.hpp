#pragma once
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "fftconv/core/public.hpp"
#include "fftconv/pruning/mask.hpp"
#include "fftconv/storage/file_header.hpp"

namespace FFTCONV_PUBLIC fftconv {

/// How a mask was found: /search. Candidate i has seed[i] and validation_mcr[i].
struct MaskSearch {
    std::string criterion;                    ///< "best-of-n", "weight-sum", …
    std::string granularity;                  ///< "feature-map", "kernel", …
    double ratio = 0;                         ///< requested share of pruned units, 0 to 1
    std::int64_t selected = 0;                ///< index of the winning candidate
    std::vector<std::uint64_t> seed;          ///< (N)
    std::vector<double> validation_mcr = {};  ///< (N), percent

    bool operator==(const MaskSearch&) const = default;
};

/// A mask file: usable on a network that was trained elsewhere.
struct MaskRecord {
    std::string resolved_toml;  ///< the whole configuration of the run, defaults included
    /// What the search saw.
    DatasetRecord dataset = {};
    MaskSearch search;              ///< how the mask was found
    std::vector<LayerMask> masks;   ///< in the network's order
    std::string checkpoint_sha256;  ///< of the checkpoint that was pruned, or empty

    bool operator==(const MaskRecord&) const = default;
};

/// Replaces `file` atomically: afterwards it is whole, old or new, even if the process is killed.
/// @throws FileError when it cannot be written (nothing half-written stays) or a size does not fit.
void write_masks(const std::filesystem::path& file, const MaskRecord& record);
/// @throws FileError naming file, field, expected and found.
MaskRecord read_masks(const std::filesystem::path& file);

}  // namespace fftconv
