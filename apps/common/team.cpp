#include "common/team.hpp"

#include <cstdlib>

#include "fftconv/core/error.hpp"

namespace fftconv {

#ifndef FFTCONV_HAVE_MPI
Team::Team() {
    if (std::getenv("OMPI_COMM_WORLD_SIZE") || std::getenv("PMI_SIZE") || std::getenv("PMIX_RANK"))
        throw Error(
            "mpirun: this program was built without MPI, and each of its processes would do all the work");
}

bool Team::share_jobs(
    int count,
    const std::function<std::optional<std::vector<char>>(int job, const std::function<bool()>& goes_on)>& run,
    const std::function<void(int, const std::vector<char>&)>& done, const std::function<bool()>& stop) const {
    for (int job = 0; job < count; ++job) {
        if (stop()) return false;
        const std::optional<std::vector<char>> bytes = run(job, [&] { return !stop(); });
        if (!bytes) return false;
        done(job, *bytes);
    }
    return true;
}
#endif

Team& team() {
    static Team instance;
    return instance;
}

}  // namespace fftconv
