#include <algorithm>

#include "fftconv/convolution/simd/highway_targets.hpp"
#include "fftconv/convolution/spatial/spatial_sum.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "fftconv/convolution/spatial/spatial_panels.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "fftconv/convolution/simd/panel-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace fftconv::spatial_sum {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;
using namespace fftconv::HWY_NAMESPACE;  // panel-inl.hpp

/// Terms of a panel at a time: its inputs stay in a near cache.
constexpr int depth_block = 256;

/// Floats that are packed at a time, at most: half of a core's own cache.
constexpr std::size_t packed_floats = 64 << 10;

HWY_INLINE int first_row(const PanelRow& r) {
    return r.rows->source + r.row * r.rows->source_step;
}
HWY_INLINE int depth_of(const PanelRow& r) {
    return r.channels * r.rows->taps * r.columns->taps;
}

/// Some vectors of a row of the target: a run of floats, pixels and lanes, that meets runs of the source, so
/// that vectors are full however few images there are. With steps in the source it is a part of one pixel.
template <int V, class D>
class Visit {
  public:
    HWY_INLINE Visit(D d, const PanelRow& r, std::size_t position)
        : d_(d),
          r_(r),
          columns_(*r.columns),
          position_(position),
          lanes_(std::ptrdiff_t(r.lanes)),
          from_(columns_.source_step == 1
                    ? std::ptrdiff_t(position) + columns_.source * lanes_
                    : (std::ptrdiff_t(position / r.lanes) * columns_.source_step + columns_.source) * lanes_ +
                          std::ptrdiff_t(position % r.lanes)),
          run_(columns_.source_step == 1 || position % r.lanes + width() <= r.lanes) {}
    HWY_INLINE std::size_t n() const { return hn::Lanes(d_); }
    HWY_INLINE std::size_t width() const { return V * n(); }

    /// Do all taps of a row meet pixels of the source, one run each?
    HWY_INLINE bool is_run() const { return run_ && inside(0) && inside(columns_.taps - 1); }
    HWY_INLINE std::size_t position() const { return position_; }
    /// Where the run of the first tap begins in a row of the source.
    HWY_INLINE std::ptrdiff_t from() const { return from_; }
    /// (source channel, row tap, column tap, width): what the runs hold, zeros where that is padding.
    HWY_INLINE void pack(float* out) const {
        for_each_row([&](const float* source) HWY_ATTR {
            for (int b = 0; b < columns_.taps; ++b, out += width()) pack_tap(source, b, out);
        });
    }
    /// Can results be stored where they belong, or by way of `unpack`?
    HWY_INLINE bool in_place() const {
        return columns_.target_step == 1 && position_ + width() <= r_.end_column * r_.lanes;
    }
    HWY_INLINE float* target() const { return r_.target + columns_.target * lanes_ + position_; }
    /// Results (targets, width) of the targets first … end − 1 to their pixels.
    HWY_INLINE void unpack(const float* results, int first, int end) const {
        const std::size_t count = std::min(width(), r_.end_column * r_.lanes - position_);
        for (int o = first; o < end; ++o)
            for (std::size_t i = 0; i < count; ++i) {
                const std::size_t pixel = (position_ + i) / r_.lanes, lane = (position_ + i) % r_.lanes;
                r_.target[o * r_.target_channel_stride +
                          (columns_.target + pixel * columns_.target_step) * r_.lanes + lane] =
                    results[o * width() + i];
            }
    }

