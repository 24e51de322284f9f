// Reads damaged files, as many as are asked for, and sees that each is either refused in words or read as it
// was. Reproducible: a file depends on the reader, the seed and its number alone.
#include <signal.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <atomic>
#include <cstdio>
#include <iostream>
#include <new>

#include "dataset/files.hpp"
#include "fftconv/core/error.hpp"
#include "fuzz/readers.hpp"
#include "support/temporary_folder.hpp"

namespace fftconv::test {
namespace {

namespace fs = std::filesystem;

struct FuzzOptions {
    std::vector<std::string> only, more_seeds;
    std::string mode = "mutate", keep;
    int runs = 1000, first = 0, seconds = 10;
    std::uint64_t seed = 1;
};

/// What became of the files, in memory that a child process shares: it may die in the middle of one.
struct Tally {
    std::atomic<int> next, refused, same, told, wrong;
};

struct Shared {
    Shared()
        : tally(static_cast<Tally*>(
              ::mmap(nullptr, sizeof(Tally), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0))) {}
    ~Shared() { ::munmap(tally, sizeof(Tally)); }
    Tally* tally;
};

class Fuzzer {
  public:
    Fuzzer(const Reader& reader, const FuzzOptions& options, const fs::path& folder)
        : reader_(reader), options_(options), file_(folder / reader.file) {
        if (reader.name == "cifar") write_cifar(folder, 1);
        for (const Bytes& seed : reader_.seeds) {
            write(file_, seed);
            whole_.push_back(reader_.read(file_));
        }
    }

    /// Files that a reader died of, never ended, or read wrongly.
    int run() {
        tally().next = options_.first;
        int faults = 0;
        while (tally().next < options_.first + options_.runs) {
            const int at = tally().next;
            std::fflush(stdout);  // or the child would print it too
            const pid_t child = ::fork();
            if (child == 0) work();
            int status = 0;
            ::waitpid(child, &status, 0);
            if (WIFEXITED(status) && WEXITSTATUS(status) == 0) continue;
            ++faults;
            report(status);
            if (tally().next == at + 1 && faults > 100) break;
        }
        faults += tally().wrong;
        std::printf("%-14s %7d files: %7d refused, %7d %s, %6d told by their digest, %d faults\n",
                    reader_.name.c_str(), options_.runs, tally().refused.load(), tally().same.load(),
                    options_.mode == "mutate" ? "read" : "read as they were", tally().told.load(), faults);
        return faults;
    }

  private:
    Tally& tally() { return *shared_.tally; }

    Bytes input(int number) const {
        RandomStream random(options_.seed, reader_.name, std::uint64_t(number));
        const Bytes& seed = reader_.seeds[number % reader_.seeds.size()];
        if (options_.mode == "mutate")
            return mutated(seed, reader_.seeds[random.below(reader_.seeds.size())], random);
        const std::uint64_t bits = 8 * std::uint64_t(seed.size());
        return flipped(seed, options_.mode == "flip-all" ? std::uint64_t(number) / reader_.seeds.size() % bits
                                                         : random.below(bits));
    }

    [[noreturn]] void work() {
        limit_memory();
        while (tally().next < options_.first + options_.runs) {
            const int number = tally().next++;
            limit_time();
            write(file_, input(number));
            judge(number);
        }
        std::fflush(stdout);
        ::_exit(0);
    }

    /// Of the processor, and, for what waits and does not compute, ten times as much by the clock.
    void limit_time() const {
        const itimerval limit{{0, 0}, {options_.seconds, 0}};
        ::setitimer(ITIMER_PROF, &limit, nullptr);
        ::alarm(unsigned(10 * options_.seconds));
    }

    /// No file of this size has a right to more than 2 GiB. Sanitizers reserve far more for themselves.
    static void limit_memory() {
#if !defined(__SANITIZE_ADDRESS__)
        const rlimit limit{rlim_t{2} << 30, rlim_t{2} << 30};
        ::setrlimit(RLIMIT_AS, &limit);
#endif
    }

