#pragma once
#include <filesystem>
#include <string>
#include <vector>

#include "fftconv/dataset/images.hpp"

namespace fftconv {

/// CIFAR-10's binary version: files of records, each a label byte 0 … 9 and 3 × 32 × 32 pixel bytes (red,
/// green, blue planes, row-major). https://www.cs.toronto.edu/~kriz/cifar.html
struct Cifar10 {
    LabelledImages train, test;
    std::vector<std::string> sha256;  ///< of data_batch_1.bin … data_batch_5.bin, test_batch.bin
};

/// Reads the six files from a folder that holds them, or from the publisher's cifar-10-binary.tar.gz.
/// The checksum of the archive is compared.
/// @throws FileError when a file is missing or cannot be read, does not consist of whole records, has a label
/// out of range, or when training files differ in length.
Cifar10 read_cifar10(const std::filesystem::path& folder_or_archive);

}  // namespace fftconv
