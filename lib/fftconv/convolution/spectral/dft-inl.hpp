// Discrete Fourier transforms of vectors: every lane is a transform of its own, real and imaginary parts are
// in vectors of their own, so that no step shuffles. Included once per SIMD target (Highway's
// foreach_target), hence the guard that toggles.
#include <hwy/highway.h>

#include <array>
#include <cmath>
#include <cstddef>
#include <numbers>
#include <utility>

#if defined(FFTCONV_CONVOLUTION_DFT_INL) == defined(HWY_TARGET_TOGGLE)
#ifdef FFTCONV_CONVOLUTION_DFT_INL
#undef FFTCONV_CONVOLUTION_DFT_INL
#else
#define FFTCONV_CONVOLUTION_DFT_INL
#endif

HWY_BEFORE_NAMESPACE();
namespace fftconv {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

/// cos and sin of 2π·turn/of, folded to constants (Taylor series on [−π/4, π/4]; exact to the last bit or
/// so).
struct Turn {
    double cosine, sine;
};
constexpr Turn turn_of(int turn, int of) {
    turn = (turn % of + of) % of;
    const int quarter = (8 * turn + of) / (2 * of);  // nearest quarter turn
    const double x = 2 * std::numbers::pi * (double(turn) / of - 0.25 * quarter);
    double c = 1, s = x, term_c = 1, term_s = x;
    for (int n = 1; n < 12; ++n) {
        term_c *= -x * x / ((2 * n - 1) * (2 * n));
        term_s *= -x * x / ((2 * n) * (2 * n + 1));
        c += term_c;
        s += term_s;
    }
    switch (quarter % 4) {
        case 0:
            return {c, s};
        case 1:
            return {-s, c};
        case 2:
            return {-c, -s};
        default:
            return {s, -c};
    }
}

/// Multiplies (re, im) by e^{−2πi·Turn/Of}.
template <int TurnNumber, int Of, class D, class V = hn::Vec<D>>
HWY_INLINE void rotate(D d, V& re, V& im) {
    constexpr int turn = TurnNumber % Of;
    if constexpr (turn == 0) {
        return;
    } else if constexpr (4 * turn == Of) {  // −i
        const V old = re;
        re = im;
        im = hn::Neg(old);
    } else if constexpr (2 * turn == Of) {
        re = hn::Neg(re);
        im = hn::Neg(im);
    } else if constexpr (4 * turn == 3 * Of) {  // i
        const V old = re;
        re = hn::Neg(im);
        im = old;
    } else {
        constexpr Turn t = turn_of(turn, Of);
        const V c = hn::Set(d, float(t.cosine)), s = hn::Set(d, float(t.sine));
        const V old = re;
        re = hn::MulAdd(im, s, hn::Mul(re, c));
        im = hn::NegMulAdd(old, s, hn::Mul(im, c));
    }
}

/// The first factor of a transform held in registers.
constexpr int register_factor(int n) {
    for (int factor : {4, 2, 3, 5, 7})
        if (n % factor == 0 && n > factor) return n == 8 ? 2 : factor;
    return n;
}

/// N-point transforms in registers: elements are r[0], r[Step], r[2·Step] …; the results come in order.
template <int N>
struct Dft;

template <>
struct Dft<1> {
    template <class D, class V>
    static HWY_INLINE void run(D, V*, V*) {}
};

template <>
struct Dft<2> {
    template <class D, class V>
    static HWY_INLINE void run(D, V* r, V* i) {
        const V r1 = r[1], i1 = i[1];
        r[1] = hn::Sub(r[0], r1);
        i[1] = hn::Sub(i[0], i1);
        r[0] = hn::Add(r[0], r1);
        i[0] = hn::Add(i[0], i1);
    }
};

template <>
struct Dft<4> {
    template <class D, class V>
    static HWY_INLINE void run(D, V* r, V* i) {
        const V ar = hn::Add(r[0], r[2]), ai = hn::Add(i[0], i[2]);
        const V br = hn::Sub(r[0], r[2]), bi = hn::Sub(i[0], i[2]);
        const V cr = hn::Add(r[1], r[3]), ci = hn::Add(i[1], i[3]);
        const V dr = hn::Sub(r[1], r[3]), di = hn::Sub(i[1], i[3]);
        r[0] = hn::Add(ar, cr);
        i[0] = hn::Add(ai, ci);
        r[2] = hn::Sub(ar, cr);
        i[2] = hn::Sub(ai, ci);
        r[1] = hn::Add(br, di);
        i[1] = hn::Sub(bi, dr);
        r[3] = hn::Sub(br, di);
        i[3] = hn::Add(bi, dr);
    }
};

/// Odd N (3, 5, 7): X(±k) = a_k ∓ i·b_k with a_k = x_0 + Σ_j cos(2πjk/N)(x_j + x_{N−j}), b_k = Σ_j
/// sin(2πjk/N)(x_j − x_{N−j}).
template <int N>
struct OddDft {
    static constexpr int half = N / 2;

