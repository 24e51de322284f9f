#pragma once
#include <filesystem>
#include <string>
#include <vector>

#include "fftconv/dataset/images.hpp"

namespace fftconv {

/// An array of unsigned bytes in the IDX format of MNIST: two zero bytes, 0x08 (unsigned bytes), the number
/// of dimensions, each extent as a big-endian 32-bit integer, then the bytes, row-major.
struct IdxArray {
    std::vector<int> shape;
    std::vector<std::uint8_t> bytes;
    std::string sha256;  ///< of the unpacked file
};

/// Reads an IDX file, gzipped or plain. Memory grows with what is read, up to what the header says.
/// @throws FileError when it cannot be read or unpacked, has another magic number, another number of
/// dimensions than `dimensions`, or more or fewer bytes than its header says.
IdxArray read_idx(const std::filesystem::path& path, int dimensions);

/// Images (N, H, W) and labels (N) as one-channel images. With classes = 0 there are as many as the largest
/// label asks for, and at least ten (EMNIST and Kuzushiji-49 have more).
/// @throws FileError as read_idx, when the counts differ, or when a label is not 0 … classes − 1.
LabelledImages to_labelled_images(IdxArray images, const std::filesystem::path& images_path, IdxArray labels,
                                  const std::filesystem::path& labels_path, int classes = 10);

}  // namespace fftconv
