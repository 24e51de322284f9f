#pragma once
#include <chrono>
#include <filesystem>
#include <memory>

#include "fftconv/pruning/compact.hpp"
#include "fftconv/pruning/pruned_network.hpp"
#include "fftconv/storage/checkpoint.hpp"
#include "fftconv/training/trainer.hpp"
#include "prune/step.hpp"

namespace fftconv {

/// Where the retraining of a point stands while it is under way.
std::filesystem::path retraining_file(const PruneOptions& options, const std::string& point);

/// The retraining of a point's network, as the thinner one where maps are gone. It is saved now and then, and
/// when it is interrupted, to a file of its own, from which the next call resumes bit for bit. The file stays
/// until the caller has the point in its results.
class Retraining {
  public:
    /// The network, with its final masks, must outlive this.
    Retraining(const PruningContext& context, const PruningPoint& point, PrunedNetwork& pruned);

    /// `baseline` is the teacher with --distil. @throws PruningInterrupted; FileError when the file is of
    /// another retraining
    void run(const Checkpoint& baseline);
    /// With the network that was given, whatever was trained. After run.
    const Trainer& trainer() const { return *trainer_; }

  private:
    std::unique_ptr<Trainer> trainer(Network& network) const;
    PrunedNetwork& trained() { return compaction_.thinner() ? compaction_.thin() : pruned_; }
    void restore();
    void train();
    void save();
    void save_now_and_then();
    void widen();

    const PruningContext& context_;
    const PruningPoint& point_;
    PrunedNetwork& pruned_;
    Compaction compaction_;
    std::unique_ptr<PrunedNetwork> teacher_;
    std::unique_ptr<Trainer> trainer_;
    std::chrono::steady_clock::time_point next_save_{};  ///< at the first batch
};

}  // namespace fftconv
