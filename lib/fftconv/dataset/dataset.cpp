#include "fftconv/dataset/dataset.hpp"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <fstream>
#include <optional>
#include <vector>

#include "fftconv/core/error.hpp"
#include "fftconv/core/number_text.hpp"
#include "fftconv/core/sha256.hpp"
#include "fftconv/dataset/formats/cifar.hpp"
#include "fftconv/dataset/formats/idx.hpp"
#include "fftconv/dataset/formats/npz.hpp"
#include "fftconv/dataset/formats/pictures.hpp"
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

/// The names of MNIST's files are spelt with a dash by its publisher, with a dot by some who unpacked them.
const std::vector<std::string> idx_marks = {"train-images-idx3-ubyte.gz", "train-images-idx3-ubyte",
                                            "train-images.idx3-ubyte.gz", "train-images.idx3-ubyte"};

const std::vector<Known> known_datasets = {
    {"mnist", "MNIST", {"mnist", "MNIST", "MNIST/raw"}, idx_marks},
    {"fashion-mnist", "Fashion-MNIST", {"fashion-mnist", "FashionMNIST/raw"}, idx_marks},
    {"cifar-10",
     "CIFAR-10",
     {"cifar-10", "cifar-10-batches-bin", "cifar-10/cifar-10-batches-bin"},
     {"data_batch_1.bin", "cifar-10-binary.tar.gz"}},
    {"svhn", "SVHN", {"svhn", "svhn-small"}, {"train_32x32.mat"}},
    {"pictures", "pictures of your own", {}, {"train/CLASS/PICTURE.png", "CLASS/PICTURE.png"}},
    {"npz", "arrays of your own", {}, {"a file NAME.npz"}},
};

const Known& known_dataset(const std::string& name) {
    std::string names;
    for (const Known& known : known_datasets) {
        if (known.name == name) return known;
        names += known.name + ", ";
    }
    throw UsageError("unknown data set " + name + ": expected " + names + "or auto");
}

/// Where data sets are looked for.
struct Place {
    fs::path folder;
    bool given = true;  // by the caller or FFTCONV_DATA: then nothing is taken from elsewhere
};

Place place_of(const fs::path& folder) {
    if (!folder.empty()) return {folder};
    const char* variable = std::getenv("FFTCONV_DATA");
    if (variable && *variable) return {variable};
    return {"datasets", false};
}

/// The .npz file that this is, or the only one in this folder.
std::optional<fs::path> npz_file(const fs::path& folder) {
    if (folder.extension() == ".npz" && fs::exists(folder) && !fs::is_directory(folder)) return folder;
    std::optional<fs::path> found;
    std::error_code ignored;
    for (fs::directory_iterator entry(folder, ignored), end; !ignored && entry != end;
         entry.increment(ignored)) {
        if (entry->path().extension() != ".npz") continue;
        if (found) return std::nullopt;
        found = entry->path();
    }
    return found;
}

bool holds(const fs::path& folder, const Known& known) {
    if (known.name == "npz") return npz_file(folder).has_value();
    if (known.name == "pictures") return holds_pictures(folder / "train") || holds_pictures(folder);
    for (const std::string& mark : known.marks)
        if (fs::exists(folder / mark)) return true;
    return false;
}

std::optional<fs::path> find(const Known& known, const Place& place) {
    for (const std::string& subfolder : known.subfolders)
        if (holds(place.folder / subfolder, known)) return place.folder / subfolder;
    if (holds(place.folder, known)) return place.folder;
    if (known.name == "fashion-mnist" && !place.given && holds(debian_fashion_mnist, known))
        return debian_fashion_mnist;
    return std::nullopt;
}

/// A file of CIFAR-10's version for Python, when that is what the folder holds.
std::optional<fs::path> python_version(const fs::path& folder) {
    for (const char* name : {"data_batch_1", "cifar-10-python.tar.gz", "cifar-10-batches-py"})
        for (const char* below : {".", "cifar-10", "cifar-10-batches-py", "cifar-10/cifar-10-batches-py"})
            if (fs::exists(folder / below / name)) return (folder / below / name).lexically_normal();
    return std::nullopt;
}

std::string places_of(const Known& known, const Place& place) {
    std::string places = fs::absolute(place.folder).lexically_normal().string();
    for (const std::string& subfolder : known.subfolders)
        places += ", " + (place.folder / subfolder).string();
    if (known.name == "fashion-mnist" && !place.given) places += ", " + debian_fashion_mnist.string();
    return places;
}

[[noreturn]] void throw_missing(const Known& known, const Place& place) {
    if (const auto python = python_version(place.folder); python && known.name == "cifar-10")
        throw FileError(python->string(), "data set",
                        "CIFAR-10's binary version (cifar-10-binary.tar.gz, or data_batch_1.bin …)",
                        "its Python version; get the other by `datasets/fetch.sh cifar-10`");
    std::string files = known.marks.front();
    for (std::size_t i = 1; i < known.marks.size(); ++i) files += " or " + known.marks[i];
    throw Error("no " + known.display + " (" + files + ") in " + places_of(known, place) +
                (known.subfolders.empty() ? "" : "; get it by `datasets/fetch.sh " + known.name + "`") +
                "; or name the folder that holds it by --data or FFTCONV_DATA");
}

/// What a folder that was given holds, for "auto": never what lies elsewhere.
[[noreturn]] void throw_nothing(const Place& place) {
    std::string names;
    for (const Known& known : known_datasets) names += (names.empty() ? "" : ", ") + known.name;
    throw Error("no data set that we know (" + names + ") in " +
                fs::absolute(place.folder).lexically_normal().string() +
                "; see datasets/README.md, or name the folder that holds one by --data or FFTCONV_DATA");
}

