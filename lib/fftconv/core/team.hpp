#pragma once
#include <atomic>
#include <cstdint>
#include <exception>
#include <thread>
#include <vector>

#include "fftconv/core/threads.hpp"

namespace fftconv {

/// A thread's helpers. What is to be done is open to whoever comes, in pieces: a helper that sleeps, or that
/// another process keeps from its processor, takes none, and the caller does its share. So a call takes
/// little longer than on one thread, however late the others are; and only what a helper has begun is waited
/// for.
class Team {
  public:
    Team() = default;
    ~Team();
    Team(const Team&) = delete;
    Team& operator=(const Team&) = delete;

    /// Is this thread at work for a team? Then what it calls in turn is for itself alone.
    static bool at_work();
    /// As detail::share, for two threads and items or more.
    void run(int threads, int count, detail::Piece piece, const void* body);

  private:
    /// What is shared out: the items that nobody has taken, and the workers that may. Aligned as a whole, so
    /// that Clang too changes it in one instruction, without libatomic.
    struct alignas(8) Open {
        std::uint32_t items, workers;
    };
    struct Call {
        int count;
        detail::Piece piece;
        const void* body;
    };

    void start_helpers(int helpers);
    void help(int worker);
    void work(int worker);
    bool take(int worker, int& begin, int& end);
    void wake_when_worth_it(bool at_once);
    bool wanted(int worker) const;
    void wait_for_call(int worker);
    void wait_for_helpers();
    void keep_exception();

    alignas(64) std::atomic<Open> open_{Open{0, 0}};
    alignas(64) std::atomic<int> unfinished_{0};  ///< items
    alignas(64) std::atomic<int> sleeping_{0};    ///< helpers that nobody has called yet
    std::atomic<int> calls_{0};                   ///< that woke sleepers
    std::atomic<bool> ending_{false};
    Call call_{};  ///< written while nothing is open, read by who has taken a piece
    std::atomic_flag failed_{};
    std::exception_ptr exception_;  ///< of the first that failed
    std::vector<std::thread> helpers_;
    bool few_took_long_ = false;          ///< the last call with few items
    std::uint64_t spell_ = 0, last_ = 0;  ///< ticks: since when the caller has had work, and had some last
};

}  // namespace fftconv
