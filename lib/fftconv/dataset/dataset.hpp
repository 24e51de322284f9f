#pragma once
#include <cstdint>
#include <filesystem>
#include <string>

#include "fftconv/dataset/images.hpp"

namespace fftconv {

/// A data set as the experiments use it.
struct Dataset {
    std::string
        name;  ///< as every figure must name it: "MNIST", "Fashion-MNIST", "CIFAR-10 (JPEG mirror)", …
    LabelledImages train, validation, test;
    std::string
        sha256;  ///< of everything that was read, unpacked, before splitting and limits (datasets/README.md)
    std::uint64_t split_seed = 0;
    std::filesystem::path folder;  ///< where the files were found
};

struct DatasetOptions {
    int validation_count = 0;        ///< images held out of the training set; 0 = use the fraction
    double validation_fraction = 0;  ///< of the training set, 0 ≤ fraction < 1; 0 = no validation set
    std::uint64_t split_seed = 1;    ///< which images are held out
    int limit = 0;  ///< at most so many images in each of train, validation and test; 0 = all
};

/// Reads a data set: "mnist", "fashion-mnist", "cifar-10", "svhn", or "auto" (MNIST where it is found, else
/// Fashion-MNIST). It is looked for in `folder` and its subfolders of the data set's names; an empty `folder`
/// means the variable FFTCONV_DATA, and Fashion-MNIST is at last taken from Debian's dataset-fashion-mnist.
/// @throws UsageError on an unknown name or options that make no sense; Error when nothing is found, naming
/// the folders looked in and the command that gets the data; FileError on files that are not what they must
/// be.
Dataset load_dataset(const std::string& name, const std::filesystem::path& folder = {},
                     const DatasetOptions& options = {});

}  // namespace fftconv
