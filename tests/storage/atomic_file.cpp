#include "fftconv/core/atomic_file.hpp"

#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <boost/test/unit_test.hpp>
#include <chrono>
#include <fstream>
#include <thread>

#include "fftconv/core/random.hpp"
#include "samples.hpp"
#include "support/file_error.hpp"
#include "support/process.hpp"
#include "support/temporary_folder.hpp"

namespace fftconv::test {
namespace fs = std::filesystem;

namespace {

/// Checkpoints of some hundred kilobytes that do not compress away; every one is told apart by its step.
Checkpoint checkpoint_of(std::int64_t step) {
    Checkpoint checkpoint = sample_checkpoint();
    checkpoint.state.step = step;
    RandomStream random(std::uint64_t(step), "weights");
    NamedArray array{"dense2/weight", {200, 200}, std::vector<float>(40000)};
    for (float& value : array.values) value = random.normal();
    checkpoint.model.push_back(array);
    return checkpoint;
}

int files_in(const fs::path& folder) {
    return int(std::distance(fs::directory_iterator(folder), fs::directory_iterator{}));
}

/// In a child: saving must fail for a reason that names `found`, leave the old checkpoint and nothing else.
int save_must_fail(const fs::path& file, const std::string& found) {
    const int files = files_in(file.parent_path());
    try {
        write_checkpoint(file, checkpoint_of(2));
        return 1;
    } catch (const FileError& error) {
        if (error.found().find(found) == std::string::npos || error.file() != file) {
            ::fprintf(stderr, "unexpected: %s\n", error.what());
            return 2;
        }
    }
    if (files_in(file.parent_path()) != files) return 3;
    return read_checkpoint(file) == checkpoint_of(1) ? 0 : 4;
}

/// In a child: a file system of its own at `folder`, 300 KiB, room for one checkpoint but not for two; false
/// where this machine does not let us.
bool mount_small_disk(const fs::path& folder) {
    if (::unshare(CLONE_NEWNS) != 0 && ::unshare(CLONE_NEWUSER | CLONE_NEWNS) != 0) return false;
    ::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr);
    return ::mount("tmpfs", folder.c_str(), "tmpfs", 0, "size=300k") == 0;
}

}  // namespace

BOOST_AUTO_TEST_CASE(a_writer_killed_at_any_moment_leaves_a_whole_file) {
    const TemporaryFolder folder;
    const fs::path file = folder / "a.h5";
    const auto start = std::chrono::steady_clock::now();
    write_checkpoint(file, checkpoint_of(0));
    const auto once = std::chrono::steady_clock::now() - start;
    RandomStream random(1, "kill");
    std::int64_t last = 0;
    int changed = 0;
    for (int round = 0; round < 30; ++round) {
        const pid_t child = start_child([&]() -> int {
            for (std::int64_t step = last + 1;; ++step) write_checkpoint(file, checkpoint_of(step));
        });
        std::this_thread::sleep_for(once * 3 * random.uniform());
        ::kill(child, SIGKILL);
        BOOST_TEST(wait_for(child) == 128 + SIGKILL);
        const Checkpoint found = read_checkpoint(file);
        BOOST_TEST((found == checkpoint_of(found.state.step)));
        BOOST_TEST(found.state.step >= last);
        changed += found.state.step > last;
        last = found.state.step;
    }
    BOOST_TEST(changed >= 5);  // or nothing was tried
    write_checkpoint(file, checkpoint_of(last));
    BOOST_TEST(files_in(folder.path()) == 1);  // what the killed ones left is gone
}

BOOST_AUTO_TEST_CASE(a_file_that_may_not_grow_leaves_the_old_one) {
    const TemporaryFolder folder;
    write_checkpoint(folder / "a.h5", checkpoint_of(1));
    const pid_t child = start_child([&] {
        const rlimit limit{60000, 60000};
        ::setrlimit(RLIMIT_FSIZE, &limit);
        return save_must_fail(folder / "a.h5", "File too large");
    });
    BOOST_TEST(wait_for(child) == 0);
}

BOOST_AUTO_TEST_CASE(a_full_disk_leaves_the_old_file) {
    const TemporaryFolder folder;
    constexpr int not_possible_here = 77;
    const pid_t child = start_child([&] {
        if (!mount_small_disk(folder.path())) return not_possible_here;
        write_checkpoint(folder / "a.h5", checkpoint_of(1));
        return save_must_fail(folder / "a.h5", "No space left on device");
    });
    const int status = wait_for(child);
    if (status == not_possible_here)
        BOOST_TEST_MESSAGE(
            "no small disk can be mounted here; the test of a file that may not grow stands for it");
    else
        BOOST_TEST(status == 0);
}

