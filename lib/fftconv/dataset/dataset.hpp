#pragma once
#include <cstdint>
#include <filesystem>
#include <string>

#include "fftconv/core/public.hpp"
#include "fftconv/dataset/images.hpp"

namespace FFTCONV_PUBLIC fftconv {

/// A data set as the experiments use it.
struct Dataset {
    std::string
        name;  ///< as every figure must name it: "MNIST", "Fashion-MNIST", "CIFAR-10 (JPEG mirror)", …
    LabelledImages train, validation, test;  ///< for weights, for choices, for results
    std::string key;  ///< what load_dataset takes for it: "mnist" where "auto" found that
    std::string
        sha256;  ///< of what was read, before splits and limits: of the line "digest\n" of each unpacked file
    /// DatasetOptions::split_seed.
    std::uint64_t split_seed = 0;
    std::filesystem::path folder;  ///< where the files were found
};

/// Which images are held out, and how many are read.
struct DatasetOptions {
    int validation_count = 0;        ///< images held out of the training set; 0 = use the fraction
    double validation_fraction = 0;  ///< of the training set, 0 ≤ fraction < 1; 0 = no validation set
    std::uint64_t split_seed = 1;    ///< which images are held out
    int limit = 0;  ///< at most so many images in each of train, validation and test; 0 = all
};

/// Reads a data set: "mnist", "fashion-mnist", "cifar-10", "svhn", or "auto", the first of these that is
/// found. It is looked for in `folder` itself and in its subfolders of the data set's names, and nowhere
/// else. An empty `folder` means the one named by the variable FFTCONV_DATA. Where that is not set it is
/// `datasets`, and Fashion-MNIST is then at last taken from Debian's package dataset-fashion-mnist.
///
/// The name is the publisher's where the digests of all files are; otherwise it is the first line of a text
/// file NAME next to the files, or says that they are not the publisher's.
///
/// Validation images of SVHN are held out in blocks of neighbours. Where SVHN's extra file is there, it joins
/// the training set, a third of the validation images come from it, and a fraction means 6,000 images (coarse
/// pruning paper, section 5.2).
/// @throws UsageError on an unknown name or options that make no sense; Error when nothing is found, naming
/// the folders looked in and the command that gets the data; FileError on files that are not what they must
/// be.
Dataset load_dataset(const std::string& name, const std::filesystem::path& folder = {},
                     const DatasetOptions& options = {});

}  // namespace fftconv
