#include "fftconv/convolution/simd/highway_targets.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "bench/peak.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace fftconv {
namespace HWY_NAMESPACE {
namespace {

namespace hn = hwy::HWY_NAMESPACE;

/// `steps` steps of ten independent chains, enough to hide the latency of two units; the sum, so that nothing
/// is optimised away, and the FLOP that were done.
float multiply_add(long steps, double* flop) {
    const hn::ScalableTag<float> d;
    const auto factor = hn::Set(d, 0.5f), term = hn::Set(d, 1.0f);
    auto a0 = hn::Iota(d, 0), a1 = hn::Iota(d, 1), a2 = hn::Iota(d, 2), a3 = hn::Iota(d, 3),
         a4 = hn::Iota(d, 4);
    auto a5 = hn::Iota(d, 5), a6 = hn::Iota(d, 6), a7 = hn::Iota(d, 7), a8 = hn::Iota(d, 8),
         a9 = hn::Iota(d, 9);
    for (long step = 0; step < steps; ++step) {
        a0 = hn::MulAdd(a0, factor, term), a1 = hn::MulAdd(a1, factor, term);
        a2 = hn::MulAdd(a2, factor, term), a3 = hn::MulAdd(a3, factor, term);
        a4 = hn::MulAdd(a4, factor, term), a5 = hn::MulAdd(a5, factor, term);
        a6 = hn::MulAdd(a6, factor, term), a7 = hn::MulAdd(a7, factor, term);
        a8 = hn::MulAdd(a8, factor, term), a9 = hn::MulAdd(a9, factor, term);
    }
    *flop = 2.0 * 10 * double(hn::Lanes(d)) * double(steps);
    const auto low = hn::Add(hn::Add(hn::Add(a0, a1), hn::Add(a2, a3)), a4);
    const auto high = hn::Add(hn::Add(hn::Add(a5, a6), hn::Add(a7, a8)), a9);
    return hn::GetLane(hn::SumOfLanes(d, hn::Add(low, high)));
}

}  // namespace
}  // namespace HWY_NAMESPACE
}  // namespace fftconv
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
#include <string>
#include <vector>

#include "common/timing.hpp"
#include "fftconv/core/error.hpp"
#include "fftconv/core/threads.hpp"

namespace fftconv {

HWY_EXPORT(multiply_add);

void pin_simd_target(const std::string& name) {
    std::string known;
    for (std::int64_t rest = hwy::SupportedTargets() & HWY_TARGETS; rest != 0; rest &= rest - 1) {
        const std::int64_t target = rest & -rest;
        if (name == hwy::TargetName(target)) return hwy::SetSupportedTargetsForTest(target);
        known += std::string(known.empty() ? "" : ", ") + hwy::TargetName(target);
    }
    throw UsageError("--simd: expected one of " + known + ", found " + name);
}

double multiply_add_burst(int threads) {
    constexpr long steps = 400000;
    std::vector<double> flop(threads);
    std::vector<float> sums(threads);
    parallel_for(threads, threads,
                 [&](int i) { sums[i] = HWY_DYNAMIC_DISPATCH(multiply_add)(steps, &flop[i]); });
    // Every chain tends to 2; the comparison only keeps the sums alive.
    return sums[0] > 0 ? threads * flop[0] : 0;
}

}  // namespace fftconv
#endif