BOOST_AUTO_TEST_CASE(an_unwritable_folder_is_named) {
    const TemporaryFolder folder;
    std::ofstream(folder / "file") << "x";
    for (const fs::path& file : {folder / "missing/a.h5", folder / "file/a.h5"})
        check_file_error([&] { write_checkpoint(file, {}); }, file.string(), "saving", "");
    write_checkpoint(folder / "a.h5", checkpoint_of(1));
    ::chmod(folder.path().c_str(), 0555);
    const pid_t child = start_child([&] {
        if (::geteuid() == 0 && ::seteuid(65534) != 0) return 5;  // root may write anywhere
        return save_must_fail(folder / "a.h5", "Permission denied");
    });
    BOOST_TEST(wait_for(child) == 0);
    ::chmod(folder.path().c_str(), 0755);
}

BOOST_AUTO_TEST_CASE(only_ordinary_files_are_replaced) {
    const TemporaryFolder folder;
    fs::create_directory(folder / "folder");
    check_file_error([&] { write_checkpoint(folder / "folder", {}); }, (folder / "folder").string(), "saving",
                     "a directory");
    check_file_error([&] { write_checkpoint("/dev/null", {}); }, "/dev/null", "saving", "device");
    BOOST_TEST(fs::is_character_file("/dev/null"));
    fs::create_symlink("circle.h5", folder / "circle.h5");
    check_file_error([&] { write_checkpoint(folder / "circle.h5", {}); }, (folder / "circle.h5").string(),
                     "saving", "a circle");
    fs::create_symlink("target.h5", folder / "link.h5");
    for (int step : {1, 2}) {  // the link stays a link, whether or not its target is there
        write_checkpoint(folder / "link.h5", checkpoint_of(step));
        BOOST_TEST(fs::is_symlink(folder / "link.h5"));
        BOOST_TEST(!fs::is_symlink(folder / "target.h5"));
        BOOST_TEST(read_checkpoint(folder / "target.h5").state.step == step);
    }
    BOOST_TEST(files_in(folder.path()) == 4);
}

BOOST_AUTO_TEST_CASE(what_lies_under_the_partial_name_is_not_touched) {
    const TemporaryFolder folder;
    const fs::path file = folder / "a.h5", precious = folder / "precious";
    std::ofstream(precious) << "precious";
    const pid_t child = start_child([&] {
        for (int n = 0; n < 2000; ++n)
            fs::create_symlink("precious", file.string() + ".partial-" + std::to_string(::getpid()) + "-" +
                                               std::to_string(n));
        fs::create_hard_link(precious, file.string() + ".partial");
        write_checkpoint(file, checkpoint_of(1));
        return 0;
    });
    BOOST_TEST(wait_for(child) == 0);
    BOOST_TEST(fs::file_size(precious) == 8u);
    BOOST_TEST(fs::is_regular_file(fs::symlink_status(file)));
    BOOST_TEST(read_checkpoint(file).state.step == 1);
}

BOOST_AUTO_TEST_CASE(the_mode_is_kept_and_a_read_only_file_is_not_replaced) {
    const TemporaryFolder folder;
    const fs::path file = folder / "a.h5";
    const auto mode_of = [&] {
        struct stat status {};
        ::stat(file.c_str(), &status);
        return int(status.st_mode & 07777);
    };
    const mode_t before = ::umask(027);
    write_checkpoint(file, checkpoint_of(1));
    ::umask(before);
    BOOST_TEST(mode_of() == 0640);
    for (const int mode : {0600, 0666, 0755}) {
        ::chmod(file.c_str(), mode_t(mode));
        write_checkpoint(file, checkpoint_of(1));
        BOOST_TEST(mode_of() == mode);
    }
    ::chmod(file.c_str(), 0444);
    check_file_error([&] { write_checkpoint(file, checkpoint_of(2)); }, file.string(), "saving", "read-only");
    BOOST_TEST(read_checkpoint(file).state.step == 1);
    BOOST_TEST(mode_of() == 0444);
}

BOOST_AUTO_TEST_CASE(of_writers_at_once_the_last_wins_and_nothing_stays) {
    const TemporaryFolder folder;
    const fs::path file = folder / "a.h5";
    std::vector<pid_t> children;
    for (int writer = 0; writer < 4; ++writer)
        children.push_back(start_child([&] {
            for (int step = 0; step < 15; ++step) write_checkpoint(file, checkpoint_of(writer * 100 + step));
            return 0;
        }));
    for (const pid_t child : children) BOOST_TEST(wait_for(child) == 0);
    const Checkpoint found = read_checkpoint(file);
    BOOST_TEST((found == checkpoint_of(found.state.step)));
    BOOST_TEST(found.state.step % 100 == 14);
    BOOST_TEST(files_in(folder.path()) == 1);
}

BOOST_AUTO_TEST_CASE(files_in_the_present_folder_need_no_path) {
    const TemporaryFolder folder;
    const pid_t child = start_child([&] {
        fs::current_path(folder.path());
        write_masks("a.h5", sample_masks());
        return read_masks("a.h5") == sample_masks() ? 0 : 1;
    });
    BOOST_TEST(wait_for(child) == 0);
    BOOST_TEST(files_in(folder.path()) == 1);
}

}  // namespace fftconv::test
