#pragma once
#include <cstdint>
#include <map>
#include <string>
#include <variant>
#include <vector>

namespace fftconv {

/// One option's value as TOML knows it.
using OptionValue = std::variant<bool, std::int64_t, double, std::string, std::vector<std::string>>;

/// The values of an app's options by their names.
using Configuration = std::map<std::string, OptionValue>;

/// A TOML document, a line per value, sorted by name.
std::string to_toml(const Configuration& configuration);
/// The values of a TOML document without tables; elements of arrays become text. `file` is for messages.
/// @throws UsageError naming file, and line or key.
Configuration parse_toml(const std::string& text, const std::string& file);

/// The app whose options these are: recorded under this name, or, by older versions, told by an option that
/// no other app has. Empty when nothing tells.
inline constexpr const char* app_key = "app";
std::string app_of(const Configuration& configuration);

/// The configuration in a file: a TOML document (also from a pipe), or the one that an HDF5 file of ours
/// records, with its app. @throws UsageError when it cannot be read, FileError when it is a damaged file of
/// ours.
Configuration read_configuration(const std::string& file);
/// Whether a file is one of ours, whatever its name, and not a TOML document.
bool is_recorded_configuration(const std::string& file);

/// A value as people write it: 0.5, true, text, [a, b].
std::string text_of(const OptionValue& value);

}  // namespace fftconv
