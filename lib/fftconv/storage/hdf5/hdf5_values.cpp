#include <algorithm>
#include <functional>
#include <numeric>

#include "fftconv/core/sha256.hpp"
#include "fftconv/storage/hdf5/hdf5_values-inl.hpp"

namespace fftconv::hdf5 {

static_assert(sizeof(hid_t) == sizeof(std::int64_t), "Handle keeps an hid_t in 64 bits");

std::string shape_text(const Shape& shape) {
    std::string words = "(";
    for (std::size_t i = 0; i < shape.size(); ++i) words += (i ? ", " : "") + std::to_string(shape[i]);
    return words + ")";
}

std::size_t elements(const Shape& shape) {
    return std::accumulate(shape.begin(), shape.end(), std::size_t{1}, std::multiplies<>());
}

Handle make_space(const Shape& shape) {
    if (shape.empty()) return {H5Screate(H5S_SCALAR), H5Sclose};
    const std::vector<hsize_t> extents(shape.begin(), shape.end());
    return {H5Screate_simple(int(extents.size()), extents.data(), nullptr), H5Sclose};
}

std::string last_failure() {
    std::string innermost;
    H5Ewalk2(
        H5E_DEFAULT, H5E_WALK_UPWARD,
        [](unsigned depth, const H5E_error2_t* error, void* text) -> herr_t {
            if (depth == 0 && error->desc) *static_cast<std::string*>(text) = error->desc;
            return 0;
        },
        &innermost);
    return innermost.empty() ? "a failure that HDF5 does not explain" : innermost;
}

std::string kind_name(hid_t type) {
    switch (H5Tget_class(type)) {
        case H5T_STRING:
            return "text";
        case H5T_INTEGER:
            return "integers";
        case H5T_FLOAT:
            return "floating-point numbers";
        default:
            return "another type";
    }
}

std::string type_name(hid_t type) {
    const H5T_class_t kind = H5Tget_class(type);
    if (kind != H5T_INTEGER && kind != H5T_FLOAT) return "";
    const Handle little_endian(H5Tcopy(type), H5Tclose);
    H5Tset_order(little_endian.id(), H5T_ORDER_LE);
    const std::pair<hid_t, const char*> names[] = {{H5T_IEEE_F32LE, "float32"}, {H5T_IEEE_F64LE, "float64"},
                                                   {H5T_STD_I8LE, "int8"},      {H5T_STD_I16LE, "int16"},
                                                   {H5T_STD_I32LE, "int32"},    {H5T_STD_I64LE, "int64"},
                                                   {H5T_STD_U8LE, "uint8"},     {H5T_STD_U16LE, "uint16"},
                                                   {H5T_STD_U32LE, "uint32"},   {H5T_STD_U64LE, "uint64"}};
    for (const auto& [standard, name] : names)
        if (H5Tequal(little_endian.id(), standard) > 0) return name;
    return "";
}

namespace {

/// The first line of what is digested.
std::string digest_line(const std::string& type, const Shape& shape) {
    std::string line = type + " ";
    for (std::size_t i = 0; i < shape.size(); ++i) line += (i ? "," : "") + std::to_string(shape[i]);
    return line + "\n";
}

std::span<const std::uint8_t> bytes_of(const std::string& text) {
    return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

}  // namespace

std::string digest(const std::string& type, const Shape& shape, std::span<const std::uint8_t> values) {
    Sha256 digest;
    digest.update(bytes_of(digest_line(type, shape)));
    digest.update(values);
    return digest.hexadecimal();
}

std::string digest(const Shape& shape, std::span<const std::string> values) {
    Sha256 digest;
    digest.update(bytes_of(digest_line("text", shape)));
    for (const std::string& value : values) {
        const std::string ended = value.substr(0, value.find('\0')) + '\0';
        digest.update(bytes_of(ended));
    }
    return digest.hexadecimal();
}

TextBlock::TextBlock(const std::vector<std::string>& strings) {
    std::size_t length = 1;
    for (const std::string& s : strings) length = std::max(length, s.size());
    type = Handle(H5Tcopy(H5T_C_S1), H5Tclose);
    H5Tset_size(type.id(), length);
    H5Tset_cset(type.id(), H5T_CSET_UTF8);
    H5Tset_strpad(type.id(), H5T_STR_NULLPAD);
    bytes.resize(length * std::max<std::size_t>(strings.size(), 1));
    for (std::size_t i = 0; i < strings.size(); ++i) std::ranges::copy(strings[i], bytes.data() + i * length);
}

std::vector<std::string> split_text(hid_t type, const std::vector<char>& bytes, std::size_t count) {
    const std::size_t length = H5Tget_size(type);
    const bool spaces = H5Tget_strpad(type) == H5T_STR_SPACEPAD;
    std::vector<std::string> strings(count);
    for (std::size_t i = 0; i < count; ++i) {
        const char* begin = bytes.data() + i * length;
        strings[i].assign(begin, std::find(begin, begin + length, '\0'));
        if (spaces) strings[i].erase(strings[i].find_last_not_of(' ') + 1);
    }
    return strings;
}

std::vector<std::string> take_text(hid_t type, hid_t space, std::vector<char*>& strings) {
    std::vector<std::string> copies;
    for (const char* s : strings) copies.emplace_back(s ? s : "");
    if (!strings.empty()) H5Dvlen_reclaim(type, space, H5P_DEFAULT, strings.data());
    return copies;
}

}  // namespace fftconv::hdf5
