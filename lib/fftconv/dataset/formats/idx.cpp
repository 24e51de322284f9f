#include "fftconv/dataset/formats/idx.hpp"

#include <algorithm>
#include <charconv>

#include "fftconv/core/error.hpp"
#include "fftconv/core/sha256.hpp"
#include "fftconv/dataset/formats/unpacked_file.hpp"

namespace fftconv {
namespace {

using Bytes = std::vector<std::uint8_t>;

std::string hexadecimal(std::uint32_t value) {
    char digits[8];
    return "0x" + std::string(digits, std::to_chars(digits, digits + sizeof digits, value, 16).ptr);
}

std::uint32_t big_endian(const std::uint8_t* bytes) {
    return std::uint32_t(bytes[0]) << 24 | std::uint32_t(bytes[1]) << 16 | std::uint32_t(bytes[2]) << 8 |
           bytes[3];
}

/// Reads on to the end of what is too long, but not for ever.
std::string length_of_rest(UnpackedFile& file, std::uintmax_t so_far) {
    constexpr std::uintmax_t enough = 1 << 24;
    Bytes block(1 << 16);
    std::uintmax_t rest = 0;
    while (rest < enough) {
        const std::size_t got = file.read(block.data(), block.size());
        if (got == 0) return std::to_string(so_far + rest);
        rest += got;
    }
    return "more than " + std::to_string(so_far + rest);
}

/// The magic number and the extents, after their checks.
Bytes read_header(UnpackedFile& file, int dimensions) {
    Bytes header(4 + 4 * std::size_t(dimensions));
    const std::size_t got = file.read(header.data(), header.size());
    const std::uint32_t magic = 0x800 + dimensions;
    if (got >= 4 && big_endian(header.data()) != magic)
        throw FileError(
            file.path(), "magic number",
            hexadecimal(magic) + " (IDX, unsigned bytes, " + std::to_string(dimensions) + " dimensions)",
            hexadecimal(big_endian(header.data())));
    if (got < header.size())
        throw FileError(file.path(), "header", std::to_string(header.size()) + " bytes", std::to_string(got));
    return header;
}

std::vector<int> extents_of(const Bytes& header, const std::string& path) {
    std::vector<int> shape;
    for (std::size_t at = 4; at < header.size(); at += 4) {
        const std::uint32_t extent = big_endian(header.data() + at);
        if (extent < 1 || extent > std::uint32_t(INT32_MAX))
            throw FileError(path, "dimension " + std::to_string(shape.size()), "at least 1",
                            std::to_string(extent));
        shape.push_back(int(extent));
    }
    return shape;
}

std::string product_of(const std::vector<int>& shape) {
    std::string product;
    for (int extent : shape) product += (product.empty() ? "" : " × ") + std::to_string(extent);
    return product + " bytes";
}

/// The bytes after the header. Memory is taken as they come, up to what the extents ask for.
Bytes read_bytes(UnpackedFile& file, const std::vector<int>& shape) {
    unsigned __int128 expected = 1;
    for (int extent : shape) expected *= unsigned(extent);
    Bytes bytes;
    for (std::size_t filled = 0; filled == bytes.size() && filled < expected;) {
        constexpr std::size_t block = 1 << 24;
        bytes.resize(std::size_t(std::min<unsigned __int128>(expected, filled + block)));
        filled += file.read(bytes.data() + filled, bytes.size() - filled);
        if (filled < bytes.size())
            throw FileError(file.path(), "data", product_of(shape), std::to_string(filled));
    }
    if (std::uint8_t next = 0; file.read(&next, 1) != 0)
        throw FileError(file.path(), "data", product_of(shape), length_of_rest(file, bytes.size() + 1));
    return bytes;
}

}  // namespace

IdxArray read_idx(const std::filesystem::path& path, int dimensions) {
    UnpackedFile file(path);
    const Bytes header = read_header(file, dimensions);
    IdxArray array{.shape = extents_of(header, path.string()), .bytes = {}, .sha256 = {}};
    array.bytes = read_bytes(file, array.shape);
    Sha256 digest;
    digest.update(header);
    digest.update(array.bytes);
    array.sha256 = digest.hexadecimal();
    return array;
}

LabelledImages to_labelled_images(IdxArray images, const std::filesystem::path& images_path, IdxArray labels,
                                  const std::filesystem::path& labels_path, int classes) {
    if (images.shape[0] != labels.shape[0])
        throw FileError(
            labels_path.string(), "count",
            std::to_string(images.shape[0]) + " labels, as many as images in " + images_path.string(),
            std::to_string(labels.shape[0]));
    if (classes == 0) classes = std::max(10, 1 + *std::ranges::max_element(labels.bytes));
    check_labels(labels.bytes, classes, labels_path);
    return {.maps = {1, images.shape[1], images.shape[2]},
            .pixels = std::move(images.bytes),
            .labels = std::move(labels.bytes),
            .classes = classes};
}

}  // namespace fftconv
