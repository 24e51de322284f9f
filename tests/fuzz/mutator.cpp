#include "fuzz/mutator.hpp"

#include <algorithm>
#include <array>

namespace fftconv::test {

namespace {

std::size_t place(const Bytes& bytes, RandomStream& random) {
    return std::size_t(random.below(std::uint64_t(bytes.size())));
}

/// A piece of at most 64 bytes: where it begins and ends.
std::pair<std::size_t, std::size_t> piece(const Bytes& bytes, RandomStream& random) {
    const std::size_t begin = place(bytes, random);
    return {begin, std::min(bytes.size(), begin + 1 + std::size_t(random.below(64)))};
}

/// A number that a size, a count or an offset may wrongly be, in 1, 2, 4 or 8 bytes of either order.
void set_number(Bytes& bytes, RandomStream& random) {
    constexpr std::array<std::uint64_t, 14> numbers = {
        0,      1,          2,          0x7f,       0x80,        0xff,       0x7fff,
        0xffff, 0x7fffffff, 0x80000000, 0xffffffff, 0x100000000, 1ull << 63, ~0ull};
    const std::uint64_t number = numbers[random.below(numbers.size())];
    const std::size_t width = std::size_t{1} << random.below(4), begin = place(bytes, random);
    const bool big_endian = random.below(2) == 1;
    for (std::size_t i = 0; i < width && begin + i < bytes.size(); ++i)
        bytes[begin + i] = std::uint8_t(number >> 8 * (big_endian ? width - 1 - i : i));
}

void exchange(Bytes& bytes, RandomStream& random) {
    const std::size_t a = place(bytes, random), b = place(bytes, random);
    const std::size_t length =
        std::min({bytes.size() - a, bytes.size() - b, 1 + std::size_t(random.below(64))});
    for (std::size_t i = 0; i < length; ++i) std::swap(bytes[a + i], bytes[b + i]);
}

void take(Bytes& bytes, const Bytes& other, RandomStream& random) {
    if (other.empty()) return;
    const auto [begin, end] = piece(other, random);
    const std::size_t to = place(bytes, random);
    std::copy_n(other.begin() + begin, std::min(end - begin, bytes.size() - to), bytes.begin() + to);
}

void change(Bytes& bytes, const Bytes& other, RandomStream& random) {
    switch (random.below(9)) {
        case 0:
        case 1:
            bytes[place(bytes, random)] ^= std::uint8_t(1 << random.below(8));
            return;
        case 2:
            bytes[place(bytes, random)] = std::uint8_t(random.below(256));
            return;
        case 3:
        case 4:
            return set_number(bytes, random);
        case 5: {
            const auto [begin, end] = piece(bytes, random);
            bytes.erase(bytes.begin() + begin, bytes.begin() + end);
            return;
        }
        case 6: {
            const auto [begin, end] = piece(bytes, random);
            const Bytes copy(bytes.begin() + begin, bytes.begin() + end);
            bytes.insert(bytes.begin() + place(bytes, random), copy.begin(), copy.end());
            return;
        }
        case 7:
            return exchange(bytes, random);
        default:
            return take(bytes, other, random);
    }
}

}  // namespace

Bytes mutated(Bytes bytes, const Bytes& other, RandomStream& random) {
    const auto changes = 1 + random.below(8);
    for (std::uint64_t i = 0; i < changes && !bytes.empty(); ++i) change(bytes, other, random);
    if (random.below(16) == 0 && !bytes.empty()) bytes.resize(place(bytes, random));
    return bytes;
}

Bytes flipped(Bytes bytes, std::uint64_t bit) {
    bytes[bit / 8] ^= std::uint8_t(1 << bit % 8);
    return bytes;
}

}  // namespace fftconv::test
