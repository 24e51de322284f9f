#pragma once
#include <string_view>

namespace fftconv::page {

/// page/page.css and page/page.js, compiled in.
extern const std::string_view style, script;

}  // namespace fftconv::page
