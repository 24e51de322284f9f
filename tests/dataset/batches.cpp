#include "fftconv/dataset/batches.hpp"

#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <limits>

#include "dataset/files.hpp"
#include "fftconv/core/error.hpp"

namespace fftconv::test {
namespace {

/// The pixel that a batch must hold, in double; border and missing images are zero.
double expected_pixel(const LabelledImages& images, const std::vector<int>& indices, int border, int c, int h,
                      int w, int n) {
    h -= border;
    w -= border;
    const MapShape maps = images.maps;
    if (n >= int(indices.size()) || h < 0 || w < 0 || h >= maps.height || w >= maps.width) return 0;
    const std::size_t pixel = (std::size_t(c) * maps.height + h) * maps.width + w;
    return std::get<Bytes>(images.pixels)[indices[n] * maps.size() + pixel] / 255.0;
}

void check_batch(const LabelledImages& images, const std::vector<int>& indices, int size, int border) {
    Batch batch;
    batch.images =
        Tensor(images.maps.channels, images.maps.height + 2 * border, images.maps.width + 2 * border, size);
    batch.images.fill(std::numeric_limits<float>::quiet_NaN());
    fill_batch(images, indices, size, border, batch);
    BOOST_REQUIRE(batch.valid == int(indices.size()));
    BOOST_REQUIRE(int(batch.labels.size()) == size);
    double largest = 0;
    const Tensor& x = batch.images;
    for (int c = 0; c < x.channels(); ++c)
        for (int h = 0; h < x.height(); ++h)
            for (int w = 0; w < x.width(); ++w)
                for (int n = 0; n < x.batch_stride(); ++n) {
                    BOOST_REQUIRE(std::isfinite(x.pixel(c, h, w)[n]));
                    largest = std::max(
                        largest,
                        std::abs(x.pixel(c, h, w)[n] - expected_pixel(images, indices, border, c, h, w, n)));
                }
    BOOST_TEST(largest <= 1e-7);
    for (int n = 0; n < size; ++n)
        BOOST_TEST(batch.labels[n] == (n < int(indices.size()) ? images.labels[indices[n]] : 0));
}

std::vector<std::vector<float>> all_batches(const LabelledImages& images, const BatchOptions& options,
                                            int epoch, int first = 0) {
    Batches batches(images, options);
    std::vector<std::vector<float>> result;
    batches.start(epoch, first);
    while (const Batch* batch = batches.next()) result.push_back(to_nchw(batch->images));
    return result;
}

BOOST_AUTO_TEST_SUITE(batches)

BOOST_AUTO_TEST_CASE(pixels_borders_and_missing_images) {
    const LabelledImages images = random_images({3, 5, 7}, 60, 1);
    for (int size : {1, 2, 3, 8, 16, 17, 50})
        for (int border : {0, 2})
            for (int missing : {0, 1, size - 1}) {
                if (missing >= size) continue;
                std::vector<int> indices;
                for (int n = 0; n < size - missing; ++n) indices.push_back((7 * n + 3) % 60);
                check_batch(images, indices, size, border);
            }
    Batch batch;
    BOOST_CHECK_THROW(fill_batch(images, std::vector<int>{60}, 1, 0, batch), ShapeError);
    BOOST_CHECK_THROW(fill_batch(images, std::vector<int>{1, 2}, 1, 0, batch), ShapeError);
}

BOOST_AUTO_TEST_CASE(float_pixels_stay_as_they_are) {
    LabelledImages images = random_images({1, 2, 3}, 3, 1);
    images.pixels = std::vector<float>{-1, 2, 3, 4, 5, 6, 10, 20, 30, 40, 50, 60, 7, 7, 7, 7, 7, -300};
    Batch batch;
    fill_batch(images, std::vector<int>{2, 0}, 3, 0, batch);
    const std::vector<float> expected = {7, 7, 7, 7, 7, -300, -1, 2, 3, 4, 5, 6, 0, 0, 0, 0, 0, 0};
    BOOST_TEST(to_nchw(batch.images) == expected, boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(an_epoch_has_every_image_once) {
    LabelledImages images = random_images({1, 1, 1}, 103, 1);
    auto& pixels = std::get<Bytes>(images.pixels);
    for (int i = 0; i < 103; ++i) pixels[i] = std::uint8_t(i);
    Batches batches(images, {.size = 10, .shuffled = true});
    BOOST_TEST(batches.count() == 11);
    std::vector<int> seen, order;
    int valid = 0;
    while (const Batch* batch = batches.next()) {
        valid = batch->valid;
        for (int n = 0; n < batch->valid; ++n)
            seen.push_back(int(std::lround(batch->images(0, 0, 0, n) * 255)));
    }
    BOOST_TEST(valid == 3);
    BOOST_TEST(batches.next() == nullptr);
    order = seen;
    std::sort(seen.begin(), seen.end());
    for (int i = 0; i < 103; ++i) BOOST_TEST(seen[i] == i);
    BOOST_TEST(order != seen);
}

BOOST_AUTO_TEST_CASE(batches_depend_on_options_and_epoch_alone) {
    const LabelledImages images = random_images({3, 9, 9}, 45, 1);
    for (const Augmentation& augmentation : {Augmentation{}, Augmentation{.crop = 7, .rotation = 20}}) {
        const BatchOptions options{.size = 8, .shuffled = true, .seed = 4, .augmentation = augmentation};
        const auto whole = all_batches(images, options, 2);
        BOOST_TEST(whole.size() == 6u);
        BOOST_TEST((whole == all_batches(images, options, 2)));
        BOOST_TEST((whole != all_batches(images, options, 3)));
        BatchOptions other = options;
        other.seed = 5;
        BOOST_TEST((whole != all_batches(images, other, 2)));
        other.shuffled = false;  // augmentation alone
        BatchOptions in_order = other;
        in_order.seed = 4;
        BOOST_TEST((all_batches(images, other, 2) == all_batches(images, in_order, 2)) ==
                   (augmentation == Augmentation{}));
        const auto rest = all_batches(images, options, 2, 4);  // as after a resume
        BOOST_TEST((rest == std::vector(whole.begin() + 4, whole.end())));

        Batches batches(images, options);  // epochs given up half-way leave no trace
        batches.start(7);
        batches.next();
        batches.start(2);
        for (const auto& expected : whole) BOOST_TEST((to_nchw(batches.next()->images) == expected));
    }
}

BOOST_AUTO_TEST_CASE(augmented_images_do_not_depend_on_the_order) {
    const LabelledImages images = random_images({1, 8, 8}, 20, 1);
    BatchOptions options{.size = 20, .augmentation = {.crop = 6, .flip_horizontal = true, .rotation = 30}};
    const auto plain = all_batches(images, options, 1)[0];
    options.size = 3;
    const auto small = all_batches(images, options, 1);
    for (int n = 0; n < 20; ++n)
        BOOST_TEST(std::equal(plain.begin() + n * 36, plain.begin() + (n + 1) * 36,
                              small[n / 3].begin() + n % 3 * 36));
}

// Image by image what `augment` makes of the seed, the epoch and its index.
BOOST_AUTO_TEST_CASE(augmentation_is_drawn_anew_in_every_epoch) {
    const LabelledImages images = random_images({2, 8, 8}, 10, 1);
    const BatchOptions options{
        .size = 4, .seed = 7, .augmentation = {.crop = 6, .flip_horizontal = true, .rotation = 30}};
    constexpr std::size_t size = 2 * 6 * 6;
    std::vector<float> image(images.maps.size()), expected(size);
    for (int epoch : {0, 1, 5}) {
        const auto found = all_batches(images, options, epoch);
        for (int n = 0; n < 10; ++n) {
            images.copy_image(n, image);
            augment(options.augmentation, options.seed, epoch, n, image, images.maps, expected);
            BOOST_TEST(std::equal(expected.begin(), expected.end(), found[n / 4].begin() + n % 4 * size));
        }
    }
    BOOST_TEST((all_batches(images, options, 0) != all_batches(images, options, 1)));
}

BOOST_AUTO_TEST_CASE(batches_are_fitted_to_a_network) {
    const BatchOptions bordered = fftconv::fitted({}, {1, 28, 28}, {1, 32, 32}, true);
    BOOST_TEST(bordered.border == 2);
    BOOST_TEST(bordered.augmentation.crop == 0);
    const BatchOptions random = fftconv::fitted({}, {3, 32, 32}, {3, 28, 28}, false),
                       centre = fftconv::fitted({}, {3, 32, 32}, {3, 28, 28}, true);
    BOOST_TEST(random.augmentation.crop == 28);
    BOOST_TEST(random.ten_crop == BatchOptions::no_ten_crop);
    BOOST_TEST(centre.ten_crop == 4);
    for (const MapShape input :
         {MapShape{1, 32, 32}, MapShape{3, 33, 33}, MapShape{3, 34, 32}, MapShape{3, 28, 24}})
        BOOST_CHECK_THROW(fftconv::fitted({}, {3, 32, 32}, input, true), ShapeError);
}

BOOST_AUTO_TEST_CASE(ten_crops_and_borders) {
    const LabelledImages images = random_images({2, 6, 6}, 4, 1);
    std::vector<float> image(72), crop(32);
    for (int i = 0; i < 10; ++i) {
        Batches batches(images, {.size = 4, .border = 1, .augmentation = {.crop = 4}, .ten_crop = i});
        BOOST_TEST((batches.maps() == MapShape{2, 6, 6}));
        const Batch* batch = batches.next();
        for (int n = 0; n < 4; ++n) {
            images.copy_image(n, image);
            ten_crop(i, 4, image, images.maps, crop);
            for (int c = 0; c < 2; ++c)
                for (int h = 0; h < 4; ++h)
                    for (int w = 0; w < 4; ++w)
                        BOOST_TEST(batch->images(c, h + 1, w + 1, n) == crop[(c * 4 + h) * 4 + w]);
            BOOST_TEST(batch->images(0, 0, 0, n) == 0);
        }
    }
}

BOOST_AUTO_TEST_CASE(ten_crops_of_whole_images_are_only_mirrored) {
    const LabelledImages images = random_images({1, 6, 6}, 1, 1);
    std::vector<float> image(36);
    images.copy_image(0, image);
    for (int i : {4, 9}) {
        Batches batches(images, {.size = 1, .ten_crop = i});
        const Batch* batch = batches.next();
        for (int h = 0; h < 6; ++h)
            for (int w = 0; w < 6; ++w)
                BOOST_TEST(batch->images(0, h, w, 0) == image[h * 6 + (i == 9 ? 5 - w : w)]);
    }
}

BOOST_AUTO_TEST_CASE(bad_options) {
    const LabelledImages images = random_images({1, 8, 8}, 20, 1);
    for (const BatchOptions& bad : {BatchOptions{.size = 0}, BatchOptions{.border = -1},
                                    BatchOptions{.ten_crop = 10}, BatchOptions{.augmentation = {.crop = 9}}})
        BOOST_CHECK_THROW(Batches(images, bad), UsageError);
}

// A border and changes of the images are independent of each other.
BOOST_AUTO_TEST_CASE(images_within_a_border_are_augmented_as_without_it) {
    const LabelledImages images = random_images({2, 8, 8}, 9, 1);
    const BatchOptions plain{
        .size = 4, .shuffled = true, .augmentation = {.flip_horizontal = true, .rotation = 20}};
    const BatchOptions bordered = fftconv::fitted(plain, images.maps, {2, 12, 12}, false);
    BOOST_TEST((bordered.augmentation == plain.augmentation));
    Batches inside(images, plain), whole(images, bordered);
    while (const Batch* batch = inside.next()) {
        const Batch& around = *whole.next();
        for (int c = 0; c < 2; ++c)
            for (int h = 0; h < 12; ++h)
                for (int w = 0; w < 12; ++w)
                    for (int n = 0; n < 4; ++n) {
                        const bool within = h >= 2 && h < 10 && w >= 2 && w < 10;
                        BOOST_REQUIRE(around.images(c, h, w, n) ==
                                      (within ? batch->images(c, h - 2, w - 2, n) : 0.0f));
                    }
    }
}

// Where processes share a batch that is larger than the data, each has the images that are its own all the
// same.
BOOST_AUTO_TEST_CASE(parts_of_a_batch_larger_than_the_data_keep_their_places) {
    const LabelledImages images = random_images({1, 4, 4}, 7, 1);
    Batches all(images, {.size = 7});
    const Batch& whole = *all.next();
    for (int part = 0; part < 4; ++part) {
        Batches some(images, {.size = 12, .part = {.first = 3 * part, .count = 3}});
        BOOST_TEST(some.size() == 12);
        BOOST_TEST(some.count() == 1);
        const Batch& batch = *some.next();
        BOOST_TEST(batch.whole == 7);
        BOOST_TEST(batch.valid == std::clamp(7 - 3 * part, 0, 3));
        for (int n = 0; n < batch.valid; ++n)
            BOOST_TEST(batch.images(0, 2, 1, n) == whole.images(0, 2, 1, 3 * part + n));
    }
}

// A batch is never larger than the data: no lane is computed for nothing.
BOOST_AUTO_TEST_CASE(a_batch_is_at_most_all_images) {
    const LabelledImages images = random_images({1, 4, 4}, 7, 1);
    Batches batches(images, {.size = 20000});
    BOOST_TEST(batches.size() == 7);
    BOOST_TEST(batches.count() == 1);
    const Batch& batch = *batches.next();
    BOOST_TEST(batch.images.batch() == 7);
    BOOST_TEST(batch.valid == 7);
    BOOST_TEST(batches.next() == nullptr);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace fftconv::test
