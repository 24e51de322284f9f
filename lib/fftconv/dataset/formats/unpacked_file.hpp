#pragma once
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>

namespace fftconv {

/// A file that is read from its beginning to its end, unpacked where it is gzipped. Its contents are never
/// held, so that memory stays bounded whatever it unpacks to.
class UnpackedFile {
  public:
    /// @throws FileError unless it is an ordinary file that can be opened.
    explicit UnpackedFile(const std::filesystem::path& path);
    ~UnpackedFile();
    UnpackedFile(const UnpackedFile&) = delete;
    UnpackedFile& operator=(const UnpackedFile&) = delete;

    /// The next bytes, fewer than `count` only at the end, where the checksum of a gzipped file has been
    /// compared. @throws FileError on damage.
    std::size_t read(std::uint8_t* bytes, std::size_t count);
    /// No more than this can come out of it: deflate packs 1032 bytes into one at best.
    std::uintmax_t most_bytes() const { return most_; }
    const std::string& path() const { return path_; }

  private:
    struct State;
    std::string path_;
    std::uintmax_t most_;
    std::unique_ptr<State> state_;
};

}  // namespace fftconv
