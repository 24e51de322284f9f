#include "fftconv/core/threads.hpp"

#include <omp.h>

#include <algorithm>
#include <cmath>
#include <exception>

#include "fftconv/core/processor.hpp"

namespace fftconv {

int available_threads() {
    static const double limit = processor_limit();
    const int processors = std::min(omp_get_num_procs(), omp_get_max_threads());
    return std::max(1, int(std::min(double(processors), std::ceil(limit))));
}

void parallel_for(int threads, int count, const std::function<void(int index)>& body) {
    if (threads <= 1 || count <= 1) {
        for (int index = 0; index < count; ++index) body(index);
        return;
    }
    std::exception_ptr first;
#pragma omp parallel for num_threads(threads) schedule(dynamic)
    for (int index = 0; index < count; ++index) try {
            body(index);
        } catch (...) {
#pragma omp critical(fftconv_parallel_for)
            if (!first) first = std::current_exception();
        }
    if (first) std::rethrow_exception(first);
}

}  // namespace fftconv
