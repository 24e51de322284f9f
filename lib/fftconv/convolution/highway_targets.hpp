#pragma once
/// The SIMD targets that our Highway files are compiled for: a portable baseline, SSE4, AVX2, AVX-512 and
/// NEON. The ones left out would only be slower versions of a neighbour. Include before
/// <hwy/foreach_target.h>.
#define HWY_DISABLED_TARGETS (HWY_SSSE3 | HWY_AVX3_DL)
