#pragma once

namespace fftconv {

/// The name of the SIMD target that the machine's best code runs on, as Highway spells it: for reports, and
/// for what was measured on it.
const char* simd_target_name();

}  // namespace fftconv
