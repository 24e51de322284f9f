#pragma once
#include <filesystem>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "fftconv/core/named_array.hpp"
#include "fftconv/storage/checkpoint.hpp"
#include "fftconv/storage/hdf5/hdf5.hpp"

// The parts that several kinds of file share; README.md shows the layout.
namespace fftconv::storage {

/// A group's header: of the whole file, or of one experiment of a collection.
void write_header(hdf5::Group& group, const FileHeader& header);
/// @throws FileError when the group has none, or one of a newer major schema.
FileHeader read_header(const hdf5::Group& group);
/// What this library would write now, as a file of this kind.
FileHeader present_header(const std::string& kind);
/// config and dataset of a run.
void write_run(hdf5::Group& parent, const std::string& resolved_toml, const DatasetRecord& dataset);

/// Writes a file of this kind: the header, and what `fill` adds.
void write_file(const std::filesystem::path& path, const std::string& kind,
                const std::function<void(hdf5::Group& root)>& fill);
/// The same with /config and /dataset.
void write_file(const std::filesystem::path& path, const std::string& kind, const std::string& resolved_toml,
                const DatasetRecord& dataset, const std::function<void(hdf5::Group& root)>& fill);
/// An existing file. @throws FileError when it is of another kind or a newer major schema.
hdf5::File open_file(const std::filesystem::path& path, const std::string& kind);
std::string read_resolved_toml(const hdf5::Group& root);
DatasetRecord read_dataset_record(const hdf5::Group& root);

/// @throws FileError naming the first value that is not finite, and where it is.
void check_finite(const std::string& file, const std::string& field, std::span<const float> values);
void check_finite(const std::string& file, const std::string& field, std::span<const double> values);

/// @throws FileError naming the first value that is not 0 to 100, and where it is.
void check_percentages(const std::string& file, const std::string& field, std::span<const double> values);

/// The arrays below a group, at the paths that their names are; all of their values are finite.
void write_arrays(hdf5::Group& group, const std::vector<NamedArray>& arrays);
std::vector<NamedArray> read_arrays(const hdf5::Group& group);

/// /mask; there is none without masks.
void write_layer_masks(hdf5::Group& root, const std::vector<LayerMask>& masks);
std::vector<LayerMask> read_layer_masks(const hdf5::Group& root);

/// /parent; there is none without a digest.
void write_parent(hdf5::Group& root, const std::string& checkpoint_sha256);
std::string read_parent(const hdf5::Group& root);

/// /curves; there is none without curves.
void write_curves(hdf5::Group& root, const std::vector<Curve>& curves);
std::vector<Curve> read_curves(const hdf5::Group& root);

/// /random.
void write_streams(hdf5::Group& root, const std::vector<StreamPosition>& streams);
std::vector<StreamPosition> read_streams(const hdf5::Group& root);

}  // namespace fftconv::storage
