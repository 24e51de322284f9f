#pragma once
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include <stdexcept>
#include <string>

namespace fftconv::test {

/// What became of a process: its exit status, or 128 + signal as shells say it.
inline int exit_status(int wait_status) {
    return WIFEXITED(wait_status) ? WEXITSTATUS(wait_status) : 128 + WTERMSIG(wait_status);
}

struct CommandResult {
    int status;
    std::string output;  ///< standard output and standard error
};

/// Runs a shell command to its end.
inline CommandResult run(const std::string& command) {
    FILE* pipe = ::popen(("{ " + command + "\n} 2>&1").c_str(), "r");
    if (!pipe) throw std::runtime_error("cannot run " + command);
    CommandResult result{};
    char buffer[4096];
    while (const std::size_t count = ::fread(buffer, 1, sizeof buffer, pipe))
        result.output.append(buffer, count);
    result.status = exit_status(::pclose(pipe));
    return result;
}

/// Runs body in a child process, which ends with the status that body returns (99 on an exception), and
/// without the destructors and the test report of this one.
template <class Body>
pid_t start_child(Body body) {
    const pid_t child = ::fork();
    if (child < 0) throw std::runtime_error("cannot fork");
    if (child > 0) return child;
    int status = 99;
    try {
        status = body();
    } catch (const std::exception& error) {
        ::fprintf(stderr, "child: %s\n", error.what());
    }
    ::_exit(status);
}

inline int wait_for(pid_t child) {
    int status = 0;
    ::waitpid(child, &status, 0);
    return exit_status(status);
}

}  // namespace fftconv::test
