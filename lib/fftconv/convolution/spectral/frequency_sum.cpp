#include "fftconv/convolution/spectral/frequency_sum.hpp"

#include <algorithm>

#include "fftconv/convolution/simd/highway_targets.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "fftconv/convolution/spectral/frequency_sum.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "fftconv/convolution/simd/panel-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace fftconv::frequency_sum {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;
using namespace fftconv::HWY_NAMESPACE;  // panel-inl.hpp

/// Rows at a time whose three weight matrices stay in the second-level cache (8192 floats each) next to those
/// of the next rows, on their way.
int RowBlock(int rows, int depth) {
    return std::min(padded_rows(rows), std::max(panel_rows, 8192 / depth / panel_rows * panel_rows));
}

/// Weights and outputs of the first block of rows, and some of the inputs.
Next FirstNeeds(int rows, int depth, const float* weights_re, const float* weights_im, const Planes& p,
                int inputs) {
    const int block = std::min(rows, RowBlock(rows, depth));
    const std::size_t weights = std::size_t(padded_rows(block)) * depth, outputs = block * p.lanes;
    return {{{weights_re, weights},
             {weights_im, weights},
             {p.in_re, inputs * p.lanes},
             {p.in_im, inputs * p.lanes},
             {p.out_re, outputs},
             {p.out_im, outputs}}};
}

/// Hands out memory to fetch into the second-level cache, piece by piece: the processor's own prefetching
/// follows one bin's memory, but not to the next bin's.
class Fetcher {
  public:
    explicit Fetcher(const Next& next) : next_(next) {}

    /// The next piece of so many floats; `near` when none is left.
    const float* take(std::size_t floats, const float* near) {
        while (range_ < next_.size() && at_ >= next_[range_].size()) {
            at_ = 0;
            ++range_;
        }
        if (range_ == next_.size()) return near;
        const float* piece = next_[range_].data() + at_;
        at_ += floats;
        return piece;
    }

  private:
    Next next_;
    std::size_t at_ = 0, range_ = 0;
};

/// One visit's lanes of z_r, z_r + z_i (or its negative) and z_i − z_r, each as `pack` leaves it, `plane`
/// floats apart.
template <int V, class D>
HWY_INLINE void pack_sums(D d, int depth, const Planes& p, std::size_t lane, bool negative, float* out,
                          std::size_t plane) {
    const std::size_t n = hn::Lanes(d);
    const auto sign = hn::Set(d, negative ? -0.0f : 0.0f);
    for (int k = 0; k < depth; ++k, out += V * n)
#pragma GCC unroll 8
        for (int v = 0; v < V; ++v) {
            const std::size_t at = k * p.lanes + lane + v * n;
            const auto re = hn::LoadU(d, p.in_re + at), im = hn::LoadU(d, p.in_im + at);
            hn::StoreU(re, d, out + v * n);
            hn::StoreU(hn::Xor(hn::Add(re, im), sign), d, out + plane + v * n);
            hn::StoreU(hn::Sub(im, re), d, out + 2 * plane + v * n);
        }
}

/// How to get term k of a panel of w_r − w_i, or of w_r + w_i, as a function of k.
HWY_INLINE auto deriving(bool conjugated, const float* weights_re, const float* weights_im, float* out) {
    return [=, sign = conjugated ? 0.0f : -0.0f](int k) HWY_ATTR {
        const hn::CappedTag<float, panel_rows> d;
#pragma GCC unroll 4
        for (int r = 0; r < panel_rows; r += int(hn::Lanes(d))) {
            const int i = k * panel_rows + r;
            const auto re = hn::LoadU(d, weights_re + i), im = hn::LoadU(d, weights_im + i);
            hn::StoreU(hn::Sub(re, hn::Xor(im, hn::Set(d, sign))), d, out + i);
        }
    };
}

/// Some rows of a complex bin, all of its lanes.
struct RowsOfBin {
    bool conjugated, add;
    int rows, depth;
    const float *weights_re, *weights_im;
    float* derived;       // w_r ∓ w_i, in panels; the first visit writes them
    const float* packed;  // of every visit, as pack_sums leaves it
    std::size_t lanes;
    float *out_re, *out_im;
    Fetcher fetcher;