    template <int K, int J, class D, class V>
    static HWY_INLINE void add_term(D d, const V* sr, const V* si, const V* dr, const V* di, V& ar, V& ai,
                                    V& br, V& bi) {
        constexpr Turn t = turn_of(K * J, N);
        const V c = hn::Set(d, float(t.cosine)), s = hn::Set(d, float(t.sine));
        ar = hn::MulAdd(c, sr[J - 1], ar);
        ai = hn::MulAdd(c, si[J - 1], ai);
        if constexpr (J == 1) {
            br = hn::Mul(s, dr[0]);
            bi = hn::Mul(s, di[0]);
        } else {
            br = hn::MulAdd(s, dr[J - 1], br);
            bi = hn::MulAdd(s, di[J - 1], bi);
        }
    }

    template <int K, class D, class V, int... J>
    static HWY_INLINE void pair(D d, V r0, V i0, const V* sr, const V* si, const V* dr, const V* di, V* r,
                                V* i, std::integer_sequence<int, J...>) {
        V ar = r0, ai = i0, br = hn::Zero(d), bi = hn::Zero(d);
        (add_term<K, J + 1>(d, sr, si, dr, di, ar, ai, br, bi), ...);
        r[K] = hn::Add(ar, bi);
        i[K] = hn::Sub(ai, br);
        r[N - K] = hn::Sub(ar, bi);
        i[N - K] = hn::Add(ai, br);
    }

    template <class D, class V, int... K>
    static HWY_INLINE void run_pairs(D d, V* r, V* i, std::integer_sequence<int, K...> sequence) {
        const V sr[half] = {hn::Add(r[K + 1], r[N - 1 - K])...},
                si[half] = {hn::Add(i[K + 1], i[N - 1 - K])...};
        const V dr[half] = {hn::Sub(r[K + 1], r[N - 1 - K])...},
                di[half] = {hn::Sub(i[K + 1], i[N - 1 - K])...};
        const V r0 = r[0], i0 = i[0];
        ((r[0] = hn::Add(r[0], sr[K]), i[0] = hn::Add(i[0], si[K])), ...);
        (pair<K + 1>(d, r0, i0, sr, si, dr, di, r, i, sequence), ...);
    }

    template <class D, class V>
    static HWY_INLINE void run(D d, V* r, V* i) {
        run_pairs(d, r, i, std::make_integer_sequence<int, half>());
    }
};
template <>
struct Dft<3> : OddDft<3> {};
template <>
struct Dft<5> : OddDft<5> {};
template <>
struct Dft<7> : OddDft<7> {};

/// N = N1·N2 by Cooley and Tukey, all in registers: N2 transforms of N1, twiddles, N1 transforms of N2.
template <int N>
struct Dft {
    static constexpr int n1 = register_factor(N), n2 = N / n1;

    template <int J, class D, class V, int... A>
    static HWY_INLINE void first(D d, V* r, V* i, V* tr, V* ti, std::integer_sequence<int, A...>) {
        V ur[n1] = {r[n2 * A + J]...}, ui[n1] = {i[n2 * A + J]...};
        Dft<n1>::run(d, ur, ui);
        (rotate<J * A, N>(d, ur[A], ui[A]), ...);
        ((tr[A * n2 + J] = ur[A], ti[A * n2 + J] = ui[A]), ...);
    }
    template <int A, class D, class V, int... J>
    static HWY_INLINE void second(D d, V* r, V* i, V* tr, V* ti, std::integer_sequence<int, J...>) {
        Dft<n2>::run(d, tr + A * n2, ti + A * n2);
        ((r[A + n1 * J] = tr[A * n2 + J], i[A + n1 * J] = ti[A * n2 + J]), ...);
    }
    template <class D, class V, int... A, int... J>
    static HWY_INLINE void run_all(D d, V* r, V* i, std::integer_sequence<int, A...> as,
                                   std::integer_sequence<int, J...> js) {
        V tr[N], ti[N];
        (first<J>(d, r, i, tr, ti, as), ...);
        (second<A>(d, r, i, tr, ti, js), ...);
    }
    template <class D, class V>
    static HWY_INLINE void run(D d, V* r, V* i) {
        run_all(d, r, i, std::make_integer_sequence<int, n1>(), std::make_integer_sequence<int, n2>());
    }
};

/// How a transform that does not fit the registers is split: N = N1·N2, N1 the least factor with N2 ≤ N1 ≤ 9.
constexpr int memory_factor(int n) {
    if (n <= 9) return n;
    for (int factor = 2; factor <= 9; ++factor)
        if (n % factor == 0 && n / factor <= factor) return factor;
    return 0;
}

/// Twiddles e^{−2πi·j·a/N} of the split, [j][a], real then imaginary.
template <int N>
struct Twiddles {
    static constexpr int n1 = memory_factor(N), n2 = N / n1;
    float value[n2][n1][2];

