#include "fftconv/core/number_text.hpp"

#include <charconv>

namespace fftconv {

namespace {

template <class T>
std::string shortest(T value) {
    char text[64];
    return {text, std::to_chars(text, text + sizeof text, value).ptr};
}

}  // namespace

std::string number_text(double value) {
    return shortest(value);
}

std::string number_text(float value) {
    return shortest(value);
}

}  // namespace fftconv
