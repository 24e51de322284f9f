#include "fftconv/dataset/formats/idx.hpp"

#include <sys/resource.h>

#include "dataset/files.hpp"
#include "fftconv/core/sha256.hpp"
#include "support/file_error.hpp"
#include "support/process.hpp"
#include "support/temporary_folder.hpp"

namespace fftconv::test {
namespace {

const Bytes pixels = random_bytes(3 * 4 * 5, 1);
const Bytes good = idx({3, 4, 5}, pixels);

/// The error of reading `bytes` as a file of three dimensions, gzipped and plain.
void check_bad(const Bytes& bytes, const std::string& field, const std::string& found) {
    const TemporaryFolder folder;
    const auto plain = folder / "plain", gzipped = folder / "gzipped.gz";
    write(plain, bytes);
    write_gzipped(gzipped, bytes);
    for (const auto& path : {plain, gzipped})
        check_file_error([&] { read_idx(path, 3); }, path.string(), field, found);
}

BOOST_AUTO_TEST_SUITE(idx_files)

BOOST_AUTO_TEST_CASE(reads_gzipped_and_plain) {
    const TemporaryFolder folder;
    write(folder / "plain", good);
    write_gzipped(folder / "gzipped", good);
    for (const char* name : {"plain", "gzipped"}) {
        const IdxArray array = read_idx(folder / name, 3);
        BOOST_TEST(array.shape == std::vector<int>({3, 4, 5}), boost::test_tools::per_element());
        BOOST_TEST(array.bytes == pixels, boost::test_tools::per_element());
        BOOST_TEST(array.sha256 == sha256(good));
    }
}

BOOST_AUTO_TEST_CASE(truncated_and_oversized) {
    check_bad(Bytes(good.begin(), good.end() - 1), "data", "59");
    Bytes longer = good;
    longer.push_back(0);
    check_bad(longer, "data", "61");
    check_bad(Bytes(good.begin(), good.begin() + 10), "header", "10");
    check_bad({}, "header", "0");
}

BOOST_AUTO_TEST_CASE(wrong_magic_and_extents) {
    check_bad(idx({60}, pixels), "magic number", "0x801");
    Bytes floats = good;
    floats[2] = 0x0d;
    check_bad(floats, "magic number", "0xd03");
    check_bad(idx({0, 4, 5}, {}), "dimension 0", "0");
    check_bad(idx({3, -1, 5}, pixels), "dimension 1", "4294967295");
    check_bad(idx({2147483647, 2147483647, 2147483647}, pixels), "data", "60");
}

BOOST_AUTO_TEST_CASE(not_gzip_and_broken_gzip) {
    const TemporaryFolder folder;
    const auto path = folder / "images.gz";
    write(path, random_bytes(500, 2));
    check_file_error([&] { read_idx(path, 3); }, path.string(), "magic number", "0x");

    write_gzipped(path, idx({100, 4, 5}, random_bytes(2000, 3)));
    const Bytes whole = read(path);
    write(path, Bytes(whole.begin(), whole.begin() + whole.size() / 2));
    check_file_error([&] { read_idx(path, 3); }, path.string(), "gzip data", "unexpected end of file");
    Bytes damaged = whole;
    damaged[damaged.size() / 2] ^= 0x55;
    write(path, damaged);
    check_file_error([&] { read_idx(path, 3); }, path.string(), "gzip data", "");
    check_file_error([&] { read_idx(folder / "none", 3); }, (folder / "none").string(), "file",
                     "No such file");
    check_file_error([&] { read_idx(folder.path(), 3); }, folder.path().string(), "file", "Is a directory");
}

BOOST_AUTO_TEST_CASE(a_bomb_takes_no_memory) {
    const TemporaryFolder folder;
    const auto path = folder / "images.gz";
    gzFile file = gzopen(path.c_str(), "wb1");  // says 60 bytes and unpacks to 100 MB
    gzwrite(file, good.data(), unsigned(good.size()));
    const Bytes zeros(1 << 20);
    for (int i = 0; i < 100; ++i) gzwrite(file, zeros.data(), unsigned(zeros.size()));
    gzclose(file);
    [[maybe_unused]] const rlimit limit{std::size_t(256) << 20, RLIM_INFINITY};  // sanitizers take more
    const pid_t child = start_child([&] {
#if !defined(__SANITIZE_ADDRESS__)
        ::setrlimit(RLIMIT_DATA, &limit);
#endif
        try {
            read_idx(path, 3);
        } catch (const FileError& error) {
            return error.found().starts_with("more than 1677") ? 0 : 1;
        }
        return 2;
    });
    BOOST_TEST(wait_for(child) == 0);
    // Extents beyond what the file can hold: memory is taken only as data comes.
    write(path, idx({2147483647, 100, 100}, pixels));
    check_file_error([&] { read_idx(path, 3); }, path.string(), "data", "60");
}

BOOST_AUTO_TEST_CASE(labels_and_counts) {
    const auto combine = [](Bytes bytes) {
        return to_labelled_images({{3, 4, 5}, pixels, ""}, "images", {{int(bytes.size())}, bytes, ""},
                                  "labels");
    };
    const LabelledImages images = combine({0, 9, 5});
    BOOST_TEST(images.count() == 3);
    BOOST_TEST((images.maps == MapShape{1, 4, 5}));
    check_file_error([&] { combine({0, 10, 5}); }, "labels", "label 1", "10");
    const auto classes_of = [](Bytes bytes) {
        return to_labelled_images({{3, 4, 5}, pixels, ""}, "", {{int(bytes.size())}, bytes, ""}, "", 0)
            .classes;
    };
    BOOST_TEST(classes_of({0, 3, 5}) == 10);
    BOOST_TEST(classes_of({0, 48, 5}) == 49);
    check_file_error([&] { combine({0, 1}); }, "labels", "count", "2");
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace fftconv::test
