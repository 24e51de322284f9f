#pragma once
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "fftconv/core/random.hpp"
#include "support/process.hpp"
#include "support/text.hpp"

namespace fftconv::test {

/// The command of an app, as a shell reads it.
inline std::string app(const std::string& name) {
    return FFTCONV_APPS "/fftconv-" + name;
}

inline std::string text_of(const std::filesystem::path& file) {
    std::ifstream in(file);
    return {std::istreambuf_iterator<char>(in), {}};
}

/// An IDX file (plain) of unsigned bytes.
inline void write_idx(const std::filesystem::path& file, const std::vector<std::uint32_t>& shape,
                      const std::vector<std::uint8_t>& bytes) {
    std::ofstream out(file, std::ios::binary);
    const auto put = [&](std::uint32_t value) {
        for (int shift : {24, 16, 8, 0}) out.put(char(value >> shift & 255));
    };
    put(0x0800 + std::uint32_t(shape.size()));
    for (std::uint32_t extent : shape) put(extent);
    out.write(reinterpret_cast<const char*>(bytes.data()), std::streamsize(bytes.size()));
}

/// MNIST's files with a few made-up digits that a network can learn: class d is a bright block at place d,
/// with noise around it.
inline void write_digits(const std::filesystem::path& folder, const std::string& prefix, int count) {
    RandomStream random(1, prefix);
    std::vector<std::uint8_t> pixels(std::size_t(count) * 784), labels;
    for (std::uint8_t& pixel : pixels) pixel = std::uint8_t(random.below(120));
    for (int i = 0; i < count; ++i) {
        labels.push_back(std::uint8_t(random.below(10)));
        const std::size_t row = 3 + 12 * (labels.back() / 5), column = 2 + 5 * (labels.back() % 5);
        for (std::size_t p = 0; p < 64; ++p)
            pixels[std::size_t(i) * 784 + (row + p / 4) % 28 * 28 + column + p % 4] = 255;
    }
    write_idx(folder / (prefix + "-images-idx3-ubyte"), {std::uint32_t(count), 28, 28}, pixels);
    write_idx(folder / (prefix + "-labels-idx1-ubyte"), {std::uint32_t(count)}, labels);
}

inline std::filesystem::path write_mnist(const std::filesystem::path& folder) {
    std::filesystem::create_directories(folder / "mnist");
    write_digits(folder / "mnist", "train", 200);
    write_digits(folder / "mnist", "t10k", 60);
    return folder;
}

}  // namespace fftconv::test
