#include <algorithm>
#include <functional>
#include <numeric>

#include "fftconv/storage/hdf5/hdf5_values-inl.hpp"

namespace fftconv::hdf5 {

namespace {

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

}  // namespace

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
        throw FileError(file(), child(name), "as many values as fill the shape " + shape_text(shape),
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
    template Dataset Group::write(const std::string&, std::span<const T>, const Shape&,     \
                                  const std::vector<std::string>&, const std::string&);     \
    template Dataset Group::write_scalar(const std::string&, const T&, const std::string&); \
    template T Group::read_scalar(const std::string&) const;
FFTCONV_HDF5_EACH_TYPE(FFTCONV_HDF5_TYPE)
#undef FFTCONV_HDF5_TYPE

}  // namespace fftconv::hdf5
