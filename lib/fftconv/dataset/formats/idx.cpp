#include "fftconv/dataset/formats/idx.hpp"

#include <zlib.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <memory>
#include <sstream>

#include "fftconv/core/error.hpp"
#include "fftconv/core/sha256.hpp"

namespace fftconv {
namespace {

using Bytes = std::vector<std::uint8_t>;

/// The file's bytes, unpacked when it is gzipped.
Bytes read_unpacked(const std::filesystem::path& path) {
    const std::unique_ptr<gzFile_s, decltype(&gzclose)> file(gzopen(path.c_str(), "rb"), gzclose);
    if (!file) throw FileError(path.string(), "file", "a readable file", std::strerror(errno));
    constexpr std::size_t block = 1 << 20;
    Bytes bytes;
    for (int got = 1; got > 0;) {
        const std::size_t filled = bytes.size();
        bytes.resize(filled + block);
        got = gzread(file.get(), bytes.data() + filled, block);
        bytes.resize(filled + std::max(got, 0));
    }
    int status = Z_OK;
    const char* message = gzerror(file.get(), &status);
    if (status == Z_ERRNO) throw FileError(path.string(), "file", "a readable file", std::strerror(errno));
    if (status != Z_OK) throw FileError(path.string(), "gzip data", "a whole gzip stream", message);
    return bytes;
}

std::string hexadecimal(std::uint32_t value) {
    std::ostringstream text;
    text << "0x" << std::hex << value;
    return text.str();
}

std::uint32_t big_endian(const std::uint8_t* bytes) {
    return std::uint32_t(bytes[0]) << 24 | std::uint32_t(bytes[1]) << 16 | std::uint32_t(bytes[2]) << 8 |
           bytes[3];
}

/// The extents, after the checks of magic number and length.
std::vector<int> read_header(const Bytes& file, int dimensions, const std::string& path) {
    const std::size_t header = 4 + 4 * std::size_t(dimensions);
    const std::uint32_t magic = 0x800 + dimensions;
    if (file.size() >= 4 && big_endian(file.data()) != magic)
        throw FileError(
            path, "magic number",
            hexadecimal(magic) + " (IDX, unsigned bytes, " + std::to_string(dimensions) + " dimensions)",
            hexadecimal(big_endian(file.data())));
    if (file.size() < header)
        throw FileError(path, "header", std::to_string(header) + " bytes", std::to_string(file.size()));
    std::vector<int> shape;
    unsigned __int128 expected = 1;
    for (int d = 0; d < dimensions; ++d) {
        const std::uint32_t extent = big_endian(file.data() + 4 + 4 * d);
        if (extent < 1 || extent > std::uint32_t(INT32_MAX))
            throw FileError(path, "dimension " + std::to_string(d), "at least 1", std::to_string(extent));
        shape.push_back(int(extent));
        expected *= extent;
    }
    if (expected != file.size() - header) {
        std::string product;
        for (int extent : shape) product += (product.empty() ? "" : " × ") + std::to_string(extent);
        throw FileError(path, "data", product + " bytes", std::to_string(file.size() - header));
    }
    return shape;
}

}  // namespace

IdxArray read_idx(const std::filesystem::path& path, int dimensions) {
    Bytes file = read_unpacked(path);
    IdxArray array{
        .shape = read_header(file, dimensions, path.string()), .bytes = {}, .sha256 = sha256(file)};
    file.erase(file.begin(), file.begin() + 4 + 4 * dimensions);
    array.bytes = std::move(file);
    return array;
}

LabelledImages to_labelled_images(IdxArray images, const std::filesystem::path& images_path, IdxArray labels,
                                  const std::filesystem::path& labels_path, int classes) {
    if (images.shape[0] != labels.shape[0])
        throw FileError(
            labels_path.string(), "count",
            std::to_string(images.shape[0]) + " labels, as many as images in " + images_path.string(),
            std::to_string(labels.shape[0]));
    check_labels(labels.bytes, classes, labels_path);
    return {.maps = {1, images.shape[1], images.shape[2]},
            .pixels = std::move(images.bytes),
            .labels = std::move(labels.bytes),
            .classes = classes};
}

}  // namespace fftconv
