#include "fftconv/convolution/simd/target_name.hpp"

#include "fftconv/convolution/simd/highway_targets.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "fftconv/convolution/simd/target_name.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace fftconv {
namespace HWY_NAMESPACE {

const char* TargetName() {
    return hwy::TargetName(HWY_TARGET);
}

}  // namespace HWY_NAMESPACE
}  // namespace fftconv
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace fftconv {

HWY_EXPORT(TargetName);

const char* simd_target_name() {
    return HWY_DYNAMIC_DISPATCH(TargetName)();
}

}  // namespace fftconv
#endif
