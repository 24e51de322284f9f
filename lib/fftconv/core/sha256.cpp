#include "fftconv/core/sha256.hpp"

#include <openssl/evp.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <memory>
#include <stdexcept>
#include <vector>

#include "fftconv/core/error.hpp"
#include "fftconv/core/ordinary_file.hpp"

namespace fftconv {
namespace {

void require_success(int success) {
    if (success != 1) throw std::runtime_error("libcrypto: SHA-256 failed");
}

}  // namespace

struct Sha256::State {
    std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context{EVP_MD_CTX_new(), EVP_MD_CTX_free};
};

Sha256::Sha256() : state_(std::make_unique<State>()) {
    require_success(EVP_DigestInit_ex(state_->context.get(), EVP_sha256(), nullptr));
}
Sha256::~Sha256() = default;

void Sha256::update(std::span<const std::uint8_t> bytes) {
    require_success(EVP_DigestUpdate(state_->context.get(), bytes.data(), bytes.size()));
}

std::string Sha256::hexadecimal() {
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned size = 0;
    require_success(EVP_DigestFinal_ex(state_->context.get(), digest, &size));
    std::string text;
    for (unsigned i = 0; i < size; ++i) {
        text += "0123456789abcdef"[digest[i] >> 4];
        text += "0123456789abcdef"[digest[i] & 15];
    }
    return text;
}

std::string sha256(std::span<const std::uint8_t> bytes) {
    Sha256 digest;
    digest.update(bytes);
    return digest.hexadecimal();
}

std::string sha256_of_file(const std::filesystem::path& path) {
    size_of_ordinary_file(path);
    std::ifstream file(path, std::ios::binary);
    if (!file) throw FileError(path.string(), "file", "a readable file", std::strerror(errno));
    Sha256 digest;
    std::vector<std::uint8_t> block(1 << 20);
    const auto read = [&] {
        file.read(reinterpret_cast<char*>(block.data()), std::streamsize(block.size()));
        return std::size_t(file.gcount());
    };
    while (const std::size_t got = read()) digest.update({block.data(), got});
    if (file.bad()) throw FileError(path.string(), "file", "a readable file", std::strerror(errno));
    return digest.hexadecimal();
}

}  // namespace fftconv
