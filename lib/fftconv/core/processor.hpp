#pragma once
#include <filesystem>
#include <string>

namespace fftconv {

/// The processor's name as the system has it, "AMD EPYC", or "unknown".
std::string processor_name();

/// Processors' worth of time that control groups (of a container or a job) leave this process, infinity when
/// they set no limit. `root` is where they are mounted, `membership` the file that says in which one the
/// process is.
double processor_limit(const std::filesystem::path& root = "/sys/fs/cgroup",
                       const std::filesystem::path& membership = "/proc/self/cgroup");

}  // namespace fftconv
