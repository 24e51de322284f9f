#include "fftconv/storage/hdf5/hdf5.hpp"

#include <hdf5_hl.h>

#include <algorithm>
#include <limits>
#include <numeric>
#include <utility>

#include "fftconv/storage/hdf5/hdf5_values-inl.hpp"

namespace fftconv::hdf5 {

namespace {

std::string text(const Shape& shape) {
    std::string words = "(";
    for (std::size_t i = 0; i < shape.size(); ++i) words += (i ? ", " : "") + std::to_string(shape[i]);
    return words + ")";
}

/// Attributes are small: their values lie in the header of their object, or not far from it.
constexpr hsize_t largest_attribute = 1 << 20;

std::size_t elements(const Shape& shape) {
    return std::accumulate(shape.begin(), shape.end(), std::size_t{1}, std::multiplies<>());
}

Handle make_space(const Shape& shape) {
    if (shape.empty()) return {H5Screate(H5S_SCALAR), H5Sclose};
    const std::vector<hsize_t> extents(shape.begin(), shape.end());
    return {H5Screate_simple(int(extents.size()), extents.data(), nullptr), H5Sclose};
}

/// Chunks of at most about 1 MiB, which is what HDF5 keeps of a dataset while reading; then shuffle and
/// deflate (level 1: shuffled weights gain next to nothing from more) and a checksum. Scalars and empty
/// arrays have no chunks, hence no filters.
Handle creation_properties(const Shape& shape, std::size_t bytes_per_element) {
    Handle properties(H5Pcreate(H5P_DATASET_CREATE), H5Pclose);
    if (shape.empty() || elements(shape) == 0) return properties;
    std::vector<hsize_t> chunk(shape.begin(), shape.end());
    const auto bytes = [&] {
        return std::accumulate(chunk.begin(), chunk.end(), bytes_per_element, std::multiplies<>());
    };
    while (bytes() > std::size_t{1} << 20) {
        hsize_t& longest = *std::ranges::max_element(chunk);
        if (longest == 1) break;
        longest = (longest + 1) / 2;
    }
    H5Pset_chunk(properties.id(), int(chunk.size()), chunk.data());
    H5Pset_shuffle(properties.id());
    H5Pset_deflate(properties.id(), 1);
    H5Pset_fletcher32(properties.id());
    return properties;
}

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

template <class T>
std::span<const std::uint8_t> bytes_of(std::span<const T> values) {
    return {reinterpret_cast<const std::uint8_t*>(values.data()), values.size() * sizeof(T)};
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
    if (found != expected) throw FileError(file(), path_, "shape " + text(expected), text(found));
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

bool Group::has(const std::string& name) const {
    // HDF5 takes a missing step on the way for a failure, so each is asked for.
    for (std::size_t end = name.find('/'); end != std::string::npos; end = name.find('/', end + 1)) {
        const std::string step = name.substr(0, end);
        if (!has_hard_link(handle_.id(), step, *context_, child(step))) return false;
    }
    return has_hard_link(handle_.id(), name, *context_, child(name));
}

bool Group::has_group(const std::string& name) const {
    if (!has(name)) return false;
    const Handle object(require(H5Oopen(handle_.id(), name.c_str(), H5P_DEFAULT), file(), child(name),
                                "a readable group or dataset"),
                        H5Oclose);
    return H5Iget_type(object.id()) == H5I_GROUP;
}

std::vector<std::string> Group::names() const {
    const Handle properties(require(H5Gget_create_plist(handle_.id()), file(), path_, "a readable group"),
                            H5Pclose);
    unsigned order = 0;
    H5Pget_link_creation_order(properties.id(), &order);
    const H5_index_t index = order & H5P_CRT_ORDER_TRACKED ? H5_INDEX_CRT_ORDER : H5_INDEX_NAME;
    std::vector<std::string> names;
    constexpr std::size_t most = 1'000'000;  // damage can make a list of links endless
    const auto add = [](hid_t, const char* name, const H5L_info_t*, void* list) -> herr_t {
        auto& so_far = *static_cast<std::vector<std::string>*>(list);
        so_far.emplace_back(name);
        return so_far.size() > most;
    };
    require(H5Literate(handle_.id(), index, H5_ITER_INC, nullptr, add, &names), file(), path_,
            "a readable group");
    if (names.size() > most) throw FileError(file(), path_, "at most a million names", "more");
    return names;
}

void Group::check_scales() const {
    for (const std::string& name : names()) {
        if (has_group(name)) continue;
        const Dataset found = dataset(name);
        if (found.is_scale())
            found.holds_strings() ? (void)found.read<std::string>() : (void)found.read<double>();
    }
}

Group Group::create_group(const std::string& name) {
    check_name(name);
    if (has(name)) return group(name);
    const Handle properties(H5Pcreate(H5P_GROUP_CREATE), H5Pclose);
    keep_order_of_links(properties.id());
    const hid_t made = H5Gcreate2(handle_.id(), name.c_str(), H5P_DEFAULT, properties.id(), H5P_DEFAULT);
    return {
        {require(made, file(), child(name), "a group that can be written"), H5Gclose}, context_, child(name)};
}

Group Group::create_path(const std::string& path) {
    const std::size_t slash = path.rfind('/');
    if (slash == std::string::npos) return create_group(path);
    return create_path(path.substr(0, slash)).create_group(path.substr(slash + 1));
}

Group Group::group(const std::string& name) const {
    if (!has(name)) throw FileError(file(), child(name), "a group", "nothing");
    const hid_t opened = H5Gopen2(handle_.id(), name.c_str(), H5P_DEFAULT);
    Group found({require(opened, file(), child(name), "a group"), H5Gclose}, context_, child(name));
    found.check_members();
    return found;
}

void Group::list_members() {
    const std::vector<std::string> members = names();
    set_attribute(members_name, members);
    for (const std::string& name : members)
        if (has_group(name)) group(name).list_members();
}

void Group::check_members() const {
    if (context_->new_file || (!context_->members_required && !has_attribute(members_name))) return;
    for (const std::string& name : attribute_values<std::string>(members_name))
        if (!has(name))
            throw FileError(file(), child(name), "what " + path_ + " held when it was written", "nothing");
}

Dataset Group::dataset(const std::string& name) const {
    if (!has(name)) throw FileError(file(), child(name), "a dataset", "nothing");
    const hid_t opened = H5Dopen2(handle_.id(), name.c_str(), H5P_DEFAULT);
    return {{require(opened, file(), child(name), "a dataset"), H5Dclose}, context_, child(name)};
}

void Group::check_name(const std::string& name) const {
    if (name.empty() || name == "." || name.find('/') != std::string::npos ||
        name.find('\0') != std::string::npos)
        throw FileError(file(), path_, "a name without '/'", "'" + name + "'");
    if (name.size() > 255) throw FileError(file(), path_, "a name of at most 255 bytes", name);
}

template <class T>
Dataset Group::create_dataset(const std::string& name, std::span<const T> values, const Shape& shape) {
    check_name(name);
    if (has(name)) throw FileError(file(), child(name), "a new name", "one that is there already");
    if (values.size() != elements(shape))
        throw FileError(file(), child(name), "as many values as fill the shape " + text(shape),
                        std::to_string(values.size()));
    Dataset made = write_values(values, [&](hid_t file_type, hid_t memory_type, const void* data) {
        const Handle space = make_space(shape);
        const Handle properties = creation_properties(shape, H5Tget_size(file_type));
        const hid_t created = H5Dcreate2(handle_.id(), name.c_str(), file_type, space.id(), H5P_DEFAULT,
                                         properties.id(), H5P_DEFAULT);
        Handle dataset(require(created, file(), child(name), "a dataset that can be written"), H5Dclose);
        require(H5Dwrite(dataset.id(), memory_type, H5S_ALL, H5S_ALL, H5P_DEFAULT, data), file(), child(name),
                "a dataset that can be written");
        return Dataset(std::move(dataset), context_, child(name));
    });
    if constexpr (std::same_as<T, std::string>)
        made.set_attribute(digest_name, digest(shape, values));
    else
        made.set_attribute(digest_name, digest(type_name(Types<T>::file()), shape, bytes_of(values)));
    return made;
}

template <class T>
Dataset Group::write(const std::string& name, std::span<const T> values, const Shape& shape,
                     const std::vector<std::string>& axes, const std::string& unit) {
    if (const std::size_t slash = name.rfind('/'); slash != std::string::npos)
        return create_path(name.substr(0, slash)).write(name.substr(slash + 1), values, shape, axes, unit);
    Dataset dataset = create_dataset(name, values, shape);
    if (!unit.empty()) dataset.set_attribute("units", unit);
    for (std::size_t i = 0; i < axes.size(); ++i) {
        if (axes[i] == name)
            dataset.make_scale(name);
        else
            dataset.attach_scale(scale(axes[i], shape.at(i)), int(i));
    }
    return dataset;
}

Dataset Group::scale(const std::string& axis, int length) {
    const std::string longer_name = axis + "_" + std::to_string(length);
    for (const std::string& name : {axis, longer_name}) {
        if (!has(name)) {
            std::vector<std::int32_t> positions(length);
            std::iota(positions.begin(), positions.end(), 0);
            Dataset made = create_dataset<std::int32_t>(name, positions, {length});
            made.make_scale(name);
            return made;
        }
        if (has_group(name)) continue;
        Dataset found = dataset(name);
        if (found.is_scale() && found.shape() == Shape{length}) return found;
    }
    throw FileError(file(), child(axis), "a dimension scale of length " + std::to_string(length),
                    "something else of this name");
}

template <class T>
Dataset Group::write_scalar(const std::string& name, const T& value, const std::string& unit) {
    return write(name, std::span<const T>(&value, 1), {}, {}, unit);
}

template <class T>
T Group::read_scalar(const std::string& name) const {
    return dataset(name).read<T>(Shape{}).front();
}

#define FFTCONV_HDF5_TYPE(T)                                                                \
    template void Node::set_attribute(const std::string&, const T&);                        \
    template void Node::set_attribute(const std::string&, const std::vector<T>&);           \
    template std::vector<T> Node::attribute_values(const std::string&) const;               \
    template T Node::attribute(const std::string&) const;                                   \
    template std::vector<T> Dataset::read() const;                                          \
    template std::vector<T> Dataset::read(const Shape&) const;                              \
    template Dataset Group::write(const std::string&, std::span<const T>, const Shape&,     \
                                  const std::vector<std::string>&, const std::string&);     \
    template Dataset Group::write_scalar(const std::string&, const T&, const std::string&); \
    template T Group::read_scalar(const std::string&) const;
FFTCONV_HDF5_TYPE(float)
FFTCONV_HDF5_TYPE(double)
FFTCONV_HDF5_TYPE(std::int32_t)
FFTCONV_HDF5_TYPE(std::int64_t)
FFTCONV_HDF5_TYPE(std::uint64_t)
FFTCONV_HDF5_TYPE(std::uint8_t)
FFTCONV_HDF5_TYPE(std::string)

}  // namespace fftconv::hdf5
