#include "fftconv/storage/hdf5/hdf5.hpp"

#include <hdf5_hl.h>

#include <algorithm>
#include <limits>
#include <utility>

#include "fftconv/storage/hdf5/hdf5_values-inl.hpp"

namespace fftconv::hdf5 {

namespace {

/// Attributes are small: their values lie in the header of their object, or not far from it.
constexpr hsize_t largest_attribute = 1 << 20;

/// Refuses values that T cannot hold; HDF5 would silently give the nearest that it can.
H5T_conv_ret_t refuse_out_of_range(H5T_conv_except_t what, hid_t, hid_t, void*, void*, void*) {
    return what == H5T_CONV_EXCEPT_RANGE_HI || what == H5T_CONV_EXCEPT_RANGE_LOW ? H5T_CONV_ABORT
                                                                                 : H5T_CONV_UNHANDLED;
}

Handle transfer_properties() {
    Handle properties(H5Pcreate(H5P_DATASET_XFER), H5Pclose);
    H5Pset_type_conv_cb(properties.id(), refuse_out_of_range, nullptr);
    return properties;
}

/// The digest of a dataset of this type in the file. Values that were converted are read once more as they
/// lie there, by transfer(memory type, buffer). Empty for a type that is none of ours.
template <class T, class Transfer>
std::string digest_of(hid_t type, const Shape& shape, const std::vector<T>& values, Transfer transfer) {
    if constexpr (std::same_as<T, std::string>) {
        return digest(shape, values);
    } else {
        const std::string name = type_name(type);
        if (name.empty()) return "";
        if (name == type_name(Types<T>::file()))
            return digest(name, shape, bytes_of(std::span<const T>(values)));
        const Handle little_endian(H5Tcopy(type), H5Tclose);
        H5Tset_order(little_endian.id(), H5T_ORDER_LE);
        std::vector<std::uint8_t> stored(std::max<std::size_t>(values.size() * H5Tget_size(type), 1));
        if (!values.empty()) transfer(little_endian.id(), stored.data());
        stored.resize(values.size() * H5Tget_size(type));
        return digest(name, shape, stored);
    }
}

}  // namespace

Handle::Handle(Handle&& other) noexcept : id_(std::exchange(other.id_, -1)), close_(other.close_) {}

Handle& Handle::operator=(Handle&& other) noexcept {
    std::swap(id_, other.id_);
    std::swap(close_, other.close_);
    return *this;
}

Handle::~Handle() {
    if (id_ >= 0) close_(id_);
}

Node::Node(Handle handle, std::shared_ptr<Context> context, std::string path)
    : handle_(std::move(handle)), context_(std::move(context)), path_(std::move(path)) {
    if (!context_->new_file) check_place(handle_.id(), *context_, path_);
}

const std::string& Node::file() const {
    return context_->file;
}

std::string Node::child(const std::string& name) const {
    return (path_ == "/" ? "" : path_) + "/" + name;
}

std::string Node::attribute_path(const std::string& name) const {
    return path_ + " @" + name;
}

bool Node::has_attribute(const std::string& name) const {
    return require(H5Aexists(handle_.id(), name.c_str()), file(), attribute_path(name),
                   "readable attributes") > 0;
}

bool Node::has_number(const std::string& name) const {
    if (!has_attribute(name)) return false;
    const Handle attribute(require(H5Aopen(handle_.id(), name.c_str(), H5P_DEFAULT), file(),
                                   attribute_path(name), "a readable attribute"),
                           H5Aclose);
    const Handle type(H5Aget_type(attribute.id()), H5Tclose), space(H5Aget_space(attribute.id()), H5Sclose);
    return readable_as<double>(type.id()) && H5Sget_simple_extent_npoints(space.id()) == 1;
}

std::vector<std::string> Node::attribute_names() const {
    std::vector<std::string> names;
    const auto add = [](hid_t, const char* name, const H5A_info_t*, void* list) -> herr_t {
        static_cast<std::vector<std::string>*>(list)->emplace_back(name);
        return 0;
    };
    require(H5Aiterate2(handle_.id(), H5_INDEX_NAME, H5_ITER_INC, nullptr, add, &names), file(), path_,
            "readable attributes");
    return names;
}

template <class T>
void Node::write_attribute(const std::string& name, std::span<const T> values, const Shape& shape) {
    const std::string where = attribute_path(name);
    write_values(values, [&](hid_t file_type, hid_t memory_type, const void* data) {
        const Handle space = make_space(shape);
        const Handle attribute(
            require(H5Acreate2(handle_.id(), name.c_str(), file_type, space.id(), H5P_DEFAULT, H5P_DEFAULT),
                    file(), where, "an attribute that can be written"),
            H5Aclose);
        require(H5Awrite(attribute.id(), memory_type, data), file(), where,
                "an attribute that can be written");
    });
}

template <class T>
void Node::set_attribute(const std::string& name, const T& value) {
    write_attribute(name, std::span<const T>(&value, 1), {});
}

template <class T>
void Node::set_attribute(const std::string& name, const std::vector<T>& values) {
    write_attribute(name, std::span<const T>(values), {int(values.size())});
}

template <class T>
std::vector<T> Node::attribute_values(const std::string& name) const {
    const std::string where = attribute_path(name);
    if (!has_attribute(name)) throw FileError(file(), where, "an attribute", "none");
    const Handle attribute(
        require(H5Aopen(handle_.id(), name.c_str(), H5P_DEFAULT), file(), where, "a readable attribute"),
        H5Aclose);
    const Handle type(H5Aget_type(attribute.id()), H5Tclose), space(H5Aget_space(attribute.id()), H5Sclose);
    if (!readable_as<T>(type.id())) throw FileError(file(), where, expected_kind<T>(), kind_name(type.id()));
    const hssize_t count = std::max<hssize_t>(H5Sget_simple_extent_npoints(space.id()), 0);
    if (const hsize_t bytes = H5Aget_storage_size(attribute.id());
        bytes > largest_attribute || hsize_t(count) > largest_attribute)
        throw FileError(file(), where, "an attribute of at most 1 MiB", std::to_string(bytes) + " bytes");
    return read_values<T>(type.id(), space.id(), std::size_t(count), [&](hid_t memory_type, void* values) {
        require(H5Aread(attribute.id(), memory_type, values), file(), where, "a readable attribute");
    });
}

template <class T>
T Node::attribute(const std::string& name) const {
    const std::vector<T> values = attribute_values<T>(name);
    if (values.size() != 1)
        throw FileError(file(), attribute_path(name), "one value", std::to_string(values.size()));
    return values.front();
}

Shape Dataset::shape() const {
    const Handle space(require(H5Dget_space(handle_.id()), file(), path_, "a readable dataset"), H5Sclose);
    std::vector<hsize_t> extents(std::max(H5Sget_simple_extent_ndims(space.id()), 0));
    H5Sget_simple_extent_dims(space.id(), extents.data(), nullptr);
    constexpr hsize_t most = std::numeric_limits<int>::max();
    hsize_t product = 1;
    for (const hsize_t extent : extents) {
        if (extent > most || (extent && product > most / extent))
            throw FileError(file(), path_, "at most " + std::to_string(most) + " values", "more");
        product *= extent;
    }
    return {extents.begin(), extents.end()};
}

bool Dataset::is_scale() const {
    return require(H5DSis_scale(handle_.id()), file(), path_, "readable attributes") > 0;
}

bool Dataset::holds_strings() const {
    const Handle type(H5Dget_type(handle_.id()), H5Tclose);
    return readable_as<std::string>(type.id());
}

std::string Dataset::unit() const {
    return has_attribute("units") ? attribute<std::string>("units") : "";
}

template <class T>
std::vector<T> Dataset::read() const {
    const Shape extents = shape();
    const std::size_t count = elements(extents);
    const Handle type(H5Dget_type(handle_.id()), H5Tclose), space(H5Dget_space(handle_.id()), H5Sclose);
    if (!readable_as<T>(type.id())) throw FileError(file(), path_, expected_kind<T>(), kind_name(type.id()));
    check_stored(handle_.id(), *context_, path_, count);
    const Handle properties = transfer_properties();
    const auto transfer = [&](hid_t memory_type, void* values) {
        require(H5Dread(handle_.id(), memory_type, H5S_ALL, H5S_ALL, properties.id(), values), file(), path_,
                "a readable dataset");
    };
    std::vector<T> values = read_values<T>(type.id(), space.id(), count, transfer);
    if (needs_digest()) check_digest(digest_of(type.id(), extents, values, transfer));
    return values;
}

bool Dataset::needs_digest() const {
    return context_->digests_required || has_attribute(digest_name);
}

void Dataset::check_digest(const std::string& found) const {
    const auto expected = attribute<std::string>(digest_name);
    if (found != expected)
        throw FileError(file(), path_, "values with the SHA-256 " + expected,
                        found.empty() ? "a type that digests have no name for" : found);
}

template <class T>
std::vector<T> Dataset::read(const Shape& expected) const {
    const Shape found = shape();
    if (found != expected) throw FileError(file(), path_, "shape " + shape_text(expected), shape_text(found));
    return read<T>();
}

void Dataset::make_scale(const std::string& axis) {
    require(H5DSset_scale(handle_.id(), axis.c_str()), file(), path_,
            "a dimension scale that can be written");
}

void Dataset::attach_scale(const Dataset& scale, int axis) {
    require(H5DSattach_scale(handle_.id(), scale.handle_.id(), unsigned(axis)), file(), path_,
            "a dimension scale that can be attached");
}

#define FFTCONV_HDF5_TYPE(T)                                                      \
    template void Node::set_attribute(const std::string&, const T&);              \
    template void Node::set_attribute(const std::string&, const std::vector<T>&); \
    template std::vector<T> Node::attribute_values(const std::string&) const;     \
    template T Node::attribute(const std::string&) const;                         \
    template std::vector<T> Dataset::read() const;                                \
    template std::vector<T> Dataset::read(const Shape&) const;
FFTCONV_HDF5_EACH_TYPE(FFTCONV_HDF5_TYPE)
#undef FFTCONV_HDF5_TYPE

}  // namespace fftconv::hdf5
