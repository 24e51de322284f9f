#include "fftconv/core/team.hpp"

#include <algorithm>
#include <system_error>
#include <utility>

#include "fftconv/core/clock.hpp"
#include "fftconv/core/flush_to_zero.hpp"

namespace fftconv {
namespace {

using Ticks = std::uint64_t;

Ticks microseconds(double count) {
    static const double per_microsecond = 1e-6 / seconds_per_tick();
    return Ticks(count * per_microsecond);
}

/// Looks at the condition in a busy loop or, where it should bear others, gives the processor to whoever
/// wants it after some looks. False when it does not hold after so long.
template <class Condition>
bool await(Ticks patience, bool bears_others, const Condition& holds) {
    for (const Ticks start = ticks(); ticks() - start < patience;) {
        for (int looks = 0; looks < 32; ++looks) {
            if (holds()) return true;
#if defined(__x86_64__)
            _mm_pause();
#endif
        }
        if (bears_others) std::this_thread::yield();
    }
    return holds();
}

// In microseconds.
/// Between two calls of a pass little else is done. A helper that waits longer sleeps.
constexpr double helper_patience = 200;
/// What a helper has begun ends soon, unless it has lost its processor.
constexpr double caller_patience = 50;
/// To wake a helper takes as long as many a call: tens of microseconds where its processor sleeps too.
constexpr double worth_waking = 200;
/// A pause that ends a spell of work.
constexpr double pause = 1000;

/// Pieces that a worker takes, about: each is this part of what it would get of the rest.
constexpr std::uint32_t part = 4;

thread_local bool works = false;

}  // namespace

Team::~Team() {
    ending_ = true;
    ++calls_;
    calls_.notify_all();
    for (std::thread& helper : helpers_) helper.join();
}

bool Team::at_work() {
    return works;
}

void Team::start_helpers(int helpers) {
    try {
        while (int(helpers_.size()) < helpers)
            helpers_.emplace_back([this, worker = int(helpers_.size()) + 1] { help(worker); });
    } catch (const std::system_error&) {
        // The system starts no more: fewer share the work.
    }
}

void Team::run(int threads, int count, detail::Piece piece, const void* body) {
    start_helpers(threads - 1);
    call_ = {count, piece, body};
    unfinished_.store(count, std::memory_order_relaxed);
    open_.store({std::uint32_t(count), std::uint32_t(threads)});
    const Ticks start = ticks();
    const bool few = count <= 2 * threads;
    if (start - last_ > microseconds(pause)) spell_ = start;
    wake_when_worth_it(few && few_took_long_);
    works = true;
    work(0);
    works = false;
    wait_for_helpers();
    last_ = ticks();
    if (few) few_took_long_ = last_ - start > microseconds(worth_waking);
    if (!exception_) return;
    failed_.clear();
    std::rethrow_exception(std::exchange(exception_, nullptr));
}

/// At once for few long items, which leave no time between two of them; else the helpers are left asleep for
/// a while, so that a short pass, alone after a pause, is no slower than on one thread.
void Team::wake_when_worth_it(bool at_once) {
    if (sleeping_.load() == 0) return;
    if (!at_once && ticks() - spell_ < microseconds(worth_waking)) return;
    sleeping_ = 0;
    ++calls_;
    calls_.notify_all();
}

bool Team::take(int worker, int& begin, int& end) {
    Open open = open_.load(std::memory_order_acquire);
    std::uint32_t taken;
    do {
        if (open.items == 0 || std::uint32_t(worker) >= open.workers) return false;
        taken = std::max(1u, open.items / (part * open.workers));
    } while (!open_.compare_exchange_weak(open, {open.items - taken, open.workers}));
    begin = call_.count - int(open.items);
    end = begin + int(taken);
    return true;
}

void Team::work(int worker) {
    for (int begin, end; take(worker, begin, end);) {
        try {
            call_.piece(call_.body, worker, begin, end);
        } catch (...) {
            keep_exception();
        }
        if (unfinished_.fetch_sub(end - begin) == end - begin && worker > 0) unfinished_.notify_one();
        if (worker == 0 && open_.load(std::memory_order_relaxed).items > 0) wake_when_worth_it(false);
    }
}

void Team::keep_exception() {
    if (!failed_.test_and_set()) exception_ = std::current_exception();
}

void Team::wait_for_helpers() {
    if (await(microseconds(caller_patience), false, [&] { return unfinished_.load() == 0; })) return;
    for (int left; (left = unfinished_.load()) != 0;) unfinished_.wait(left);
}

void Team::help(int worker) {
    works = true;
    const FlushToZero flush;
    while (!ending_) {
        work(worker);
        wait_for_call(worker);
    }
}

bool Team::wanted(int worker) const {
    const Open open = open_.load();
    return ending_ || (open.items > 0 && std::uint32_t(worker) < open.workers);
}

void Team::wait_for_call(int worker) {
    if (await(microseconds(helper_patience), true, [&] { return wanted(worker); })) return;
    ++sleeping_;
    const int calls = calls_;
    if (!wanted(worker)) calls_.wait(calls);
}

}  // namespace fftconv
