#include "bench/interruptions.hpp"

#include <signal.h>
#include <spdlog/fmt/fmt.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <iostream>
#include <optional>
#include <thread>

#include "bench/network.hpp"
#include "common/markdown_table.hpp"
#include "common/process.hpp"
#include "common/statistics.hpp"
#include "fftconv/core/error.hpp"

namespace fftconv {
namespace {

constexpr int tries = 10;

/// A process that computes while this lives.
class BusyProcess {
  public:
    BusyProcess() : process_(fork()) {
        if (process_ < 0) throw Error("--interruptions: the system starts no further process");
        if (process_ == 0) compute();
    }
    ~BusyProcess() {
        kill(process_, SIGKILL);
        waitpid(process_, nullptr, 0);
    }
    BusyProcess(const BusyProcess&) = delete;
    BusyProcess& operator=(const BusyProcess&) = delete;

  private:
    [[noreturn]] static void compute() {
        const pid_t parent = getppid();
        for (std::atomic<unsigned> counter = 0;; ++counter)
            if (counter % 65536 == 0 && getppid() != parent) _exit(0);
    }

    pid_t process_;
};

struct Setting {
    const char* name;
    double idle;  ///< seconds before each call
    bool busy;
};

constexpr Setting settings[] = {
    {"back to back", 0, false}, {"after half a second", 0.5, false}, {"next to a busy process", 0, true}};

/// The mean seconds of a call: of as many as fit into the slice or, after a pause, of one.
double one_try(const Contender& contender, const Setting& setting, double slice) {
    using Clock = std::chrono::steady_clock;
    const auto seconds_since = [](Clock::time_point start) {
        return std::chrono::duration<double>(Clock::now() - start).count();
    };
    std::this_thread::sleep_for(std::chrono::duration<double>(setting.idle));
    const auto start = Clock::now();
    int calls = 0;
    do {
        contender.run();
        ++calls;
    } while (setting.idle == 0 && seconds_since(start) < slice);
    return seconds_since(start) / calls;
}

/// Tries of each contender, in turn.
std::vector<Rounds> tries_of(const std::vector<Contender>& contenders, const Setting& setting, double slice) {
    std::vector<Rounds> seconds(contenders.size());
    for (int i = 0; i < tries; ++i)
        for (std::size_t c = 0; c < contenders.size(); ++c)
            seconds[c].push_back(one_try(contenders[c], setting, slice));
    return seconds;
}

void add_rows(MarkdownTable& table, const std::vector<Contender>& contenders, const Setting& setting,
              double slice) {
    const std::vector<Rounds> seconds = tries_of(contenders, setting, slice);
    const auto median = [](const Rounds& rounds) { return quartiles(rounds).median; };
    const auto worst = [](const Rounds& rounds) { return *std::max_element(rounds.begin(), rounds.end()); };
    for (std::size_t c = 0; c < contenders.size(); ++c)
        table.add({setting.name, std::to_string(contenders[c].threads),
                   fmt::format("{:.3f}", 1e3 * median(seconds[c])),
                   fmt::format("{:.3f}", 1e3 * worst(seconds[c])),
                   fmt::format("{:.2f}", median(seconds[0]) / median(seconds[c])),
                   fmt::format("{:.2f}", worst(seconds[0]) / worst(seconds[c]))});
}

}  // namespace

void time_interruptions(const BenchmarkOptions& options) {
    if (options.network.empty()) throw UsageError("--interruptions: expected --network with it, found none");
    for (const NetworkPass pass : {NetworkPass::training_step, NetworkPass::inference}) {
        std::vector<Contender> contenders;
        for (int threads : options.thread_counts()) {
            require_threads(threads);
            contenders.push_back(network_contender(options, options.engines.front(), threads,
                                                   options.pruned_ratios().front(), pass));
            contenders.back().run();
        }
        MarkdownTable table({"setting", "threads", "ms", "worst of " + std::to_string(tries), "times as fast",
                             "worst, times as fast"});
        for (const Setting& setting : settings) {
            std::optional<BusyProcess> neighbour;
            if (setting.busy) neighbour.emplace();
            add_rows(table, contenders, setting, options.slice);
        }
        std::cout << "## " << network_work(options, pass) << "\n\n" << table.text() << '\n';
    }
}

}  // namespace fftconv
