#include "fftconv/convolution/spectral/composite_size.hpp"

#include <algorithm>
#include <cmath>
#include <map>
#include <memory>
#include <mutex>
#include <numbers>

#include "fftconv/convolution/spectral/tile_sizes.hpp"
#include "fftconv/convolution/spectral/vector_transform.hpp"

namespace fftconv::vector_transform {
namespace {

/// The largest size that is put together; longer tiles would leave every cache.
constexpr int most_size = 1 << 16;

bool is_leaf(int n) {
    return std::any_of(std::begin(tile_sizes), std::end(tile_sizes),
                       [&](const TileSize& size) { return size.tile == n; });
}

/// N1 of N1·N2: of two straight lines those that are most alike, else the longest that leaves a size that can
/// be done; 0: none.
int first_factor(int n) {
    int best = 0, longest = 0;
    for (const TileSize& size : tile_sizes) {
        if (size.tile < 2 || n % size.tile != 0 || n == size.tile) continue;
        const int rest = n / size.tile;
        if (is_leaf(rest) && (best == 0 || std::max(size.tile, rest) < std::max(best, n / best)))
            best = size.tile;
        if (!is_leaf(rest) && has_size(rest)) longest = size.tile;
    }
    return best ? best : longest;
}

std::unique_ptr<const CompositeSize> make_composite(int n) {
    auto made = std::make_unique<CompositeSize>();
    made->first = first_factor(n);
    made->second = n / made->first;
    made->twiddles.reserve(2 * std::size_t(n));
    for (int a = 0; a < made->first; ++a)
        for (int j = 0; j < made->second; ++j) {
            const double angle = 2 * std::numbers::pi * (std::int64_t(a) * j) / n;
            made->twiddles.push_back(float(std::cos(angle)));
            made->twiddles.push_back(float(-std::sin(angle)));
        }
    return made;
}

}  // namespace

bool has_size(int n) {
    if (is_leaf(n)) return true;
    if (n < 2 || n > most_size) return false;
    for (const TileSize& size : tile_sizes)
        if (size.tile > 1 && n % size.tile == 0 && has_size(n / size.tile)) return true;
    return false;
}

const CompositeSize& composite_size(int n) {
    static std::mutex lock;
    static std::map<int, std::unique_ptr<const CompositeSize>> made;
    const std::lock_guard guard(lock);
    auto& found = made[n];
    if (!found) found = make_composite(n);
    return *found;
}

std::size_t work_floats(int n) {
    return 4 * std::size_t(n);  // each level halves at least
}

}  // namespace fftconv::vector_transform
