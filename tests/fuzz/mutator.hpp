#pragma once
#include <cstdint>
#include <vector>

#include "fftconv/core/random.hpp"

namespace fftconv::test {

using Bytes = std::vector<std::uint8_t>;

/// One to eight changes of kinds that readers trip over: flipped bits, other bytes, numbers at the limits of
/// their types, pieces that are missing, doubled, exchanged or taken from `other`, an early end.
Bytes mutated(Bytes bytes, const Bytes& other, RandomStream& random);

/// The same but for one bit.
Bytes flipped(Bytes bytes, std::uint64_t bit);

}  // namespace fftconv::test
