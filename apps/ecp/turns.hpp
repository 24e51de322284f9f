#pragma once
#include <cstddef>
#include <map>
#include <string>
#include <vector>

#include "fftconv/storage/results.hpp"

namespace fftconv {

/// Which call of the app trained each epoch of each training. The times of two methods are compared only
/// where both trained the same epoch in the same call, taking turns: between calls the machine may have
/// changed.
class Turns {
  public:
    /// Epochs that another run trained, or that nothing is known of: compared with none.
    static constexpr int unknown = -1;

    Turns() = default;
    /// What the table of a result file says. A file without it is of a version that did not record calls:
    /// its epochs count as trained in one. @throws FileError naming `file` when the table is damaged.
    Turns(const ResultRecord& record, const std::string& file);

    /// The calls of the first `epochs` epochs; `unknown` for those that are not recorded.
    std::vector<int> calls(const std::string& training, std::size_t epochs) const;
    void set(const std::string& training, std::vector<int> calls) { calls_[training] = std::move(calls); }
    /// Whether both trained this epoch (from 0 on) in one call.
    bool together(const std::string& one, const std::string& other, std::size_t epoch) const;
    /// Table "turns": a row for each epoch of each training.
    Table stored() const;

  private:
    int call(const std::string& training, std::size_t epoch) const;

    std::map<std::string, std::vector<int>> calls_;
};

}  // namespace fftconv
