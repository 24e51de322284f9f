#include "fftconv/core/sha256.hpp"

#include <openssl/evp.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <memory>
#include <stdexcept>
#include <vector>

#include "fftconv/core/error.hpp"

namespace fftconv {
namespace {

class Sha256 {
  public:
    Sha256() { check(EVP_DigestInit_ex(context_.get(), EVP_sha256(), nullptr)); }

    void update(const void* bytes, std::size_t count) {
        check(EVP_DigestUpdate(context_.get(), bytes, count));
    }

    std::string hexadecimal() {
        unsigned char digest[EVP_MAX_MD_SIZE];
        unsigned size = 0;
        check(EVP_DigestFinal_ex(context_.get(), digest, &size));
        std::string text;
        for (unsigned i = 0; i < size; ++i) {
            text += "0123456789abcdef"[digest[i] >> 4];
            text += "0123456789abcdef"[digest[i] & 15];
        }
        return text;
    }

  private:
    static void check(int success) {
        if (success != 1) throw std::runtime_error("libcrypto: SHA-256 failed");
    }
    std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context_{EVP_MD_CTX_new(), EVP_MD_CTX_free};
};

}  // namespace

std::string sha256(std::span<const std::uint8_t> bytes) {
    Sha256 digest;
    digest.update(bytes.data(), bytes.size());
    return digest.hexadecimal();
}

std::string sha256_of_file(const std::filesystem::path& path) {
    std::ifstream file(path, std::ios::binary);
    if (!file) throw FileError(path.string(), "file", "a readable file", std::strerror(errno));
    Sha256 digest;
    std::vector<char> block(1 << 20);
    while (file.read(block.data(), std::streamsize(block.size())), file.gcount() > 0)
        digest.update(block.data(), std::size_t(file.gcount()));
    if (file.bad()) throw FileError(path.string(), "file", "a readable file", std::strerror(errno));
    return digest.hexadecimal();
}

}  // namespace fftconv
