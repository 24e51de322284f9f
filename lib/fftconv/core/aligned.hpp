#pragma once
#include <cstddef>
#include <new>
#include <vector>

namespace fftconv {

/// Allocates on cache-line boundaries, and leaves floats uninitialised where a vector would zero them.
template <class T, std::size_t Alignment = 64>
struct AlignedAllocator {
    using value_type = T;
    template <class U>
    struct rebind {
        using other = AlignedAllocator<U, Alignment>;
    };
    AlignedAllocator() = default;
    template <class U>
    AlignedAllocator(const AlignedAllocator<U, Alignment>&) {}

    T* allocate(std::size_t n) {
        return static_cast<T*>(::operator new(n * sizeof(T), std::align_val_t(Alignment)));
    }
    void deallocate(T* p, std::size_t) { ::operator delete(p, std::align_val_t(Alignment)); }

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
