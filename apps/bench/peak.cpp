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

constexpr int chains = 10;  // independent, enough to hide the latency of two units

/// `steps` steps of every chain; the sum, so that nothing is optimised away, and the FLOP that were done.
float multiply_add(long steps, double* flop) {
    const hn::ScalableTag<float> d;
    using Vector = hn::Vec<decltype(d)>;
    const Vector factor = hn::Set(d, 0.5f), term = hn::Set(d, 1.0f);
    Vector chain[chains];
#pragma GCC unroll 10
    for (int i = 0; i < chains; ++i) chain[i] = hn::Iota(d, float(i));
    for (long step = 0; step < steps; ++step) {
#pragma GCC unroll 10
        for (int i = 0; i < chains; ++i) chain[i] = hn::MulAdd(chain[i], factor, term);
    }
    *flop = 2.0 * chains * double(hn::Lanes(d)) * double(steps);
    Vector sum = chain[0];
#pragma GCC unroll 10
    for (int i = 1; i < chains; ++i) sum = hn::Add(sum, chain[i]);
    return hn::GetLane(hn::SumOfLanes(d, sum));
}

}  // namespace
}  // namespace HWY_NAMESPACE
}  // namespace fftconv
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
#include <cstdlib>
#include <string>
#include <vector>

#include "common/timing.hpp"
#include "fftconv/core/error.hpp"
#include "fftconv/core/threads.hpp"

namespace fftconv {

HWY_EXPORT(multiply_add);

namespace {

/// The rivals that read their environment: oneDNN, PyTorch, and OpenBLAS in it.
void tell_rivals(const std::string& target) {
    const auto set = [](const char* name, const char* value) { setenv(name, value, 1); };
    if (target != "AVX2" && target != "SSE4") return;
    set("ONEDNN_MAX_CPU_ISA", target == "AVX2" ? "AVX2" : "SSE41");
    set("ATEN_CPU_CAPABILITY", target == "AVX2" ? "avx2" : "default");
    set("OPENBLAS_CORETYPE", target == "AVX2" ? "Haswell" : "Nehalem");
}

}  // namespace

void pin_simd_target(const std::string& name) {
    std::string known;
    for (std::int64_t rest = hwy::SupportedTargets() & HWY_TARGETS; rest != 0; rest &= rest - 1) {
        const std::int64_t target = rest & -rest;
        if (name == hwy::TargetName(target)) {
            tell_rivals(name);
            return hwy::SetSupportedTargetsForTest(target);
        }
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
