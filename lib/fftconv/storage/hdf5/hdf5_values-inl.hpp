#pragma once
#include <hdf5.h>

#include <bit>
#include <concepts>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "fftconv/core/error.hpp"
#include "fftconv/storage/hdf5/hdf5.hpp"

// Part of the sources of the HDF5 layer, not public: error checks, and how values of type T lie in memory and
// in a file. Attributes and datasets share it.
namespace fftconv::hdf5 {

static_assert(std::endian::native == std::endian::little, "digests are of little-endian values");

/// What everything that is open of a file shares.
struct Context {
    std::string file;
    bool new_file = false;
    bool digests_required = false;
    bool members_required = false;
    hsize_t size = 0;                       ///< bytes of a file that is read
    std::map<haddr_t, std::string> places;  ///< the one path by which each object was met, by its address
};

/// Groups within groups.
constexpr int most_levels = 32;
/// The attribute that holds a dataset's digest.
constexpr const char* digest_name = "sha256";
/// The attribute that lists what a group holds.
constexpr const char* members_name = "members";

/// Whether a link is there. @throws FileError when it is not a hard one.
bool has_hard_link(hid_t group, const std::string& name, const Context& context, const std::string& path);
/// @throws FileError when the object was met at another path, or is nested too deeply.
void check_place(hid_t object, Context& context, const std::string& path);
/// @throws FileError unless all `count` values of `bytes` each lie in the file: in the object's header, in
/// one piece, or in chunks that are all where they must be, unpack to no more than their size, and were
/// packed by filters that we know.
void check_stored(hid_t dataset, const Context& context, const std::string& path, std::size_t count);

/// SHA-256 of the line "TYPE EXTENTS\n" and the values, as README.md of storage tells.
std::string digest(const std::string& type, const Shape& shape, std::span<const std::uint8_t> values);
std::string digest(const Shape& shape, std::span<const std::string> values);
/// "float32", …: the name of a type that is one of the standard ones but for the order of its bytes; else
/// empty.
std::string type_name(hid_t type);

/// HDF5's words for its last failure, the innermost, where the cause is.
std::string last_failure();

/// Passes on what HDF5 returned, or turns its failure into a FileError.
template <class Result>
Result require(Result result, const std::string& file, const std::string& field, const char* expected) {
    if (result < 0) throw FileError(file, field, expected, last_failure());
    return result;
}

/// Links of a group made with these properties keep their order of writing.
inline void keep_order_of_links(hid_t properties) {
    H5Pset_link_creation_order(properties, H5P_CRT_ORDER_TRACKED | H5P_CRT_ORDER_INDEXED);
}

/// "(2, 3)"
std::string shape_text(const Shape& shape);
/// Their number.
std::size_t elements(const Shape& shape);
Handle make_space(const Shape& shape);

template <class T>
std::span<const std::uint8_t> bytes_of(std::span<const T> values) {
    return {reinterpret_cast<const std::uint8_t*>(values.data()), values.size() * sizeof(T)};
}

/// "text", "integers", …: what a type holds, for messages.
std::string kind_name(hid_t type);

/// Fixed-length UTF-8 strings as one block, each padded with zeros to the longest.
struct TextBlock {
    explicit TextBlock(const std::vector<std::string>& strings);
    Handle type;
    std::vector<char> bytes;
};

/// The type in memory and, little-endian, in files.
template <class T>
struct Types;
template <>
struct Types<float> {
    static hid_t memory() { return H5T_NATIVE_FLOAT; }
    static hid_t file() { return H5T_IEEE_F32LE; }
};
template <>
struct Types<double> {
    static hid_t memory() { return H5T_NATIVE_DOUBLE; }
    static hid_t file() { return H5T_IEEE_F64LE; }
};
template <>
struct Types<std::int32_t> {
    static hid_t memory() { return H5T_NATIVE_INT32; }
    static hid_t file() { return H5T_STD_I32LE; }
};
template <>
struct Types<std::int64_t> {
    static hid_t memory() { return H5T_NATIVE_INT64; }
    static hid_t file() { return H5T_STD_I64LE; }
};
template <>
struct Types<std::uint64_t> {
    static hid_t memory() { return H5T_NATIVE_UINT64; }
    static hid_t file() { return H5T_STD_U64LE; }
};
template <>
struct Types<std::uint8_t> {
    static hid_t memory() { return H5T_NATIVE_UINT8; }
    static hid_t file() { return H5T_STD_U8LE; }
};

/// Whether values of a file's type may be read as T, and what T is called.
template <class T>
constexpr const char* expected_kind() {
    if constexpr (std::same_as<T, std::string>) return "text";
    return std::floating_point<T> ? "numbers" : "integers";
}
template <class T>
bool readable_as(hid_t type) {
    const H5T_class_t kind = H5Tget_class(type);
    if constexpr (std::same_as<T, std::string>) return kind == H5T_STRING;
    return kind == H5T_INTEGER || (std::floating_point<T> && kind == H5T_FLOAT);
}

/// Splits strings read as `type`, which holds fixed lengths, and removes the padding.
std::vector<std::string> split_text(hid_t type, const std::vector<char>& bytes, std::size_t count);
/// Copies strings of variable length and gives back what HDF5 allocated for them.
std::vector<std::string> take_text(hid_t type, hid_t space, std::vector<char*>& strings);

/// Reads `count` values. transfer(memory type, buffer) reads them from the attribute or dataset, and throws.
template <class T, class Transfer>
std::vector<T> read_values(hid_t type, hid_t space, std::size_t count, Transfer transfer) {
    if (count == 0) return {};  // HDF5 asks for a buffer even then
    if constexpr (!std::same_as<T, std::string>) {
        std::vector<T> values(count);
        transfer(Types<T>::memory(), values.data());
        return values;
    } else if (H5Tis_variable_str(type) > 0) {
        std::vector<char*> strings(count);
        transfer(type, strings.data());
        return take_text(type, space, strings);
    } else {
        std::vector<char> bytes(count * H5Tget_size(type));
        transfer(type, bytes.data());
        return split_text(type, bytes, count);
    }
}

/// Writes values. transfer(file type, memory type, buffer) creates the attribute or dataset and writes them.
template <class T, class Transfer>
auto write_values(std::span<const T> values, Transfer transfer) {
    if constexpr (std::same_as<T, std::string>) {
        const TextBlock text({values.begin(), values.end()});
        return transfer(text.type.id(), text.type.id(), text.bytes.data());
    } else {
        static constexpr T nothing{};  // HDF5 asks for a buffer even when there are no values
        return transfer(Types<T>::file(), Types<T>::memory(), values.empty() ? &nothing : values.data());
    }
}

/// Every T that there is.
#define FFTCONV_HDF5_EACH_TYPE(DO) \
    DO(float) DO(double) DO(std::int32_t) DO(std::int64_t) DO(std::uint64_t) DO(std::uint8_t) DO(std::string)

}  // namespace fftconv::hdf5
