#include "common/process.hpp"

#include <stdlib.h>
#include <unistd.h>

#include <csignal>
#include <initializer_list>
#include <system_error>

#include "fftconv/core/error.hpp"

namespace fftconv {

namespace {

volatile std::sig_atomic_t asked = 0;

void ask(int) {
    asked = 1;
}

}  // namespace

void watch_for_interruption() {
    struct sigaction action {};
    action.sa_handler = ask;
    action.sa_flags = SA_RESETHAND | SA_RESTART;
    for (int signal : {SIGINT, SIGTERM}) sigaction(signal, &action, nullptr);
}

bool interrupted() {
    return asked != 0;
}

void make_folder(const std::filesystem::path& folder) {
    std::error_code problem;
    std::filesystem::create_directories(folder, problem);
    if (problem) throw FileError(folder.string(), "folder", "one that can be made", problem.message());
}

void limit_busy_waiting(char** argv) {
    if (getenv("GOMP_SPINCOUNT") != nullptr || getenv("OMP_WAIT_POLICY") != nullptr) return;
    setenv("GOMP_SPINCOUNT", "5000", 1);  // some tens of microseconds
    execv("/proc/self/exe", argv);
}

}  // namespace fftconv
