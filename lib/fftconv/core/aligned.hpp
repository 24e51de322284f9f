#pragma once
#include <cstddef>
#include <new>
#include <vector>

#include "fftconv/core/public.hpp"

namespace FFTCONV_PUBLIC fftconv {

/// Memory on cache-line boundaries; large pieces on huge pages where the system has them, because spectra are
/// walked bin by bin, every bin on another page. @throws std::bad_alloc
void* allocate_aligned(std::size_t bytes);
void free_aligned(void* memory, std::size_t bytes);

/// Allocates with allocate_aligned, and leaves floats uninitialised where a vector would zero them.
template <class T>
struct AlignedAllocator {
    using value_type = T;
    AlignedAllocator() = default;
    template <class U>
    AlignedAllocator(const AlignedAllocator<U>&) {}

    T* allocate(std::size_t n) { return static_cast<T*>(allocate_aligned(n * sizeof(T))); }
    void deallocate(T* p, std::size_t n) { free_aligned(p, n * sizeof(T)); }

    template <class U>
    void construct(U* p) {
        ::new (static_cast<void*>(p)) U;
    }
    template <class U, class... Arguments>
    void construct(U* p, Arguments&&... arguments) {
        ::new (static_cast<void*>(p)) U(static_cast<Arguments&&>(arguments)...);
    }
    bool operator==(const AlignedAllocator&) const { return true; }
};

/// A vector of floats on cache-line boundaries; `resize` leaves new elements uninitialised.
using AlignedFloats = std::vector<float, AlignedAllocator<float>>;

}  // namespace fftconv
