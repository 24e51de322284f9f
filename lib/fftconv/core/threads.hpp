#pragma once
#include <type_traits>

#include "fftconv/core/public.hpp"

namespace FFTCONV_PUBLIC fftconv {

/// Threads worth starting: the processors that this process may use, by its affinity and by the limits of
/// control groups (processor_limit), and no more than OMP_NUM_THREADS where that is set.
int available_threads();

namespace detail {
/// Items begin … end − 1 of what `body` points to, by one worker.
using Piece = void (*)(const void* body, int worker, int begin, int end);
void share(int threads, int count, Piece piece, const void* body);
}  // namespace detail

/// Runs body(index), or body(index, worker), for 0 ≤ index < count on up to `threads` threads: the caller,
/// worker 0, and those of its team that come in time. Which thread runs which index is not fixed, so a body
/// must write only what belongs to its index, or to its worker < threads. One of the exceptions that bodies
/// throw is thrown again when all have ended; other indices may then have been left out. In bodies denormal
/// numbers are taken for zero (FlushToZero), whatever the number of threads.
///
/// Every thread that calls this has a team of its own, made by the first call and ended with the thread. Its
/// helpers wait a fraction of a millisecond for more work, then sleep; the caller never waits for one that
/// has not begun. Inside a body another call runs on one thread. A child process makes a team of its own.
template <class Body>
void parallel_for(int threads, int count, const Body& body) {
    detail::share(
        threads, count,
        [](const void* context, int worker, int begin, int end) {
            const Body& run = *static_cast<const Body*>(context);
            for (int index = begin; index < end; ++index)
                if constexpr (std::is_invocable_v<const Body&, int, int>)
                    run(index, worker);
                else
                    run(index);
        },
        &body);
}

}  // namespace fftconv
