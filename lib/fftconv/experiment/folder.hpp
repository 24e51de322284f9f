#pragma once
#include <filesystem>

namespace fftconv {

/// Makes the folder and those above it, when they are not there. @throws FileError when it cannot.
void make_folder(const std::filesystem::path& folder);

}  // namespace fftconv
