// How the sums go through lanes: a few vectors of them at a visit. Included once per SIMD target (Highway's
// foreach_target), hence the guard that toggles.
#include <hwy/highway.h>

#include <algorithm>
#include <cstddef>
#include <type_traits>

#if defined(FFTCONV_CONVOLUTION_LANES_INL) == defined(HWY_TARGET_TOGGLE)
#ifdef FFTCONV_CONVOLUTION_LANES_INL
#undef FFTCONV_CONVOLUTION_LANES_INL
#else
#define FFTCONV_CONVOLUTION_LANES_INL
#endif

HWY_BEFORE_NAMESPACE();
namespace fftconv {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

using Wide = hn::CappedTag<float, 16>;
using Narrow = hn::CappedTag<float, 8>;

/// Vectors of lanes whose four sums (of a panel's rows, or of a list's four real products) stay in registers.
constexpr int panel_vectors = HWY_TARGET == HWY_AVX3 || HWY_TARGET == HWY_NEON ? 6 : 3;

/// Vectors of a visit when so many are left: `most`, but never a single one for the end, which alone cannot
/// hide the latency of its sums.
template <int Most>
constexpr std::size_t next_visit(std::size_t left, std::size_t most = Most) {
    if (left == most + 1) return most < Most ? left : (left + 1) / 2;
    return std::min(left, most);
}

/// Calls visit(tag, std::integral_constant vectors, first lane) over all lanes, most ≤ Most vectors at a
/// time.
template <int Most, class Visit>
HWY_INLINE void for_lanes(std::size_t lanes, const Visit& visit, std::size_t most = Most) {
    const Wide wide;
    const std::size_t n = hn::Lanes(wide);
    std::size_t lane = 0;
    for (std::size_t left = lanes / n; left > 0;) {
        const std::size_t take = next_visit<Most>(left, most);
        switch (take) {
            case 1:
                visit(wide, std::integral_constant<int, 1>(), lane);
                break;
            case 2:
                if constexpr (Most >= 2) visit(wide, std::integral_constant<int, 2>(), lane);
                break;
            case 3:
                if constexpr (Most >= 3) visit(wide, std::integral_constant<int, 3>(), lane);
                break;
            case 4:
                if constexpr (Most >= 4) visit(wide, std::integral_constant<int, 4>(), lane);
                break;
            case 5:
                if constexpr (Most >= 5) visit(wide, std::integral_constant<int, 5>(), lane);
                break;
            default:
                if constexpr (Most >= 6) visit(wide, std::integral_constant<int, 6>(), lane);
                break;
        }
        lane += take * n;
        left -= take;
    }
    if (lane < lanes)
        visit(Narrow(), std::integral_constant<int, 1>(), lane);  // half a vector of sixteen lanes
}

/// Any number of lanes that a tensor can have: a power of two below eight, or a multiple of eight.
template <int Most, class Visit>
HWY_INLINE void for_any_lanes(std::size_t lanes, const Visit& visit) {
    if (lanes >= 8) {
        for_lanes<Most>(lanes, visit);
    } else {
        const std::integral_constant<int, 1> one;
        if (lanes == 4 && hn::Lanes(hn::CappedTag<float, 4>()) == 4) {
            visit(hn::CappedTag<float, 4>(), one, 0);
        } else {
            for (std::size_t lane = 0; lane < lanes; ++lane) visit(hn::CappedTag<float, 1>(), one, lane);
        }
    }
}

/// Channels of one visit's lanes, close together: depth × V vectors, `out_stride` apart. In place, a column
/// of lanes would meet the same few sets of the first-level cache in every channel, and push itself out.
template <int V, class D>
HWY_INLINE void pack(D d, int depth, const float* in, std::size_t stride, float* out,
                     std::size_t out_stride) {
    const std::size_t n = hn::Lanes(d);
    for (int k = 0; k < depth; ++k, in += stride, out += out_stride)
#pragma GCC unroll 8
        for (int v = 0; v < V; ++v) hn::StoreU(hn::LoadU(d, in + v * n), d, out + v * n);
}

}  // namespace HWY_NAMESPACE
}  // namespace fftconv
HWY_AFTER_NAMESPACE();

#endif
