#pragma once
#include <cstddef>
#include <new>
#include <vector>

#include "fftconv/core/public.hpp"

namespace FFTCONV_PUBLIC fftconv {

/// Memory on cache-line boundaries; large pieces on huge pages where the system has them, because spectra are
/// walked bin by bin, every bin on another page. @throws std::bad_alloc
void* allocate_aligned(std::size_t bytes);
/// Gives back what allocate_aligned gave for as many bytes.
void free_aligned(void* memory, std::size_t bytes);

/// Allocates with allocate_aligned, and leaves floats uninitialised where a vector would zero them.
template <class T>
struct AlignedAllocator {
    /// What is allocated.
    using value_type = T;
    /// There is no state.
    AlignedAllocator() = default;
    /// An allocator of another type is as good.
    template <class U>
    AlignedAllocator(const AlignedAllocator<U>&) {}

    /// Memory for n elements, not constructed. @throws std::bad_alloc.
    T* allocate(std::size_t n) { return static_cast<T*>(allocate_aligned(n * sizeof(T))); }
    /// Gives back what `allocate` gave for n elements.
    void deallocate(T* p, std::size_t n) { free_aligned(p, n * sizeof(T)); }

    /// Leaves a float as it is.
    template <class U>
    void construct(U* p) {
        ::new (static_cast<void*>(p)) U;
    }
    /// Constructs from arguments, as any allocator does.
    template <class U, class... Arguments>
    void construct(U* p, Arguments&&... arguments) {
        ::new (static_cast<void*>(p)) U(static_cast<Arguments&&>(arguments)...);
    }
    /// All are equal.
    bool operator==(const AlignedAllocator&) const { return true; }
};

/// A vector of floats on cache-line boundaries; `resize` leaves new elements uninitialised.
using AlignedFloats = std::vector<float, AlignedAllocator<float>>;

}  // namespace fftconv
