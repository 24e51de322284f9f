#include "fftconv/dataset/formats/cifar.hpp"

#include <archive.h>
#include <archive_entry.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <memory>
#include <utility>

#include "fftconv/core/error.hpp"
#include "fftconv/core/sha256.hpp"

namespace fftconv {
namespace {

using Bytes = std::vector<std::uint8_t>;

constexpr MapShape cifar_maps{3, 32, 32};
constexpr std::size_t record_size = 1 + 3 * 32 * 32;
const std::array<std::string, 6> names = {"data_batch_1.bin", "data_batch_2.bin", "data_batch_3.bin",
                                          "data_batch_4.bin", "data_batch_5.bin", "test_batch.bin"};

Bytes read_file(const std::filesystem::path& path) {
    std::ifstream file(path, std::ios::binary);
    if (!file) throw FileError(path.string(), "file", "a readable file", std::strerror(errno));
    Bytes bytes(std::filesystem::file_size(path));
    file.read(reinterpret_cast<char*>(bytes.data()), std::streamsize(bytes.size()));
    if (std::size_t(file.gcount()) != bytes.size())
        throw FileError(path.string(), "file", std::to_string(bytes.size()) + " bytes",
                        std::to_string(file.gcount()) + " readable");
    return bytes;
}

/// The bytes of the entry whose header was just read.
Bytes read_entry(archive* reader, const std::string& path) {
    Bytes bytes;
    const void* block = nullptr;
    std::size_t size = 0;
    la_int64_t offset = 0;
    int status = ARCHIVE_OK;
    while ((status = archive_read_data_block(reader, &block, &size, &offset)) == ARCHIVE_OK) {
        const auto* first = static_cast<const std::uint8_t*>(block);
        bytes.insert(bytes.end(), first, first + size);
    }
    if (status != ARCHIVE_EOF)
        throw FileError(path, "archive", "a whole .tar.gz", archive_error_string(reader));
    return bytes;
}

std::array<Bytes, 6> read_archive(const std::string& path) {
    const std::unique_ptr<archive, decltype(&archive_read_free)> reader(archive_read_new(),
                                                                        archive_read_free);
    archive_read_support_filter_gzip(reader.get());
    archive_read_support_format_tar(reader.get());
    if (archive_read_open_filename(reader.get(), path.c_str(), 1 << 20) != ARCHIVE_OK)
        throw FileError(path, "archive", "a readable .tar.gz", archive_error_string(reader.get()));
    std::array<Bytes, 6> files;
    archive_entry* entry = nullptr;
    int status = ARCHIVE_OK;
    while ((status = archive_read_next_header(reader.get(), &entry)) == ARCHIVE_OK) {
        const auto name = std::filesystem::path(archive_entry_pathname(entry)).filename();
        const auto found = std::find(names.begin(), names.end(), name);
        if (found != names.end()) files[found - names.begin()] = read_entry(reader.get(), path);
    }
    if (status != ARCHIVE_EOF)
        throw FileError(path, "archive", "a whole .tar.gz", archive_error_string(reader.get()));
    for (std::size_t i = 0; i < names.size(); ++i)
        if (files[i].empty()) throw FileError(path, names[i], "a file of this name in the archive", "none");
    return files;
}

LabelledImages to_images(const Bytes& file, const std::filesystem::path& path) {
    if (file.empty() || file.size() % record_size != 0)
        throw FileError(path.string(), "length",
                        "a multiple of 3073 bytes (label, 3 × 32 × 32 pixels), at least one",
                        std::to_string(file.size()) + " bytes");
    LabelledImages images{.maps = cifar_maps, .pixels = {}, .labels = {}, .classes = 10};
    auto& pixels = std::get<Bytes>(images.pixels);
    pixels.reserve(file.size() / record_size * cifar_maps.size());
    for (auto record = file.begin(); record != file.end(); record += record_size) {
        images.labels.push_back(*record);
        pixels.insert(pixels.end(), record + 1, record + record_size);
    }
    check_labels(images.labels, images.classes, path);
    return images;
}

}  // namespace

Cifar10 read_cifar10(const std::filesystem::path& source) {
    const bool folder = std::filesystem::is_directory(source);
    std::array<Bytes, 6> files;
    if (!folder) files = read_archive(source.string());
    Cifar10 result;
    for (std::size_t i = 0; i < names.size(); ++i) {
        const std::filesystem::path path = source / names[i];
        const Bytes file = folder ? read_file(path) : std::exchange(files[i], {});
        result.sha256.push_back(sha256(file));
        LabelledImages images = to_images(file, path);
        if (i == 0)
            result.train = std::move(images);
        else if (names[i] == "test_batch.bin")
            result.test = std::move(images);
        else if (images.count() * int(i) != result.train.count())
            throw FileError(path.string(), "records",
                            std::to_string(result.train.count() / i) + " as in " + names[0],
                            std::to_string(images.count()));
        else
            result.train.append(images);
    }
    return result;
}

}  // namespace fftconv
