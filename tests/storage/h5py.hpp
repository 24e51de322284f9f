#pragma once
#include <boost/test/unit_test.hpp>
#include <stdexcept>
#include <string>

#include "support/process.hpp"

namespace fftconv::test {

/// A Python that has h5py.
inline const std::string& python() {
    static const std::string found = [] {
        for (const std::string candidate : {"/usr/bin/python3", "python3"})
            if (run(candidate + " -c 'import h5py'").status == 0) return candidate;
        throw std::runtime_error("these tests need a python3 with h5py (Debian: python3-h5py)");
    }();
    return found;
}

/// Runs samples.py, which must succeed, and returns what it printed.
inline std::string run_samples(const std::string& arguments) {
    const CommandResult result =
        run(python() + " " + FFTCONV_SOURCE_DIR "/tests/storage/samples.py " + arguments);
    BOOST_REQUIRE_MESSAGE(result.status == 0, "samples.py " << arguments << ": " << result.output);
    return result.output;
}

}  // namespace fftconv::test
