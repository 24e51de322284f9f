#include "fftconv/dataset/dataset.hpp"

#include <sys/stat.h>

#include <algorithm>
#include <cstdlib>
#include <set>
#include <tuple>

#include "dataset/files.hpp"
#include "dataset/mat_file.hpp"
#include "fftconv/core/error.hpp"
#include "fftconv/core/sha256.hpp"
#include "fftconv/dataset/formats/publishers.hpp"
#include "fftconv/dataset/formats/svhn.hpp"
#include "support/file_error.hpp"
#include "support/temporary_folder.hpp"
#include "support/text.hpp"

namespace fftconv::test {
namespace {

const std::string debian = "/usr/share/datasets/fashion-mnist";

/// FFTCONV_DATA for the time of a test.
struct DataVariable {
    explicit DataVariable(const std::filesystem::path& folder) {
        ::setenv("FFTCONV_DATA", folder.c_str(), 1);
    }
    ~DataVariable() { ::unsetenv("FFTCONV_DATA"); }
};

/// The current folder for the time of a test.
struct CurrentFolder {
    explicit CurrentFolder(const std::filesystem::path& folder) { std::filesystem::current_path(folder); }
    ~CurrentFolder() { std::filesystem::current_path(before); }
    const std::filesystem::path before = std::filesystem::current_path();
};

std::string message_of(const std::string& name, const std::filesystem::path& folder,
                       DatasetOptions options = {}) {
    try {
        load_dataset(name, folder, options);
    } catch (const Error& error) {
        return error.what();
    }
    return "no error";
}

BOOST_AUTO_TEST_SUITE(datasets)

BOOST_AUTO_TEST_CASE(sha256_of_known_texts) {
    const auto digest = [](const std::string& text) { return sha256(Bytes(text.begin(), text.end())); };
    BOOST_TEST(digest("") == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    BOOST_TEST(digest("abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    const TemporaryFolder folder;
    const Bytes bytes = random_bytes(3 << 20, 1);
    write(folder / "file", bytes);
    BOOST_TEST(sha256_of_file(folder / "file") == sha256(bytes));
    BOOST_CHECK_THROW(sha256_of_file(folder / "none"), FileError);
}

BOOST_AUTO_TEST_CASE(found_in_subfolder_folder_itself_and_variable) {
    const TemporaryFolder folder;
    write_mnist(folder / "mnist", 30, 10);
    const Dataset below = load_dataset("mnist", folder.path()),
                  itself = load_dataset("mnist", folder / "mnist");
    BOOST_TEST(below.train.count() == 30);
    BOOST_TEST(below.test.count() == 10);
    BOOST_TEST(below.validation.count() == 0);
    BOOST_TEST(below.sha256 == itself.sha256);
    BOOST_TEST(below.folder == folder / "mnist");
    const DataVariable variable(folder.path());
    BOOST_TEST(load_dataset("mnist").sha256 == below.sha256);
}

BOOST_AUTO_TEST_CASE(digest_is_of_contents_not_of_compression) {
    const TemporaryFolder packed, plain;
    write_mnist(packed / "mnist", 30, 10);
    for (const char* name : {"train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte",
                             "t10k-labels-idx1-ubyte"}) {
        gzFile file = gzopen((packed / "mnist" / (std::string(name) + ".gz")).c_str(), "rb");
        Bytes bytes(1000);
        bytes.resize(gzread(file, bytes.data(), 1000));
        gzclose(file);
        write(plain / "mnist" / name, bytes);
    }
    BOOST_TEST(load_dataset("mnist", packed.path()).sha256 == load_dataset("mnist", plain.path()).sha256);
}

BOOST_AUTO_TEST_CASE(missing_data_names_folder_and_command) {
    const TemporaryFolder folder;
    for (const std::string name : {"mnist", "cifar-10", "svhn"}) {
        const std::string message = message_of(name, folder.path());
        BOOST_TEST(contains(message, folder.path().string()), message);
        BOOST_TEST(contains(message, "datasets/fetch.sh " + name), message);
    }
    BOOST_TEST(contains(message_of("imagenet", folder.path()),
                        "mnist, fashion-mnist, cifar-10, svhn, pictures, npz, or auto"));
}

BOOST_AUTO_TEST_CASE(names_are_honest) {
    const TemporaryFolder folder;
    write_mnist(folder / "mnist", 30, 10);
    BOOST_TEST(load_dataset("mnist", folder.path()).name == "MNIST (not the publisher's files)");
    BOOST_TEST(load_dataset("auto", folder.path()).name == "MNIST (not the publisher's files)");
    const std::string given = "MNIST (thirty images)";
    write(folder / "mnist" / "NAME", Bytes(given.begin(), given.end()));
    BOOST_TEST(load_dataset("mnist", folder.path()).name == given);
    for (const PublishedDataset& published : published_datasets()) {
        BOOST_TEST(published_name(published.sha256) == published.name);
        auto other = published.sha256;
        other.back()[0] ^= 1;
        BOOST_TEST(published_name(other) == "");
    }
}

BOOST_AUTO_TEST_CASE(fashion_mnist_of_debian) {
    if (!std::filesystem::exists(debian)) {
        BOOST_TEST_MESSAGE("skipped: dataset-fashion-mnist is not installed");
        return;
    }
    const TemporaryFolder empty;
    const CurrentFolder inside(empty.path());
    const Dataset fashion = load_dataset("auto", {}, {.limit = 100});
    BOOST_TEST(fashion.key == "fashion-mnist");
    BOOST_TEST(fashion.name == "Fashion-MNIST");
    BOOST_TEST(fashion.folder == debian);
    BOOST_TEST(fashion.train.count() == 100);
    BOOST_TEST(fashion.test.count() == 100);
    BOOST_TEST(contains(message_of("mnist", debian), "holds Fashion-MNIST, not MNIST"));
}

BOOST_AUTO_TEST_CASE(a_folder_that_is_given_is_the_only_one) {
    const TemporaryFolder folder;
    for (const std::string name : {"auto", "mnist", "fashion-mnist", "cifar-10", "svhn"}) {
        BOOST_TEST(contains(message_of(name, folder.path()), folder.path().string()), name);
        const DataVariable variable(folder.path());
        BOOST_TEST(contains(message_of(name, {}), folder.path().string()), name);
    }
    std::filesystem::create_directories(folder / "train/cat");
    BOOST_TEST(contains(message_of("auto", folder.path()), "no data set that we know"));
}

BOOST_AUTO_TEST_CASE(auto_says_what_it_found) {
    const TemporaryFolder folder;
    write_cifar(folder / "cifar-10-batches-bin", 2);
    BOOST_TEST(load_dataset("auto", folder.path()).key == "cifar-10");
    write_mnist(folder / "fashion-mnist", 30, 10);
    BOOST_TEST(load_dataset("auto", folder.path()).key == "fashion-mnist");
    write_mnist(folder / "mnist", 30, 10);
    BOOST_TEST(load_dataset("auto", folder.path()).key == "mnist");
}

// MNIST's and Fashion-MNIST's files have the same names: what they hold decides, also outside of a folder
// that is called so.
BOOST_AUTO_TEST_CASE(auto_goes_by_what_the_files_hold) {
    const TemporaryFolder folder;
    write_mnist(folder.path(), 30, 10);
    BOOST_TEST(load_dataset("auto", folder.path()).key == "mnist");
    const std::string name = "Fashion-MNIST";
    write(folder / "NAME", Bytes(name.begin(), name.end()));
    const Dataset found = load_dataset("auto", folder.path());
    BOOST_TEST(found.name == name);
    BOOST_TEST(found.key == "fashion-mnist");
    BOOST_TEST(contains(message_of("mnist", folder.path()), "holds Fashion-MNIST, not MNIST"));
}

BOOST_AUTO_TEST_CASE(names_with_a_dot_and_more_than_ten_classes) {
    const TemporaryFolder folder;
    for (const auto& [prefix, count, most] : {std::tuple("train", 98, 49), std::tuple("t10k", 47, 47)}) {
        Bytes labels(count);
        for (int i = 0; i < count; ++i) labels[i] = std::uint8_t(i % most);
        write(folder / (std::string(prefix) + "-images.idx3-ubyte"),
              idx({count, 4, 5}, random_bytes(count * 20, 1)));
        write_gzipped(folder / (std::string(prefix) + "-labels.idx1-ubyte.gz"), idx({count}, labels));
    }
    const Dataset dataset = load_dataset("mnist", folder.path(), {.validation_count = 8});
    for (const LabelledImages* images : {&dataset.train, &dataset.validation, &dataset.test})
        BOOST_TEST(images->classes == 49);
    BOOST_TEST(dataset.train.count() == 90);
}

BOOST_AUTO_TEST_CASE(a_fifo_is_refused_at_once) {
    const TemporaryFolder folder;
    const auto refused = [&](const std::string& name, const std::string& path) {
        std::filesystem::remove(folder / path);
        BOOST_REQUIRE(::mkfifo((folder / path).c_str(), 0666) == 0);
        BOOST_TEST(contains(message_of(name, folder.path()), "FIFO"), path);
        std::filesystem::remove(folder / path);
    };
    write_mnist(folder / "mnist", 30, 10);
    refused("mnist", "mnist/t10k-labels-idx1-ubyte.gz");
    write_cifar(folder / "cifar-10", 2);
    refused("cifar-10", "cifar-10/data_batch_3.bin");
    std::filesystem::remove_all(folder / "cifar-10");
    std::filesystem::create_directory(folder / "cifar-10");
    refused("cifar-10", "cifar-10/cifar-10-binary.tar.gz");
    write_svhn(folder / "svhn/train_32x32.mat", 5, 1);
    refused("svhn", "svhn/test_32x32.mat");
}

BOOST_AUTO_TEST_CASE(the_python_version_of_cifar_is_told_apart) {
    const TemporaryFolder folder;
    write(folder / "cifar-10/cifar-10-batches-py/data_batch_1", {1});
    const std::string message = message_of("cifar-10", folder.path());
    BOOST_TEST(contains(message, "cifar-10-batches-py/data_batch_1"), message);
    BOOST_TEST(contains(message, "binary version"), message);
}

BOOST_AUTO_TEST_CASE(validation_split) {
    const TemporaryFolder folder;
    write_mnist(folder / "mnist", 50, 10);
    const auto load = [&](DatasetOptions options) { return load_dataset("mnist", folder.path(), options); };
    const Dataset whole = load({}), fraction = load({.validation_fraction = 0.2, .split_seed = 3});
    BOOST_TEST(fraction.validation.count() == 10);
    BOOST_TEST(fraction.train.count() == 40);
    BOOST_TEST(fraction.split_seed == 3u);
    BOOST_TEST(load({.validation_count = 7}).validation.count() == 7);
    BOOST_TEST(load({.validation_fraction = 0.15}).validation.count() == 8);  // of 7.5, rounded
    const Dataset limited = load({.validation_fraction = 0.2, .limit = 6});
    for (const LabelledImages* images : {&limited.train, &limited.validation, &limited.test})
        BOOST_TEST(images->count() == 6);
    const Dataset unlimited = load({.validation_fraction = 0.2});  // a limit takes the first of each part
    for (const auto part : {&Dataset::train, &Dataset::validation, &Dataset::test}) {
        LabelledImages first = unlimited.*part;
        first.truncate(6);
        BOOST_TEST(((limited.*part).pixels == first.pixels));
        BOOST_TEST((limited.*part).labels == first.labels, boost::test_tools::per_element());
    }
    const auto pixels = [](const Dataset& dataset) { return std::get<Bytes>(dataset.validation.pixels); };
    BOOST_TEST(pixels(fraction) == pixels(load({.validation_count = 10, .split_seed = 3})));
    BOOST_TEST(pixels(fraction) != pixels(load({.validation_count = 10, .split_seed = 4})));
    BOOST_TEST(fraction.sha256 == whole.sha256);
    for (DatasetOptions bad :
         {DatasetOptions{.validation_fraction = 1}, DatasetOptions{.validation_fraction = -0.1},
          DatasetOptions{.validation_count = -1}, DatasetOptions{.validation_count = 50},
          DatasetOptions{.limit = -1}})
        BOOST_CHECK_THROW(load(bad), UsageError);
}

BOOST_AUTO_TEST_CASE(taking_out_loses_and_changes_nothing) {
    LabelledImages images = random_images({2, 3, 4}, 57, 5);
    const LabelledImages before = images;
    const std::vector<int> indices = held_out_indices(57, 20, 1, 9);
    const LabelledImages taken = take_out(images, indices);
    BOOST_TEST(taken.count() == 20);
    BOOST_TEST(images.count() == 37);
    std::vector<float> expected(24), found(24);
    int out = 0, kept = 0;
    for (int i = 0; i < 57; ++i) {
        const bool held = std::binary_search(indices.begin(), indices.end(), i);
        const LabelledImages& side = held ? taken : images;
        const int at = held ? out++ : kept++;
        before.copy_image(i, expected);
        side.copy_image(at, found);
        BOOST_TEST(found == expected, boost::test_tools::per_element());
        BOOST_TEST(side.labels[at] == before.labels[i]);
    }
    BOOST_CHECK_THROW(take_out(images, std::vector<int>{3, 2}), ShapeError);
    BOOST_CHECK_THROW(take_out(images, std::vector<int>{37}), ShapeError);
}

BOOST_AUTO_TEST_CASE(blocks_are_held_out_whole) {
    const std::vector<int> indices = held_out_indices(1083, 216, 100, 1);
    BOOST_TEST(indices.size() == 216u);
    int borders = 0;  // places where a held-out image has a neighbour that is not
    for (std::size_t i = 1; i < indices.size(); ++i) borders += indices[i] != indices[i - 1] + 1;
    BOOST_TEST(borders <= 2);
    BOOST_TEST(held_out_indices(10, 10, 3, 1).size() == 10u);
    BOOST_TEST(held_out_indices(10, 0, 3, 1).empty());
    BOOST_CHECK_THROW(held_out_indices(10, 11, 1, 1), UsageError);
}

BOOST_AUTO_TEST_CASE(classes_are_those_of_training_and_test_labels) {
    const TemporaryFolder folder;
    write_mnist(folder / "mnist", 30, 3);
    for (const char* part : {"t10k", "train"}) {
        write_gzipped(folder / "mnist" / (std::string(part) + "-labels-idx1-ubyte.gz"),
                      part[1] == '1' ? idx({3}, {0, 12, 5}) : idx({30}, Bytes(30, 14)));
        const Dataset found = load_dataset("mnist", folder.path());
        BOOST_TEST(found.train.classes == (part[1] == '1' ? 13 : 15));
        BOOST_TEST(found.test.classes == found.train.classes);
    }
}

BOOST_AUTO_TEST_CASE(malformed_pairs) {
    const TemporaryFolder folder;
    write_mnist(folder / "mnist", 30, 10);
    const auto labels = folder / "mnist" / "t10k-labels-idx1-ubyte.gz";
    write_gzipped(labels, idx({9}, random_bytes(9, 1, 10)));
    check_file_error([&] { load_dataset("mnist", folder.path()); }, labels.string(), "count", "9");
    std::filesystem::remove(labels);
    check_file_error([&] { load_dataset("mnist", folder.path()); },
                     (folder / "mnist" / "t10k-labels-idx1-ubyte").string(), "file", "No such file");
}

BOOST_AUTO_TEST_CASE(cifar_by_folder_names) {
    const TemporaryFolder folder;
    write_cifar(folder / "cifar-10-batches-bin", 4);
    const Dataset cifar = load_dataset("cifar-10", folder.path(), {.validation_fraction = 0.2});
    BOOST_TEST(cifar.name == "CIFAR-10 (not the publisher's files)");
    BOOST_TEST(cifar.train.count() == 16);
    BOOST_TEST(cifar.validation.count() == 4);
}

BOOST_AUTO_TEST_CASE(svhn_with_and_without_extra) {
    const TemporaryFolder folder;
    write_svhn(folder / "svhn/train_32x32.mat", 250, 1);
    write_svhn(folder / "svhn/test_32x32.mat", 20, 2);
    const auto load = [&](DatasetOptions options) { return load_dataset("svhn", folder.path(), options); };
    const Dataset small = load({.validation_fraction = 0.2});
    BOOST_TEST(small.name == "SVHN (not the publisher's files)");
    BOOST_TEST(small.train.count() == 200);
    BOOST_TEST(small.validation.count() == 50);
    int breaks = 0;  // labels are n mod 10, so neighbours follow each other
    for (int n = 1; n < 50; ++n)
        breaks += small.validation.labels[n] != (small.validation.labels[n - 1] + 1) % 10;
    BOOST_TEST(breaks == 0);  // 50 images are half a block

    write_svhn(folder / "svhn/extra_32x32.mat", 150, 3);
    const Dataset large = load({.validation_count = 90});
    BOOST_TEST(large.validation.count() == 90);
    BOOST_TEST(large.train.count() == 250 - 60 + 150 - 30);
    // A third of the validation images is of extra: their last two pixels of a column tell.
    const Bytes extra_file = random_bytes(150 * 3072, 3);
    std::set<std::pair<int, int>> ends;
    for (int n = 1; n <= 150; ++n) ends.insert({extra_file[n * 3072 - 2], extra_file[n * 3072 - 1]});
    const Bytes& held_out = std::get<Bytes>(large.validation.pixels);
    int of_extra = 0;
    for (int n = 1; n <= 90; ++n)
        of_extra += int(ends.count({held_out[n * 3072 - 33], held_out[n * 3072 - 1]}));
    BOOST_TEST(of_extra == 30);
    BOOST_TEST(large.test.count() == 20);
    BOOST_TEST(large.sha256 != small.sha256);
    // Of extra too whole blocks of neighbours are held out, others by each seed; all of it is for training
    // where nothing is held out.
    const LabelledImages all_of_extra = read_svhn(folder / "svhn/extra_32x32.mat");
    std::set<Bytes> held_out_by_seed;
    for (std::uint64_t seed = 1; seed <= 3; ++seed) {
        const Dataset split = load({.validation_count = 90, .split_seed = seed});
        const Bytes& validation = std::get<Bytes>(split.validation.pixels);
        const Bytes found(validation.begin() + 60 * 3072, validation.end());
        const LabelledImages expected = all_of_extra.subset(held_out_indices(150, 30, 100, seed));
        BOOST_TEST((found == std::get<Bytes>(expected.pixels)), "seed " << seed);
        held_out_by_seed.insert(found);
    }
    BOOST_TEST(held_out_by_seed.size() == 2u);  // of two blocks
    const Dataset whole = load({});
    BOOST_TEST(whole.train.count() == 250 + 150);
    BOOST_TEST(whole.validation.count() == 0);
    const Bytes extra = random_bytes(150 * 3072, 3);  // the last pixel is the same in both layouts
    BOOST_TEST(std::get<Bytes>(large.train.pixels).back() == extra.back());
    BOOST_CHECK_THROW(load({.validation_fraction = 0.2}), UsageError);  // the paper's 6,000 are not there
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace fftconv::test
