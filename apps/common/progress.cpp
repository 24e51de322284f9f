#include "common/progress.hpp"

#include <spdlog/fmt/fmt.h>
#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/spdlog.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdio>

#include "common/team.hpp"

namespace fftconv {

namespace {

/// Lines with the time of day on the standard error output: the standard output is for tables.
spdlog::logger& log() {
    static const auto logger = [] {
        auto made = spdlog::stderr_color_mt("fftconv");
        made->set_pattern("%H:%M:%S %v");
        return made;
    }();
    return *logger;
}

double seconds_between(std::chrono::steady_clock::time_point from, std::chrono::steady_clock::time_point to) {
    return std::chrono::duration<double>(to - from).count();
}

/// Of the terminal now: windows are resized.
int terminal_columns() {
    struct winsize size {};
    return ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : 80;
}

}  // namespace

std::string duration_text(double seconds) {
    const long whole = long(seconds + 0.5);
    if (whole >= 3600) return fmt::format("{} h {} min", whole / 3600, whole % 3600 / 60);
    if (whole >= 60) return fmt::format("{} min {} s", whole / 60, whole % 60);
    return fmt::format("{} s", whole);
}

std::string epoch_text(const EpochRecord& record, int epochs) {
    std::string text = fmt::format("epoch {}/{}: loss {:.4f}, training MCR {:.2f} %", record.epoch, epochs,
                                   record.train_loss, record.train_mcr);
    if (!std::isnan(record.validation_mcr))
        text += fmt::format(", validation MCR {:.2f} %", record.validation_mcr);
    return text + fmt::format(", {:.2f} s", record.train_seconds);
}

Progress::Progress(long total, long done)
    : total_(total),
      done_before_(done),
      done_(done),
      silent_(!team().first()),
      terminal_(!silent_ && isatty(STDERR_FILENO) == 1),
      start_(Clock::now()),
      last_draw_(start_) {}

Progress::~Progress() {
    erase();
}

void Progress::advance(long steps) {
    done_ += steps;
    if (!terminal_ || seconds_between(last_draw_, Clock::now()) < 0.1) return;
    draw();
}

void Progress::skip(long steps) {
    done_before_ += steps;
    done_ += steps;
}

std::string Progress::time_left() const {
    const long done_here = done_ - done_before_;
    if (done_here <= 0) return "unknown";
    return duration_text(seconds_between(start_, Clock::now()) / double(done_here) * double(total_ - done_));
}

void Progress::line(const std::string& text) {
    if (silent_) return;
    erase();
    log().info("{} · {} left", text, time_left());
    if (terminal_) draw();
}

std::string Progress::bar(int columns) const {
    const double part = double(std::min(done_, total_)) / double(std::max(total_, 1L));
    const std::string numbers = fmt::format(" {:5.1f} %  {} left", 100 * part, time_left());
    const int width = std::clamp(columns - int(numbers.size()) - 3, 0, 30);
    const int filled = int(width * part);
    std::string text = "[" + std::string(std::size_t(filled), '#') +
                       std::string(std::size_t(width - filled), '.') + "]" + numbers + "  " + what_;
    text.resize(std::min(text.size(), std::size_t(std::max(columns - 1, 1))));
    return text;
}

void Progress::draw() {
    fmt::print(stderr, "\r{}\033[K", bar(terminal_columns()));
    std::fflush(stderr);
    last_draw_ = Clock::now();
    drawn_ = true;
}

void Progress::erase() {
    if (!drawn_) return;
    fmt::print(stderr, "\r\033[K");
    std::fflush(stderr);
    drawn_ = false;
}

}  // namespace fftconv
