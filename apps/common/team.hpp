#pragma once
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "fftconv/training/shards.hpp"
#ifdef FFTCONV_HAVE_MPI
#include "fftconv/distributed/processes.hpp"
#endif

namespace fftconv {

#ifdef FFTCONV_HAVE_MPI
using Team = Processes;
#else
/// The interface of Processes where there is no MPI: one process, alone.
class Team {
  public:
    /// @throws Error when a launcher of MPI started this process.
    Team();
    int rank() const { return 0; }
    int count() const { return 1; }
    bool first() const { return true; }
    int on_this_machine() const { return 1; }
    void require_same(const std::string&, const std::string&) const {}
    void meet() const {}
    std::string from_first(const std::string& text) const { return text; }
    std::unique_ptr<Shards> shards(int count) const { return std::make_unique<Shards>(count); }
    bool share_jobs(
        int count,
        const std::function<std::optional<std::vector<char> >(int job, const std::function<bool()>& goes_on)>&
            run,
        const std::function<void(int, const std::vector<char>&)>& done,
        const std::function<bool()>& stop) const;
    void abort(int) const {}
};
#endif

/// The processes that mpirun started this one with; alone without it. Joined by the first call.
Team& team();

}  // namespace fftconv
