#include "fftconv/convolution/spectral/planner_lock.hpp"

namespace fftconv {

std::mutex& planner_lock() {
    static std::mutex lock;
    return lock;
}

}  // namespace fftconv
