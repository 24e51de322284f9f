#pragma once
#include <filesystem>
#include <string>
#include <vector>

namespace fftconv {

/// From here on a write beyond a limit of file sizes fails like one on a full disk, instead of ending the
/// process (SIGXFSZ).
void let_writes_fail();

/// From here on Ctrl-C (SIGINT), SIGTERM, SIGHUP, SIGXCPU (`ulimit -t`) and SIGUSR1 (which mpirun hands on to
/// its processes) only ask: the run finishes its batch, saves, and says how to resume. A second signal of the
/// same kind ends the process at once, as it would have without us. A signal that was ignored when the
/// program started (nohup, background jobs) stays ignored.
void watch_for_interruption();

/// Whether somebody asked to stop.
bool interrupted();

/// Makes the folder and those above it, when they are not there. @throws FileError when it cannot.
void make_folder(const std::filesystem::path& folder);

/// Removes the folder's HDF5 files, what an older run left there, but not those that are read; empty names
/// are none.
void remove_results(const std::filesystem::path& folder, const std::vector<std::filesystem::path>& read = {});

/// Fails now, with a message, where this process cannot have so many threads: the work would be shared by
/// fewer.
/// @throws UsageError when it is more than anybody can mean; Error when the system starts fewer.
void require_threads(int threads);

/// What to do with an output that exists.
struct OutputOptions {
    std::string out;
    bool resume = false, overwrite = false;  ///< of this call alone
    bool resumable = true;                   ///< whether the app has --resume
};

/// An output of a run, which no other run may write meanwhile: a lock is held on FILE.lock until this object
/// goes, on any machine that shares the folder and its locks.
class OutputLock {
  public:
    /// Makes the folder of `out`. With `wait`, waits for a run that holds the lock.
    /// @throws Error naming the process that holds it; FileError when the folder takes no files.
    explicit OutputLock(const std::filesystem::path& out, bool wait = false);
    ~OutputLock();
    OutputLock(const OutputLock&) = delete;
    OutputLock& operator=(const OutputLock&) = delete;

  private:
    std::filesystem::path file_;
    int descriptor_ = -1;
};

/// An output that is a symbolic link as the file behind it, so that the folders of its run are next to that.
std::string behind_links(const std::string& out);

/// Before long work: @throws FileError when something else than a folder has this name.
void require_folder(const std::filesystem::path& folder);

/// @throws UsageError when the output is one of the files that are read; empty names are none.
void require_other_files(const std::filesystem::path& out, const std::vector<std::filesystem::path>& read);

/// Whether the output exists, or one of the folders `besides` has HDF5 files: what --resume resumes and
/// --overwrite replaces. @throws UsageError when it does and neither is given, when it does not and --resume
/// is, and when both are; FileError when it is there and may not be written.
bool require_output(const OutputOptions& options, const std::vector<std::filesystem::path>& besides = {});

}  // namespace fftconv
