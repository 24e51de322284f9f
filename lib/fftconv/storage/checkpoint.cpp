#include "fftconv/storage/checkpoint.hpp"

#include <cmath>
#include <cstdint>

#include "fftconv/core/error.hpp"
#include "fftconv/storage/hdf5/hdf5.hpp"
#include "fftconv/storage/sections.hpp"

namespace fftconv {

namespace {

void write_model(hdf5::Group& root, const Checkpoint& checkpoint) {
    hdf5::Group group = root.create_group("model");
    group.set_attribute("architecture", checkpoint.architecture);
    group.set_attribute("layer_names", checkpoint.layer_names);
    storage::write_arrays(group, checkpoint.model);
}

void read_model(const hdf5::Group& root, Checkpoint& checkpoint) {
    const hdf5::Group group = root.group("model");
    checkpoint.architecture = group.attribute<std::string>("architecture");
    checkpoint.layer_names = group.attribute_values<std::string>("layer_names");
    checkpoint.model = storage::read_arrays(group);
}

void write_optimizer(hdf5::Group& root, const Checkpoint& checkpoint) {
    if (checkpoint.optimizer.empty()) return;
    hdf5::Group group = root.create_group("optimizer");
    group.set_attribute("name", checkpoint.optimizer);
    storage::write_arrays(group, checkpoint.optimizer_state);
}

void read_optimizer(const hdf5::Group& root, Checkpoint& checkpoint) {
    if (!root.has("optimizer")) return;
    const hdf5::Group group = root.group("optimizer");
    checkpoint.optimizer = group.attribute<std::string>("name");
    checkpoint.optimizer_state = storage::read_arrays(group);
}

void write_state(hdf5::Group& root, const TrainingState& state) {
    hdf5::Group group = root.create_group("state");
    group.set_attribute("epoch", state.epoch);
    group.set_attribute("step", state.step);
    for (const auto& [name, value] : state.values) group.set_attribute(name, value);
}

TrainingState read_state(const hdf5::Group& root) {
    const hdf5::Group group = root.group("state");
    TrainingState state;
    state.epoch = group.attribute<std::int64_t>("epoch");
    state.step = group.attribute<std::int64_t>("step");
    for (const std::string& name : group.attribute_names())
        if (name != "epoch" && name != "step" && group.has_number(name))
            state.values[name] = group.attribute<double>(name);
    for (const auto& [name, value] : state.values)
        if (std::isnan(value)) throw FileError(group.file(), "/state @" + name, "a number", "NaN");
    if (state.epoch < 0 || state.epoch > INT32_MAX || state.step < 0)
        throw FileError(group.file(), "/state @epoch @step", "0 or more, the epoch below 2^31",
                        std::to_string(state.epoch) + " and " + std::to_string(state.step));
    return state;
}

void write_extra(hdf5::Group& root, const std::vector<NamedArray>& extra) {
    if (extra.empty()) return;
    hdf5::Group group = root.create_group("extra");
    storage::write_arrays(group, extra);
}

}  // namespace

void write_checkpoint(const std::filesystem::path& file, const Checkpoint& checkpoint) {
    const auto fill = [&](hdf5::Group& root) {
        write_model(root, checkpoint);
        storage::write_layer_masks(root, checkpoint.masks);
        write_optimizer(root, checkpoint);
        write_state(root, checkpoint.state);
        storage::write_streams(root, checkpoint.random);
        storage::write_curves(root, checkpoint.curves);
        write_extra(root, checkpoint.extra);
        storage::write_parent(root, checkpoint.parent_sha256);
    };
    storage::write_file(file, "checkpoint", checkpoint.resolved_toml, checkpoint.dataset, fill);
}

Checkpoint read_checkpoint(const std::filesystem::path& path) {
    const hdf5::File file = storage::open_file(path, "checkpoint");
    const hdf5::Group root = file.root();
    Checkpoint checkpoint;
    checkpoint.resolved_toml = storage::read_resolved_toml(root);
    checkpoint.dataset = storage::read_dataset_record(root);
    read_model(root, checkpoint);
    checkpoint.masks = storage::read_layer_masks(root);
    read_optimizer(root, checkpoint);
    checkpoint.state = read_state(root);
    checkpoint.random = storage::read_streams(root);
    checkpoint.curves = storage::read_curves(root);
    if (root.has("extra")) checkpoint.extra = storage::read_arrays(root.group("extra"));
    checkpoint.parent_sha256 = storage::read_parent(root);
    return checkpoint;
}

}  // namespace fftconv
