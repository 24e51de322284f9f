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
#endif

Team& team() {
    static Team instance;
    return instance;
}

}  // namespace fftconv
