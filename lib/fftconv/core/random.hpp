#pragma once
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <utility>

#include "fftconv/core/public.hpp"

namespace FFTCONV_PUBLIC fftconv {

/// A named, seeded stream of random numbers: its values depend on (seed, name, position) alone, so no order
/// of calls elsewhere, no thread and no resume can change them. The generator is SplitMix64 (Steele, Lea and
/// Flood, OOPSLA 2014) started from a hash of seed and name; position is its whole state.
class RandomStream {
  public:
    /// The stream of this seed and name, `position` numbers on.
    RandomStream(std::uint64_t seed, std::string_view name, std::uint64_t position = 0);

    /// 64 random bits.
    std::uint64_t next();
    /// Uniform in [0, 1), 24 bits.
    float uniform();
    /// Uniform in [low, high).
    float uniform(float low, float high);
    /// Standard normal (Box-Muller, computed in double).
    float normal();
    /// Uniform in 0 … count − 1, without bias. count ≥ 1.
    std::uint64_t below(std::uint64_t count);

    /// Numbers drawn so far, for storing and resuming.
    std::uint64_t position() const { return position_; }

    // A standard uniform random bit generator.
    /// What the standard library's algorithms ask for.
    using result_type = std::uint64_t;
    /// The smallest number.
    static constexpr result_type min() { return 0; }
    /// The largest number.
    static constexpr result_type max() { return ~result_type{0}; }
    /// The same as next().
    result_type operator()() { return next(); }

  private:
    std::uint64_t key_, position_;
};

/// Fisher-Yates shuffle that gives the same order on every platform (std::shuffle does not promise that).
template <class Range>
void shuffle(Range& range, RandomStream& random) {
    for (std::size_t i = range.size(); i > 1; --i) {
        using std::swap;
        swap(range[i - 1], range[random.below(i)]);
    }
}

}  // namespace fftconv
