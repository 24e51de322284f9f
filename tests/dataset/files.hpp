#pragma once
#include <zlib.h>

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "fftconv/core/random.hpp"
#include "fftconv/dataset/images.hpp"

namespace fftconv::test {

using Bytes = std::vector<std::uint8_t>;

inline void write(const std::filesystem::path& path, const Bytes& bytes) {
    std::filesystem::create_directories(path.parent_path());
    std::ofstream(path, std::ios::binary).write(reinterpret_cast<const char*>(bytes.data()), bytes.size());
}

inline Bytes read(const std::filesystem::path& path) {
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
}

inline void write_gzipped(const std::filesystem::path& path, const Bytes& bytes) {
    std::filesystem::create_directories(path.parent_path());
    gzFile file = gzopen(path.c_str(), "wb");
    gzwrite(file, bytes.data(), unsigned(bytes.size()));
    gzclose(file);
}

inline Bytes random_bytes(std::size_t count, std::uint64_t seed, int below = 256) {
    RandomStream random(seed, "bytes");
    Bytes bytes(count);
    for (auto& byte : bytes) byte = std::uint8_t(random.below(below));
    return bytes;
}

inline LabelledImages random_images(MapShape maps, int count, std::uint64_t seed) {
    return {.maps = maps,
            .pixels = random_bytes(count * maps.size(), seed),
            .labels = random_bytes(count, seed + 1, 10),
            .classes = 10};
}

inline Bytes idx(const std::vector<int>& shape, const Bytes& data) {
    Bytes bytes = {0, 0, 8, std::uint8_t(shape.size())};
    for (int extent : shape)
        for (int shift : {24, 16, 8, 0}) bytes.push_back(std::uint8_t(extent >> shift));
    bytes.insert(bytes.end(), data.begin(), data.end());
    return bytes;
}

/// The four files of a data set in MNIST's format, with images of 4 × 5 pixels.
inline void write_mnist(const std::filesystem::path& folder, int train, int test) {
    for (const auto& [prefix, count] : {std::pair("train", train), std::pair("t10k", test)}) {
        write_gzipped(folder / (std::string(prefix) + "-images-idx3-ubyte.gz"),
                      idx({count, 4, 5}, random_bytes(count * 20, count)));
        write_gzipped(folder / (std::string(prefix) + "-labels-idx1-ubyte.gz"),
                      idx({count}, random_bytes(count, count + 1, 10)));
    }
}

/// Records of CIFAR-10's binary version; record i has label i mod 10.
inline Bytes cifar_records(int count, std::uint64_t seed) {
    Bytes records;
    for (int i = 0; i < count; ++i) {
        const Bytes pixels = random_bytes(3072, seed * 1000 + i);
        records.push_back(std::uint8_t(i % 10));
        records.insert(records.end(), pixels.begin(), pixels.end());
    }
    return records;
}

inline void write_cifar(const std::filesystem::path& folder, int records) {
    for (int b = 1; b <= 5; ++b)
        write(folder / ("data_batch_" + std::to_string(b) + ".bin"), cifar_records(records, b));
    write(folder / "test_batch.bin", cifar_records(records, 6));
}

}  // namespace fftconv::test
