#include "fftconv/storage/sections.hpp"

#include <algorithm>
#include <cmath>

#include "fftconv/core/error.hpp"
#include "fftconv/core/number_text.hpp"

namespace fftconv::storage {

namespace {

/// The axes of weights have the same names in the whole field; other ranks are numbered.
std::vector<std::string> axes_of(const hdf5::Shape& shape) {
    if (shape.size() == 4) return {"out", "in", "ky", "kx"};
    if (shape.size() == 2) return {"out", "in"};
    if (shape.size() == 1) return {"out"};
    std::vector<std::string> axes;
    for (std::size_t i = 0; i < shape.size(); ++i) axes.push_back("axis_" + std::to_string(i));
    return axes;
}

/// Visits every dataset below a group; its name is its path from the group. Dimension scales are left out.
template <class Visit>
void for_each_dataset(const hdf5::Group& group, const Visit& visit, const std::string& prefix = "") {
    group.check_scales();
    for (const std::string& name : group.names()) {
        if (group.has_group(name)) {
            for_each_dataset(group.group(name), visit, prefix + name + "/");
            continue;
        }
        const hdf5::Dataset dataset = group.dataset(name);
        if (!dataset.is_scale()) visit(prefix + name, dataset);
    }
}

template <class T>
void check_all_finite(const std::string& file, const std::string& field, std::span<const T> values) {
    const auto odd = std::ranges::find_if_not(values, [](T value) { return std::isfinite(value); });
    if (odd != values.end())
        throw FileError(file, field, "finite numbers",
                        number_text(*odd) + " at " + std::to_string(odd - values.begin()));
}

}  // namespace

void check_finite(const std::string& file, const std::string& field, std::span<const float> values) {
    check_all_finite(file, field, values);
}

void check_finite(const std::string& file, const std::string& field, std::span<const double> values) {
    check_all_finite(file, field, values);
}

void check_percentages(const std::string& file, const std::string& field, std::span<const double> values) {
    for (std::size_t i = 0; i < values.size(); ++i)
        if (!(values[i] >= 0 && values[i] <= 100))
            throw FileError(file, field + "[" + std::to_string(i) + "]", "0 to 100 %",
                            number_text(values[i]));
}

void write_arrays(hdf5::Group& group, const std::vector<NamedArray>& arrays) {
    for (const NamedArray& array : arrays) {
        check_finite(group.file(), group.path() + "/" + array.name, array.values);
        group.write<float>(array.name, array.values, array.shape, axes_of(array.shape));
    }
}

std::vector<NamedArray> read_arrays(const hdf5::Group& group) {
    std::vector<NamedArray> arrays;
    for_each_dataset(group, [&](const std::string& name, const hdf5::Dataset& dataset) {
        arrays.push_back({name, dataset.shape(), dataset.read<float>()});
        check_finite(dataset.file(), dataset.path(), arrays.back().values);
    });
    return arrays;
}

void write_streams(hdf5::Group& root, const std::vector<StreamPosition>& streams) {
    hdf5::Group group = root.create_group("random");
    for (const StreamPosition& stream : streams) {
        hdf5::Dataset position = group.write_scalar(stream.stream, stream.position, "numbers drawn");
        position.set_attribute("seed", stream.seed);
    }
}

std::vector<StreamPosition> read_streams(const hdf5::Group& root) {
    std::vector<StreamPosition> streams;
    if (!root.has("random")) return streams;
    for_each_dataset(root.group("random"), [&](const std::string& name, const hdf5::Dataset& dataset) {
        const auto seed = dataset.attribute<std::uint64_t>("seed");
        streams.push_back({name, seed, dataset.read<std::uint64_t>(hdf5::Shape{}).front()});
    });
    return streams;
}

}  // namespace fftconv::storage
