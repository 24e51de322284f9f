#pragma once
#include <stdlib.h>

#include <boost/test/unit_test.hpp>
#include <filesystem>
#include <string>

#include "apps/app.hpp"
#include "support/temporary_folder.hpp"

namespace fftconv::test {

/// A folder with data, which FFTCONV_DATA names meanwhile, and the commands of small runs there.
struct Recorded {
    TemporaryFolder folder;
    std::filesystem::path data = write_mnist(folder.path() / "data");

    Recorded() { ::setenv("FFTCONV_DATA", data.c_str(), 1); }
    ~Recorded() { ::unsetenv("FFTCONV_DATA"); }
    std::string path(const std::string& name) const { return (folder / name).string(); }
    void works(const std::string& command) const {
        const CommandResult done = run(command);
        BOOST_REQUIRE_MESSAGE(done.status == 0, command << '\n' << done.output);
    }
    void fails(const std::string& command, int status, const std::string& part) const {
        const CommandResult done = run(command);
        BOOST_CHECK_MESSAGE(done.status == status && contains(done.output, part),
                            command << "\nstatus " << done.status << '\n'
                                    << done.output);
    }
    std::string train(const std::string& more) const {
        return app("train") +
               " --threads 1 --batch 20 --epochs 2 --architecture '1x28x28:4C5v-P2(ecp)-10Softmax' " + more;
    }
    std::string prune(const std::string& more) const {
        return app("prune") + " --threads 1 --batch 20 --criterion l2 --timing-rounds 1 " + more;
    }
};

}  // namespace fftconv::test
