#include "fftconv/dataset/augment.hpp"

#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <numbers>
#include <set>

#include "fftconv/core/error.hpp"
#include "fftconv/core/random.hpp"

namespace fftconv::test {
namespace {

constexpr MapShape maps{2, 12, 10};

std::vector<float> random_image() {
    RandomStream random(1, "image");
    std::vector<float> image(maps.size());
    for (float& pixel : image) pixel = random.uniform();
    return image;
}

std::vector<float> changed(const Augmentation& augmentation, int index, const std::vector<float>& image) {
    std::vector<float> result(augmented_maps(augmentation, maps).size(), NAN);
    augment(augmentation, 5, 3, index, image, maps, result);
    return result;
}

/// Crop of the image at (top, left), with rows and columns reversed as asked.
std::vector<float> cut(const std::vector<float>& image, int top, int left, int edge, bool mirrored,
                       bool upside_down) {
    std::vector<float> result;
    for (int c = 0; c < maps.channels; ++c)
        for (int h = 0; h < edge; ++h)
            for (int w = 0; w < edge; ++w) {
                const int row = top + (upside_down ? edge - 1 - h : h),
                          column = left + (mirrored ? edge - 1 - w : w);
                result.push_back(image[(c * maps.height + row) * maps.width + column]);
            }
    return result;
}

/// An image whose value is linear in row and column: bilinear sampling is exact inside it.
constexpr MapShape wide{1, 61, 61};
std::vector<float> ramp(float row_slope, float column_slope) {
    std::vector<float> image;
    for (int h = 0; h < wide.height; ++h)
        for (int w = 0; w < wide.width; ++w)
            image.push_back(row_slope * float(h - 30) + column_slope * float(w - 30));
    return image;
}

/// Offset and slopes (value at the centre, by row, by column) of an augmented ramp; its middle must be
/// linear.
std::array<float, 3> fitted(const Augmentation& augmentation, int index, const std::vector<float>& image) {
    std::vector<float> result(wide.size(), NAN);
    augment(augmentation, 5, 3, index, image, wide, result);
    constexpr int middle = 30;
    const auto at = [&](int h, int w) { return result[h * wide.width + w]; };
    const std::array<float, 3> fit = {at(middle, middle), at(middle + 1, middle) - at(middle, middle),
                                      at(middle, middle + 1) - at(middle, middle)};
    float largest = 0;
    for (int h = middle - 10; h <= middle + 10; ++h)  // far from the edges, which are continued outwards
        for (int w = middle - 10; w <= middle + 10; ++w)
            largest = std::max(largest,
                               std::abs(at(h, w) - fit[0] - fit[1] * (h - middle) - fit[2] * (w - middle)));
    BOOST_TEST(largest < 1e-3);
    return fit;
}

BOOST_AUTO_TEST_SUITE(augmentation)

BOOST_AUTO_TEST_CASE(nothing_changes_nothing) {
    const auto image = random_image();
    BOOST_TEST(changed({}, 0, image) == image, boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(crops_and_flips_are_exact_and_all_occur) {
    const auto image = random_image();
    const Augmentation augmentation{.crop = 8, .flip_horizontal = true, .flip_vertical = true};
    std::set<int> seen;
    for (int index = 0; index < 400; ++index) {
        const auto result = changed(augmentation, index, image);
        int match = -1;
        for (int k = 0; k < 5 * 3 * 4; ++k)
            if (result == cut(image, k / 12, k / 4 % 3, 8, k & 1, k & 2)) match = k;
        BOOST_REQUIRE(match >= 0);
        seen.insert(match);
    }
    BOOST_TEST(seen.size() == 60u);
}

BOOST_AUTO_TEST_CASE(rotation_translation_and_scale_stay_in_their_ranges) {
    const auto rows = ramp(1, 0), columns = ramp(0, 1);
    float widest = 0, farthest = 0, smallest = 9, largest = 0;
    for (int index = 0; index < 200; ++index) {
        const auto turned = fitted({.rotation = 30}, index, columns);
        const auto turned_rows = fitted({.rotation = 30}, index, rows);
        BOOST_TEST(std::hypot(turned[1], turned[2]) == 1, boost::test_tools::tolerance(1e-3f));
        BOOST_TEST(turned[1] == -turned_rows[2],
                   boost::test_tools::tolerance(1e-2f));  // a rotation, no shear
        widest =
            std::max(widest, std::abs(std::atan2(turned[1], turned[2])) * 180 / std::numbers::pi_v<float>);

        const float moved = fitted({.translation = 4}, index, columns)[0];
        farthest = std::max(farthest, std::abs(moved));

        const auto scaled = fitted({.scale_low = 0.8f, .scale_high = 1.25f}, index, columns);
        smallest = std::min(smallest, 1 / scaled[2]);
        largest = std::max(largest, 1 / scaled[2]);
    }
    BOOST_TEST((widest > 28 && widest < 30.1f));
    BOOST_TEST((farthest > 3.8f && farthest < 4.001f));
    BOOST_TEST((smallest > 0.799f && smallest < 0.82f));
    BOOST_TEST((largest > 1.23f && largest < 1.251f));
}

// Every change at once, of an image that is higher than wide: its numbers drawn here, its pixels interpolated
// here, in double.
BOOST_AUTO_TEST_CASE(all_changes_together_are_one_map_around_the_crop_s_centre) {
    const auto image = random_image();
    const Augmentation all{.crop = 8,
                           .flip_horizontal = true,
                           .flip_vertical = true,
                           .rotation = 40,
                           .translation = 2,
                           .scale_low = 0.6f,
                           .scale_high = 1.4f};
    const auto pixel = [&](int c, double row, double column) {
        row = std::clamp(row, 0.0, maps.height - 1.0);
        column = std::clamp(column, 0.0, maps.width - 1.0);
        const int h = std::min(int(row), maps.height - 2), w = std::min(int(column), maps.width - 2);
        const double down = row - h, right = column - w;
        const auto at = [&](int i, int j) { return double(image[(c * maps.height + i) * maps.width + j]); };
        return (1 - down) * ((1 - right) * at(h, w) + right * at(h, w + 1)) +
               down * ((1 - right) * at(h + 1, w) + right * at(h + 1, w + 1));
    };
    double worst = 0;
    for (int index = 0; index < 60; ++index) {
        RandomStream random(5, "augmentation/3/" + std::to_string(index));
        const double top = double(random.below(5)), left = double(random.below(3));
        const bool mirrored = random.uniform() < 0.5f, upside_down = random.uniform() < 0.5f;
        const double angle = random.uniform(-1, 1) * 40 * std::numbers::pi / 180;
        const double down = random.uniform(-1, 1) * 2, right = random.uniform(-1, 1) * 2;
        const double scale = random.uniform(0.6f, 1.4f);
        const auto result = changed(all, index, image);
        for (int c = 0; c < 2; ++c)
            for (int h = 0; h < 8; ++h)
                for (int w = 0; w < 8; ++w) {
                    const double y = (std::cos(angle) * (h - 3.5) - std::sin(angle) * (w - 3.5)) / scale;
                    const double x = (std::sin(angle) * (h - 3.5) + std::cos(angle) * (w - 3.5)) / scale;
                    const double expected = pixel(c, top + 3.5 - down + (upside_down ? -y : y),
                                                  left + 3.5 - right + (mirrored ? -x : x));
                    worst = std::max(worst, std::abs(result[(c * 8 + h) * 8 + w] - expected));
                }
    }
    BOOST_TEST(worst < 1e-4);
}

BOOST_AUTO_TEST_CASE(the_draw_depends_on_seed_epoch_and_index) {
    const auto image = random_image();
    const Augmentation augmentation{.rotation = 20};
    const auto draw = [&](std::uint64_t seed, int epoch, int index) {
        std::vector<float> result(maps.size());
        augment(augmentation, seed, epoch, index, image, maps, result);
        return result;
    };
    BOOST_TEST((draw(1, 2, 3) == draw(1, 2, 3)));
    for (const auto& other : {draw(2, 2, 3), draw(1, 3, 3), draw(1, 2, 4), draw(1, 23, 0)})
        BOOST_TEST((draw(1, 2, 3) != other));
}

// A flip that is asked for but not drawn leaves all else as it is without that option.
BOOST_AUTO_TEST_CASE(one_option_does_not_change_what_another_draws) {
    const auto image = random_image();
    const Augmentation turned{.rotation = 20, .translation = 2, .scale_low = 0.9f, .scale_high = 1.1f};
    for (const auto flip : {&Augmentation::flip_horizontal, &Augmentation::flip_vertical}) {
        Augmentation flipped = turned;
        flipped.*flip = true;
        int same = 0;
        for (int index = 0; index < 40; ++index)
            same += changed(flipped, index, image) == changed(turned, index, image);
        BOOST_TEST(same > 8);
        BOOST_TEST(same < 32);
    }
}

BOOST_AUTO_TEST_CASE(ten_crops) {
    const auto image = random_image();
    const int top[] = {0, 0, 4, 4, 2}, left[] = {0, 2, 0, 2, 1};
    for (int i = 0; i < 10; ++i) {
        std::vector<float> result(2 * 8 * 8, NAN);
        ten_crop(i, 8, image, maps, result);
        BOOST_TEST((result == cut(image, top[i % 5], left[i % 5], 8, i >= 5, false)));
    }
}

BOOST_AUTO_TEST_CASE(bad_options) {
    for (const Augmentation& bad :
         {Augmentation{.crop = 11}, Augmentation{.crop = -1}, Augmentation{.rotation = -1},
          Augmentation{.translation = -1}, Augmentation{.scale_low = 0}, Augmentation{.scale_low = 2},
          Augmentation{.rotation = NAN}})
        BOOST_CHECK_THROW(augmented_maps(bad, maps), UsageError);
    std::vector<float> image(maps.size()), result(3);
    BOOST_CHECK_THROW(augment({}, 1, 1, 1, image, maps, result), ShapeError);
    BOOST_CHECK_THROW(ten_crop(10, 0, image, maps, image), UsageError);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace fftconv::test
