#include "fftconv/core/processor.hpp"

#include <algorithm>
#include <fstream>
#include <limits>

namespace fftconv {

namespace fs = std::filesystem;

namespace {

constexpr double no_limit = std::numeric_limits<double>::infinity();

/// cpu.max of version 2: "max 100000" or "50000 100000", microseconds of each period.
double limit_of(const fs::path& file) {
    std::ifstream in(file);
    double quota = 0, period = 0;
    return in >> quota >> period && quota > 0 && period > 0 ? quota / period : no_limit;
}

/// The same of version 1, in two files; no limit is -1.
double limit_of_version_1(const fs::path& group) {
    std::ifstream quota_file(group / "cpu.cfs_quota_us"), period_file(group / "cpu.cfs_period_us");
    double quota = 0, period = 0;
    return quota_file >> quota && period_file >> period && quota > 0 && period > 0 ? quota / period
                                                                                   : no_limit;
}

/// The least limit of a group and of those above it.
double limit_upwards(const fs::path& root, const fs::path& group, double (*limit)(const fs::path&)) {
    double least = limit(root);
    fs::path path = root;
    for (const fs::path& each : group.relative_path()) least = std::min(least, limit(path /= each));
    return least;
}

}  // namespace

double processor_limit(const fs::path& root, const fs::path& membership) {
    double least = no_limit;
    std::ifstream in(membership);
    for (std::string line; std::getline(in, line);) {  // number:controllers:path
        const std::size_t first = line.find(':'), second = line.find(':', first + 1);
        if (first == line.npos || second == line.npos) continue;
        const std::string controllers = line.substr(first + 1, second - first - 1);
        const fs::path group = line.substr(second + 1);
        if (controllers.empty())
            least = std::min(least, limit_upwards(root, group, [](const fs::path& each) {
                                 return limit_of(each / "cpu.max");
                             }));
        else if (("," + controllers + ",").find(",cpu,") != controllers.npos)
            least = std::min(least, limit_upwards(root / controllers, group, limit_of_version_1));
    }
    return least;
}

std::string processor_name() {
    std::ifstream file("/proc/cpuinfo");
    for (std::string line; std::getline(file, line);) {
        if (line.starts_with("model name")) return line.substr(line.find(':') + 2);
    }
    return "unknown";
}

}  // namespace fftconv
