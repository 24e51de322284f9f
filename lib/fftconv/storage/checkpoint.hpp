#pragma once
#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "fftconv/core/named_array.hpp"
#include "fftconv/core/public.hpp"
#include "fftconv/storage/file_header.hpp"
#include "fftconv/storage/masks.hpp"
#include "fftconv/storage/results.hpp"

namespace FFTCONV_PUBLIC fftconv {

/// Where a named random stream stands: RandomStream(seed, stream, position) continues it.
struct StreamPosition {
    /// Its name.
    std::string stream;
    /// Of the stream.
    std::uint64_t seed = 0;
    /// Numbers drawn.
    std::uint64_t position = 0;

    bool operator==(const StreamPosition&) const = default;
};

/// Where training stands: /state.
struct TrainingState {
    std::int64_t epoch = 0;                ///< epochs completed
    std::int64_t step = 0;                 ///< batches completed since the first epoch began
    std::map<std::string, double> values;  ///< "best_validation_mcr", "best_epoch", "learning_rate", …

    bool operator==(const TrainingState&) const = default;
};

/// A network and all that its training needs to resume bit for bit. Names of arrays begin with their layer's.
struct Checkpoint {
    std::string architecture;                 ///< as the architecture parser reads it
    std::vector<std::string> layer_names;     ///< in the network's order
    std::vector<NamedArray> model;            ///< "conv1/weight", "conv1/bias", …
    std::vector<LayerMask> masks;             ///< of pruned layers
    std::string optimizer;                    ///< "adam", …; empty: none stored
    std::vector<NamedArray> optimizer_state;  ///< "conv1/weight/first_moment", …
    /// Epochs, steps, best result.
    TrainingState state;
    /// Of each random stream.
    std::vector<StreamPosition> random;
    /// The training's own first.
    std::vector<Curve> curves;
    std::string resolved_toml;  ///< the whole configuration of the run, defaults included
    /// What the run saw.
    DatasetRecord dataset;
    std::vector<NamedArray> extra;  ///< e.g. "preprocessing/zca"
    std::string parent_sha256{};    ///< of the file of the network that this one was pruned from, or empty

    bool operator==(const Checkpoint&) const = default;
};

/// Replaces `file` atomically: afterwards it is whole, old or new, even if the process is killed.
/// @throws FileError when it cannot be written (nothing half-written stays) or an array does not fit its
/// shape.
void write_checkpoint(const std::filesystem::path& file, const Checkpoint& checkpoint);
/// Arrays, masks, streams and curves come in the order in which they were written.
/// @throws FileError naming file, field, expected and found.
Checkpoint read_checkpoint(const std::filesystem::path& file);

}  // namespace fftconv
