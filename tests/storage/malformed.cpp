#include <sys/stat.h>

#include <boost/test/unit_test.hpp>
#include <fstream>
#include <functional>
#include <sstream>

#include "h5py.hpp"
#include "samples.hpp"
#include "support/file_error.hpp"
#include "support/temporary_folder.hpp"

namespace fftconv::test {

namespace {

std::string bytes_of(const std::filesystem::path& path) {
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
}

void write_bytes(const std::filesystem::path& path, const std::string& bytes) {
    std::ofstream(path, std::ios::binary) << bytes;
}

}  // namespace

BOOST_AUTO_TEST_CASE(spoilt_checkpoints_are_refused_by_name) {
    const TemporaryFolder folder;
    write_checkpoint(folder / "sample.h5", sample_checkpoint());
    std::istringstream lines(
        run_samples("spoil " + (folder / "sample.h5").string() + " " + folder.path().string()));
    int spoilt = 0;
    for (std::string line; std::getline(lines, line); ++spoilt) {
        std::istringstream parts(line);
        std::string name, field, found;
        std::getline(parts, name, '\t') && std::getline(parts, field, '\t') && std::getline(parts, found);
        BOOST_TEST_CONTEXT(name) {
            const std::filesystem::path file = folder / (name + ".h5");
            check_file_error([&] { read_checkpoint(file); }, file.string(), field, found);
        }
    }
    BOOST_TEST(spoilt >= 30);
}

// What holds for checkpoints holds for every kind: a digest, or a part, that is missing is told.
BOOST_AUTO_TEST_CASE(every_kind_needs_its_digests_and_members) {
    const TemporaryFolder folder;
    const std::filesystem::path file = folder / "a.h5";
    struct Kind {
        std::function<void()> write, read;
        std::string dataset, member;
    };
    const std::vector<Kind> kinds{
        {[&] { write_masks(file, sample_masks()); }, [&] { read_masks(file); }, "/search/seed",
         "/mask/conv2/kernel"},
        {[&] { write_results(file, sample_results()); }, [&] { read_results(file); },
         "/curves/max/train_loss", "/curves/max/test_mcr"},
        {[&] {
             write_collection(file, {{"figure_2", read_file_header(file), sample_results()}});
         },
         [&] { read_experiments(file); }, "/figure_2/curves/max/train_loss",
         "/figure_2/curves/max/test_mcr"}};
    for (const Kind& kind : kinds) {
        struct Change {
            std::string what, field, found;
        };
        for (const Change& change :
             {Change{"f['" + kind.dataset + "'].attrs['sha256']", kind.dataset + " @sha256", "none"},
              Change{"f['" + kind.member + "']", kind.member, "nothing"},
              Change{"f.attrs['members']", "/ @members", "none"}})
            BOOST_TEST_CONTEXT(change.what) {
                kind.write();
                kind.read();
                const CommandResult done =
                    run(python() + " -c \"import h5py; f = h5py.File('" + file.string() + "', 'r+'); del " +
                        change.what + "; f.close()\"");
                BOOST_REQUIRE_MESSAGE(done.status == 0, done.output);
                check_file_error(kind.read, file.string(), change.field, change.found);
                write_results(file, sample_results());  // whose header the collection takes
            }
    }
}

BOOST_AUTO_TEST_CASE(truncated_files_are_refused) {
    const TemporaryFolder folder;
    const std::filesystem::path file = folder / "sample.h5";
    write_checkpoint(file, sample_checkpoint());
    const std::string whole = bytes_of(file);
    for (const std::size_t length : {std::size_t{0}, std::size_t{1}, std::size_t{8}, std::size_t{48},
                                     whole.size() / 2, whole.size() - 1}) {
        write_bytes(file, whole.substr(0, length));
        check_file_error([&] { read_checkpoint(file); }, file.string(), "opening", "");
    }
}

BOOST_AUTO_TEST_CASE(what_is_no_hdf5_file_is_refused) {
    const TemporaryFolder folder;
    const std::filesystem::path text = folder / "a.h5";
    write_bytes(text, "This is not HDF5, whatever its name says.\n");
    for (const std::filesystem::path& file : {text, folder / "missing.h5", folder.path(), text / "below"}) {
        check_file_error([&] { read_checkpoint(file); }, file.string(), "opening", "");
        check_file_error([&] { read_masks(file); }, file.string(), "opening", "");
        check_file_error([&] { read_results(file); }, file.string(), "opening", "");
        check_file_error([&] { read_file_header(file); }, file.string(), "opening", "");
    }
    check_file_error([&] { read_results(folder / "missing.h5"); }, (folder / "missing.h5").string(),
                     "opening", "No such file");
}

BOOST_AUTO_TEST_CASE(a_fifo_or_a_device_is_no_file) {
    const TemporaryFolder folder;
    const std::filesystem::path fifo = folder / "fifo";
    BOOST_REQUIRE(::mkfifo(fifo.c_str(), 0666) == 0);
    for (const std::filesystem::path& file : {fifo, std::filesystem::path("/dev/zero")})
        check_file_error([&] { read_checkpoint(file); }, file.string(), "opening", "FIFO");
}

/// Files of the older format have an index of chunks without checksums: all of its bits are flipped in turn.
BOOST_AUTO_TEST_CASE(flipped_bits_in_an_old_index_of_chunks_are_found) {
    const TemporaryFolder folder;
    const std::filesystem::path file = folder / "mask.h5";
    run_samples("write-chunked mask " + file.string());
    const MaskRecord whole = read_masks(file);
    const std::string bytes = bytes_of(file);
    int flips = 0, refused = 0;
    for (std::size_t node = bytes.find("TREE"); node != std::string::npos;
         node = bytes.find("TREE", node + 1)) {
        if (bytes[node + 4] != 1) continue;  // 1: of raw data chunks; two keys and a pointer between them
        for (std::size_t bit = 0; bit < 8 * (24 + 2 * 32 + 8); ++bit) {
            std::string damaged = bytes;
            damaged[node + bit / 8] ^= char(1 << bit % 8);
            write_bytes(file, damaged);
            ++flips;
            try {
                BOOST_TEST((read_masks(file) == whole), "byte " << node + bit / 8 << " bit " << bit % 8);
            } catch (const FileError&) {
                ++refused;
            }
        }
    }
    BOOST_TEST(flips > 2000);
    BOOST_TEST(refused > flips / 4);
}

BOOST_AUTO_TEST_CASE(a_file_of_another_kind_is_refused) {
    const TemporaryFolder folder;
    const std::filesystem::path file = folder / "a.h5";
    write_masks(file, sample_masks());
    check_file_error([&] { read_checkpoint(file); }, file.string(), "/ @kind", "'mask'");
    check_file_error([&] { read_results(file); }, file.string(), "/ @kind", "'mask'");
    write_results(file, sample_results());
    check_file_error([&] { read_masks(file); }, file.string(), "/ @kind", "'result'");
}

BOOST_AUTO_TEST_CASE(hdf5_prints_nothing_of_its_own) {
    const TemporaryFolder folder;
    const std::filesystem::path errors = folder / "errors";
    const pid_t child = start_child([&] {
        if (!::freopen(errors.c_str(), "w", stderr)) return 1;
        try {
            read_checkpoint(folder / "missing.h5");
        } catch (const FileError&) {
        }
        write_bytes(folder / "text.h5", "text");
        try {
            read_checkpoint(folder / "text.h5");
        } catch (const FileError&) {
        }
        ::fflush(stderr);
        return 0;
    });
    BOOST_TEST(wait_for(child) == 0);
    BOOST_TEST(bytes_of(errors) == "");
}

}  // namespace fftconv::test
