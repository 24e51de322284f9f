#include "fftconv/dataset/augment.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <string>

#include "fftconv/core/error.hpp"
#include "fftconv/core/random.hpp"

namespace fftconv {
namespace {

/// Where a pixel of the result comes from: (row, column) = origin + matrix · (result row, result column).
struct Affine {
    float row, column;  // of the result's pixel (0, 0)
    float rr, rc, cr, cc;
};

/// One image's draw. All numbers are drawn whatever the options, so that one option does not change
/// another's.
Affine draw(const Augmentation& augmentation, MapShape from, MapShape to, RandomStream random) {
    const float top = float(random.below(from.height - to.height + 1));
    const float left = float(random.below(from.width - to.width + 1));
    const bool mirrored = random.uniform() < 0.5f && augmentation.flip_horizontal;
    const bool upside_down = random.uniform() < 0.5f && augmentation.flip_vertical;
    const float angle = random.uniform(-1, 1) * augmentation.rotation * std::numbers::pi_v<float> / 180;
    const float down = random.uniform(-1, 1) * augmentation.translation;
    const float right = random.uniform(-1, 1) * augmentation.translation;
    const float scale = random.uniform(augmentation.scale_low, augmentation.scale_high);

    // Around the crop's centre: flip, rotate by the angle, enlarge by the scale; the inverse of that here.
    const float cosine = std::cos(angle) / scale, sine = std::sin(angle) / scale;
    const float v = upside_down ? -1.0f : 1.0f, h = mirrored ? -1.0f : 1.0f;
    Affine map{0, 0, v * cosine, v * -sine, h * sine, h * cosine};
    const float middle_row = 0.5f * float(to.height - 1), middle_column = 0.5f * float(to.width - 1);
    map.row = top + middle_row - down - map.rr * middle_row - map.rc * middle_column;
    map.column = left + middle_column - right - map.cr * middle_row - map.cc * middle_column;
    return map;
}

/// The two neighbours of a coordinate, inside the image, and the weight of the second.
struct Neighbours {
    int first, second;
    float weight;
};

Neighbours neighbours(float coordinate, int extent) {
    const float inside = std::clamp(coordinate, 0.0f, float(extent - 1));
    const int first = std::min(int(inside), std::max(extent - 2, 0));
    return {first, std::min(first + 1, extent - 1), inside - float(first)};
}

void sample(const Affine& map, std::span<const float> image, MapShape from, std::span<float> result,
            MapShape to) {
    const std::size_t plane = std::size_t(from.height) * from.width,
                      result_plane = std::size_t(to.height) * to.width;
    for (int row = 0; row < to.height; ++row)
        for (int column = 0; column < to.width; ++column) {
            const auto y = neighbours(map.row + map.rr * float(row) + map.rc * float(column), from.height);
            const auto x = neighbours(map.column + map.cr * float(row) + map.cc * float(column), from.width);
            for (int c = 0; c < from.channels; ++c) {
                const float* above = image.data() + c * plane + std::size_t(y.first) * from.width;
                const float* below = image.data() + c * plane + std::size_t(y.second) * from.width;
                const float upper = above[x.first] + x.weight * (above[x.second] - above[x.first]);
                const float lower = below[x.first] + x.weight * (below[x.second] - below[x.first]);
                result[c * result_plane + std::size_t(row) * to.width + column] =
                    upper + y.weight * (lower - upper);
            }
        }
}

void check_sizes(std::span<const float> image, MapShape maps, std::span<float> result, MapShape to) {
    if (image.size() != maps.size() || result.size() != to.size())
        throw ShapeError("augmentation: expected " + std::to_string(maps.size()) + " floats and room for " +
                         std::to_string(to.size()) + ", found " + std::to_string(image.size()) + " and " +
                         std::to_string(result.size()));
}

MapShape cropped_maps(int crop, MapShape maps) {
    if (crop < 0 || crop > std::min(maps.height, maps.width))
        throw UsageError("crop: expected 0 (none) to " + std::to_string(std::min(maps.height, maps.width)) +
                         " pixels, found " + std::to_string(crop));
    return crop == 0 ? maps : MapShape{maps.channels, crop, crop};
}

}  // namespace

MapShape augmented_maps(const Augmentation& augmentation, MapShape maps) {
    const auto check = [](bool good, const char* field, const char* expected) {
        if (!good) throw UsageError(std::string("augmentation: ") + field + ": expected " + expected);
    };
    check(augmentation.rotation >= 0 && augmentation.rotation <= 180, "rotation", "0 to 180 degrees");
    check(augmentation.translation >= 0 && std::isfinite(augmentation.translation), "translation",
          "0 or more pixels");
    check(augmentation.scale_low > 0 && augmentation.scale_low <= augmentation.scale_high &&
              std::isfinite(augmentation.scale_high),
          "scale", "0 < low ≤ high");
    return cropped_maps(augmentation.crop, maps);
}

void augment(const Augmentation& augmentation, std::uint64_t seed, int epoch, int index,
             std::span<const float> image, MapShape maps, std::span<float> result) {
    const MapShape to = augmented_maps(augmentation, maps);
    check_sizes(image, maps, result, to);
    const std::string stream = "augmentation/" + std::to_string(epoch) + "/" + std::to_string(index);
    sample(draw(augmentation, maps, to, RandomStream(seed, stream)), image, maps, result, to);
}

void ten_crop(int i, int crop, std::span<const float> image, MapShape maps, std::span<float> result) {
    const MapShape to = cropped_maps(crop, maps);
    check_sizes(image, maps, result, to);
    if (i < 0 || i > 9) throw UsageError("crop number: expected 0 to 9, found " + std::to_string(i));
    const int place = i % 5, high = maps.height - to.height, wide = maps.width - to.width;
    const int top = place == 4 ? high / 2 : place / 2 * high, left = place == 4 ? wide / 2 : place % 2 * wide;
    const bool mirrored = i >= 5;
    for (int c = 0; c < maps.channels; ++c)
        for (int row = 0; row < to.height; ++row) {
            const float* from = image.data() + (std::size_t(c) * maps.height + top + row) * maps.width + left;
            float* target = result.data() + (std::size_t(c) * to.height + row) * to.width;
            if (mirrored)
                std::reverse_copy(from, from + to.width, target);
            else
                std::copy_n(from, to.width, target);
        }
}

}  // namespace fftconv
