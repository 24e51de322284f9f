#include "fftconv/storage/file_header.hpp"

#include <chrono>
#include <ctime>

#include "fftconv/core/error.hpp"
#include "fftconv/core/version.hpp"
#include "fftconv/storage/sections.hpp"

namespace fftconv::storage {

namespace {

const std::string format = "fftconv";
constexpr int schema_major = 2, schema_minor = 0;
constexpr int digests_since = 2;  // files of an older major schema have none

std::string utc_now() {
    const std::time_t now = std::chrono::system_clock::to_time_t(std::chrono::system_clock::now());
    std::tm parts{};
    gmtime_r(&now, &parts);
    char text[32];
    std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &parts);
    return text;
}

/// Reads the major of "major.minor" and refuses a newer one; what a newer minor adds is not looked at.
int check_schema(const hdf5::Group& group, const FileHeader& header) {
    const std::string expected = "schema 1.x to " + std::to_string(schema_major) + ".x (this is fftconv " +
                                 std::string(library_version()) + ")";
    std::size_t digits = 0;
    int major = 0;
    try {
        major = std::stoi(header.schema_version, &digits);
    } catch (const std::exception&) {
        digits = 0;
    }
    if (digits == 0 || major < 1 || header.schema_version.compare(digits, 1, ".") != 0)
        throw FileError(group.file(), group.path() + " @schema_version", expected,
                        "'" + header.schema_version + "'");
    if (major > schema_major)
        throw FileError(group.file(), group.path() + " @schema_version", expected,
                        header.schema_version + ", written by a newer fftconv " + header.library_version);
    return major;
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
            .schema_version = std::to_string(schema_major) + "." + std::to_string(schema_minor),
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
    if (check_schema(file.root(), header) >= digests_since) file.require_digests();
    if (header.kind != kind)
        throw FileError(path.string(), "/ @kind", "'" + kind + "'", "'" + header.kind + "'");
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
