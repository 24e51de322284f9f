#include "fftconv/distributed/mpi_shards.hpp"

#include <algorithm>
#include <chrono>
#include <numeric>

namespace fftconv {

namespace {

/// Shards before those of a process.
int shards_before(int process, int count, int processes) {
    return int(std::int64_t(count) * process / processes);
}

/// Where each piece of so many begins, when they follow each other.
std::vector<int> begins(const std::vector<int>& counts) {
    std::vector<int> result(counts.size());
    std::exclusive_scan(counts.begin(), counts.end(), result.begin(), 0);
    return result;
}

}  // namespace

/// The sum of one gradient: every process sends piece p of its rows to process p, which adds them and sends
/// the sum to all.
struct MpiShards::Gradient {
    std::span<float> total;
    std::vector<int> pieces, piece_begin;  ///< of `total`, by process
    std::vector<int> send_counts, send_begins, receive_counts, receive_begins;
    std::vector<float> sent, received, piece;
    MPI_Request request = MPI_REQUEST_NULL;
    bool gathering = false;  ///< the second half: the sums go to all
};

MpiShards::MpiShards(int count, int rank, int processes)
    : Shards(count, shards_before(rank, count, processes),
             shards_before(rank + 1, count, processes) - shards_before(rank, count, processes)),
      rank_(rank),
      processes_(processes) {
    for (MPI_Comm* each : {&statistics_, &pieces_, &sums_}) MPI_Comm_dup(MPI_COMM_WORLD, each);
}

MpiShards::~MpiShards() {
    helper_ = {};  // before what it uses
    for (MPI_Comm* each : {&statistics_, &pieces_, &sums_}) MPI_Comm_free(each);
}

int MpiShards::rows_of(int process) const {
    return shards_before(process + 1, count(), processes_) - shards_before(process, count(), processes_);
}

void MpiShards::gather(std::span<const double> rows, std::span<double> all) {
    std::vector<int> counts;
    for (int process = 0; process < processes_; ++process)
        counts.push_back(rows_of(process) * int(all.size() / std::size_t(count())));
    MPI_Allgatherv(rows.data(), int(rows.size()), MPI_DOUBLE, all.data(), counts.data(),
                   begins(counts).data(), MPI_DOUBLE, statistics_);
}

void MpiShards::start_sum(std::span<const float> rows, std::span<float> total) {
    const std::lock_guard lock(mutex_);
    Gradient& gradient = gradients_.emplace_back();
    gradient.total = total;
    for (int process = 0; process < processes_; ++process) {
        const auto place = [&](int p) { return std::int64_t(total.size()) * p / processes_; };
        gradient.pieces.push_back(int(place(process + 1) - place(process)));
    }
    gradient.piece_begin = begins(gradient.pieces);
    for (int process = 0; process < processes_; ++process) {
        gradient.send_counts.push_back(own() * gradient.pieces[process]);
        gradient.receive_counts.push_back(rows_of(process) * gradient.pieces[rank_]);
        for (int row = 0; row < own(); ++row) {
            const float* piece = rows.data() + row * total.size() + gradient.piece_begin[process];
            gradient.sent.insert(gradient.sent.end(), piece, piece + gradient.pieces[process]);
        }
    }
    gradient.send_begins = begins(gradient.send_counts);
    gradient.receive_begins = begins(gradient.receive_counts);
    gradient.received.resize(std::size_t(count()) * gradient.pieces[rank_]);
    gradient.piece.resize(gradient.pieces[rank_]);
    MPI_Ialltoallv(gradient.sent.data(), gradient.send_counts.data(), gradient.send_begins.data(), MPI_FLOAT,
                   gradient.received.data(), gradient.receive_counts.data(), gradient.receive_begins.data(),
                   MPI_FLOAT, pieces_, &gradient.request);
    advance();
    if (!helper_.joinable())
        helper_ = std::jthread([this](const std::stop_token& stop) { keep_advancing(stop); });
}

void MpiShards::keep_advancing(const std::stop_token& stop) {
    while (!stop.stop_requested()) {
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
        const std::lock_guard lock(mutex_);
        advance();
    }
}

/// The first half is over: adds the own piece and starts to send it.
void MpiShards::add(Gradient& gradient) {
    sum_rows<float>(gradient.received, count(), gradient.piece);
    MPI_Iallgatherv(gradient.piece.data(), int(gradient.piece.size()), MPI_FLOAT, gradient.total.data(),
                    gradient.pieces.data(), gradient.piece_begin.data(), MPI_FLOAT, sums_, &gradient.request);
    gradient.gathering = true;
}

/// Lets MPI work on what is under way, and begins the second half of each gradient whose first half is over,
/// in the order of the gradients.
void MpiShards::advance() {
    for (Gradient& gradient : gradients_) {
        int over = 0;
        MPI_Test(&gradient.request, &over, MPI_STATUS_IGNORE);
        if (gradient.gathering) continue;
        if (!over) return;
        add(gradient);
    }
}

void MpiShards::finish() {
    const std::lock_guard lock(mutex_);
    for (Gradient& gradient : gradients_) {
        if (gradient.gathering) continue;
        MPI_Wait(&gradient.request, MPI_STATUS_IGNORE);
        add(gradient);
    }
    for (Gradient& gradient : gradients_) MPI_Wait(&gradient.request, MPI_STATUS_IGNORE);
    gradients_.clear();
}

}  // namespace fftconv
