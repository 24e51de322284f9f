#include "fftconv/dataset/formats/svhn.hpp"

#include <matio.h>
#include <zlib.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cmath>
#include <cstring>
#include <fstream>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include "fftconv/core/error.hpp"
#include "fftconv/core/ordinary_file.hpp"

namespace fftconv {
namespace {

constexpr int edge = 32;
constexpr MapShape svhn_maps{3, edge, edge};

using MatFile = std::unique_ptr<mat_t, decltype(&Mat_Close)>;
using MatVariable = std::unique_ptr<matvar_t, decltype(&Mat_VarFree)>;

/// The length in an element's tag, little-endian after the type.
std::uint64_t length_in(const std::uint8_t* tag) {
    std::uint32_t length = 0;
    std::memcpy(&length, tag + 4, sizeof length);
    return length;
}

/// Unpacked bytes of the next `length` bytes where those are one whole zlib stream, its checksum included, of
/// one element (type, length, data) and nothing after it: what a bomb unpacks to is not waited for.
std::optional<std::uint64_t> inflated_size(std::ifstream& file, std::uint64_t length) {
    z_stream stream{};
    if (inflateInit(&stream) != Z_OK) throw std::runtime_error("zlib: inflateInit failed");
    std::vector<std::uint8_t> packed(1 << 16), unpacked(1 << 18);
    std::uint64_t most = unpacked.size();  // until the element's length is known
    int status = Z_OK;
    while (status == Z_OK && length > 0 && stream.total_out <= most) {
        const auto block = std::min<std::uint64_t>(length, packed.size());
        if (!file.read(reinterpret_cast<char*>(packed.data()), std::streamsize(block))) break;
        length -= block;
        stream.next_in = packed.data();
        stream.avail_in = unsigned(block);
        do {
            stream.next_out = unpacked.data();
            stream.avail_out = unsigned(unpacked.size());
            const bool beginning = stream.total_out < 8;
            status = inflate(&stream, Z_NO_FLUSH);
            if (beginning && stream.total_out >= 8) most = 8 + length_in(unpacked.data());
        } while (status == Z_OK && stream.total_out <= most &&
                 (stream.avail_in > 0 || stream.avail_out == 0));
        if (status == Z_BUF_ERROR) status = Z_OK;  // wants more input
    }
    const std::uint64_t size = stream.total_out, rest = stream.avail_in;
    inflateEnd(&stream);
    if (status != Z_STREAM_END || length > 0 || rest > 0 || size != most) return std::nullopt;
    return size;
}

/// matio takes a shortened or damaged variable for a whole one, so the elements of a version 5 file are
/// looked at first. Layout: 128 bytes of header, the last four 0x0100 "IM" (version 5, little-endian); then
/// elements of type, length, data, of which type 15 is a zlib stream. Returns the bytes of the largest
/// element, unpacked.
std::uint64_t check_elements(const std::filesystem::path& path) {
    const std::uint64_t size = size_of_ordinary_file(path);
    std::ifstream file(path, std::ios::binary);
    if (!file) throw FileError(path.string(), "file", "a readable file", std::strerror(errno));
    std::array<char, 128> header{};
    if (!file.read(header.data(), header.size()) || std::memcmp(header.data() + 124, "\x00\x01IM", 4) != 0)
        throw FileError(path.string(), "header", "a MATLAB version 5 file, little-endian", "something else");
    std::uint64_t largest = 0;
    std::uint64_t at = header.size();
    std::array<std::uint32_t, 2> tag{};  // type, length
    while (at < size && file.seekg(std::streamoff(at)) && file.read(reinterpret_cast<char*>(tag.data()), 8)) {
        at += 8 + std::uint64_t(tag[1]);
        std::optional<std::uint64_t> unpacked = tag[1];
        if (tag[0] == 15 && at <= size) unpacked = inflated_size(file, tag[1]);
        if (!unpacked)
            throw FileError(path.string(), "element before byte " + std::to_string(at), "a whole zlib stream",
                            "damaged data");
        largest = std::max(largest, *unpacked);
    }
    if (at != size)
        throw FileError(path.string(), "length", std::to_string(at) + " bytes, the sum of its elements",
                        std::to_string(size));
    return largest;
}

std::string describe(const matvar_t& variable) {
    std::string text = "class " + std::to_string(variable.class_type) + ", (";
    for (int d = 0; d < variable.rank; ++d) text += (d ? ", " : "") + std::to_string(variable.dims[d]);
    return text + ")" + (variable.isComplex ? ", complex" : "");
}

/// Bytes that the extents ask for, or none where they are more than `most`.
std::optional<std::uint64_t> bytes_of(const matvar_t& variable, std::uint64_t bytes_per_value,
                                      std::uint64_t most) {
    std::uint64_t bytes = bytes_per_value;
    for (int d = 0; d < variable.rank; ++d) {
        if (variable.dims[d] == 0 || bytes > most / variable.dims[d]) return std::nullopt;
        bytes *= variable.dims[d];
    }
    return bytes;
}

/// A variable of real numbers. Its extents are compared with what the file can hold (`most` bytes) before
/// its values are read.
MatVariable read_variable(mat_t* file, const std::string& name, const std::string& path, std::uint64_t most) {
    const std::string field = "variable " + name;
    const MatVariable info(Mat_VarReadInfo(file, name.c_str()), Mat_VarFree);
    if (!info) throw FileError(path, field, "a readable array", "none");
    const std::uint64_t bytes_per_value = info->class_type == MAT_C_DOUBLE ? sizeof(double) : 1;
    if ((info->class_type != MAT_C_UINT8 && info->class_type != MAT_C_DOUBLE) || info->isComplex ||
        info->rank < 2 || !info->dims)
        throw FileError(path, field, "an array of bytes or doubles, not complex", describe(*info));
    // Doubles that are whole numbers may be stored as bytes.
    const auto bytes = bytes_of(*info, bytes_per_value, most * bytes_per_value);
    if (!bytes)
        throw FileError(path, field, "at most " + std::to_string(most) + " bytes, as its element has",
                        describe(*info));
    Mat_Rewind(file);
    MatVariable variable(Mat_VarRead(file, name.c_str()), Mat_VarFree);
    if (!variable || !variable->data || variable->nbytes != *bytes || variable->isComplex ||
        variable->class_type != info->class_type || std::size_t(variable->data_size) != bytes_per_value)
        throw FileError(path, field, std::to_string(*bytes) + " bytes of data", "none that can be unpacked");
    return variable;
}

/// X(row, column, channel, n), column-major, to (N, C, H, W): rows and columns of each plane change places.
std::vector<std::uint8_t> read_pixels(mat_t* file, const std::string& path, std::uint64_t most) {
    const MatVariable x = read_variable(file, "X", path, most);
    if (x->class_type != MAT_C_UINT8 || x->rank != 4 || x->dims[0] != edge || x->dims[1] != edge ||
        x->dims[2] != 3)
        throw FileError(path, "variable X", "bytes, (32, 32, 3, N)", describe(*x));
    const auto* source = static_cast<const std::uint8_t*>(x->data);
    std::vector<std::uint8_t> pixels(x->nbytes);
    for (std::size_t plane = 0; plane < pixels.size(); plane += edge * edge)
        for (int row = 0; row < edge; ++row)
            for (int column = 0; column < edge; ++column)
                pixels[plane + row * edge + column] = source[plane + column * edge + row];
    return pixels;
}

std::vector<std::uint8_t> read_labels(mat_t* file, std::size_t count, const std::string& path,
                                      std::uint64_t most) {
    const MatVariable y = read_variable(file, "y", path, most);
    if ((y->class_type != MAT_C_UINT8 && y->class_type != MAT_C_DOUBLE) || y->rank != 2 || y->dims[1] != 1)
        throw FileError(path, "variable y", "bytes or doubles, (N, 1)", describe(*y));
    if (y->dims[0] != count)
        throw FileError(path, "variable y", std::to_string(count) + " labels, as many as images in X",
                        std::to_string(y->dims[0]));
    std::vector<std::uint8_t> labels(count);
    for (std::size_t n = 0; n < count; ++n) {
        const double label = y->class_type == MAT_C_UINT8 ? static_cast<const std::uint8_t*>(y->data)[n]
                                                          : static_cast<const double*>(y->data)[n];
        if (!(label >= 1 && label <= 10) || label != std::floor(label))
            throw FileError(path, "label " + std::to_string(n), "1 to 10", std::to_string(label));
        labels[n] = std::uint8_t(label) % 10;
    }
    return labels;
}

}  // namespace

LabelledImages read_svhn(const std::filesystem::path& path) {
    const std::uint64_t most = check_elements(path);
    const MatFile file(Mat_Open(path.c_str(), MAT_ACC_RDONLY), Mat_Close);
    if (!file) throw FileError(path.string(), "file", "a MATLAB file", "something else");
    LabelledImages images{.maps = svhn_maps, .pixels = {}, .labels = {}, .classes = 10};
    auto pixels = read_pixels(file.get(), path.string(), most);
    images.labels = read_labels(file.get(), pixels.size() / svhn_maps.size(), path.string(), most);
    images.pixels = std::move(pixels);
    return images;
}

}  // namespace fftconv
