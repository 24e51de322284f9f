#include "fftconv/storage/file_header.hpp"

#include <algorithm>
#include <charconv>
#include <chrono>
#include <compare>
#include <ctime>
#include <optional>

#include "fftconv/core/error.hpp"
#include "fftconv/core/version.hpp"
#include "fftconv/storage/sections.hpp"

namespace fftconv::storage {

namespace {

const std::string format = "fftconv";
struct Schema {
    int major = 0, minor = 0;
    auto operator<=>(const Schema&) const = default;  // NOLINT(modernize-use-nullptr): a false alarm
};
constexpr Schema present{2, 1};
constexpr Schema digests_since{2, 0}, members_since{2, 1};  // files of an older schema have none

std::string utc_now() {
    const std::time_t now = std::chrono::system_clock::to_time_t(std::chrono::system_clock::now());
    std::tm parts{};
    gmtime_r(&now, &parts);
    char text[32];
    std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &parts);
    return text;
}

/// Of "major.minor"; nothing of other text.
std::optional<Schema> parse_schema(const std::string& text) {
    Schema schema;
    const char* const end = text.data() + text.size();
    const auto [dot, error] = std::from_chars(text.data(), end, schema.major);
    if (error != std::errc() || dot == end || *dot != '.' || schema.major < 1) return std::nullopt;
    const auto [rest, odd] = std::from_chars(dot + 1, end, schema.minor);
    return odd == std::errc() && rest == end ? std::optional(schema) : std::nullopt;
}

/// Refuses a newer major; what a newer minor adds is not looked at.
Schema check_schema(const hdf5::Group& group, const FileHeader& header) {
    const std::string expected = "schema 1.x to " + std::to_string(present.major) + ".x (this is fftconv " +
                                 std::string(library_version()) + ")";
    const std::optional<Schema> schema = parse_schema(header.schema_version);
    if (!schema)
        throw FileError(group.file(), group.path() + " @schema_version", expected,
                        "'" + header.schema_version + "'");
    if (schema->major > present.major)
        throw FileError(group.file(), group.path() + " @schema_version", expected,
                        header.schema_version + ", written by a newer fftconv " + header.library_version);
    return *schema;
}

/// What files of schema 1.0 hold at their root: nothing else there tells a name that was damaged.
void check_names_of_schema_1_0(const hdf5::Group& root) {
    const std::vector<std::string> known{"config", "dataset", "model", "mask",   "optimizer", "state",
                                         "random", "curves",  "extra", "search", "parent",    "summary"};
    for (const std::string& name : root.names())
        if (std::ranges::find(known, name) == known.end())
            throw FileError(root.file(), "/" + name, "a name of schema 1.0 (config, model, mask …)",
                            "another");
}

}  // namespace

FileHeader read_header(const hdf5::Group& group) {
    const std::string marked = "the mark of an fftconv file, '" + format + "'";
    const std::string at = group.path() + " @format";
    if (!group.has_attribute("format")) throw FileError(group.file(), at, marked, "none");
    if (const auto found = group.attribute<std::string>("format"); found != format)
        throw FileError(group.file(), at, marked, "'" + found + "'");
    FileHeader header;
    header.schema_version = group.attribute<std::string>("schema_version");
    header.library_version = group.attribute<std::string>("library_version");
    check_schema(group, header);
    header.kind = group.attribute<std::string>("kind");
    header.git_commit = group.attribute<std::string>("git_commit");
    header.git_dirty = group.attribute<std::uint8_t>("git_dirty") != 0;
    header.created_utc = group.attribute<std::string>("created_utc");
    return header;
}

FileHeader present_header(const std::string& kind) {
    return {.kind = kind,
            .schema_version = std::to_string(present.major) + "." + std::to_string(present.minor),
            .library_version = std::string(library_version()),
            .git_commit = std::string(git_commit()),
            .git_dirty = git_dirty(),
            .created_utc = utc_now()};
}

void write_header(hdf5::Group& group, const FileHeader& header) {
    group.set_attribute("format", format);
    group.set_attribute("kind", header.kind);
    group.set_attribute("schema_version", header.schema_version);
    group.set_attribute("library_version", header.library_version);
    group.set_attribute("git_commit", header.git_commit);
    group.set_attribute("git_dirty", std::uint8_t(header.git_dirty));
    group.set_attribute("created_utc", header.created_utc);
}

void write_run(hdf5::Group& parent, const std::string& resolved_toml, const DatasetRecord& dataset) {
    parent.write_scalar("config/resolved_toml", resolved_toml);
    hdf5::Group group = parent.create_group("dataset");
    group.set_attribute("name", dataset.name);
    group.set_attribute("sha256", dataset.sha256);
    group.set_attribute("split_seed", dataset.split_seed);
    group.set_attribute("n_train", dataset.n_train);
    group.set_attribute("n_validation", dataset.n_validation);
    group.set_attribute("n_test", dataset.n_test);
}

void write_file(const std::filesystem::path& path, const std::string& kind,
                const std::function<void(hdf5::Group& root)>& fill) {
    hdf5::File file = hdf5::File::create(path);
    {
        hdf5::Group root = file.root();
        write_header(root, present_header(kind));
        fill(root);
    }
    std::move(file).save();
}

void write_file(const std::filesystem::path& path, const std::string& kind, const std::string& resolved_toml,
                const DatasetRecord& dataset, const std::function<void(hdf5::Group& root)>& fill) {
    write_file(path, kind, [&](hdf5::Group& root) {
        write_run(root, resolved_toml, dataset);
        fill(root);
    });
}

hdf5::File open_file(const std::filesystem::path& path, const std::string& kind) {
    hdf5::File file = hdf5::File::open(path);
    const FileHeader header = read_header(file.root());
    const Schema schema = check_schema(file.root(), header);
    if (schema >= digests_since) file.require_digests();
    if (schema >= members_since) file.require_members();
    if (header.kind != kind)
        throw FileError(path.string(), "/ @kind", "'" + kind + "'", "'" + header.kind + "'");
    if (schema == Schema{1, 0} && kind != "collection") check_names_of_schema_1_0(file.root());
    return file;
}

std::string read_resolved_toml(const hdf5::Group& root) {
    return root.read_scalar<std::string>("config/resolved_toml");
}

DatasetRecord read_dataset_record(const hdf5::Group& root) {
    const hdf5::Group group = root.group("dataset");
    const auto count = [&](const std::string& name) {
        const auto images = group.attribute<std::int64_t>(name);
        if (images < 0 || images > INT32_MAX)
            throw FileError(group.file(), "/dataset @" + name, "a count of images", std::to_string(images));
        return images;
    };
    return {.name = group.attribute<std::string>("name"),
            .sha256 = group.attribute<std::string>("sha256"),
            .split_seed = group.attribute<std::uint64_t>("split_seed"),
            .n_train = count("n_train"),
            .n_validation = count("n_validation"),
            .n_test = count("n_test")};
}

}  // namespace fftconv::storage

namespace fftconv {

FileHeader read_file_header(const std::filesystem::path& file) {
    return storage::read_header(hdf5::File::open(file).root());
}

}  // namespace fftconv