/// The first of the spellings that is there, else the publisher's.
fs::path idx_file(const fs::path& folder, const std::string& prefix, const std::string& dimensions) {
    for (const char* dash : {"-", "."})
        for (const char* ending : {".gz", ""})
            if (const fs::path file = folder / (prefix + dash + dimensions + "-ubyte" + ending);
                fs::exists(file))
                return file;
    return folder / (prefix + "-" + dimensions + "-ubyte");
}

LabelledImages read_idx_pair(const fs::path& folder, const std::string& prefix,
                             std::vector<std::string>& digests) {
    const fs::path images_path = idx_file(folder, prefix + "-images", "idx3");
    const fs::path labels_path = idx_file(folder, prefix + "-labels", "idx1");
    IdxArray images = read_idx(images_path, 3), labels = read_idx(labels_path, 1);
    digests.insert(digests.end(), {images.sha256, labels.sha256});
    return to_labelled_images(std::move(images), images_path, std::move(labels), labels_path, 0);
}

Files read_mnist(const fs::path& folder) {
    Files files;
    files.train = read_idx_pair(folder, "train", files.sha256);
    files.test = read_idx_pair(folder, "t10k", files.sha256);
    files.train.classes = files.test.classes = std::max(files.train.classes, files.test.classes);
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

/// train/ and test/, or a fifth of all for the test, the same whatever the seed of the validation images.
Files read_picture_folder(const fs::path& folder) {
    Files files;
    if (!holds_pictures(folder / "train")) {
        PictureFolder all = read_pictures(folder);
        const int count = all.images.count();
        files.test = take_out(all.images, held_out_indices(count, count / 5, 1, 1));
        files.train = std::move(all.images);
        files.sha256 = {all.sha256};
        return files;
    }
    PictureFolder train = read_pictures(folder / "train");
    PictureFolder test = read_pictures(folder / "test", train.classes, train.images.maps.channels == 3);
    files.sha256 = {train.sha256, test.sha256};
    files.train = std::move(train.images);
    files.test = std::move(test.images);
    return files;
}

Files read_npz_file(const fs::path& file) {
    NpzImages npz = read_npz(file);
    return {.train = std::move(npz.train), .test = std::move(npz.test), .extra = {}, .sha256 = {npz.sha256}};
}

Files read_files(const Known& known, const fs::path& folder) {
    Files files = known.name == "cifar-10"   ? read_cifar(folder)
                  : known.name == "svhn"     ? read_svhn_folder(folder)
                  : known.name == "pictures" ? read_picture_folder(folder)
                  : known.name == "npz"      ? read_npz_file(*npz_file(folder))
                                             : read_mnist(folder);
    if (files.train.maps != files.test.maps)
        throw FileError(folder.string(), "test images", "the height and width of the training images",
                        "another size");
    return files;
}

/// The first line of a file, which results will carry; empty when there is none.
std::string given_name(const fs::path& file) {
    constexpr std::size_t most = 200;
    std::error_code ignored;
    if (!fs::is_regular_file(file, ignored)) return "";
    std::string text(most + 1, '\0');
    std::ifstream in(file, std::ios::binary);
    in.read(text.data(), std::streamsize(text.size()));
    text.resize(std::size_t(in.gcount()));
    text = text.substr(0, text.find_first_of("\r\n"));
    if (text.size() > most)
        throw FileError(file.string(), "first line", "a name of at most " + std::to_string(most) + " bytes",
                        "more");
    return text;
}

std::string name_of(const Known& known, const std::string& published, const fs::path& folder) {
    if (!published.empty()) return published;
    if (const std::string given = given_name(folder / "NAME"); !given.empty()) return given;
    if (known.name == "npz") return npz_file(folder)->stem();
    if (known.name == "pictures")
        return fs::absolute(folder / "").lexically_normal().parent_path().filename();
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
                         number_text(options.validation_fraction));
    if (options.limit < 0) throw UsageError("limit of images: expected 0 (all) or more");
}

Dataset load(const Known& known, const fs::path& folder, const DatasetOptions& options) {
    Files files = read_files(known, folder);
    const std::string published = published_name(files.sha256);
    Dataset dataset;
    dataset.key = known.name;
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
Dataset identified(Dataset dataset) {
    for (const Known& known : known_datasets)
        if (dataset.name == known.display) dataset.key = known.name;
    return dataset;
}

void check_identity(const Dataset& dataset, const Known& wanted) {
    for (const Known& known : known_datasets)
        if (dataset.name == known.display && known.name != wanted.name)
            throw Error(dataset.folder.string() + " holds " + known.display + ", not " + wanted.display +
                        "; get it by `datasets/fetch.sh " + wanted.name + "`");
}

}  // namespace

Dataset load_dataset(const std::string& name, const fs::path& folder, const DatasetOptions& options) {
    check(options);
    const Place place = place_of(folder);
    const Known* known = name == "auto" ? nullptr : &known_dataset(name);
    std::optional<fs::path> found = known ? find(*known, place) : std::nullopt;
    if (known && !found) throw_missing(*known, place);
    for (const Known& candidate : known_datasets) {
        if (found) break;
        // MNIST's names are Fashion-MNIST's too: what they hold is told by the digests.
        if ((found = find(candidate, place))) known = &candidate;
    }
    if (!found) throw_nothing(place);
    Dataset dataset = load(*known, *found, options);
    if (name == "auto") return identified(std::move(dataset));
    check_identity(dataset, *known);
    return dataset;
}

}  // namespace fftconv
