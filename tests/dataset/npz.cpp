#include "fftconv/dataset/formats/npz.hpp"

#include "dataset/files.hpp"
#include "fftconv/core/error.hpp"
#include "fftconv/dataset/dataset.hpp"
#include "storage/h5py.hpp"
#include "support/file_error.hpp"
#include "support/temporary_folder.hpp"

namespace fftconv::test {
namespace {

/// Writes FILE by numpy: `arrays` are the arguments of savez after it.
std::filesystem::path save(const TemporaryFolder& folder, const std::string& arrays,
                           const std::string& function = "savez") {
    const std::filesystem::path file = folder / "own.npz";
    const CommandResult done = run(python() + " - <<'END'\nimport numpy as np\nr = np.arange\nnp." +
                                   function + "('" + file.string() + "', " + arrays + ")\nEND");
    BOOST_REQUIRE_MESSAGE(done.status == 0, done.output);
    return file;
}

const std::string grey_pixels = "x_train=r(60).reshape(3,4,5).astype('u1'), y_train=np.array([0,11,2])",
                  test_part = ", x_test=r(40).reshape(2,4,5).astype('u1'), y_test=np.array([[1],[2]],'u1')";

BOOST_AUTO_TEST_SUITE(npz_files)

BOOST_AUTO_TEST_CASE(arrays_that_numpy_saved_are_read) {
    const TemporaryFolder folder;
    for (const std::string function : {"savez", "savez_compressed"}) {
        const NpzImages found = read_npz(save(folder, grey_pixels + test_part + ", other=r(3.)", function));
        BOOST_TEST((found.train.maps == MapShape{1, 4, 5}));
        BOOST_TEST(found.train.labels == Bytes({0, 11, 2}), boost::test_tools::per_element());
        BOOST_TEST(found.test.labels == Bytes({1, 2}), boost::test_tools::per_element());
        BOOST_TEST(found.train.classes == 12);
        BOOST_TEST(std::get<Bytes>(found.train.pixels)[37] == 37);
    }
    const Dataset dataset = load_dataset("auto", folder.path());
    BOOST_TEST(dataset.key == "npz");
    BOOST_TEST(dataset.name == "own");
    BOOST_TEST(load_dataset("npz", folder / "own.npz").sha256 == dataset.sha256);
}

// Classes are those of both parts, and a limit holds for each.
BOOST_AUTO_TEST_CASE(both_parts_count) {
    const TemporaryFolder folder;
    const std::string part = "r(100).reshape(5,4,5).astype('u1')",
                      file = save(folder, "x_train=" + part + ", x_test=" + part +
                                              ", y_train=r(5), y_test=np.array([0,1,30,2,3],'i2')");
    const Dataset dataset = load_dataset("npz", file, {.validation_count = 2, .limit = 2});
    for (const LabelledImages* images : {&dataset.train, &dataset.validation, &dataset.test}) {
        BOOST_TEST(images->classes == 31);
        BOOST_TEST(images->count() == 2);
    }
}

BOOST_AUTO_TEST_CASE(channels_come_first_or_last) {
    const TemporaryFolder folder;
    const auto pixels = [&](const std::string& make) {
        const std::string both =
            "train_images=" + make + ", test_images=" + make + ", train_labels=r(2), test_labels=r(2)";
        const NpzImages found = read_npz(save(folder, both));
        BOOST_TEST((found.train.maps == MapShape{3, 4, 5}));
        return std::get<Bytes>(found.train.pixels);
    };
    const Bytes last = pixels("r(120).reshape(2,4,5,3).astype('u1')");
    BOOST_TEST(last == pixels("np.moveaxis(r(120).reshape(2,4,5,3),3,1).astype('u1').copy()"),
               boost::test_tools::per_element());
    BOOST_TEST(last[1] == 3);
    BOOST_TEST(last[20] == 1);
    // Where both could be channels, the last axis has them.
    const std::string both = "r(72).reshape(2,3,4,3).astype('u1')",
                      file = save(folder,
                                  "x_train=" + both + ", x_test=" + both + ", y_train=r(2), y_test=r(2)");
    BOOST_TEST((load_dataset("npz", file).train.maps == MapShape{3, 3, 4}));
}

BOOST_AUTO_TEST_CASE(what_does_not_fit_is_refused) {
    const TemporaryFolder folder;
    const auto refused = [&](const std::string& arrays, const std::string& field, const std::string& found) {
        const auto file = save(folder, arrays);
        check_file_error([&] { read_npz(file); }, file.string(), field, found);
    };
    refused(grey_pixels, "x_test", "none");
    refused("x_train=r(60.).reshape(3,4,5), y_train=r(3)" + test_part, "x_train", "'<f8'");
    refused("x_train=r(60).reshape(3,4,5), y_train=r(3)" + test_part, "x_train", "'<i8'");
    refused("x_train=r(20).reshape(4,5).astype('u1'), y_train=r(3)" + test_part, "x_train", "2 axes");
    refused("x_train=np.asfortranarray(r(60).reshape(3,4,5).astype('u1')), y_train=r(3)" + test_part,
            "x_train", "True");
    refused("x_train=r(60).reshape(3,4,5).astype('u1'), y_train=r(4)" + test_part, "y_train", "4");
    refused("x_train=r(60).reshape(3,4,5).astype('u1'), y_train=np.array([0,-1,2])" + test_part, "y_train",
            "1");
    refused("x_train=r(60).reshape(3,4,5).astype('u1'), y_train=np.array([0,256,2])" + test_part, "y_train",
            "1");
    const auto file = save(folder, grey_pixels + test_part);
    const Bytes whole = read(file);
    for (const std::size_t length : {whole.size() / 2, std::size_t(10), std::size_t(0)}) {
        write(file, Bytes(whole.begin(), whole.begin() + std::ptrdiff_t(length)));
        BOOST_CHECK_THROW(read_npz(file), FileError);
    }
    Bytes flipped = whole;
    const Bytes pixels = {20, 21, 22, 23, 24, 25};
    const auto at = std::search(flipped.begin(), flipped.end(), pixels.begin(), pixels.end());
    BOOST_REQUIRE((at != flipped.end()));
    *at ^= 1;
    write(file, flipped);
    check_file_error([&] { read_npz(file); }, file.string(), "archive", "CRC");
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace fftconv::test
