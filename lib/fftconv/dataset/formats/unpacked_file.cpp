#include "fftconv/dataset/formats/unpacked_file.hpp"

#include <zlib.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "fftconv/core/error.hpp"
#include "fftconv/core/ordinary_file.hpp"

namespace fftconv {

struct UnpackedFile::State {
    std::unique_ptr<gzFile_s, decltype(&gzclose)> file;
};

UnpackedFile::UnpackedFile(const std::filesystem::path& path)
    : path_(path.string()), most_(size_of_ordinary_file(path) * 1032) {
    errno = 0;
    state_ = std::make_unique<State>(State{{gzopen(path.c_str(), "rb"), gzclose}});
    if (!state_->file) throw FileError(path_, "file", "a readable file", std::strerror(errno));
    gzbuffer(state_->file.get(), 1 << 17);
}

UnpackedFile::~UnpackedFile() = default;

std::size_t UnpackedFile::read(std::uint8_t* bytes, std::size_t count) {
    std::size_t filled = 0;
    while (filled < count) {
        const auto block = unsigned(std::min<std::size_t>(count - filled, 1 << 30));
        const int got = gzread(state_->file.get(), bytes + filled, block);
        if (got <= 0) break;
        filled += std::size_t(got);
    }
    int status = Z_OK;
    const char* message = gzerror(state_->file.get(), &status);
    if (status == Z_ERRNO) throw FileError(path_, "file", "a readable file", std::strerror(errno));
    if (status != Z_OK) throw FileError(path_, "gzip data", "a whole gzip stream", message);
    return filled;
}

}  // namespace fftconv
