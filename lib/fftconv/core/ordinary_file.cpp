#include "fftconv/core/ordinary_file.hpp"

#include <cerrno>
#include <cstring>
#include <fstream>
#include <string>
#include <system_error>

#include "fftconv/core/error.hpp"

namespace fftconv {

std::uintmax_t size_of_ordinary_file(const std::filesystem::path& file) {
    std::error_code reason;
    const std::filesystem::file_status status = std::filesystem::status(file, reason);
    const auto fail = [&](const std::string& found) {
        throw FileError(file.string(), "file", "a readable file", found);
    };
    if (!std::filesystem::exists(status)) fail(reason ? reason.message() : std::strerror(ENOENT));
    if (std::filesystem::is_directory(status)) fail(std::strerror(EISDIR));
    if (!std::filesystem::is_regular_file(status)) fail("a FIFO, socket or device");
    const std::uintmax_t size = std::filesystem::file_size(file, reason);
    if (reason) fail(reason.message());
    return size;
}

std::vector<std::uint8_t> read_ordinary_file(const std::filesystem::path& file, std::uintmax_t most) {
    const std::uintmax_t size = size_of_ordinary_file(file);
    if (size > most)
        throw FileError(file.string(), "length", "at most " + std::to_string(most) + " bytes",
                        std::to_string(size));
    std::ifstream stream(file, std::ios::binary);
    if (!stream) throw FileError(file.string(), "file", "a readable file", std::strerror(errno));
    std::vector<std::uint8_t> bytes(size);
    stream.read(reinterpret_cast<char*>(bytes.data()), std::streamsize(size));
    if (std::uintmax_t(stream.gcount()) != size)
        throw FileError(file.string(), "file", std::to_string(size) + " bytes",
                        std::to_string(stream.gcount()) + " readable");
    return bytes;
}

}  // namespace fftconv
