#include "fftconv/dataset/dataset.hpp"

#include <cmath>
#include <cstdlib>
#include <fstream>
#include <optional>
#include <vector>

#include "fftconv/core/error.hpp"
#include "fftconv/core/sha256.hpp"
#include "fftconv/dataset/formats/cifar.hpp"
#include "fftconv/dataset/formats/idx.hpp"
#include "fftconv/dataset/formats/publishers.hpp"
#include "fftconv/dataset/formats/svhn.hpp"

namespace fftconv {
namespace {

namespace fs = std::filesystem;

const fs::path debian_fashion_mnist = "/usr/share/datasets/fashion-mnist";

/// What the readers bring, before names, splits and limits.
struct Files {
    LabelledImages train, test, extra;  // extra: of SVHN, may be empty
    std::vector<std::string> sha256;
};

/// How a data set is found.
struct Known {
    std::string name;                     // of the command line and of datasets/fetch.sh
    std::string display;                  // of the publisher
    std::vector<std::string> subfolders;  // where it may lie below the folder that is given
    std::vector<std::string> marks;       // any of these files tells that it is there
};

const std::vector<Known> known_datasets = {
    {"mnist",
     "MNIST",
     {"mnist", "MNIST", "MNIST/raw"},
     {"train-images-idx3-ubyte.gz", "train-images-idx3-ubyte"}},
    {"fashion-mnist",
     "Fashion-MNIST",
     {"fashion-mnist", "FashionMNIST/raw"},
     {"train-images-idx3-ubyte.gz", "train-images-idx3-ubyte"}},
    {"cifar-10",
     "CIFAR-10",
     {"cifar-10", "cifar-10-batches-bin", "cifar-10/cifar-10-batches-bin"},
     {"data_batch_1.bin", "cifar-10-binary.tar.gz"}},
    {"svhn", "SVHN", {"svhn", "svhn-small"}, {"train_32x32.mat"}},
};

const Known& known_dataset(const std::string& name) {
    std::string names;
    for (const Known& known : known_datasets) {
        if (known.name == name) return known;
        names += known.name + ", ";
    }
    throw UsageError("unknown data set " + name + ": expected " + names + "or auto");
}

fs::path default_folder() {
    const char* variable = std::getenv("FFTCONV_DATA");
    return variable && *variable ? variable : "datasets";
}

bool holds(const fs::path& folder, const Known& known) {
    for (const std::string& mark : known.marks)
        if (fs::exists(folder / mark)) return true;
    return false;
}

std::optional<fs::path> find(const Known& known, const fs::path& folder) {
    for (const std::string& subfolder : known.subfolders)
        if (holds(folder / subfolder, known)) return folder / subfolder;
    if (holds(folder, known)) return folder;
    if (known.name == "fashion-mnist" && holds(debian_fashion_mnist, known)) return debian_fashion_mnist;
    return std::nullopt;
}

[[noreturn]] void throw_missing(const Known& known, const fs::path& folder) {
    std::string places = fs::absolute(folder).lexically_normal().string();
    for (const std::string& subfolder : known.subfolders) places += ", " + (folder / subfolder).string();
    if (known.name == "fashion-mnist") places += ", " + debian_fashion_mnist.string();
    throw Error("no " + known.display + " in " + places + "; get it by `datasets/fetch.sh " + known.name +
                "`, or name the folder that holds it by --data or FFTCONV_DATA");
}

fs::path gzipped_or_plain(const fs::path& folder, const std::string& name) {
    const fs::path gzipped = folder / (name + ".gz");
    return fs::exists(gzipped) ? gzipped : folder / name;
}

LabelledImages read_idx_pair(const fs::path& folder, const std::string& prefix,
                             std::vector<std::string>& digests) {
    const fs::path images_path = gzipped_or_plain(folder, prefix + "-images-idx3-ubyte");
    const fs::path labels_path = gzipped_or_plain(folder, prefix + "-labels-idx1-ubyte");
    IdxArray images = read_idx(images_path, 3), labels = read_idx(labels_path, 1);
    digests.insert(digests.end(), {images.sha256, labels.sha256});
    return to_labelled_images(std::move(images), images_path, std::move(labels), labels_path);
}

Files read_mnist(const fs::path& folder) {
    Files files;
    files.train = read_idx_pair(folder, "train", files.sha256);
    files.test = read_idx_pair(folder, "t10k", files.sha256);
    return files;
}

Files read_cifar(const fs::path& folder) {
    Cifar10 cifar =
        read_cifar10(fs::exists(folder / "data_batch_1.bin") ? folder : folder / "cifar-10-binary.tar.gz");
    return {.train = std::move(cifar.train),
            .test = std::move(cifar.test),
            .extra = {},
            .sha256 = std::move(cifar.sha256)};
}

Files read_svhn_folder(const fs::path& folder) {
    Files files;
    const auto read = [&](const char* name) {
        files.sha256.push_back(sha256_of_file(folder / name));
        return read_svhn(folder / name);
    };
    files.train = read("train_32x32.mat");
    files.test = read("test_32x32.mat");
    if (fs::exists(folder / "extra_32x32.mat")) files.extra = read("extra_32x32.mat");
    return files;
}

Files read_files(const Known& known, const fs::path& folder) {
    Files files = known.name == "cifar-10" ? read_cifar(folder)
                  : known.name == "svhn"   ? read_svhn_folder(folder)
                                           : read_mnist(folder);
    if (files.train.maps != files.test.maps)
        throw FileError(folder.string(), "test images", "the height and width of the training images",
                        "another size");
    return files;
}

std::string name_of(const Known& known, const std::string& published, const fs::path& folder) {
    if (!published.empty()) return published;
    std::ifstream file(folder / "NAME");
    std::string given;
    if (std::getline(file, given) && !given.empty()) return given;
    return known.display + " (not the publisher's files)";
}

std::string digest_of_digests(const std::vector<std::string>& digests) {
    std::string lines;
    for (const std::string& digest : digests) lines += digest + "\n";
    return sha256({reinterpret_cast<const std::uint8_t*>(lines.data()), lines.size()});
}

int validation_count(const DatasetOptions& options, int train, int extra) {
    if (options.validation_count > 0) return options.validation_count;
    if (options.validation_fraction > 0 && extra > 0) return 6000;
    return int(std::lround(options.validation_fraction * train));
}

/// Fills train and validation of `dataset` from the files, by the options.
void split(Files& files, const Known& known, const DatasetOptions& options, Dataset& dataset) {
    const int count = validation_count(options, files.train.count(), files.extra.count());
    const int from_extra = files.extra.count() > 0 ? count / 3 : 0;
    const int block = known.name == "svhn" ? 100 : 1;
    const auto hold_out = [&](LabelledImages& images, int wanted) {
        if (wanted > 0 && wanted >= images.count())
            throw UsageError("cannot hold " + std::to_string(wanted) + " validation images out of " +
                             std::to_string(images.count()) + " training images of " + dataset.name);
        return take_out(images, held_out_indices(images.count(), wanted, block, options.split_seed));
    };
    dataset.validation = hold_out(files.train, count - from_extra);
    if (files.extra.count() > 0) {
        dataset.validation.append(hold_out(files.extra, from_extra));
        files.train.append(files.extra);
    }
    dataset.train = std::move(files.train);
    dataset.test = std::move(files.test);
}

void check(const DatasetOptions& options) {
    if (options.validation_count < 0) throw UsageError("validation count: expected 0 or more");
    if (!(options.validation_fraction >= 0 && options.validation_fraction < 1))
        throw UsageError("validation fraction: expected 0 ≤ fraction < 1, found " +
                         std::to_string(options.validation_fraction));
    if (options.limit < 0) throw UsageError("limit of images: expected 0 (all) or more");
}

Dataset load(const Known& known, const fs::path& folder, const DatasetOptions& options) {
    Files files = read_files(known, folder);
    const std::string published = published_name(files.sha256);
    Dataset dataset;
    dataset.name = name_of(known, published, folder);
    dataset.sha256 = digest_of_digests(files.sha256);
    dataset.split_seed = options.split_seed;
    dataset.folder = folder;
    split(files, known, options, dataset);
    if (options.limit > 0)
        for (LabelledImages* images : {&dataset.train, &dataset.validation, &dataset.test})
            images->truncate(options.limit);
    return dataset;
}

/// MNIST and Fashion-MNIST have files of the same names: a folder given for one may hold the other.
void check_identity(const Dataset& dataset, const Known& wanted) {
    for (const Known& known : known_datasets)
        if (dataset.name == known.display && known.name != wanted.name)
            throw Error(dataset.folder.string() + " holds " + known.display + ", not " + wanted.display +
                        "; get it by `datasets/fetch.sh " + wanted.name + "`");
}

}  // namespace

Dataset load_dataset(const std::string& name, const fs::path& folder, const DatasetOptions& options) {
    check(options);
    const fs::path root = folder.empty() ? default_folder() : folder;
    if (name == "auto") {
        const Known& mnist = known_dataset("mnist");
        if (const auto found = find(mnist, root)) return load(mnist, *found, options);
    }
    const Known& known = known_dataset(name == "auto" ? "fashion-mnist" : name);
    const auto found = find(known, root);
    if (!found) throw_missing(known, root);
    Dataset dataset = load(known, *found, options);
    check_identity(dataset, known);
    return dataset;
}

}  // namespace fftconv
