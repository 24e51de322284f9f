// Every call by which a file is replaced fails in turn; and what must be on the disk before the name changes
// is there.
#include <dlfcn.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <cerrno>
#include <cstdarg>
#include <fstream>
#include <string>
#include <vector>

#include "fftconv/core/atomic_file.hpp"
#include "fftconv/core/error.hpp"
#include "support/temporary_folder.hpp"

namespace {

/// What the calls below do: they tell what was called, and one of them fails.
struct Calls {
    bool watched = false;
    int until_failure = -1;  ///< calls that succeed before one fails; negative: none fails
    int error = 0;
    std::vector<std::string> made{};

    bool fails(const std::string& what) {
        if (!watched) return false;
        made.push_back(what);
        if (until_failure < 0 || until_failure-- > 0) return false;
        errno = error;
        return true;
    }
} calls;

template <class Function>
Function* next(const char* name) {
    return reinterpret_cast<Function*>(::dlsym(RTLD_NEXT, name));
}

std::string kind_of(int descriptor) {
    struct stat status {};
    return ::fstat(descriptor, &status) == 0 && S_ISDIR(status.st_mode) ? " folder" : " file";
}

}  // namespace

// In place of the C library's in this program.
extern "C" {

int fsync(int descriptor) {
    return calls.fails("fsync" + kind_of(descriptor)) ? -1 : next<int(int)>("fsync")(descriptor);
}

ssize_t write(int descriptor, const void* bytes, size_t size) {
    return calls.fails("write") ? -1
                                : next<ssize_t(int, const void*, size_t)>("write")(descriptor, bytes, size);
}

int rename(const char* from, const char* to) {
    return calls.fails("rename") ? -1 : next<int(const char*, const char*)>("rename")(from, to);
}

int fchmod(int descriptor, mode_t mode) {
    return calls.fails("fchmod") ? -1 : next<int(int, mode_t)>("fchmod")(descriptor, mode);
}

}  // extern "C"

namespace fftconv::test {

namespace {

std::string contents_of(const std::filesystem::path& file) {
    std::ifstream in(file, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
}

/// The calls that replacing the file made, the n-th of which failed (negative: none).
std::vector<std::string> replace(const std::filesystem::path& file, const std::string& contents, int n,
                                 int error, bool& refused) {
    calls = {.watched = true, .until_failure = n, .error = error};
    refused = false;
    try {
        replace_file(file, std::as_bytes(std::span(contents)));
    } catch (const FileError&) {
        refused = true;
    }
    calls.watched = false;
    return calls.made;
}

}  // namespace

BOOST_AUTO_TEST_CASE(contents_reach_the_disk_before_the_name_and_the_folder_after_it) {
    const TemporaryFolder folder;
    bool refused = false;
    const std::vector<std::string> first = replace(folder / "a", "one", -1, 0, refused);
    const std::vector<std::string> expected{"write", "fsync file", "rename", "fsync folder"};
    BOOST_TEST(first == expected, boost::test_tools::per_element());
    const std::vector<std::string> second = replace(folder / "a", "two", -1, 0, refused);
    BOOST_TEST(std::ranges::count(second, "fchmod") == 1);  // the mode of the old file
    BOOST_TEST(second.back() == "fsync folder");
    BOOST_TEST(contents_of(folder / "a") == "two");
}

BOOST_AUTO_TEST_CASE(a_failure_of_any_call_leaves_the_old_file_alone) {
    for (const int error : {EIO, ENOSPC, EDQUOT, EROFS}) {
        const TemporaryFolder folder;
        const std::filesystem::path file = folder / "a";
        bool refused = false;
        replace(file, "old", -1, 0, refused);
        const int all = int(replace(file, "old", -1, 0, refused).size());
        for (int n = 0; n < all; ++n) BOOST_TEST_CONTEXT("error " << error << " at call " << n) {
                const std::string what = replace(file, "new", n, error, refused).back();
                BOOST_TEST(refused);
                // The name has changed by the time the folder is synced.
                BOOST_TEST(contents_of(file) == (what == "fsync folder" ? "new" : "old"));
                const auto left = std::filesystem::directory_iterator(folder.path());
                BOOST_TEST(std::distance(begin(left), end(left)) == 1);
                replace(file, "old", -1, 0, refused);
            }
        BOOST_TEST(all >= 5);
    }
}

BOOST_AUTO_TEST_CASE(a_call_that_was_interrupted_is_made_again) {
    const TemporaryFolder folder;
    for (const int n : {0, 1}) {  // write, fsync
        bool refused = true;
        replace(folder / "a", "whole", n, EINTR, refused);
        BOOST_TEST(!refused);
        BOOST_TEST(contents_of(folder / "a") == "whole");
        std::filesystem::remove(folder / "a");
    }
}

}  // namespace fftconv::test
