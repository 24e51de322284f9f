#pragma once
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "fftconv/core/public.hpp"
#include "fftconv/training/shards.hpp"

namespace FFTCONV_PUBLIC fftconv {

/// The processes that mpirun started together, over MPI. One object in each, made first in main and destroyed
/// last; only its thread calls. A process that ends with an error ends them all.
class Processes {
  public:
    /// Joins the others when a launcher started this process; otherwise it is alone and MPI is not touched.
    /// @throws Error when MPI cannot start.
    Processes();
    ~Processes();
    Processes(const Processes&) = delete;
    Processes& operator=(const Processes&) = delete;

    /// Which of them this is, 0 to count() − 1.
    int rank() const { return rank_; }
    /// How many there are; 1 without a launcher.
    int count() const { return count_; }
    /// Whether this is the one that writes and prints.
    bool first() const { return rank_ == 0; }
    /// Processes on this machine, for sharing its processors.
    int on_this_machine() const { return on_this_machine_; }

    /// Compares what must be the same in all of them: the configuration, a digest, the version.
    /// @throws UsageError in every process, naming the field and both values, when one differs.
    void require_same(const std::string& field, const std::string& value) const;
    /// Waits until every process is here.
    void meet() const;
    /// The first process's text, in every one.
    std::string from_first(const std::string& text) const;

    /// Shards of a batch spread over the processes, each with as many or one more. @throws UsageError on
    /// fewer shards than processes.
    std::unique_ptr<Shards> shards(int count) const;

    /// Hands out jobs 0 … count − 1, one by one, to whoever is free; the first process takes part. `run`
    /// computes a job and returns its result as bytes. It may ask `goes_on`, which is false once any process
    /// was asked to stop, and then give the job up and return nothing; otherwise jobs that are under way are
    /// finished. `done(job, bytes)` is called in the first process alone, by its own thread, between jobs or
    /// in its `goes_on`, in the order in which jobs end. `stop` tells, in every process, whether it was asked
    /// to stop. Returns whether all jobs were done, the same in every process.
    bool share_jobs(
        int count,
        const std::function<std::optional<std::vector<char>>(int job, const std::function<bool()>& goes_on)>&
            run,
        const std::function<void(int, const std::vector<char>&)>& done,
        const std::function<bool()>& stop) const;

    /// Ends all processes at once with this status, because one failed; alone it just returns.
    void abort(int status) const;

  private:
    int rank_ = 0, count_ = 1, on_this_machine_ = 1;
    bool joined_ = false;
};

}  // namespace fftconv