  private:
    HWY_INLINE bool inside(int tap) const {
        const std::ptrdiff_t from = from_ + tap * lanes_;
        return from >= 0 && from + std::ptrdiff_t(width()) <= r_.width * lanes_;
    }
    /// visit(row of the source, or null where that is padding)
    template <class Body>
    HWY_INLINE void for_each_row(const Body& visit) const {
        for (int c = 0; c < r_.channels; ++c)
            for (int row = first_row(r_); row < first_row(r_) + r_.rows->taps; ++row)
                visit(row < 0 || row >= r_.height
                          ? nullptr
                          : r_.source + c * r_.channel_stride + std::size_t(row) * r_.width * r_.lanes);
    }
    HWY_INLINE void pack_tap(const float* source, int tap, float* out) const {
        if (!source) {
            std::fill_n(out, width(), 0.0f);
        } else if (run_ && inside(tap)) {
            const float* from = source + from_ + tap * lanes_;
#pragma GCC unroll 8
            for (int v = 0; v < V; ++v) hn::StoreU(hn::LoadU(d_, from + v * n()), d_, out + v * n());
        } else if (columns_.source_step == 1) {
            pack_part(source, tap, out);
        } else if (r_.lanes % n() == 0) {
            for (int v = 0; v < V; ++v) pack_pixel(source, tap, v * n(), out + v * n());
        } else {
            for (std::size_t i = 0; i < width(); ++i) {
                const std::ptrdiff_t at = place(tap, position_ + i);
                out[i] = at >= 0 ? source[at] : 0.0f;
            }
        }
    }
    /// A run that the borders of the source, or the end of the columns, cut.
    HWY_INLINE void pack_part(const float* source, int tap, float* out) const {
        const std::ptrdiff_t from = from_ + tap * lanes_, all = std::ptrdiff_t(width()),
                             begin = std::clamp<std::ptrdiff_t>(-from, 0, all),
                             left = std::ptrdiff_t(r_.end_column * r_.lanes - position_),
                             end = std::clamp(std::min(r_.width * lanes_ - from, left), begin, all);
        std::fill_n(out, begin, 0.0f);
        std::copy(source + from + begin, source + from + end, out + begin);
        std::fill_n(out + end, all - end, 0.0f);
    }
    /// A vector that lies in one pixel.
    HWY_INLINE void pack_pixel(const float* source, int tap, std::size_t i, float* out) const {
        const std::ptrdiff_t at = place(tap, position_ + i);
        hn::StoreU(at >= 0 ? hn::LoadU(d_, source + at) : hn::Zero(d_), d_, out);
    }
    /// Where a row of the source has what a position meets, or −1.
    HWY_INLINE std::ptrdiff_t place(int tap, std::size_t position) const {
        if (position >= r_.end_column * r_.lanes) return -1;
        const std::ptrdiff_t pixel = std::ptrdiff_t(position) / lanes_,
                             lane = std::ptrdiff_t(position) % lanes_,
                             column = pixel * columns_.source_step + columns_.source + tap;
        return column >= 0 && column < r_.width ? column * lanes_ + lane : -1;
    }

    D d_;
    const PanelRow& r_;
    const Meetings& columns_;
    std::size_t position_;
    std::ptrdiff_t lanes_, from_;  ///< of a pixel; in a row of the source, with its first tap
    bool run_;                     ///< the source has no gaps
};

/// How the sums of a visit leave: in place, or by way of `results` where pixels are apart or end.
struct Results {
    float* out;
    std::size_t stride;
    const float* bias;  ///< added by the first block of the depth

    template <class D>
    HWY_INLINE void put(D d, int o, std::size_t at, hn::Vec<D> sum, bool first) const {
        float* to = out + o * stride + at;
        const auto before = first ? hn::Set(d, bias ? bias[o] : 0.0f) : hn::LoadU(d, to);
        hn::StoreU(hn::Add(sum, before), d, to);
    }
};

template <int V, class D>
HWY_INLINE Results results_of(const Visit<V, D>& visit, const PanelRow& r, float* unpacked) {
    if (visit.in_place()) return {visit.target(), r.target_channel_stride, r.bias};
    return {unpacked, visit.width(), r.bias};
}

/// What follows the sums of some targets, while these are in the first-level cache: in a pass of its own,
/// since the loop of the sums has no time for questions.
void follow(const PanelRow& r, const Results& results, int first, int end, std::size_t width) {
    const Narrow d;
    for (int o = first; o < end; ++o) {
        float* to = results.out + o * results.stride;
        const auto factor = hn::Set(d, r.factor ? r.factor[o] : 1.0f),
                   offset = hn::Set(d, r.factor ? r.offset[o] : 0.0f);
        for (std::size_t i = 0; i < width; i += hn::Lanes(d)) {
            auto value = hn::LoadU(d, to + i);
            if (r.factor) value = hn::Add(hn::Mul(factor, value), offset);
            if (r.relu) value = hn::IfThenZeroElse(hn::Le(value, hn::Zero(d)), value);  // NaN stays
            hn::StoreU(value, d, to + i);
        }
    }
}

/// Whole vectors of a row, packed, and then panel by panel: what a panel of weights meets is near.
void sum_packed(const PanelRow& r, std::size_t begin, std::size_t floats, float* scratch) {
    const int depth = depth_of(r);
    const bool follows = r.factor || r.relu;
    float* unpacked = scratch + std::size_t(depth) * floats;
    const auto for_visits = [&](const auto& body) HWY_ATTR {
        for_lanes<panel_vectors>(floats, [&](auto d, auto vectors, std::size_t at) HWY_ATTR {
            body(d, vectors, Visit<decltype(vectors)::value, decltype(d)>(d, r, begin + at),
                 scratch + depth * at, unpacked + r.targets * at);
        });
    };
    for_visits([&](auto, auto, const auto& visit, float* packed, float*) HWY_ATTR { visit.pack(packed); });
    for (int first = 0; first == 0 || first < depth; first += depth_block) {
        const int count = std::min(depth_block, depth - first);
        for (int row = 0; row < r.targets; row += panel_rows) {
            const float* weights = r.weights + std::size_t(row) * depth + std::size_t(first) * panel_rows;
            for_visits([&](auto d, auto vectors, const auto& visit, const float* packed,
                           float* out) HWY_ATTR {
                const Results results = results_of(visit, r, out);
                panel<decltype(vectors)::value>(
                    d, count, weights, packed + first * visit.width(), std::min(panel_rows, r.targets - row),
                    weights + std::size_t(panel_rows) * depth, [](int) {},
                    [&](int o, std::size_t at, auto sum)
                        HWY_ATTR { results.put(d, row + o, at, sum, first == 0); });
                if (follows && first + depth_block >= depth)
                    follow(r, results, row, std::min(row + panel_rows, r.targets), visit.width());
            });
        }
    }
    for_visits([&](auto, auto, const auto& visit, float*, const float* out) HWY_ATTR {
        if (!visit.in_place()) visit.unpack(out, 0, r.targets);
    });
}

