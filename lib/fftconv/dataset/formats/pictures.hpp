#pragma once
#include <filesystem>
#include <string>
#include <vector>

#include "fftconv/dataset/images.hpp"

namespace fftconv {

/// A person's own pictures: a folder per class, of PNG, PPM and PGM files.
struct PictureFolder {
    LabelledImages images;             ///< grey, or red, green and blue where any picture has colour
    std::vector<std::string> classes;  ///< names of the folders, in the order of their names
    std::string sha256;                ///< of the lines "SHA-256  CLASS/FILE" of all pictures
};

/// Whether there is a folder in this one that holds a picture.
bool holds_pictures(const std::filesystem::path& folder);

/// Reads the pictures of every folder in `folder`, classes and files in the order of their names; names that
/// begin with a dot are left out. Where `classes` are given they must be the same. `colour`: as red, green
/// and blue even if all are grey.
/// @throws FileError on a file that is no such picture, is damaged, or differs in size from the first; when
/// there is none; on other classes, or more than 256.
PictureFolder read_pictures(const std::filesystem::path& folder, const std::vector<std::string>& classes = {},
                            bool colour = false);

}  // namespace fftconv
