#pragma once
#include <mutex>

namespace fftconv {

/// FFTW's planner is one for the process, so this lock must be too: of our shared libraries each has a copy
/// of what it uses of this folder, but this function is exported by one and taken by all from there.
[[gnu::visibility("default")]] std::mutex& planner_lock();

}  // namespace fftconv
