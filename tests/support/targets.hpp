#pragma once
#include <boost/test/unit_test.hpp>
#include <cstdint>

// Includes Highway behind highway_targets.hpp: include that first.
#include <hwy/highway.h>

namespace fftconv::test {

/// While it lives, everything runs on one SIMD target.
struct PinnedTarget {
    explicit PinnedTarget(std::int64_t target) { hwy::SetSupportedTargetsForTest(target); }
    ~PinnedTarget() { hwy::SetSupportedTargetsForTest(0); }
    PinnedTarget(const PinnedTarget&) = delete;
    PinnedTarget& operator=(const PinnedTarget&) = delete;
};

/// Runs body() on every SIMD target that this machine has, one after the other.
template <class Body>
void for_each_target(const Body& body) {
    const std::int64_t targets = hwy::SupportedTargets() & HWY_TARGETS;
    BOOST_TEST(targets != 0);
    for (std::int64_t rest = targets; rest != 0; rest &= rest - 1) {
        const std::int64_t target = rest & -rest;
        BOOST_TEST_MESSAGE("target " << hwy::TargetName(target));
        BOOST_TEST_CONTEXT("target " << hwy::TargetName(target)) {
            const PinnedTarget pinned(target);
            body();
        }
    }
}

}  // namespace fftconv::test