    Twiddles() {
        for (int j = 0; j < n2; ++j)
            for (int a = 0; a < n1; ++a) {
                const double angle = 2 * std::numbers::pi * (j * a) / N;
                value[j][a][0] = float(std::cos(angle));
                value[j][a][1] = float(-std::sin(angle));
            }
    }
    static const Twiddles& get() {
        static const Twiddles table;
        return table;
    }
};

template <int N, class D, class V, int... A>
HWY_INLINE void load(D d, const float* re, const float* im, std::ptrdiff_t stride, V* r, V* i,
                     std::integer_sequence<int, A...>) {
    ((r[A] = hn::LoadU(d, re + A * stride), i[A] = hn::LoadU(d, im + A * stride)), ...);
}
template <int N, class D, class V, int... A>
HWY_INLINE void store(D d, const V* r, const V* i, float* re, float* im, std::ptrdiff_t stride,
                      std::integer_sequence<int, A...>) {
    ((hn::StoreU(r[A], d, re + A * stride), hn::StoreU(i[A], d, im + A * stride)), ...);
}
template <class D, class V, int... A>
HWY_INLINE void twiddle(D d, V* r, V* i, const float (*t)[2], std::integer_sequence<int, A...>) {
    const auto one = [](D tag, V& re, V& im, const float* w) HWY_ATTR {
        const V c = hn::Set(tag, w[0]), s = hn::Set(tag, w[1]), old = re;
        re = hn::NegMulAdd(im, s, hn::Mul(re, c));
        im = hn::MulAdd(old, s, hn::Mul(im, c));
    };
    (one(d, r[A + 1], i[A + 1], t[A + 1]), ...);
}

/// One forward transform of N elements `in_stride` floats apart, on Lanes(d) lanes at once, out of place.
/// The inverse (unnormalised) is the same call with re and im exchanged on both sides.
template <int N, class D>
void fft(D d, const float* in_re, const float* in_im, std::ptrdiff_t in_stride, float* out_re, float* out_im,
         std::ptrdiff_t out_stride) {
    using V = hn::Vec<D>;
    constexpr int n1 = memory_factor(N), n2 = N / n1;
    constexpr auto as = std::make_integer_sequence<int, n1>();
    if constexpr (n2 == 1) {
        V r[N], i[N];
        load<N>(d, in_re, in_im, in_stride, r, i, as);
        Dft<N>::run(d, r, i);
        store<N>(d, r, i, out_re, out_im, out_stride, as);
    } else {
        constexpr auto js = std::make_integer_sequence<int, n2>();
        constexpr std::ptrdiff_t lanes = hn::MaxLanes(d);
        const auto& twiddles = Twiddles<N>::get();
        alignas(64) float scratch_re[N * lanes], scratch_im[N * lanes];
        for (int j = 0; j < n2; ++j) {
            V r[n1], i[n1];
            load<n1>(d, in_re + j * in_stride, in_im + j * in_stride, n2 * in_stride, r, i, as);
            Dft<n1>::run(d, r, i);
            if (j > 0) twiddle(d, r, i, twiddles.value[j], std::make_integer_sequence<int, n1 - 1>());
            store<n1>(d, r, i, scratch_re + j * lanes, scratch_im + j * lanes, n2 * lanes, as);
        }
        for (int a = 0; a < n1; ++a) {
            V r[n2], i[n2];
            load<n2>(d, scratch_re + a * n2 * lanes, scratch_im + a * n2 * lanes, lanes, r, i, js);
            Dft<n2>::run(d, r, i);
            store<n2>(d, r, i, out_re + a * out_stride, out_im + a * out_stride, n1 * out_stride, js);
        }
    }
}

}  // namespace HWY_NAMESPACE
}  // namespace fftconv
HWY_AFTER_NAMESPACE();

#endif