    template <class D, class Vectors>
    HWY_INLINE void visit(D d, Vectors vectors, std::size_t lane) {
        const auto sum_panel = [&](const float* weights, int input, int row, const auto& aside,
                                   const auto& end) HWY_ATTR {
            const float* own = weights + std::size_t(row) * depth;
            panel<vectors>(d, depth, own, packed + input * depth * lanes + depth * lane,
                           std::min(panel_rows, rows - row), fetcher.take(panel_rows * depth, own), aside,
                           [&](int r, std::size_t at, auto sum)
                               HWY_ATTR { end((row + r) * lanes + lane + at, sum); });
        };
        const auto none = [](int) {};
        const auto to_re = [&](std::size_t at, auto sum) HWY_ATTR { put(d, sum, add, out_re + at); };
        const auto to_im = [&](std::size_t at, auto sum) HWY_ATTR { put(d, sum, add, out_im + at); };
        const auto to_both = [&](std::size_t at, auto sum) HWY_ATTR {
            put(d, sum, true, out_re + at);
            put(d, sum, true, out_im + at);
        };
        // Re = ±w_i(z_r + z_i) + k. The weights of k are made on the way: it comes last.
        for (int row = 0; row < rows; row += panel_rows) {
            const std::size_t own = std::size_t(row) * depth;
            if (lane == 0)
                sum_panel(weights_im, 1, row,
                          deriving(conjugated, weights_re + own, weights_im + own, derived + own), to_re);
            else
                sum_panel(weights_im, 1, row, none, to_re);
        }
        // Im = w_r(z_i − z_r) + k
        for (int row = 0; row < rows; row += panel_rows) sum_panel(weights_re, 2, row, none, to_im);
        // k = (w_r ∓ w_i)z_r
        for (int row = 0; row < rows; row += panel_rows) sum_panel(derived, 0, row, none, to_both);
    }
};

void DenseComplex(bool conjugated, int rows, int depth, const float* weights_re, const float* weights_im,
                  const Planes& p, bool add, float* scratch, const Next& next) {
    const int block = RowBlock(rows, depth), most = most_vectors(depth);
    const std::size_t plane = depth * p.lanes;
    for_lanes<panel_vectors>(
        p.lanes,
        [&](auto d, auto vectors, std::size_t lane)
            HWY_ATTR { pack_sums<vectors>(d, depth, p, lane, !conjugated, scratch + depth * lane, plane); },
        most);
    for (int first = 0; first < rows; first += block) {
        const int count = std::min(block, rows - first);
        const float* w_re = weights_re + std::size_t(first) * depth;
        const float* w_im = weights_im + std::size_t(first) * depth;
        const std::size_t floats = std::size_t(padded_rows(count)) * depth, done = (first + count) * p.lanes;
        const Planes rest{nullptr, nullptr, p.out_re + done, p.out_im + done, p.lanes};
        Fetcher fetcher(first + count == rows
                            ? next
                            : FirstNeeds(rows - first - count, depth, w_re + floats, w_im + floats, rest, 0));
        RowsOfBin some{.conjugated = conjugated,
                       .add = add,
                       .rows = count,
                       .depth = depth,
                       .weights_re = w_re,
                       .weights_im = w_im,
                       .derived = scratch + 3 * plane,
                       .packed = scratch,
                       .lanes = p.lanes,
                       .out_re = p.out_re + first * p.lanes,
                       .out_im = p.out_im + first * p.lanes,
                       .fetcher = fetcher};
        for_lanes<panel_vectors>(
            p.lanes, [&](auto d, auto vectors, std::size_t lane) HWY_ATTR { some.visit(d, vectors, lane); },
            most);
    }
}

}  // namespace HWY_NAMESPACE
}  // namespace fftconv::frequency_sum
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace fftconv::frequency_sum {

HWY_EXPORT(DenseComplex);
HWY_EXPORT(RowBlock);
HWY_EXPORT(FirstNeeds);

std::size_t dense_scratch_floats(int rows, int depth, std::size_t lanes) {
    const std::size_t block = HWY_DYNAMIC_DISPATCH(RowBlock)(rows, depth);
    return 3 * depth * lanes + block * depth;
}

Next first_needs(int rows, int depth, const float* weights_re, const float* weights_im, const Planes& p) {
    return HWY_DYNAMIC_DISPATCH(FirstNeeds)(rows, depth, weights_re, weights_im, p, depth);
}

void dense(Weights kind, int rows, int depth, const float* weights_re, const float* weights_im,
           const Planes& planes, bool add, float* scratch, const Next& next) {
    if (weights_im) HWY_DYNAMIC_DISPATCH(DenseComplex)
    (kind == Weights::conjugated, rows, depth, weights_re, weights_im, planes, add, scratch, next);
    else matrix_product::multiply_panels(rows, depth, weights_re, planes.in_re, planes.lanes, planes.out_re,
                                         add, scratch);
}

}  // namespace fftconv::frequency_sum
#endif
