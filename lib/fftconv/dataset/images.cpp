#include "fftconv/dataset/images.hpp"

#include <algorithm>
#include <numeric>
#include <string>

#include "fftconv/core/error.hpp"
#include "fftconv/core/random.hpp"

namespace fftconv {
namespace {

void check_index(int index, int count) {
    if (index < 0 || index >= count)
        throw ShapeError("image " + std::to_string(index) + " of " + std::to_string(count) + " images");
}

}  // namespace

void LabelledImages::copy_image(int index, std::span<float> chw) const {
    check_index(index, count());
    if (chw.size() != maps.size())
        throw ShapeError("copy_image: expected room for " + std::to_string(maps.size()) + " floats, found " +
                         std::to_string(chw.size()));
    const std::size_t first = std::size_t(index) * maps.size();
    if (const auto* bytes = std::get_if<std::vector<std::uint8_t>>(&pixels))
        std::transform(bytes->begin() + first, bytes->begin() + first + maps.size(), chw.begin(),
                       [](std::uint8_t byte) { return float(byte) * (1.0f / 255); });
    else
        std::copy_n(std::get<std::vector<float>>(pixels).begin() + first, maps.size(), chw.begin());
}

LabelledImages LabelledImages::subset(std::span<const int> indices) const {
    for (int index : indices) check_index(index, count());
    LabelledImages chosen{.maps = maps, .pixels = {}, .labels = {}, .classes = classes};
    for (int index : indices) chosen.labels.push_back(labels[index]);
    std::visit(
        [&](const auto& all) {
            std::remove_cvref_t<decltype(all)> some;
            some.reserve(indices.size() * maps.size());
            for (int index : indices) {
                const auto first = all.begin() + std::size_t(index) * maps.size();
                some.insert(some.end(), first, first + maps.size());
            }
            chosen.pixels = std::move(some);
        },
        pixels);
    return chosen;
}

void LabelledImages::truncate(int limit) {
    if (limit >= count()) return;
    labels.resize(limit);
    std::visit([&](auto& all) { all.resize(std::size_t(limit) * maps.size()); }, pixels);
}

void LabelledImages::append(const LabelledImages& other) {
    if (maps != other.maps || classes != other.classes || pixels.index() != other.pixels.index())
        throw ShapeError("images to append differ in shape, classes or kind of pixel");
    labels.insert(labels.end(), other.labels.begin(), other.labels.end());
    std::visit(
        [&](auto& all) {
            const auto& more = std::get<std::remove_cvref_t<decltype(all)>>(other.pixels);
            all.insert(all.end(), more.begin(), more.end());
        },
        pixels);
}

std::vector<int> held_out_indices(int total, int count, int block, std::uint64_t seed) {
    if (count < 0 || count > total || block < 1)
        throw UsageError("cannot hold " + std::to_string(count) + " of " + std::to_string(total) +
                         " images out in blocks of " + std::to_string(block));
    std::vector<int> blocks((total + block - 1) / block);
    std::iota(blocks.begin(), blocks.end(), 0);
    RandomStream random(seed, "validation split");
    shuffle(blocks, random);
    std::vector<int> indices;
    for (int b : blocks)
        for (int i = b * block; i < std::min(total, (b + 1) * block) && int(indices.size()) < count; ++i)
            indices.push_back(i);
    std::sort(indices.begin(), indices.end());
    return indices;
}

LabelledImages take_out(LabelledImages& images, std::span<const int> indices) {
    if (std::adjacent_find(indices.begin(), indices.end(), std::greater_equal<>()) != indices.end())
        throw ShapeError("indices to take out must ascend");
    LabelledImages taken = images.subset(indices);
    auto next = indices.begin();
    int kept = 0;
    for (int i = 0; i < images.count(); ++i) {
        if (next != indices.end() && *next == i) {
            ++next;
            continue;
        }
        images.labels[kept] = images.labels[i];
        std::visit(
            [&](auto& all) {
                const std::size_t size = images.maps.size();
                if (kept != i) std::copy_n(all.begin() + i * size, size, all.begin() + kept * size);
            },
            images.pixels);
        ++kept;
    }
    images.truncate(kept);
    return taken;
}

void check_labels(std::span<const std::uint8_t> labels, int classes, const std::filesystem::path& file) {
    const auto bad =
        std::find_if(labels.begin(), labels.end(), [=](std::uint8_t label) { return label >= classes; });
    if (bad != labels.end())
        throw FileError(file.string(), "label " + std::to_string(bad - labels.begin()),
                        "0 to " + std::to_string(classes - 1), std::to_string(*bad));
}

}  // namespace fftconv
