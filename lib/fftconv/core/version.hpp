#pragma once
#include <string_view>

#include "fftconv/core/public.hpp"

namespace FFTCONV_PUBLIC fftconv {

/// The library's version, "major.minor.patch".
std::string_view library_version();
/// The git commit that this library was built from, 40 hexadecimal digits; "unknown" when built without git.
std::string_view git_commit();
/// Whether tracked files differed from that commit when the library was built.
bool git_dirty();

}  // namespace fftconv
