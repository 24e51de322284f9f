#include "fftconv/core/threads.hpp"

#include <pthread.h>
#include <sched.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstdlib>
#include <limits>
#include <memory>
#include <thread>

#include "fftconv/core/flush_to_zero.hpp"
#include "fftconv/core/processor.hpp"
#include "fftconv/core/team.hpp"

namespace fftconv {
namespace {

/// Processors that this process may run on.
int affine_processors() {
#if defined(__linux__)
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof set, &set) == 0) return CPU_COUNT(&set);
#endif
    return int(std::thread::hardware_concurrency());
}

/// The first number of OMP_NUM_THREADS ("4" or "4,2"), or no limit.
int requested_threads() {
    const char* text = std::getenv("OMP_NUM_THREADS");
    const int threads = text ? std::atoi(text) : 0;
    return threads > 0 ? threads : std::numeric_limits<int>::max();
}

/// That lie between the first process and this one.
std::atomic<int> forks{0};

/// The calling thread's team, in the process that made it.
struct OwnTeam {
    std::unique_ptr<Team> team;
    int made_in = 0;

    Team& get() {
        static const int registered = pthread_atfork(nullptr, nullptr, [] { ++forks; });
        static_cast<void>(registered);
        if (made_in != forks) static_cast<void>(team.release());  // its threads are the parent's
        if (!team) team = std::make_unique<Team>();
        made_in = forks;
        return *team;
    }
    ~OwnTeam() {
        if (made_in != forks) static_cast<void>(team.release());
    }
};

}  // namespace

int available_threads() {
    static const double limit = processor_limit();
    static const int processors = std::min(affine_processors(), requested_threads());
    return std::max(1, int(std::min(double(processors), std::ceil(limit))));
}

void detail::share(int threads, int count, Piece piece, const void* body) {
    const FlushToZero flush;
    if (threads <= 1 || count <= 1 || Team::at_work()) return count > 0 ? piece(body, 0, 0, count) : void();
    thread_local OwnTeam own;
    own.get().run(std::min(threads, count), count, piece, body);
}

}  // namespace fftconv
