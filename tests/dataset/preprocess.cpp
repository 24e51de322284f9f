#include "fftconv/dataset/preprocess.hpp"

#include <boost/test/unit_test.hpp>
#include <cmath>

#include "dataset/files.hpp"
#include "fftconv/core/error.hpp"

namespace fftconv::test {
namespace {

constexpr MapShape small_maps{3, 5, 4};
constexpr int image_pixels = 60;

/// Images whose pixels are correlated, as those of photographs are.
LabelledImages smooth_images(int count, std::uint64_t seed) {
    LabelledImages images = random_images(small_maps, count, seed);
    auto& bytes = std::get<Bytes>(images.pixels);
    for (std::size_t i = 1; i < bytes.size(); ++i)
        if (i % image_pixels != 0) bytes[i] = std::uint8_t((3 * bytes[i - 1] + bytes[i]) / 4);
    return images;
}

std::vector<double> doubles(const LabelledImages& images) {
    std::vector<double> values;
    std::vector<float> image(image_pixels);
    for (int n = 0; n < images.count(); ++n) {
        images.copy_image(n, image);
        values.insert(values.end(), image.begin(), image.end());
    }
    return values;
}

/// Contrast normalisation as its definition says, by the norm, in double.
std::vector<double> normalised(std::vector<double> values, double scale, double bias) {
    for (std::size_t first = 0; first < values.size(); first += image_pixels) {
        double mean = 0, squares = 0;
        for (int p = 0; p < image_pixels; ++p) mean += values[first + p] / image_pixels;
        for (int p = 0; p < image_pixels; ++p) squares += std::pow(values[first + p] - mean, 2);
        for (int p = 0; p < image_pixels; ++p)
            values[first + p] = scale * (values[first + p] - mean) / std::sqrt(bias + squares);
    }
    return values;
}

std::vector<double> means(const std::vector<double>& values) {
    std::vector<double> mean(image_pixels);
    const std::size_t count = values.size() / image_pixels;
    for (std::size_t i = 0; i < values.size(); ++i) mean[i % image_pixels] += values[i] / double(count);
    return mean;
}

/// Images less the mean, times the matrix.
std::vector<double> whitened(const std::vector<double>& values, const std::vector<double>& matrix,
                             const std::vector<double>& mean) {
    std::vector<double> result(values.size());
    for (std::size_t first = 0; first < values.size(); first += image_pixels)
        for (int i = 0; i < image_pixels; ++i)
            for (int j = 0; j < image_pixels; ++j)
                result[first + i] += matrix[i * image_pixels + j] * (values[first + j] - mean[j]);
    return result;
}

std::vector<double> covariance(const std::vector<double>& values) {
    const std::vector<double> mean = means(values);
    const std::size_t count = values.size() / image_pixels;
    std::vector<double> result(image_pixels * image_pixels);
    for (std::size_t n = 0; n < count; ++n)
        for (int i = 0; i < image_pixels; ++i)
            for (int j = 0; j < image_pixels; ++j)
                result[i * image_pixels + j] += (values[n * image_pixels + i] - mean[i]) *
                                                (values[n * image_pixels + j] - mean[j]) / double(count);
    return result;
}

std::vector<double> product(const std::vector<double>& a, const std::vector<double>& b) {
    std::vector<double> result(image_pixels * image_pixels);
    for (int i = 0; i < image_pixels; ++i)
        for (int k = 0; k < image_pixels; ++k)
            for (int j = 0; j < image_pixels; ++j)
                result[i * image_pixels + j] += a[i * image_pixels + k] * b[k * image_pixels + j];
    return result;
}

double largest_difference(const std::vector<double>& a, const std::vector<double>& b) {
    BOOST_REQUIRE(a.size() == b.size());
    double largest = 0;
    for (std::size_t i = 0; i < a.size(); ++i) {
        BOOST_REQUIRE(std::isfinite(a[i]));
        largest = std::max(largest, std::abs(a[i] - b[i]));
    }
    return largest;
}

/// How far a matrix is from the inverse square root of the covariance with so much added to its diagonal.
double difference_from_whitening(const std::vector<double>& matrix, const std::vector<double>& values,
                                 double regularisation) {
    auto c = covariance(values);
    std::vector<double> identity(image_pixels * image_pixels);
    for (int i = 0; i < image_pixels; ++i) {
        c[i * image_pixels + i] += regularisation;
        identity[i * image_pixels + i] = 1;
    }
    return largest_difference(product(product(matrix, c), matrix), identity);
}

std::vector<double> array_of(const Preprocessing& preprocessing, const std::string& name) {
    for (const NamedArray& array : preprocessing.arrays())
        if (array.name == name) return {array.values.begin(), array.values.end()};
    BOOST_FAIL("no array " << name);
    return {};
}

BOOST_AUTO_TEST_SUITE(preprocessing)

BOOST_AUTO_TEST_CASE(contrast_normalisation_is_its_definition) {
    LabelledImages images = smooth_images(700, 1);
    const auto expected = normalised(doubles(images), 2, 0.01);
    const PreprocessOptions options{.contrast_scale = 2, .contrast_bias = 0.01f, .whitening = false};
    Preprocessing(images, options, 2).apply(images, 2);
    BOOST_TEST(largest_difference(doubles(images), expected) < 1e-5);
}

BOOST_AUTO_TEST_CASE(a_flat_image_becomes_zero) {
    LabelledImages images = smooth_images(2, 1);
    images.pixels = Bytes(2 * image_pixels, 77);
    Preprocessing(images, {.contrast_bias = 0, .whitening = false}, 1).apply(images, 1);
    BOOST_TEST(largest_difference(doubles(images), std::vector<double>(2 * image_pixels)) < 1e-3);
}

/// W (C + ε I) W = I, with W symmetric and positive: the definition of the inverse square root.
BOOST_AUTO_TEST_CASE(whitening_is_the_inverse_square_root) {
    const LabelledImages images = smooth_images(1500, 2);
    const PreprocessOptions options{.contrast_scale = 1, .whitening_regularisation = 1e-3f};
    const Preprocessing preprocessing(images, options, 2);
    const auto values = normalised(doubles(images), 1, options.contrast_bias);
    const auto w = array_of(preprocessing, "preprocessing/whitening");
    BOOST_TEST(difference_from_whitening(w, values, 1e-3) < 1e-3);
    for (int i = 0; i < image_pixels; ++i) {
        BOOST_TEST(w[i * image_pixels + i] > 0);
        for (int j = 0; j < i; ++j) BOOST_TEST(w[i * image_pixels + j] == w[j * image_pixels + i]);
    }
    BOOST_TEST(largest_difference(array_of(preprocessing, "preprocessing/mean"), means(values)) < 1e-5);
}

BOOST_AUTO_TEST_CASE(whitening_alone_takes_the_pixels_as_they_are) {
    LabelledImages images = smooth_images(700, 7);
    const PreprocessOptions options{.contrast = false, .whitening_regularisation = 1e-2f};
    const Preprocessing preprocessing(images, options, 1);
    BOOST_TEST(preprocessing.arrays().size() == 2u);
    const auto values = doubles(images);
    const auto w = array_of(preprocessing, "preprocessing/whitening");
    BOOST_TEST(difference_from_whitening(w, values, 1e-2) < 1e-3);
    const auto mean = means(values);
    preprocessing.apply(images, 1);
    BOOST_TEST(largest_difference(doubles(images), whitened(values, w, mean)) < 1e-3);
}

BOOST_AUTO_TEST_CASE(other_images_get_what_the_training_images_taught) {
    const LabelledImages train = smooth_images(800, 3);
    const Preprocessing preprocessing(train, {}, 1);
    LabelledImages test = smooth_images(50, 4);
    const auto values = normalised(doubles(test), 55, 0);
    const auto w = array_of(preprocessing, "preprocessing/whitening"),
               mean = array_of(preprocessing, "preprocessing/mean");
    preprocessing.apply(test, 1);
    BOOST_TEST(largest_difference(doubles(test), whitened(values, w, mean)) < 1e-3);
}

// Numbers that numpy computed, in double:
//
//     n, p = 20, 48
//     x = np.array([[(i*i*7 + j*j*3 + i*j*11 + (5*i+3)*(j%7)) % 256 for j in range(p)] for i in range(n)])
//
//     x = x / 255.0
//
//     x -= x.mean(axis=1, keepdims=True)
//
//     x *= 55 / np.sqrt((x**2).sum(axis=1, keepdims=True))
//
//     m = x.mean(axis=0)
//
//     e, v = np.linalg.eigh((x - m).T @ (x - m) / n)
//
//     y = (x - m) @ v @ np.diag(1 / np.sqrt(e + 0.1)) @ v.T
BOOST_AUTO_TEST_CASE(contrast_and_whitening_are_those_of_numpy) {
    LabelledImages images;
    images.maps = {3, 4, 4};
    images.labels.assign(20, 0);
    Bytes bytes;
    for (int i = 0; i < 20; ++i)
        for (int j = 0; j < 48; ++j)
            bytes.push_back(std::uint8_t((i * i * 7 + j * j * 3 + i * j * 11 + (5 * i + 3) * (j % 7)) % 256));
    images.pixels = bytes;
    const auto value = [](const LabelledImages& of, int image, int pixel) {
        return std::get<std::vector<float>>(of.pixels)[std::size_t(image) * 48 + pixel];
    };
    LabelledImages contrast = images;
    Preprocessing(images, {.whitening = false}, 1).apply(contrast, 1);
    BOOST_CHECK_CLOSE(value(contrast, 0, 0), -13.06068, 1e-4);
    BOOST_CHECK_CLOSE(value(contrast, 3, 17), -13.64036, 1e-4);
    BOOST_CHECK_CLOSE(value(contrast, 19, 47), -13.16023, 1e-4);
    const Preprocessing preprocessing(images, {}, 1);
    const auto w = array_of(preprocessing, "preprocessing/whitening");
    BOOST_CHECK_CLOSE(w[0], 1.9393, 1e-2);
    BOOST_CHECK_CLOSE(w[5 * 48 + 31], 0.01921261, 1e-1);
    BOOST_CHECK_CLOSE(w[47 * 48 + 46], -0.08665413, 1e-1);
    preprocessing.apply(images, 1);
    BOOST_CHECK_SMALL(value(images, 0, 0) + 0.711875, 1e-3);
    BOOST_CHECK_SMALL(value(images, 3, 17) + 0.7361435, 1e-3);
    BOOST_CHECK_SMALL(value(images, 7, 40) - 0.8193715, 1e-3);
    BOOST_CHECK_SMALL(value(images, 19, 47) + 1.183323, 1e-3);
}

// A file from before says how its network's images were made, and they are made so again.
BOOST_AUTO_TEST_CASE(an_old_file_is_applied_as_it_was_made) {
    LabelledImages images = smooth_images(30, 1);
    const auto expected =
        normalised(doubles(images), 55 * std::sqrt(image_pixels), image_pixels * 10.0 / (255 * 255));
    const NamedArray old{"preprocessing/contrast", {2}, {55, 10.0f / (255 * 255)}};
    Preprocessing::from_arrays({old}).apply(images, 1);
    BOOST_TEST(largest_difference(doubles(images), expected) < 1e-2);
}

BOOST_AUTO_TEST_CASE(any_number_of_threads_and_a_round_trip_give_the_same_bits) {
    const LabelledImages train = smooth_images(1300, 5);
    const Preprocessing one(train, {}, 1), two(train, {}, 2);
    BOOST_TEST((one.arrays() == two.arrays()));
    const Preprocessing restored = Preprocessing::from_arrays(one.arrays());
    BOOST_TEST((restored.arrays() == one.arrays()));
    LabelledImages a = train, b = train;
    one.apply(a, 1);
    restored.apply(b, 2);
    BOOST_TEST((a.pixels == b.pixels));
}

BOOST_AUTO_TEST_CASE(bad_input) {
    LabelledImages train = smooth_images(20, 6), other = random_images({1, 5, 4}, 3, 1);
    const Preprocessing preprocessing(train, {}, 1);
    BOOST_CHECK_THROW(preprocessing.apply(other, 1), ShapeError);
    const Preprocessing contrast(train, {.whitening = false}, 1);
    BOOST_CHECK_THROW(contrast.apply(other, 1), ShapeError);  // the scale is of so many pixels
    BOOST_CHECK_THROW(Preprocessing::from_arrays(contrast.arrays()).apply(other, 1), ShapeError);
    BOOST_CHECK_THROW(Preprocessing::from_arrays({{"preprocessing/shape", {3}, {1, 5, 0.5f}}}), ShapeError);
    LabelledImages same = train;
    BOOST_CHECK_NO_THROW(Preprocessing::from_arrays(contrast.arrays()).apply(same, 1));
    BOOST_CHECK_THROW(Preprocessing(LabelledImages{}, {.whitening = false}, 1), ShapeError);
    BOOST_CHECK_THROW(Preprocessing(train, {.whitening_regularisation = 0}, 1), UsageError);
    BOOST_CHECK_THROW(Preprocessing(train, {.contrast_scale = 0}, 1), UsageError);
    train.truncate(0);
    BOOST_CHECK_THROW(Preprocessing(train, {}, 1), ShapeError);
    std::vector<NamedArray> arrays = preprocessing.arrays();
    arrays.pop_back();
    BOOST_CHECK_THROW(Preprocessing::from_arrays(arrays), ShapeError);
    BOOST_TEST(Preprocessing::from_arrays({}).arrays().empty());
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace fftconv::test
