#pragma once
#include <mpi.h>

#include <deque>
#include <mutex>
#include <thread>
#include <vector>

#include "fftconv/training/shards.hpp"

namespace fftconv {

/// Shards in the order of the processes, as even as they come. Each process adds a part of every gradient, in
/// the order of the shards, and all get the parts together: a sum by MPI itself may take another order.
/// MPI moves data while it is called, and the passes seldom call it: a thread of its own does, a thousand
/// times a second, while sums are under way.
class MpiShards final : public Shards {
  public:
    MpiShards(int count, int rank, int processes);
    ~MpiShards() override;

    void gather(std::span<const double> rows, std::span<double> all) override;
    void start_sum(std::span<const float> rows, std::span<float> total) override;
    void finish() override;

  private:
    struct Gradient;
    int rows_of(int process) const;
    void add(Gradient& gradient);
    void advance();
    void keep_advancing(const std::stop_token& stop);

    int rank_, processes_;
    // Collective calls must come in the same order everywhere, and those of the two halves of a gradient's
    // sum and of the statistics overtake each other: each kind has a communicator of its own.
    MPI_Comm statistics_, pieces_, sums_;
    std::mutex mutex_;                ///< of gradients_
    std::deque<Gradient> gradients_;  ///< whose sums are under way, in the order of start_sum
    std::jthread helper_;             ///< last: it ends first
};

}  // namespace fftconv
