#include "fftconv/core/random.hpp"

#include <cmath>
#include <numbers>

namespace fftconv {
namespace {

std::uint64_t mix(std::uint64_t z) {
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

}  // namespace

RandomStream::RandomStream(std::uint64_t seed, std::string_view name, std::uint64_t position)
    : key_(mix(seed + 0x9e3779b97f4a7c15u)), position_(position) {
    for (unsigned char c : name) key_ = mix((key_ ^ c) + 0x9e3779b97f4a7c15u);
}

std::uint64_t RandomStream::next() {
    return mix(key_ + ++position_ * 0x9e3779b97f4a7c15u);
}

float RandomStream::uniform() {
    return float(next() >> 40) * 0x1p-24f;
}

float RandomStream::uniform(float low, float high) {
    return low + (high - low) * uniform();
}

float RandomStream::normal() {
    const double u = (double(next() >> 11) + 0.5) * 0x1p-53, v = double(next() >> 11) * 0x1p-53;
    return float(std::sqrt(-2 * std::log(u)) * std::cos(2 * std::numbers::pi * v));
}

std::uint64_t RandomStream::below(std::uint64_t count) {
    const std::uint64_t limit = max() - max() % count;
    std::uint64_t value;
    do value = next();
    while (value >= limit);
    return value % count;
}

}  // namespace fftconv
