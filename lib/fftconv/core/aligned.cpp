#include "fftconv/core/aligned.hpp"

#if defined(__linux__)
#include <sys/mman.h>
#endif

namespace fftconv {
namespace {

constexpr std::size_t huge_page = std::size_t(2) << 20;

std::align_val_t alignment(std::size_t bytes) {
    return std::align_val_t(bytes >= huge_page ? huge_page : 64);
}

}  // namespace

void* allocate_aligned(std::size_t bytes) {
    void* memory = ::operator new(bytes, alignment(bytes));
#if defined(MADV_HUGEPAGE)
    if (bytes >= huge_page)
        madvise(memory, bytes, MADV_HUGEPAGE);  // advice: where it is not taken, nothing changes
#endif
    return memory;
}

void free_aligned(void* memory, std::size_t bytes) {
    ::operator delete(memory, alignment(bytes));
}

}  // namespace fftconv
