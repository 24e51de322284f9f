#include "fftconv/experiment/folder.hpp"

#include <system_error>

#include "fftconv/core/error.hpp"

namespace fftconv {

void make_folder(const std::filesystem::path& folder) {
    std::error_code problem;
    std::filesystem::create_directories(folder, problem);
    if (problem) throw FileError(folder.string(), "folder", "one that can be made", problem.message());
}

}  // namespace fftconv
