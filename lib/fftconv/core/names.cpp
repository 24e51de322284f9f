#include "fftconv/core/names.hpp"

#include "fftconv/core/error.hpp"

namespace fftconv {

std::string alternatives(const std::vector<std::string>& names) {
    std::string result;
    for (std::size_t i = 0; i < names.size(); ++i)
        result += (i == 0 ? "" : i + 1 == names.size() ? " or " : ", ") + names[i];
    return result;
}

void throw_unknown_name(std::string_view choice, const std::vector<std::string>& names,
                        std::string_view found) {
    throw UsageError(std::string(choice) + ": expected " + alternatives(names) + ", found " +
                     (found.empty() ? "nothing" : std::string(found)));
}

}  // namespace fftconv
