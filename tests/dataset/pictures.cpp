#include "fftconv/dataset/formats/pictures.hpp"

#include <png.h>

#include "dataset/files.hpp"
#include "fftconv/core/error.hpp"
#include "fftconv/core/ordinary_file.hpp"
#include "fftconv/dataset/dataset.hpp"
#include "support/file_error.hpp"
#include "support/temporary_folder.hpp"
#include "support/text.hpp"

namespace fftconv::test {
namespace {

void write_png(const std::filesystem::path& path, int height, int width, int channels, const Bytes& pixels) {
    std::filesystem::create_directories(path.parent_path());
    png_image image{};
    image.version = PNG_IMAGE_VERSION;
    image.width = png_uint_32(width);
    image.height = png_uint_32(height);
    image.format = channels == 3 ? PNG_FORMAT_RGB : PNG_FORMAT_GRAY;
    BOOST_REQUIRE(png_image_write_to_file(&image, path.c_str(), 0, pixels.data(), 0, nullptr));
}

void write_pnm(const std::filesystem::path& path, const std::string& header, const Bytes& pixels) {
    Bytes bytes(header.begin(), header.end());
    bytes.insert(bytes.end(), pixels.begin(), pixels.end());
    write(path, bytes);
}

const Bytes rgb = random_bytes(4 * 5 * 3, 1), grey = random_bytes(4 * 5, 2);

/// Two classes, three pictures of four rows and five columns.
void write_pictures(const std::filesystem::path& folder) {
    write_png(folder / "cat/b.png", 4, 5, 3, rgb);
    write_pnm(folder / "cat/a.pgm", "P5 # grey\n5 4\n255\n", grey);
    write_pnm(folder / "dog/c.ppm", "P6\n5 4 255\n", rgb);
    write(folder / ".hidden/x", {1});
}

BOOST_AUTO_TEST_SUITE(pictures)

BOOST_AUTO_TEST_CASE(png_ppm_and_pgm_become_planes) {
    const TemporaryFolder folder;
    write_pictures(folder.path());
    const PictureFolder found = read_pictures(folder.path());
    BOOST_TEST(found.classes == std::vector<std::string>({"cat", "dog"}), boost::test_tools::per_element());
    BOOST_TEST(found.images.labels == Bytes({0, 0, 1}), boost::test_tools::per_element());
    BOOST_TEST((found.images.maps == MapShape{3, 4, 5}));
    BOOST_TEST(found.images.classes == 2);
    const auto& pixels = std::get<Bytes>(found.images.pixels);
    for (int c = 0; c < 3; ++c)
        for (int i = 0; i < 20; ++i) {
            BOOST_TEST(pixels[c * 20 + i] == grey[i]);
            BOOST_TEST(pixels[60 + c * 20 + i] == rgb[i * 3 + c]);
            BOOST_TEST(pixels[120 + c * 20 + i] == rgb[i * 3 + c]);
        }
}

// What is transparent has black behind it, in proportion.
BOOST_AUTO_TEST_CASE(transparent_pixels_are_dark) {
    const TemporaryFolder folder;
    std::filesystem::create_directories(folder / "cat");
    png_image image{};
    image.version = PNG_IMAGE_VERSION;
    image.width = 4;
    image.height = 1;
    image.format = PNG_FORMAT_RGBA;
    const Bytes pixels = {200, 100, 50, 255, 200, 100, 50, 0, 0, 0, 0, 100, 200, 100, 50, 51};
    BOOST_REQUIRE(
        png_image_write_to_file(&image, (folder / "cat/a.png").c_str(), 0, pixels.data(), 0, nullptr));
    const PictureFolder found = read_pictures(folder.path());
    BOOST_TEST(std::get<Bytes>(found.images.pixels) == Bytes({200, 0, 0, 40, 100, 0, 0, 20, 50, 0, 0, 10}),
               boost::test_tools::per_element());
}

// A pixel is the number that was written, whatever a file says of the screen that it is shown on.
BOOST_AUTO_TEST_CASE(no_gamma_bends_pixels) {
    const TemporaryFolder folder;
    write_png(folder / "cat/a.png", 1, 3, 1, {0, 50, 255});
    Bytes file = read_ordinary_file(folder / "cat/a.png", 1 << 20);
    const Bytes linear = {0, 0, 0, 4, 'g', 'A', 'M', 'A', 0, 1, 0x86, 0xa0, 0x31, 0xe8, 0x96, 0x5f};
    file.insert(file.begin() + 33, linear.begin(), linear.end());  // behind the header
    write(folder / "cat/b.png", file);
    png_image image{};
    image.version = PNG_IMAGE_VERSION;
    image.width = 3;
    image.height = 1;
    image.format = PNG_FORMAT_LINEAR_Y;  // sixteen bits, and the same remark
    const std::uint16_t pixels[] = {0, 50 * 257, 65535};
    BOOST_REQUIRE(png_image_write_to_file(&image, (folder / "cat/c.png").c_str(), 0, pixels, 0, nullptr));
    const PictureFolder found = read_pictures(folder.path());
    BOOST_TEST(std::get<Bytes>(found.images.pixels) == Bytes({0, 50, 255, 0, 50, 255, 0, 50, 255}),
               boost::test_tools::per_element());
}

// Grey pictures for the test, of coloured ones for training: the grey three times.
BOOST_AUTO_TEST_CASE(grey_test_pictures_have_the_channels_of_the_training_pictures) {
    const TemporaryFolder folder;
    write_png(folder / "train/cat/a.png", 4, 5, 3, rgb);
    write_png(folder / "test/cat/b.png", 4, 5, 1, grey);
    const Dataset found = load_dataset("pictures", folder.path() / "");
    BOOST_TEST((found.train.maps == MapShape{3, 4, 5}));
    BOOST_TEST((found.test.maps == MapShape{3, 4, 5}));
    for (int i = 0; i < 60; ++i) BOOST_TEST(std::get<Bytes>(found.test.pixels)[i] == grey[i % 20]);
    BOOST_TEST(found.name == folder.path().filename().string());  // also where a / ends the folder
}

BOOST_AUTO_TEST_CASE(what_is_no_picture_is_refused) {
    const TemporaryFolder folder;
    const auto refused = [&](const std::string& name, auto spoil, const std::string& field,
                             const std::string& found) {
        write_pictures(folder.path());
        spoil(folder / name);
        check_file_error([&] { read_pictures(folder.path()); }, (folder / name).string(), field, found);
        std::filesystem::remove_all(folder / "cat");
        std::filesystem::remove_all(folder / "dog");
    };
    refused(
        "cat/b.png", [](auto file) { write_png(file, 5, 4, 3, rgb); }, "size", "5 × 4");
    refused(
        "cat/b.png",
        [](auto file) {
            Bytes b = read(file);
            b.resize(b.size() / 2);
            write(file, b);
        },
        "picture", "");
    refused(
        "cat/b.png",
        [](auto file) {
            Bytes b = read(file);
            b[b.size() / 2] ^= 4;
            write(file, b);
        },
        "picture", "");
    refused(
        "dog/c.ppm",
        [](auto file) {
            Bytes b = read(file);
            b.pop_back();
            write(file, b);
        },
        "length", "70");
    refused(
        "dog/c.ppm", [](auto file) { write_pnm(file, "P6 5 4 65535\n", rgb); }, "largest value", "65535");
    refused(
        "dog/c.ppm", [](auto file) { write_pnm(file, "P6 5 99999 255\n", rgb); }, "size", "99999");
    refused(
        "dog/c.ppm",
        [](auto file) {
            write(file, {'B', 'M', 1, 2});
        },
        "picture", "something else");
    check_file_error([&] { read_pictures(folder / "none"); }, (folder / "none").string(), "folder",
                     "No such file");
    std::filesystem::create_directories(folder / "nested/cat/more");  // not left out in silence
    write_pnm(folder / "nested/cat/more/a.ppm", "P6 5 4 255\n", rgb);
    check_file_error([&] { read_pictures(folder / "nested"); }, (folder / "nested/cat").string(), "class",
                     "the folder more");
    std::filesystem::create_directories(folder / "empty/cat");
    check_file_error([&] { read_pictures(folder / "empty"); }, (folder / "empty").string(), "pictures",
                     "none");
}

BOOST_AUTO_TEST_CASE(a_folder_of_them_is_a_data_set) {
    const TemporaryFolder folder;
    for (const char* part : {"train", "test"}) write_pictures(folder / part);
    const Dataset found = load_dataset("auto", folder.path());
    BOOST_TEST(found.key == "pictures");
    BOOST_TEST(found.name == folder.path().filename().string());
    BOOST_TEST(found.train.count() == 3);
    BOOST_TEST(found.test.count() == 3);
    BOOST_TEST(found.sha256.size() == 64u);
    for (const std::string part : {"train", "test"}) {  // the digest is of both
        write_png(folder / (part + "/cat/b.png"), 4, 5, 3, random_bytes(rgb.size(), 3));
        BOOST_TEST(load_dataset("pictures", folder.path()).sha256 != found.sha256);
        write_pictures(folder / part);
        BOOST_TEST(load_dataset("pictures", folder.path()).sha256 == found.sha256);
    }
    std::filesystem::rename(folder / "train/cat/b.png", folder / "train/dog/b.png");  // of another class
    BOOST_TEST(load_dataset("pictures", folder.path()).sha256 != found.sha256);
    std::filesystem::rename(folder / "train/dog/b.png", folder / "train/cat/b.png");
    std::filesystem::remove_all(folder / "test/dog");
    check_file_error([&] { load_dataset("pictures", folder.path()); }, (folder / "test").string(), "classes",
                     "others");
    for (int i = 0; i < 7; ++i)  // ten in all
        write_png(folder / ("train/dog/" + std::to_string(i) + ".png"), 4, 5, 1, grey);
    const Dataset shared = load_dataset("pictures", folder / "train");
    BOOST_TEST(shared.train.count() == 8);
    BOOST_TEST(shared.test.count() == 2);
    BOOST_TEST(shared.sha256 != found.sha256);
    LabelledImages all = read_pictures(folder / "train").images;
    const LabelledImages test = take_out(all, held_out_indices(10, 2, 1, 1));  // whatever --seed is
    for (std::uint64_t seed : {1, 4}) {
        const Dataset split = load_dataset("pictures", folder / "train", {.split_seed = seed});
        BOOST_TEST((split.test.pixels == test.pixels));
        BOOST_TEST((split.test.labels == test.labels));
    }
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace fftconv::test
