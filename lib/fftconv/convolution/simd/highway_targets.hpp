#pragma once
/// The SIMD targets that our Highway files are compiled for: a portable baseline, SSE4, AVX2, AVX-512 and
/// NEON. The ones left out would only be slower versions of a neighbour. Include before
/// <hwy/foreach_target.h>.
#ifdef __SANITIZE_ADDRESS__
// One source makes all targets, and sanitizers are slow on it: they look at AVX2 (and what a machine falls
// back on).
#define HWY_DISABLED_TARGETS (HWY_SSSE3 | HWY_SSE4 | HWY_AVX3 | HWY_AVX3_DL)
#else
#define HWY_DISABLED_TARGETS (HWY_SSSE3 | HWY_AVX3_DL)
#endif
