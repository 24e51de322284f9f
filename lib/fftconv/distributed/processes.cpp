#include "fftconv/distributed/processes.hpp"

#include <mpi.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <mutex>
#include <numeric>
#include <thread>
#include <utility>

#include "fftconv/core/error.hpp"
#include "fftconv/distributed/mpi_shards.hpp"

namespace fftconv {

namespace {

/// Launchers of Open MPI, MPICH and its kin, and Slurm's own, tell each process of its place.
bool launched() {
    constexpr const char* variables[] = {"OMPI_COMM_WORLD_SIZE", "PMIX_RANK", "PMI_RANK", "PMI_SIZE"};
    return std::any_of(std::begin(variables), std::end(variables),
                       [](const char* name) { return std::getenv(name) != nullptr; });
}

int processes_on_this_machine() {
    MPI_Comm machine;
    MPI_Comm_split_type(MPI_COMM_WORLD, MPI_COMM_TYPE_SHARED, 0, MPI_INFO_NULL, &machine);
    int count = 1;
    MPI_Comm_size(machine, &count);
    MPI_Comm_free(&machine);
    return count;
}

constexpr int no_job = -1;

enum Tag { request_tag = 1, job_tag, result_tag };

using Bytes = std::vector<char>;

/// What a process says when it asks for a job: the one that it has finished, and whether it was asked to
/// stop.
struct Request {
    int finished = no_job, stopping = 0;
};

/// A process that is not the first: asks, computes, and says so, until there is no more.
void work(const std::function<Bytes(int)>& run, const std::function<bool()>& stop) {
    Bytes bytes;
    for (int job = no_job;;) {
        const Request request{job, stop()};
        MPI_Send(&request, 2, MPI_INT, 0, request_tag, MPI_COMM_WORLD);
        if (job != no_job) MPI_Send(bytes.data(), int(bytes.size()), MPI_CHAR, 0, result_tag, MPI_COMM_WORLD);
        MPI_Recv(&job, 1, MPI_INT, 0, job_tag, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
        if (job == no_job) return;
        bytes = run(job);
    }
}

/// The first process's side: next jobs for whoever asks, and the results that come back.
class Handout {
  public:
    Handout(int jobs, int others) : jobs_(jobs), others_(others) {}

    /// The next job, or none.
    int take() {
        const std::lock_guard lock(mutex_);
        return stopped_ || next_ == jobs_ ? no_job : next_++;
    }
    void stop() {
        const std::lock_guard lock(mutex_);
        stopped_ = true;
    }
    /// Whether every other process knows that there is no more.
    bool all_told() {
        const std::lock_guard lock(mutex_);
        return others_ == 0;
    }
    std::vector<std::pair<int, Bytes>> take_results() {
        const std::lock_guard lock(mutex_);
        return std::exchange(results_, {});
    }
    /// Answers the other processes until each has been told that there is no more. Looks for messages a
    /// thousand times a second: a blocking receive would spend a processor on waiting.
    void serve() {
        while (!all_told()) {
            MPI_Status status;
            int there = 0;
            MPI_Iprobe(MPI_ANY_SOURCE, request_tag, MPI_COMM_WORLD, &there, &status);
            if (there)
                answer(status.MPI_SOURCE);
            else
                std::this_thread::sleep_for(std::chrono::milliseconds(1));
        }
    }

  private:
    void answer(int process) {
        Request request;
        MPI_Recv(&request, 2, MPI_INT, process, request_tag, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
        if (request.finished != no_job) receive_result(process, request.finished);
        if (request.stopping) stop();
        const int job = take();
        MPI_Send(&job, 1, MPI_INT, process, job_tag, MPI_COMM_WORLD);
        const std::lock_guard lock(mutex_);
        if (job == no_job) --others_;
    }
    void receive_result(int process, int job) {
        MPI_Status status;
        MPI_Probe(process, result_tag, MPI_COMM_WORLD, &status);
        int size = 0;
        MPI_Get_count(&status, MPI_CHAR, &size);
        Bytes bytes(size);
        MPI_Recv(bytes.data(), size, MPI_CHAR, process, result_tag, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
        const std::lock_guard lock(mutex_);
        results_.push_back({job, std::move(bytes)});
    }

    std::mutex mutex_;
    int jobs_, next_ = 0, others_;
    bool stopped_ = false;
    std::vector<std::pair<int, Bytes>> results_;
};

}  // namespace

Processes::Processes() {
    if (!launched()) return;
    int given = 0;
    if (MPI_Init_thread(nullptr, nullptr, MPI_THREAD_MULTIPLE, &given) != MPI_SUCCESS)
        throw Error("MPI: it does not start");
    joined_ = true;
    MPI_Comm_rank(MPI_COMM_WORLD, &rank_);
    MPI_Comm_size(MPI_COMM_WORLD, &count_);
    if (given < MPI_THREAD_MULTIPLE)
        throw Error("MPI: expected one that several threads may call (MPI_THREAD_MULTIPLE)");
    on_this_machine_ = processes_on_this_machine();
}

Processes::~Processes() {
    if (joined_) MPI_Finalize();
}

void Processes::require_same(const std::string& field, const std::string& value) const {
    const std::string expected = from_first(value);
    int differing = value == expected ? count_ : rank_, least = 0;
    if (count_ > 1) MPI_Allreduce(&differing, &least, 1, MPI_INT, MPI_MIN, MPI_COMM_WORLD);
    if (count_ == 1 || least == count_) return;
    std::string found = value;
    int size = int(found.size());
    MPI_Bcast(&size, 1, MPI_INT, least, MPI_COMM_WORLD);
    found.resize(size);
    MPI_Bcast(found.data(), size, MPI_CHAR, least, MPI_COMM_WORLD);
    throw UsageError("process " + std::to_string(least) + ": " + field + ": expected " + expected +
                     " as in process 0, found " + found);
}

void Processes::meet() const {
    if (count_ > 1) MPI_Barrier(MPI_COMM_WORLD);
}

std::string Processes::from_first(const std::string& text) const {
    if (count_ == 1) return text;
    std::string result = text;
    int size = int(result.size());
    MPI_Bcast(&size, 1, MPI_INT, 0, MPI_COMM_WORLD);
    result.resize(size);
    MPI_Bcast(result.data(), size, MPI_CHAR, 0, MPI_COMM_WORLD);
    return result;
}

std::unique_ptr<Shards> Processes::shards(int count) const {
    if (count < count_)
        throw UsageError("shards: expected at least one for each of " + std::to_string(count_) +
                         " processes, found " + std::to_string(count));
    if (count_ == 1) return std::make_unique<Shards>(count);
    return std::make_unique<MpiShards>(count, rank_, count_);
}

bool Processes::share_jobs(int count, const std::function<Bytes(int)>& run,
                           const std::function<void(int, const Bytes&)>& done,
                           const std::function<bool()>& stop) const {
    int finished = 0;
    if (first()) {
        Handout handout(count, count_ - 1);
        std::jthread server([&] { handout.serve(); });
        const auto report = [&] {
            for (const auto& [job, bytes] : handout.take_results()) {
                done(job, bytes);
                ++finished;
            }
        };
        for (int job = handout.take(); job != no_job; job = handout.take()) {
            done(job, run(job));
            ++finished;
            report();
            if (stop()) handout.stop();
        }
        while (!handout.all_told()) {
            std::this_thread::sleep_for(std::chrono::milliseconds(1));
            report();
        }
        server.join();
        report();
    } else {
        work(run, stop);
    }
    if (count_ > 1) MPI_Bcast(&finished, 1, MPI_INT, 0, MPI_COMM_WORLD);
    return finished == count;
}

void Processes::abort(int status) const {
    if (joined_ && count_ > 1) MPI_Abort(MPI_COMM_WORLD, status);
}

}  // namespace fftconv
