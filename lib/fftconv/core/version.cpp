#include "fftconv/core/version.hpp"

#include "fftconv/core/git_version.hpp"  // written by lib/cmake/GitVersion.cmake at every build

namespace fftconv {

std::string_view library_version() {
    return FFTCONV_VERSION;
}
std::string_view git_commit() {
    return FFTCONV_GIT_COMMIT;
}
bool git_dirty() {
    return FFTCONV_GIT_DIRTY;
}

}  // namespace fftconv
