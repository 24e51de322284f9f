#pragma once
#include <algorithm>
#include <cstddef>

#include "fftconv/core/threads.hpp"

namespace fftconv {

/// Calls body(begin, end) on pieces of 0 … size − 1, in parallel. The pieces do not depend on the threads.
template <class Body>
void for_chunks(int threads, std::size_t size, const Body& body) {
    constexpr std::size_t chunk = 16384;  // floats: a few microseconds
    parallel_for(size > 4 * chunk ? threads : 1, int((size + chunk - 1) / chunk), [&](int index) {
        const std::size_t begin = index * chunk;
        body(begin, std::min(size, begin + chunk));
    });
}

/// Σ term(i) for i < size: sixteen float sums side by side, which vectorise, gathered in double every 4096.
template <class Term>
double chunked_sum(std::size_t size, const Term& term) {
    constexpr std::size_t lanes = 16, block = 4096;
    double total = 0;
    for (std::size_t begin = 0; begin < size; begin += block) {
        const std::size_t end = std::min(size, begin + block);
        float partial[lanes] = {};
        std::size_t i = begin;
        for (; i + lanes <= end; i += lanes)
            for (std::size_t lane = 0; lane < lanes; ++lane) partial[lane] += term(i + lane);
        for (; i < end; ++i) partial[i % lanes] += term(i);
        for (float sum : partial) total += sum;
    }
    return total;
}

}  // namespace fftconv
