#include "common/process.hpp"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <condition_variable>
#include <csignal>
#include <cstring>
#include <fstream>
#include <initializer_list>
#include <mutex>
#include <system_error>
#include <thread>

#include "fftconv/core/atomic_file.hpp"
#include "fftconv/core/error.hpp"
#include "fftconv/core/threads.hpp"

namespace fftconv {

namespace fs = std::filesystem;

namespace {

volatile std::sig_atomic_t asked = 0;

void ask(int) {
    asked = 1;
}

/// Starts threads until all wait at once; their number (fewer when the system refuses).
int startable_threads(int wanted) {
    std::mutex mutex;
    std::condition_variable finished;
    bool done = false;
    std::vector<std::thread> threads;
    try {
        while (int(threads.size()) < wanted)
            threads.emplace_back([&] {
                std::unique_lock lock(mutex);
                finished.wait(lock, [&] { return done; });
            });
    } catch (const std::exception&) {  // std::system_error, std::bad_alloc
    }
    {
        const std::lock_guard lock(mutex);
        done = true;
    }
    finished.notify_all();
    for (std::thread& each : threads) each.join();
    return int(threads.size());
}

bool has_hdf5_files(const fs::path& folder) {
    std::error_code ignored;
    for (const auto& entry : fs::directory_iterator(folder, ignored))
        if (entry.path().extension() == ".h5") return true;
    return false;
}

/// "process 4711 on host", as the holder of a lock wrote it.
std::string holder_of(const fs::path& lock) {
    std::ifstream in(lock);
    std::string holder;
    std::getline(in, holder);
    return holder.empty() ? "another process" : holder;
}

void write_holder(int descriptor) {
    char host[256] = "";
    gethostname(host, sizeof host - 1);
    const std::string text = "process " + std::to_string(getpid()) + " on " + host + "\n";
    if (ftruncate(descriptor, 0) != 0 || pwrite(descriptor, text.data(), text.size(), 0) < 0) {
        // The lock holds without its owner's name.
    }
}

bool still_there(int descriptor, const fs::path& file) {
    struct stat open, named;
    return fstat(descriptor, &open) == 0 && stat(file.c_str(), &named) == 0 && open.st_ino == named.st_ino &&
           open.st_dev == named.st_dev;
}

/// The file that is written in the end, when `out` is a link.
fs::path target_of(const fs::path& out) {
    std::error_code problem;
    fs::path target = out;
    for (int links = 0; links < 40 && fs::is_symlink(target, problem);
         ++links)  // also where it leads nowhere
        target = target.parent_path() / fs::read_symlink(target, problem);
    const fs::path whole = fs::weakly_canonical(target, problem);
    return problem ? target : whole;
}

}  // namespace

void let_writes_fail() {
    std::signal(SIGXFSZ, SIG_IGN);
}

void watch_for_interruption() {
    for (int signal : {SIGINT, SIGTERM, SIGHUP, SIGUSR1, SIGXCPU}) {
        struct sigaction action {};
        if (sigaction(signal, nullptr, &action) != 0 || action.sa_handler == SIG_IGN) continue;
        action = {};
        action.sa_handler = ask;
        action.sa_flags = SA_RESETHAND;
        sigaction(signal, &action, nullptr);
    }
}

bool interrupted() {
    return asked != 0;
}

std::string behind_links(const std::string& out) {
    std::error_code ignored;
    return std::filesystem::is_symlink(out, ignored) ? std::filesystem::weakly_canonical(out).string() : out;
}

void make_folder(const fs::path& folder) {
    std::error_code problem;
    fs::create_directories(folder, problem);
    if (problem) throw FileError(folder.string(), "folder", "one that can be made", problem.message());
}

void require_folder(const fs::path& folder) {
    std::error_code ignored;
    if (fs::exists(folder, ignored) && !fs::is_directory(folder, ignored))
        throw FileError(folder.string(), "folder", "one that is there or can be made", "a file");
}

void remove_results(const fs::path& folder, const std::vector<fs::path>& read) {
    std::vector<fs::path> files;
    for (const auto& entry : fs::directory_iterator(folder)) {
        std::error_code ignored;
        const auto is_entry = [&](const fs::path& file) {
            return fs::equivalent(entry.path(), file, ignored);
        };
        if (entry.path().extension() == ".h5" && std::ranges::none_of(read, is_entry))
            files.push_back(entry.path());
    }
    for (const fs::path& file : files) fs::remove(file);
}

void require_threads(int threads) {
    const int most = std::max(256, 4 * int(std::thread::hardware_concurrency()));
    if (threads > most)
        throw UsageError("--threads: expected at most " + std::to_string(most) + " on this machine, found " +
                         std::to_string(threads));
    const int started = 1 + startable_threads(threads - 1);
    if (started < threads)
        throw Error("--threads " + std::to_string(threads) + ": the system starts no more than " +
                    std::to_string(started) + " (limits of memory or processes)");
}

OutputLock::OutputLock(const fs::path& out, bool wait) : file_(target_of(out)) {
    if (file_.has_parent_path()) make_folder(file_.parent_path());
    file_ += ".lock";
    while (true) {
        descriptor_ = open(file_.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0666);
        if (descriptor_ < 0)
            throw FileError(out.has_parent_path() ? out.parent_path().string() : ".", "folder",
                            "one that takes files", std::strerror(errno));
        const int result = flock(descriptor_, wait ? LOCK_EX : LOCK_EX | LOCK_NB);
        const bool taken = result != 0 && (errno == EWOULDBLOCK || errno == EINTR);
        if (!taken && still_there(descriptor_, file_)) break;  // a file system without locks goes without
        close(descriptor_);
        if (taken && !wait)
            throw Error(out.string() + ": " + holder_of(file_) + " is writing it; one run at a time");
    }
    write_holder(descriptor_);
}

OutputLock::~OutputLock() {
    unlink(file_.c_str());  // while the lock is held: whoever waits for it sees that the file is gone
    close(descriptor_);
}

void require_other_files(const fs::path& out, const std::vector<fs::path>& read) {
    std::error_code ignored;
    for (const fs::path& file : read)
        if (!file.empty() && fs::equivalent(out, file, ignored))
            throw UsageError(out.string() + ": expected a file to write, found one that is read");
}

bool require_output(const OutputOptions& options, const std::vector<fs::path>& besides) {
    if (options.resume && options.overwrite)
        throw UsageError("--resume and --overwrite: expected one of them, found both");
    std::error_code ignored;
    const bool exists = fs::exists(fs::symlink_status(options.out, ignored)) ||
                        std::any_of(besides.begin(), besides.end(), has_hdf5_files);
    if (options.resume && !exists)
        throw UsageError("--resume: there is nothing to resume: no " + options.out);
    if (exists && !options.resume && !options.overwrite)
        throw UsageError(options.out + ": it exists; " + (options.resumable ? "--resume resumes it, " : "") +
                         "--overwrite replaces it");
    require_replaceable(options.out);
    return exists;
}

}  // namespace fftconv
