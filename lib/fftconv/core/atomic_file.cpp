#include "fftconv/core/atomic_file.hpp"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstring>
#include <optional>
#include <string>
#include <utility>

#include "fftconv/core/error.hpp"

namespace fftconv {
namespace fs = std::filesystem;

namespace {

class Descriptor {
  public:
    Descriptor(const fs::path& path, int flags, mode_t mode = 0)
        : id_(::open(path.c_str(), flags | O_CLOEXEC, mode)) {}
    Descriptor(Descriptor&& other) noexcept : id_(std::exchange(other.id_, -1)) {}
    Descriptor& operator=(Descriptor&&) = delete;
    ~Descriptor() {
        if (id_ >= 0) ::close(id_);
    }
    int id() const { return id_; }

  private:
    int id_;
};

/// While it lives, a write beyond `ulimit -f` fails with EFBIG, and the signal that comes with it is dropped.
class NoFileSizeSignal {
  public:
    NoFileSizeSignal() {
        sigemptyset(&signal_);
        sigaddset(&signal_, SIGXFSZ);
        ::pthread_sigmask(SIG_BLOCK, &signal_, &before_);
    }
    ~NoFileSizeSignal() {
        const timespec at_once{};
        const int error = errno;
        while (::sigtimedwait(&signal_, nullptr, &at_once) > 0) {
        }
        ::pthread_sigmask(SIG_SETMASK, &before_, nullptr);
        errno = error;
    }
    NoFileSizeSignal(const NoFileSizeSignal&) = delete;
    NoFileSizeSignal& operator=(const NoFileSizeSignal&) = delete;

  private:
    sigset_t signal_, before_;
};

[[noreturn]] void fail(const fs::path& file, const std::string& expected) {
    const int error = errno;
    throw FileError(file.string(), "saving", expected, std::strerror(error));
}

/// Renaming would replace a device or a link rather than write to it.
fs::path real_target(const fs::path& file) {
    std::error_code ignored;
    fs::path target = file;
    for (int links = 0; fs::is_symlink(target, ignored); ++links) {
        if (links == 40) throw FileError(file.string(), "saving", "a link to a file", "a circle of links");
        target = target.parent_path() / fs::read_symlink(target, ignored);
    }
    const fs::file_status status = fs::status(target, ignored);
    if (fs::exists(status) && !fs::is_regular_file(status))
        throw FileError(file.string(), "saving", "an ordinary file or none of this name",
                        fs::is_directory(status) ? "a directory" : "a device or other special file");
    return target;
}

const std::string marker = ".partial-";

/// A name that is new: of the process, and of the file within it.
fs::path partial_name(const fs::path& target) {
    static std::atomic<unsigned> count = 0;
    fs::path name = target;
    name += marker + std::to_string(::getpid()) + "-" + std::to_string(count++);
    return name;
}

/// Writers lock their partial file until it has its name, so one without a lock was left by a killed one.
void remove_abandoned(const fs::path& target) {
    const std::string beginning = target.filename().string() + marker;
    const fs::path folder = target.has_parent_path() ? target.parent_path() : fs::path(".");
    std::error_code ignored;
    for (fs::directory_iterator entry(folder, ignored), end; entry != end; entry.increment(ignored)) {
        const std::string name = entry->path().filename().string();
        if (!name.starts_with(beginning)) continue;
        if (name.find_first_not_of("0123456789-", beginning.size()) != std::string::npos) continue;
        if (!fs::is_regular_file(entry->symlink_status(ignored))) continue;
        const Descriptor open(entry->path(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
        if (open.id() >= 0 && ::flock(open.id(), LOCK_EX | LOCK_NB) == 0) ::unlink(entry->path().c_str());
    }
}

bool is_still_at(const Descriptor& open, const fs::path& path) {
    struct stat a, b;
    return ::fstat(open.id(), &a) == 0 && ::lstat(path.c_str(), &b) == 0 && a.st_dev == b.st_dev &&
           a.st_ino == b.st_ino;
}

struct PartialFile {
    fs::path path;
    Descriptor open;
};

/// A fresh file next to the target, never one that is there or what a link leads to. Private at first when it
/// replaces one, whose mode it then gets.
PartialFile open_partial(const fs::path& file, const fs::path& target, const struct stat* old) {
    while (true) {
        fs::path path = partial_name(target);
        Descriptor open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, old ? 0600 : 0666);
        if (open.id() < 0 && errno == EEXIST) continue;  // of a killed process that had our number
        if (open.id() < 0) fail(file, "a folder in which it can be written");
        while (::flock(open.id(), LOCK_EX) != 0 && errno == EINTR) {
        }  // a file system without locks goes without
        if (is_still_at(open, path)) return {std::move(path), std::move(open)};
    }
}

/// The file that is replaced, if there is one. @throws FileError when it may not be written.
std::optional<struct stat> old_file(const fs::path& file, const fs::path& target) {
    struct stat old;
    if (::stat(target.c_str(), &old) != 0) return std::nullopt;
    const std::string expected = "a file that may be written";
    if ((old.st_mode & 0222) == 0) throw FileError(file.string(), "saving", expected, "a read-only one");
    if (::faccessat(AT_FDCWD, target.c_str(), W_OK, AT_EACCESS) != 0) fail(file, expected);
    return old;
}

void keep_owner_and_mode(const Descriptor& open, const struct stat& old, const fs::path& file) {
    // Only root can give a file away; for others it stays theirs, as any editor would leave it.
    if (::fchown(open.id(), old.st_uid, old.st_gid) != 0) errno = 0;
    if (::fchmod(open.id(), old.st_mode & 07777) != 0) fail(file, "a mode that can be kept");
}

void write_all(const Descriptor& open, std::span<const std::byte> contents, const fs::path& file) {
    const NoFileSizeSignal no_signal;
    const std::string expected = "room for " + std::to_string(contents.size()) + " bytes";
    while (!contents.empty()) {
        const ssize_t written = ::write(open.id(), contents.data(), contents.size());
        if (written < 0 && errno != EINTR) fail(file, expected);
        if (written > 0) contents = contents.subspan(std::size_t(written));
    }
    while (::fsync(open.id()) != 0)
        if (errno != EINTR) fail(file, expected);
}

void sync_folder(const fs::path& folder, const fs::path& file) {
    const Descriptor open(folder, O_RDONLY | O_DIRECTORY);
    // Some file systems cannot sync folders and say EINVAL; the rename has happened all the same.
    if (open.id() >= 0 && ::fsync(open.id()) != 0 && errno != EINVAL)
        fail(file, "a folder that can be synced");
}

}  // namespace

void require_replaceable(const fs::path& file) {
    old_file(file, real_target(file));
}

void replace_file(const fs::path& file, std::span<const std::byte> contents) {
    const fs::path target = real_target(file);
    const std::optional<struct stat> old = old_file(file, target);
    remove_abandoned(target);
    {
        const PartialFile partial = open_partial(file, target, old ? &*old : nullptr);
        try {
            write_all(partial.open, contents, file);
            if (old) keep_owner_and_mode(partial.open, *old, file);
            if (::rename(partial.path.c_str(), target.c_str()) != 0) fail(file, "a name that can be taken");
        } catch (const FileError&) {
            ::unlink(partial.path.c_str());
            throw;
        }
    }
    sync_folder(target.has_parent_path() ? target.parent_path() : ".", file);
}

}  // namespace fftconv
