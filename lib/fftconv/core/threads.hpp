#pragma once
#include <functional>

#include "fftconv/core/public.hpp"

namespace FFTCONV_PUBLIC fftconv {

/// Threads worth starting: the processors that this process may use, by its affinity and by the limits of
/// control groups (processor_limit), and no more than OMP_NUM_THREADS where that is set.
int available_threads();

/// Runs body(index) for 0 ≤ index < count on up to `threads` threads; which thread runs which index is not
/// fixed, so a body must write only what belongs to its index. One of the exceptions that bodies throw is
/// thrown again when all have ended.
void parallel_for(int threads, int count, const std::function<void(int index)>& body);

}  // namespace fftconv
