#pragma once
#include <algorithm>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "fftconv/core/public.hpp"
#include "fftconv/dataset/batches.hpp"
#include "fftconv/network/batch_norm.hpp"
#include "fftconv/network/loss.hpp"
#include "fftconv/network/network.hpp"

namespace FFTCONV_PUBLIC fftconv {

/// The shards of a training batch and what is added over them. A batch is cut into a fixed number of shards
/// of equal size; how many processes compute them makes no difference, because every sum runs in the order of
/// the shards: the same weights bit for bit from 1, 2, 4 or 8 processes. This is one process that has all of
/// them; fftconv::distributed has the one over MPI. Not shared between threads.
class Shards {
  public:
    /// @throws UsageError unless there is at least one shard.
    explicit Shards(int count);
    virtual ~Shards() = default;
    Shards(const Shards&) = delete;
    Shards& operator=(const Shards&) = delete;

    /// Of the whole batch.
    int count() const { return count_; }
    /// Images of each shard of a batch of so many: the last shards may have fewer that count, or none.
    int images(int batch) const { return (batch + count_ - 1) / count_; }
    int first() const { return first_; }  ///< of this process
    int own() const { return own_; }      ///< shards of this process: first … first + own − 1

    /// Rows of doubles of all shards, (count(), width) row-major, from those of this process, (own(), width).
    /// Returns when they are there.
    virtual void gather(std::span<const double> rows, std::span<double> all);
    /// own: (own(), width) row-major, a row for each shard of this process. total: (width), the sum over the
    /// rows of all shards. Returns when the sum is there.
    void sum(std::span<const double> rows, std::span<double> total);
    /// Whether every process says so. Each must ask.
    bool all(bool here);
    /// The same for gradients, (own(), width) floats; both spans are in use until `finish`.
    virtual void start_sum(std::span<const float> rows, std::span<float> total);
    /// Ends every sum that was started.
    virtual void finish() {}

  protected:
    /// Of `count` shards, `own` from `first` on are computed here.
    Shards(int count, int first, int own) : count_(count), first_(first), own_(own) {}

  private:
    int count_, first_ = 0, own_;
    std::vector<double> all_;  ///< of `sum`
};

/// total = the sum of `count` rows of its size, first to last.
template <class Number>
void sum_rows(std::span<const Number> rows, int count, std::span<Number> total) {
    std::copy_n(rows.begin(), total.size(), total.begin());
    for (int row = 1; row < count; ++row)
        for (std::size_t i = 0; i < total.size(); ++i) total[i] += rows[row * total.size() + i];
}

/// Seconds of one layer in sharded passes, of this process.
struct ShardedLayerTime {
    /// Its name.
    std::string layer;
    double forward = 0, backward = 0;  ///< seconds
    double exchange = 0;     ///< waiting for sums of batch statistics, and starting those of gradients
    std::size_t floats = 0;  ///< gradients that a pass sums over the shards
};

/// Forward and backward pass of a batch that is cut into shards, layer by layer: batch normalisation takes
/// its statistics over the whole batch, and gradients are summed in the order of the shards while the
/// backward pass continues. With one shard it computes what Network::forward and backward do, to the bit but
/// for gradients of biases behind which these fuse a pooling: they are summed in another order.
class ShardedPass {
  public:
    /// Both must outlive it.
    ShardedPass(Network& network, Shards& shards);
    ~ShardedPass();

    /// Leaves the gradient of the batch's mean loss in every parameter and returns the loss of the whole
    /// batch, the same in every process. `batch` holds the images of the own shards alone
    /// (BatchOptions::part).
    /// @throws ShapeError on other maps.
    Loss run(const Batch& batch, std::uint64_t step);

    /// Since this was made; `waiting` is the time in Shards::finish at the end of the passes.
    const std::vector<ShardedLayerTime>& times() const { return times_; }
    /// Seconds spent waiting for the sums of others.
    double waiting() const { return waiting_; }

  private:
    struct Shard;
    void cut(const Batch& batch);
    void forward(std::size_t layer, std::uint64_t step);
    void normalise(BatchNorm& norm, std::size_t layer, std::uint64_t step);
    Loss loss();
    void backward(std::size_t layer, std::uint64_t step);
    void backward_shard(std::size_t i, std::size_t layer, std::uint64_t step);
    void backward_norm(BatchNorm& norm, std::size_t layer, std::uint64_t step);
    PassContext context(const Shard& shard, std::uint64_t step) const;

    Network& network_;
    Shards& shards_;
    std::vector<std::size_t> output_of_;  ///< layer → index of the activation that it writes
    std::vector<std::unique_ptr<Shard>> own_;
    std::vector<std::vector<std::vector<float>>>
        gradients_;  ///< by layer and parameter: (own shards, values)
    std::vector<ShardedLayerTime> times_;
    double waiting_ = 0;
    int valid_ = 0;  ///< of the whole batch
};

}  // namespace fftconv