    void judge(int number) {
        try {
            const Reading found = reader_.read(file_), &whole = whole_[number % whole_.size()];
            if (options_.mode == "mutate" || found.content == whole.content)
                ++tally().same;
            else if (reader_.has_digest && !whole.digest.empty() && found.digest != whole.digest)
                ++tally().told;
            else if (reader_.has_digest)
                fault(number, "read differently, without a word");
        } catch (const FileError& error) {
            ++tally().refused;
            if (fs::path(error.file()).string().find(reader_.file) == std::string::npos &&
                reader_.name.substr(0, 5) != "cifar")
                fault(number, "refused without the name of the file: " + std::string(error.what()));
        } catch (const Error&) {
            ++tally().refused;
        } catch (const std::exception& error) {
            fault(number, std::string("an exception that is not ours: ") + error.what());
        }
    }

    void fault(int number, const std::string& what) {
        ++tally().wrong;
        std::printf("%s %d: %s\n", reader_.name.c_str(), number, what.c_str());
        keep(number);
    }

    void report(int status) {
        const int number = tally().next - 1;
        const int signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
        std::printf("%s %d: %s %d\n", reader_.name.c_str(), number,
                    signal == SIGALRM || signal == SIGPROF ? "did not end: signal"
                    : signal                               ? "died of signal"
                                                           : "ended with status",
                    signal ? signal : WEXITSTATUS(status));
        keep(number);
    }

    void keep(int number) const {
        if (!options_.keep.empty())
            write(fs::path(options_.keep) / (reader_.name + "-" + std::to_string(number)), input(number));
    }

    const Reader& reader_;
    const FuzzOptions& options_;
    const fs::path file_;
    std::vector<Reading> whole_;
    Shared shared_;
};

/// NAME=FILE adds a seed to a reader.
void add_seeds(std::vector<Reader>& all, const FuzzOptions& options) {
    for (const std::string& each : options.more_seeds)
        for (Reader& reader : all)
            if (each.starts_with(reader.name + "=")) {
                reader.seeds.push_back(read(each.substr(reader.name.size() + 1)));
                // A file of the older schema has no digests that could tell a flipped bit in its text.
                reader.has_digest = reader.has_digest && options.mode == "mutate";
            }
}

int fuzz(const FuzzOptions& options) {
    const TemporaryFolder folder;
    std::vector<Reader> all = readers(folder.path());
    add_seeds(all, options);
    int faults = 0;
    for (const Reader& reader : all) {
        if (!options.only.empty() && std::ranges::find(options.only, reader.name) == options.only.end())
            continue;
        if (options.mode != "mutate" && !reader.has_digest) continue;
        faults += Fuzzer(reader, options, folder.path()).run();
    }
    return faults;
}

}  // namespace
}  // namespace fftconv::test

int main(int argc, char** argv) {
    fftconv::test::FuzzOptions options;
    CLI::App app("Reads damaged files; status 1 when one crashes a reader, hangs it, or is read wrongly.");
    app.add_option("--reader", options.only, "only these (default: all)");
    app.add_option("--mode", options.mode,
                   "mutate: some changes to each file; flip: one random bit; flip-all: each bit in turn")
        ->check(CLI::IsMember({"mutate", "flip", "flip-all"}));
    app.add_option("--runs", options.runs, "files for each reader")->capture_default_str();
    app.add_option("--first", options.first, "number of the first file")->capture_default_str();
    app.add_option("--seed", options.seed, "of the changes")->capture_default_str();
    app.add_option("--seconds", options.seconds, "of the processor that a file may take")
        ->capture_default_str();
    app.add_option("--seed-file", options.more_seeds, "READER=FILE: also change this file");
    app.add_option("--keep", options.keep, "folder for the files that were faults");
    CLI11_PARSE(app, argc, argv);
    return fftconv::test::fuzz(options) ? 1 : 0;
}