/// The same without packing but of what meets padding.
void sum_in_place(const PanelRow& r, std::size_t begin, std::size_t floats, float* scratch) {
    const int depth = depth_of(r);
    const bool follows = r.factor || r.relu;
    const float* in[packed_depth];
    const float** to = in;
    for (int c = 0; c < r.channels; ++c)
        for (int row = first_row(r); row < first_row(r) + r.rows->taps; ++row)
            for (int b = 0; b < r.columns->taps; ++b)
                *to++ = r.source + c * r.channel_stride + (std::size_t(row) * r.width + b) * r.lanes;
    const auto for_visits = [&](const auto& body) HWY_ATTR {
        for_lanes<panel_vectors>(floats, [&](auto d, auto vectors, std::size_t at) HWY_ATTR {
            body(d, vectors, Visit<decltype(vectors)::value, decltype(d)>(d, r, begin + at));
        });
    };
    for_visits([&](auto, auto, const auto& visit) HWY_ATTR {
        if (!visit.is_run()) sum_packed(r, visit.position(), visit.width(), scratch);
    });
    for (int row = 0; row < r.targets; row += panel_rows)
        for_visits([&](auto d, auto vectors, const auto& visit) HWY_ATTR {
            if (!visit.is_run()) return;
            const Results results = results_of(visit, r, scratch);
            const int rows = std::min(panel_rows, r.targets - row);
            const float* weights = r.weights + std::size_t(row) * depth;
            panel_of<decltype(vectors)::value>(
                d, depth, [weights](int k, int i) HWY_ATTR { return weights[k * panel_rows + i]; },
                [&in, from = visit.from()](int k) HWY_ATTR { return in[k] + from; }, rows, [](int) {},
                [&](int o, std::size_t at, auto sum) HWY_ATTR { results.put(d, row + o, at, sum, true); });
            if (follows) follow(r, results, row, row + rows, visit.width());
            if (!visit.in_place()) visit.unpack(scratch, row, row + rows);
        });
}

void PanelRowSum(const PanelRow& r, float* scratch) {
    // Every vector begins with a float that counts.
    const auto whole_vectors = [n = hn::Lanes(Narrow())](std::size_t floats) {
        return (floats + n - 1) / n * n;
    };
    const std::size_t begin = r.first_column * r.lanes,
                      floats = whole_vectors(r.end_column * r.lanes - begin), depth = depth_of(r),
                      visit = panel_vectors * hn::Lanes(Wide());
    const bool inside = first_row(r) >= 0 && first_row(r) + r.rows->taps <= r.height,
               shallow = depth > 0 && depth <= packed_depth && inside;
    if (shallow && r.columns->source_step == 1) return sum_in_place(r, begin, floats, scratch);
    if (shallow && r.lanes >= 8) {  // a run at a time: a pixel
        for (std::size_t column = r.first_column; column < r.end_column; ++column)
            sum_in_place(r, column * r.lanes, r.lanes, scratch);
        return;
    }
    const std::size_t most = std::clamp(packed_floats / std::max<std::size_t>(1, depth) / visit * visit,
                                        visit, matrix_product::widest_visit);
    for (std::size_t at = 0; at < floats; at += most)
        sum_packed(r, begin + at, std::min(most, floats - at), scratch);
}

}  // namespace HWY_NAMESPACE
}  // namespace fftconv::spatial_sum
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace fftconv::spatial_sum {

HWY_EXPORT(PanelRowSum);

std::size_t panel_row_scratch_floats(int depth, int targets) {
    return std::size_t(depth + targets) * matrix_product::widest_visit;
}

void panel_row(const PanelRow& row, float* scratch) {
    HWY_DYNAMIC_DISPATCH(PanelRowSum)(row, scratch);
}

}  // namespace fftconv::spatial_sum
#endif
