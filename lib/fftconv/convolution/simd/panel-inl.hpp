// The inner loop of every dense product: four rows times a few vectors in registers. Included once per SIMD
// target (Highway's foreach_target), hence the guard that toggles.
#include <hwy/highway.h>

#include <cstddef>

#include "fftconv/convolution/simd/lanes-inl.hpp"
#include "fftconv/convolution/simd/matrix_product.hpp"

#if defined(FFTCONV_CONVOLUTION_PANEL_INL) == defined(HWY_TARGET_TOGGLE)
#ifdef FFTCONV_CONVOLUTION_PANEL_INL
#undef FFTCONV_CONVOLUTION_PANEL_INL
#else
#define FFTCONV_CONVOLUTION_PANEL_INL
#endif

HWY_BEFORE_NAMESPACE();
namespace fftconv {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;
using matrix_product::panel_rows;

template <int V, class D>
HWY_INLINE void begin_panel(D d, hn::Vec<D> (&sum)[panel_rows][V]) {
#pragma GCC unroll 4
    for (int r = 0; r < panel_rows; ++r)
#pragma GCC unroll 8
        for (int v = 0; v < V; ++v) sum[r][v] = hn::Zero(d);
}

template <int V, class D, class End>
HWY_INLINE void end_panel(D d, const hn::Vec<D> (&sum)[panel_rows][V], int rows, const End& end) {
#pragma GCC unroll 4
    for (int r = 0; r < panel_rows; ++r) {
        if (r >= rows) break;
#pragma GCC unroll 8
        for (int v = 0; v < V; ++v) end(r, v * hn::Lanes(d), sum[r][v]);
    }
}

/// Four rows × V vectors of a real matrix product. weight(k, r): a scalar; in(k): where the V vectors of term
/// k stand. The first `rows` rows of results go to end(row, lane of the visit, vector). Between the products
/// there is room for loads and stores of other work: term k also calls aside(k).
template <int V, class D, class Weight, class In, class Aside, class End>
HWY_INLINE void panel_of(D d, int depth, const Weight& weight, const In& in, int rows, const Aside& aside,
                         const End& end) {
    using Vector = hn::Vec<D>;
    const std::size_t n = hn::Lanes(d);
    Vector sum[panel_rows][V];
    begin_panel(d, sum);
#pragma GCC unroll 4  // the end of a loop of this many rounds is foreseen, that of a longer one is not
    for (int k = 0; k < depth; ++k) {
        Vector z[V];
#pragma GCC unroll 8
        for (int v = 0; v < V; ++v) z[v] = hn::LoadU(d, in(k) + v * n);
        aside(k);
#pragma GCC unroll 4
        for (int r = 0; r < panel_rows; ++r) {
            const Vector w = hn::Set(d, weight(k, r));
#pragma GCC unroll 8
            for (int v = 0; v < V; ++v) sum[r][v] = hn::MulAdd(w, z[v], sum[r][v]);
        }
    }
    end_panel(d, sum, rows, end);
}

/// Terms as `pack` leaves them, (depth, V vectors).
template <int V, class D>
HWY_INLINE auto packed_terms(D d, const float* HWY_RESTRICT in) {
    return [in, floats = std::ptrdiff_t(V * hn::Lanes(d))](int k) HWY_ATTR { return in + k * floats; };
}

/// The same with weights (depth, 4) and packed terms. Term k also fetches four floats of `fetched`, (depth,
/// 4), which may be any memory. A loop of its own: weights and terms that a function hands over are not
/// known to the compiler to be apart from what `aside` stores, and with a vector or two of lanes the loop
/// then takes a third longer.
template <int V, class D, class Aside, class End>
HWY_INLINE void panel(D d, int depth, const float* HWY_RESTRICT weights, const float* HWY_RESTRICT in,
                      int rows, const float* fetched, const Aside& aside, const End& end) {
    using Vector = hn::Vec<D>;
    const std::size_t n = hn::Lanes(d);
    Vector sum[panel_rows][V];
    begin_panel(d, sum);
#pragma GCC unroll 4
    for (int k = 0; k < depth; ++k) {
        Vector z[V];
#pragma GCC unroll 8
        for (int v = 0; v < V; ++v) z[v] = hn::LoadU(d, in + (k * V + v) * n);
        __builtin_prefetch(fetched + k * panel_rows, 0, 2);
        aside(k);
#pragma GCC unroll 4
        for (int r = 0; r < panel_rows; ++r) {
            const Vector w = hn::Set(d, weights[k * panel_rows + r]);
#pragma GCC unroll 8
            for (int v = 0; v < V; ++v) sum[r][v] = hn::MulAdd(w, z[v], sum[r][v]);
        }
    }
    end_panel(d, sum, rows, end);
}

/// Stores or adds.
template <class D>
HWY_INLINE void put(D d, hn::Vec<D> value, bool add, float* to) {
    hn::StoreU(add ? hn::Add(hn::LoadU(d, to), value) : value, d, to);
}

/// Vectors of a visit. Twelve sums keep the multipliers busy through anything, but a dozen results at the end
/// hold up the next panel, which shows where panels are short; eight just hide each other's latency.
HWY_INLINE int most_vectors(int depth) {
    return panel_vectors == 3 && depth < 96 ? 2 : panel_vectors;
}

}  // namespace HWY_NAMESPACE
}  // namespace fftconv
HWY_AFTER_NAMESPACE();

#endif
