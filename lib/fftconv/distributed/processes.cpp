#include "fftconv/distributed/processes.hpp"

#include <mpi.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <mutex>
#include <numeric>
#include <optional>
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

constexpr int no_job = -1, stop_news = -2;

enum Tag { request_tag = 1, job_tag, result_tag };

using Bytes = std::vector<char>;
using Run = std::function<std::optional<Bytes>(int, const std::function<bool()>&)>;

/// Waits without spending a processor, as MPI's own waiting does: others may be computing on it.
void wait(MPI_Request& request) {
    for (int over = 0; MPI_Test(&request, &over, MPI_STATUS_IGNORE), !over;)
        std::this_thread::sleep_for(std::chrono::microseconds(200));
}

void broadcast(void* bytes, int size, MPI_Datatype type, int from) {
    MPI_Request request;
    MPI_Ibcast(bytes, size, type, from, MPI_COMM_WORLD, &request);
    wait(request);
}

/// What another process tells the first one: the job that it has finished, whether it was asked to stop, and
/// whether it asks for a job.
struct Request {
    int finished = no_job, stopping = 0, asks = 1;
};

/// A process that is not the first: asks, computes, and says so, until there is no more. All that the first
/// one says has one tag, and so has all that it is told: messages keep their order, and none is left behind.
class Worker {
  public:
    explicit Worker(const std::function<bool()>& stop) : stop_(stop) {}

    void work(const Run& run) {
        std::optional<Bytes> bytes;
        for (int job = no_job;;) {
            send({bytes ? job : no_job, stopped_ || stop_()});
            if (bytes) MPI_Send(bytes->data(), int(bytes->size()), MPI_CHAR, 0, result_tag, MPI_COMM_WORLD);
            do job = receive();
            while (job == stop_news);
            if (job == no_job) return;
            bytes = run(job, [this] { return goes_on(); });
            stopped_ = stopped_ || !bytes;
        }
    }

  private:
    static void send(const Request& request) {
        MPI_Send(&request, 3, MPI_INT, 0, request_tag, MPI_COMM_WORLD);
    }

    int receive() {
        int job = no_job;
        MPI_Request request;
        MPI_Irecv(&job, 1, MPI_INT, 0, job_tag, MPI_COMM_WORLD, &request);
        wait(request);
        stopped_ = stopped_ || job == stop_news;
        return job;
    }

    /// In the middle of a job: tells the first process, once, and listens to it.
    bool goes_on() {
        if (!stopped_ && stop_()) {
            stopped_ = true;
            send({no_job, 1, 0});
        }
        int there = 0;
        if (!stopped_) MPI_Iprobe(0, job_tag, MPI_COMM_WORLD, &there, MPI_STATUS_IGNORE);
        if (there) receive();
        return !stopped_;
    }

    const std::function<bool()>& stop_;
    bool stopped_ = false;
};

/// The first process's side: next jobs for whoever asks, and the results that come back.
class Handout {
  public:
    Handout(int jobs, int processes) : jobs_(jobs), working_(std::size_t(processes), true) {
        working_[0] = false;
    }

    /// The next job, or none.
    int take() {
        const std::lock_guard lock(mutex_);
        return stopped_ || next_ == jobs_ ? no_job : next_++;
    }
    void stop() {
        const std::lock_guard lock(mutex_);
        stopped_ = true;
    }
    bool stopped() {
        const std::lock_guard lock(mutex_);
        return stopped_;
    }
    /// The first process fails, and will end the others.
    void abandon() {
        const std::lock_guard lock(mutex_);
        std::fill(working_.begin(), working_.end(), false);
    }
    /// Whether every other process knows that there is no more.
    bool all_told() {
        const std::lock_guard lock(mutex_);
        return std::count(working_.begin(), working_.end(), true) == 0;
    }
    std::vector<std::pair<int, Bytes>> take_results() {
        const std::lock_guard lock(mutex_);
        return std::exchange(results_, {});
    }
    /// Answers the other processes until each has been told that there is no more. Looks for messages a
    /// thousand times a second: a blocking receive would spend a processor on waiting.
    void serve() {
        while (!all_told()) {
            if (stopped()) spread_the_news();
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
    void tell(int process, int job) { MPI_Send(&job, 1, MPI_INT, process, job_tag, MPI_COMM_WORLD); }

    /// Those in the middle of a job need not finish it.
    void spread_the_news() {
        if (std::exchange(news_spread_, true)) return;
        for (int process = 1; process < int(working_.size()); ++process)
            if (working_[std::size_t(process)]) tell(process, stop_news);
    }

    void answer(int process) {
        Request request;
        MPI_Recv(&request, 3, MPI_INT, process, request_tag, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
        if (request.finished != no_job) receive_result(process, request.finished);
        if (request.stopping) stop();
        if (!request.asks) return;
        const int job = take();
        tell(process, job);
        const std::lock_guard lock(mutex_);
        if (job == no_job) working_[std::size_t(process)] = false;
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
    int jobs_, next_ = 0;
    std::vector<bool> working_;  ///< processes that have not been told that there is no more
    bool stopped_ = false, news_spread_ = false;
    std::vector<std::pair<int, Bytes>> results_;
};

/// The first process's part of the work; how many jobs were done by all.
int work_and_serve(Handout& handout, const Run& run, const std::function<void(int, const Bytes&)>& done,
                   const std::function<bool()>& stop) {
    int finished = 0;
    const auto report = [&] {
        for (const auto& [job, bytes] : handout.take_results()) {
            done(job, bytes);
            ++finished;
        }
    };
    const auto goes_on = [&] {
        if (stop()) handout.stop();
        report();
        return !handout.stopped();
    };
    for (int job = handout.take(); job != no_job; job = handout.take()) {
        if (const std::optional<Bytes> bytes = run(job, goes_on)) {
            done(job, *bytes);
            ++finished;
        } else {
            handout.stop();
        }
        goes_on();
    }
    while (!handout.all_told()) {
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
        goes_on();
    }
    report();
    return finished;
}

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
    if (count_ == 1) return;
    MPI_Request request;
    MPI_Ibarrier(MPI_COMM_WORLD, &request);
    wait(request);
}

std::string Processes::from_first(const std::string& text) const {
    if (count_ == 1) return text;
    std::string result = text;
    int size = int(result.size());
    broadcast(&size, 1, MPI_INT, 0);
    result.resize(size);
    broadcast(result.data(), size, MPI_CHAR, 0);
    return result;
}

std::unique_ptr<Shards> Processes::shards(int count) const {
    if (count < count_)
        throw UsageError("shards: expected at least one for each of " + std::to_string(count_) +
                         " processes, found " + std::to_string(count));
    if (count_ == 1) return std::make_unique<Shards>(count);
    return std::make_unique<MpiShards>(count, rank_, count_);
}

bool Processes::share_jobs(int count, const Run& run, const std::function<void(int, const Bytes&)>& done,
                           const std::function<bool()>& stop) const {
    int finished = 0;
    if (first()) {
        Handout handout(count, count_);
        std::jthread server([&] { handout.serve(); });
        try {
            finished = work_and_serve(handout, run, done, stop);
        } catch (...) {
            handout.abandon();
            throw;
        }
        server.join();
    } else {
        Worker(stop).work(run);
    }
    if (count_ > 1) broadcast(&finished, 1, MPI_INT, 0);
    return finished == count;
}

void Processes::abort(int status) const {
    if (joined_ && count_ > 1) MPI_Abort(MPI_COMM_WORLD, status);
}

}  // namespace fftconv
