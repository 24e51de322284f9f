#pragma once
#include <filesystem>
#include <string>

#include "fftconv/dataset/images.hpp"

namespace fftconv {

/// A data set in one file of numpy's savez or savez_compressed.
struct NpzImages {
    LabelledImages train, test;
    std::string sha256;  ///< of the file
};

/// Reads the arrays x_train, y_train, x_test and y_test (as Keras has them), or train_images, train_labels,
/// test_images and test_labels (MedMNIST). Images are bytes (N, H, W), (N, H, W, C) or (N, C, H, W) with C =
/// 1 or 3; labels are integers (N) or (N, 1), 0 to 255. Other arrays are ignored.
/// @throws FileError when it is no whole zip archive of such arrays (its checksums are compared), or they do
/// not fit each other.
NpzImages read_npz(const std::filesystem::path& file);

}  // namespace fftconv
