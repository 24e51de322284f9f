#include "common/configuration.hpp"

#include <spdlog/fmt/fmt.h>
#include <toml++/toml.h>

#include <filesystem>
#include <fstream>
#include <locale>
#include <sstream>
#include <string_view>

#include "fftconv/core/error.hpp"
#include "fftconv/storage/checkpoint.hpp"
#include "fftconv/storage/masks.hpp"
#include "fftconv/storage/results.hpp"

namespace fftconv {

namespace {

constexpr std::string_view hdf5_signature = "\x89HDF";

/// The same text whatever the locale.
std::ostringstream plain_stream() {
    std::ostringstream out;
    out.imbue(std::locale::classic());
    return out;
}

std::string printed(const toml::node& node) {
    if (auto text = node.value_exact<std::string>()) return *text;
    std::ostringstream out = plain_stream();
    node.visit([&](auto&& value) { out << value; });
    return out.str();
}

OptionValue value_of(const toml::node& node, const std::string& where) {
    if (node.is_table()) throw UsageError(where + ": expected a value, found a table");
    if (const auto* array = node.as_array()) {
        std::vector<std::string> values;
        for (const toml::node& element : *array) values.push_back(printed(element));
        return values;
    }
    if (auto truth = node.value_exact<bool>()) return *truth;
    if (auto integer = node.value_exact<std::int64_t>()) return *integer;
    if (auto number = node.value_exact<double>()) return *number;
    return printed(node);
}

void insert(toml::table& table, const std::string& name, const OptionValue& value) {
    if (const auto* list = std::get_if<std::vector<std::string>>(&value)) {
        toml::array array;
        for (const std::string& element : *list) array.push_back(element);
        table.insert(name, std::move(array));
        return;
    }
    std::visit(
        [&](const auto& single) {
            if constexpr (!std::is_same_v<std::decay_t<decltype(single)>, std::vector<std::string>>)
                table.insert(name, single);
        },
        value);
}

/// The configuration that a file of ours records.
std::string recorded_toml(const std::string& file) {
    const std::string kind = read_file_header(file).kind;
    if (kind == "checkpoint") return read_checkpoint(file).resolved_toml;
    if (kind == "mask") return read_masks(file).resolved_toml;
    if (kind == "result") return read_results(file).resolved_toml;
    throw FileError(file, "/ @kind", "'checkpoint', 'mask' or 'result', which hold one configuration",
                    "'" + kind + "'");
}

}  // namespace

std::string to_toml(const Configuration& configuration) {
    toml::table table;
    for (const auto& [name, value] : configuration) insert(table, name, value);
    std::ostringstream out = plain_stream();
    out << table << '\n';
    return out.str();
}

Configuration parse_toml(const std::string& text, const std::string& file) {
    toml::table table;
    try {
        table = toml::parse(text, file);
    } catch (const toml::parse_error& error) {
        throw UsageError(fmt::format("{}: line {}: expected TOML, found: {}", file, error.source().begin.line,
                                     error.description()));
    }
    Configuration found;
    for (auto&& [key, node] : table) {
        const std::string name(key.str());
        found[name] = value_of(node, file + ": key '" + name + "'");
    }
    return found;
}

std::string app_of(const Configuration& configuration) {
    if (const auto recorded = configuration.find(app_key); recorded != configuration.end())
        return text_of(recorded->second);
    for (const auto& [option, app] : {std::pair{"criterion", "fftconv-prune"},
                                      {"convolution-rounds", "fftconv-ecp"},
                                      {"peer", "fftconv-bench"},
                                      {"schedule", "fftconv-train"},
                                      {"timing-rounds", "fftconv-evaluate"}})
        if (configuration.contains(option)) return app;
    return "";
}

bool is_recorded_configuration(const std::string& file) {
    std::error_code ignored;
    if (!std::filesystem::is_regular_file(file, ignored)) return false;  // a pipe is read once
    std::string text(hdf5_signature.size(), '\0');
    std::ifstream(file, std::ios::binary).read(text.data(), std::streamsize(text.size()));
    return text == hdf5_signature;
}

Configuration read_configuration(const std::string& file) {
    std::error_code ignored;
    if (std::filesystem::is_directory(file, ignored))
        throw UsageError("--config: " + file + ": expected a file, found a folder");
    std::ifstream in(file, std::ios::binary);
    if (!in) throw UsageError("--config: " + file + ": cannot be read");
    constexpr std::size_t most = 1 << 20;  // a device or a pipe may have no end
    std::string text(most + 1, '\0');
    in.read(text.data(), std::streamsize(text.size()));
    text.resize(std::size_t(in.gcount()));
    if (text.starts_with(hdf5_signature)) {
        Configuration recorded = parse_toml(recorded_toml(file), file);
        recorded[app_key] = app_of(recorded);
        return recorded;
    }
    if (text.size() > most)
        throw UsageError("--config: " + file + ": expected options of at most 1 MiB, found more");
    return parse_toml(text, file);
}

std::string text_of(const OptionValue& value) {
    if (const auto* list = std::get_if<std::vector<std::string>>(&value))
        return fmt::format("[{}]", fmt::join(*list, ", "));
    if (const auto* truth = std::get_if<bool>(&value)) return *truth ? "true" : "false";
    if (const auto* integer = std::get_if<std::int64_t>(&value)) return fmt::format("{}", *integer);
    if (const auto* number = std::get_if<double>(&value)) return fmt::format("{}", *number);
    return std::get<std::string>(value);
}

}  // namespace fftconv
