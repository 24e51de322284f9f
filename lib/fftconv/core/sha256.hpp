#pragma once
#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>

namespace fftconv {

/// SHA-256 of bytes that come one after another.
class Sha256 {
  public:
    Sha256();
    ~Sha256();
    Sha256(const Sha256&) = delete;
    Sha256& operator=(const Sha256&) = delete;

    void update(std::span<const std::uint8_t> bytes);
    /// Of all bytes so far, 64 hexadecimal digits. To be called once, at the end.
    std::string hexadecimal();

  private:
    struct State;
    std::unique_ptr<State> state_;
};

/// SHA-256 of bytes, 64 hexadecimal digits, as sha256sum prints it.
std::string sha256(std::span<const std::uint8_t> bytes);

/// SHA-256 of a file's bytes. @throws FileError when it cannot be read.
std::string sha256_of_file(const std::filesystem::path& path);

}  // namespace fftconv
