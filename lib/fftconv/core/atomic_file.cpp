#include "fftconv/core/atomic_file.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <string>
#include <utility>

#include "fftconv/core/error.hpp"

namespace fftconv {
namespace fs = std::filesystem;

namespace {

class Descriptor {
  public:
    Descriptor(const fs::path& path, int flags) : id_(::open(path.c_str(), flags | O_CLOEXEC, 0666)) {}
    Descriptor(Descriptor&& other) noexcept : id_(std::exchange(other.id_, -1)) {}
    Descriptor& operator=(Descriptor&&) = delete;
    ~Descriptor() {
        if (id_ >= 0) ::close(id_);
    }
    int id() const { return id_; }

  private:
    int id_;
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

bool is_still_at(const Descriptor& open, const fs::path& path) {
    struct stat a, b;
    return ::fstat(open.id(), &a) == 0 && ::stat(path.c_str(), &b) == 0 && a.st_dev == b.st_dev &&
           a.st_ino == b.st_ino;
}

/// Waits for its turn. The one before us may have renamed the file that we opened: it is then no longer ours.
Descriptor open_partial(const fs::path& file, const fs::path& partial) {
    while (true) {
        Descriptor open(partial, O_WRONLY | O_CREAT);
        if (open.id() < 0) fail(file, "a folder in which it can be written");
        while (::flock(open.id(), LOCK_EX) != 0 && errno == EINTR) {
        }  // a file system without locks goes without
        if (is_still_at(open, partial)) return open;
    }
}

void write_all(const Descriptor& open, std::span<const std::byte> contents, const fs::path& file) {
    if (::ftruncate(open.id(), 0) != 0) fail(file, "a file that can be emptied");
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

void replace_file(const fs::path& file, std::span<const std::byte> contents) {
    const fs::path target = real_target(file);
    fs::path partial = target;
    partial += ".partial";
    {
        const Descriptor open = open_partial(file, partial);
        try {
            write_all(open, contents, file);
            if (::rename(partial.c_str(), target.c_str()) != 0) fail(file, "a name that can be taken");
        } catch (const FileError&) {
            ::unlink(partial.c_str());
            throw;
        }
    }
    sync_folder(target.has_parent_path() ? target.parent_path() : ".", file);
}

}  // namespace fftconv
