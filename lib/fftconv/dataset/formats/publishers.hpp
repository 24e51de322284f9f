#pragma once
#include <string>
#include <vector>

namespace fftconv {

/// A data set as its publisher gives it out.
struct PublishedDataset {
    std::string name;
    std::vector<std::string> sha256;  ///< of its unpacked files, in the order that they are read
};

/// MNIST, Fashion-MNIST (training images and labels, test images and labels), CIFAR-10 (five training files,
/// test file), SVHN (train, test), SVHN with extra (train, test, extra).
const std::vector<PublishedDataset>& published_datasets();

/// The name of the published data set whose files have these digests; empty when none has.
std::string published_name(const std::vector<std::string>& sha256);

}  // namespace fftconv
