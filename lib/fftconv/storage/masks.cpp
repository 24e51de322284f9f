#include "fftconv/storage/masks.hpp"

#include <algorithm>
#include <numeric>
#include <set>

#include "fftconv/core/error.hpp"
#include "fftconv/core/number_text.hpp"
#include "fftconv/storage/hdf5/hdf5.hpp"
#include "fftconv/storage/sections.hpp"

namespace fftconv {

namespace {

void check_bytes(const std::string& file, const std::string& field, const std::vector<std::uint8_t>& bytes) {
    const auto odd = std::ranges::find_if(bytes, [](std::uint8_t byte) { return byte > 1; });
    if (odd != bytes.end()) throw FileError(file, field, "0 (pruned) or 1 (surviving)", std::to_string(*odd));
}

void write_mask(hdf5::Group& group, const std::string& name, const std::vector<std::uint8_t>& bytes,
                const hdf5::Shape& shape, const std::vector<std::string>& axes) {
    if (bytes.empty()) return;
    check_bytes(group.file(), group.path() + "/" + name, bytes);
    hdf5::Dataset dataset = group.write<std::uint8_t>(name, bytes, shape, axes);
    dataset.set_attribute("kept", std::accumulate(bytes.begin(), bytes.end(), std::int64_t{0}));
    dataset.set_attribute("total", std::int64_t(bytes.size()));
}

/// Reads a mask if it is there. Extents already known must be these, unknown ones (0) are learnt.
std::vector<std::uint8_t> read_mask(const hdf5::Group& group, const std::string& name,
                                    const std::vector<int*>& extents) {
    if (!group.has(name)) return {};
    const hdf5::Dataset dataset = group.dataset(name);
    const hdf5::Shape found = dataset.shape();
    hdf5::Shape expected;
    for (std::size_t i = 0; i < extents.size(); ++i) {
        if (*extents[i] == 0 && found.size() == extents.size()) *extents[i] = found[i];
        expected.push_back(*extents[i]);
    }
    std::vector<std::uint8_t> bytes = dataset.read<std::uint8_t>(expected);
    check_bytes(dataset.file(), dataset.path(), bytes);
    const auto require = [&](const char* attribute, std::int64_t value, const char* what) {
        if (dataset.has_number(attribute) && dataset.attribute<std::int64_t>(attribute) != value)
            throw FileError(dataset.file(), dataset.path() + " @" + attribute, std::to_string(value) + what,
                            std::to_string(dataset.attribute<std::int64_t>(attribute)));
    };
    require("kept", std::accumulate(bytes.begin(), bytes.end(), std::int64_t{0}), ", the sum of the mask");
    require("total", std::int64_t(bytes.size()), ", the units of the mask");
    return bytes;
}

LayerMask read_layer_mask(const hdf5::Group& group, const std::string& layer) {
    LayerMask mask;
    mask.layer = layer;
    group.check_scales();
    for (const std::string& name : group.names()) {
        static const std::set<std::string> known{"feature_map", "kernel", "intra_kernel", "out", "in",
                                                 "ky",          "kx"};
        if (!known.contains(name))
            throw FileError(group.file(), group.path() + "/" + name, "feature_map, kernel or intra_kernel",
                            name);
    }
    mask.feature_map = read_mask(group, "feature_map", {&mask.out});
    mask.kernel = read_mask(group, "kernel", {&mask.out, &mask.in});
    mask.intra_kernel =
        read_mask(group, "intra_kernel", {&mask.out, &mask.in, &mask.kernel_height, &mask.kernel_width});
    return mask;
}

void check_selected(const hdf5::Group& group, const MaskSearch& search) {
    const std::int64_t candidates = std::int64_t(search.seed.size());
    if (candidates > 0 && (search.selected < 0 || search.selected >= candidates))
        throw FileError(group.file(), "/search @selected", "0 to " + std::to_string(candidates - 1),
                        std::to_string(search.selected));
}

void write_search(hdf5::Group& root, const MaskSearch& search) {
    hdf5::Group group = root.create_group("search");
    check_selected(group, search);
    group.set_attribute("criterion", search.criterion);
    group.set_attribute("granularity", search.granularity);
    group.set_attribute("ratio", search.ratio);
    group.set_attribute("selected", search.selected);
    const int candidates = int(search.seed.size());
    std::vector<std::int64_t> candidate(candidates);
    std::iota(candidate.begin(), candidate.end(), 0);
    group.write<std::int64_t>("candidate", candidate, {candidates}, {"candidate"});
    group.write<std::uint64_t>("seed", search.seed, {candidates}, {"candidate"});
    group.write<double>("validation_mcr", search.validation_mcr, {candidates}, {"candidate"}, "percent");
}

MaskSearch read_search(const hdf5::Group& root) {
    const hdf5::Group group = root.group("search");
    MaskSearch search;
    search.criterion = group.attribute<std::string>("criterion");
    search.granularity = group.attribute<std::string>("granularity");
    search.ratio = group.attribute<double>("ratio");
    search.selected = group.attribute<std::int64_t>("selected");
    group.check_scales();
    search.seed = group.dataset("seed").read<std::uint64_t>();
    const int candidates = int(search.seed.size());
    search.validation_mcr = group.dataset("validation_mcr").read<double>({candidates});
    storage::check_percentages(group.file(), "/search/validation_mcr", search.validation_mcr);
    if (!(search.ratio >= 0 && search.ratio <= 1))
        throw FileError(group.file(), "/search @ratio", "0 to 1", number_text(search.ratio));
    check_selected(group, search);
    return search;
}

}  // namespace

namespace storage {

void write_layer_masks(hdf5::Group& root, const std::vector<LayerMask>& masks) {
    if (masks.empty()) return;
    hdf5::Group all = root.create_group("mask");
    for (const LayerMask& mask : masks) {
        hdf5::Group group = all.create_group(mask.layer);
        const int out = mask.out, in = mask.in;
        write_mask(group, "feature_map", mask.feature_map, {out}, {"out"});
        write_mask(group, "kernel", mask.kernel, {out, in}, {"out", "in"});
        write_mask(group, "intra_kernel", mask.intra_kernel, {out, in, mask.kernel_height, mask.kernel_width},
                   {"out", "in", "ky", "kx"});
    }
}

std::vector<LayerMask> read_layer_masks(const hdf5::Group& root) {
    std::vector<LayerMask> masks;
    if (!root.has("mask")) return masks;
    const hdf5::Group all = root.group("mask");
    for (const std::string& layer : all.names())
        if (all.has_group(layer)) masks.push_back(read_layer_mask(all.group(layer), layer));
    return masks;
}

void write_parent(hdf5::Group& root, const std::string& checkpoint_sha256) {
    if (!checkpoint_sha256.empty())
        root.create_group("parent").set_attribute("checkpoint_sha256", checkpoint_sha256);
}

std::string read_parent(const hdf5::Group& root) {
    return root.has("parent") ? root.group("parent").attribute<std::string>("checkpoint_sha256") : "";
}

}  // namespace storage

void write_masks(const std::filesystem::path& file, const MaskRecord& record) {
    const auto fill = [&](hdf5::Group& root) {
        write_search(root, record.search);
        storage::write_layer_masks(root, record.masks);
        storage::write_parent(root, record.checkpoint_sha256);
    };
    storage::write_file(file, "mask", record.resolved_toml, record.dataset, fill);
}

MaskRecord read_masks(const std::filesystem::path& path) {
    const hdf5::File file = storage::open_file(path, "mask");
    const hdf5::Group root = file.root();
    MaskRecord record;
    record.resolved_toml = storage::read_resolved_toml(root);
    record.dataset = storage::read_dataset_record(root);
    record.search = read_search(root);
    record.masks = storage::read_layer_masks(root);
    record.checkpoint_sha256 = storage::read_parent(root);
    return record;
}

}  // namespace fftconv
