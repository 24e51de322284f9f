#pragma once
#include <chrono>
#include <string>

#include "fftconv/training/trainer.hpp"

namespace fftconv {

/// Tells how far long work is and how much time is left, on the standard error output: a bar on a terminal,
/// elsewhere only the lines.
class Progress {
  public:
    /// `total` steps in all; `done` of them were done by an earlier run.
    explicit Progress(long total, long done = 0);
    ~Progress();
    Progress(const Progress&) = delete;
    Progress& operator=(const Progress&) = delete;

    /// What is being worked on, shown next to the bar.
    void describe(std::string what) { what_ = std::move(what); }
    /// `steps` more are done; the bar is drawn again at most ten times a second.
    void advance(long steps = 1);
    /// `steps` were done by an earlier run: the time left does not count them as work of this one.
    void skip(long steps);
    /// A line of its own for the log, with the time of day and the time left.
    void line(const std::string& text);
    /// The time left by the pace since this object was made, as text: "3 min 20 s"; "unknown" before a step.
    std::string time_left() const;
    /// What the terminal shows, in less than so many columns.
    std::string bar(int columns) const;

  private:
    using Clock = std::chrono::steady_clock;
    void draw();
    void erase();

    long total_, done_before_, done_;
    std::string what_;
    bool silent_;  ///< of several processes only the first tells
    bool terminal_, drawn_ = false;
    Clock::time_point start_, last_draw_;
};

/// "3 min 20 s", "2 h 5 min", "8 s".
std::string duration_text(double seconds);

/// "epoch 3/8: loss 0.7000, training MCR 24.00 %, validation MCR 30.00 %, 120.00 s": a line of the log.
std::string epoch_text(const EpochRecord& record, int epochs);

}  // namespace fftconv
