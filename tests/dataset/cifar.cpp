#include "fftconv/dataset/formats/cifar.hpp"

#include "dataset/files.hpp"
#include "fftconv/core/sha256.hpp"
#include "support/file_error.hpp"
#include "support/process.hpp"
#include "support/temporary_folder.hpp"

namespace fftconv::test {
namespace {

const std::string archive_name = "cifar-10-binary.tar.gz";

/// Packs a folder's files as the publisher does.
std::filesystem::path pack(const TemporaryFolder& folder) {
    const auto command =
        "cd '" + folder.path().string() + "' && tar czf " + archive_name + " cifar-10-batches-bin";
    BOOST_REQUIRE(run(command).status == 0);
    return folder / archive_name;
}

void check_images(const Cifar10& cifar) {
    BOOST_TEST(cifar.train.count() == 60);
    BOOST_TEST(cifar.test.count() == 12);
    BOOST_TEST((cifar.train.maps == MapShape{3, 32, 32}));
    const Bytes records = cifar_records(12, 3);  // the third file: images 24 to 35
    const auto& pixels = std::get<Bytes>(cifar.train.pixels);
    for (int i = 0; i < 12; ++i) {
        BOOST_TEST(cifar.train.labels[24 + i] == records[i * 3073]);
        BOOST_TEST(std::equal(pixels.begin() + (24 + i) * 3072, pixels.begin() + (25 + i) * 3072,
                              records.begin() + i * 3073 + 1));
    }
    BOOST_TEST(cifar.sha256.size() == 6u);
    BOOST_TEST(cifar.sha256[2] == sha256(records));
}

BOOST_AUTO_TEST_SUITE(cifar_files)

BOOST_AUTO_TEST_CASE(reads_folder_and_archive) {
    const TemporaryFolder folder;
    write_cifar(folder / "cifar-10-batches-bin", 12);
    check_images(read_cifar10(folder / "cifar-10-batches-bin"));
    check_images(read_cifar10(pack(folder)));
}

BOOST_AUTO_TEST_CASE(malformed_files) {
    const TemporaryFolder folder;
    const auto bins = folder / "cifar-10-batches-bin", bad = bins / "data_batch_2.bin";
    const auto check = [&](const Bytes& bytes, const std::string& field, const std::string& found) {
        write_cifar(bins, 2);
        write(bad, bytes);
        check_file_error([&] { read_cifar10(bins); }, bad.string(), field, found);
        const auto archive = pack(folder);
        check_file_error([&] { read_cifar10(archive); }, (archive / "data_batch_2.bin").string(), field,
                         found);
    };
    Bytes records = cifar_records(2, 2);
    records.pop_back();
    check(records, "length", "6145");
    records.resize(6147);
    check(records, "length", "6147");
    check(cifar_records(1, 2), "records", "1");
    records = cifar_records(2, 2);
    records[3073] = 10;
    check(records, "label 1", "10");
    std::filesystem::remove(bad);
    check_file_error([&] { read_cifar10(bins); }, bad.string(), "file", "No such file");
    const auto archive = pack(folder);
    check_file_error([&] { read_cifar10(archive); }, archive.string(), "data_batch_2.bin", "none");
}

BOOST_AUTO_TEST_CASE(malformed_archives) {
    const TemporaryFolder folder;
    write_cifar(folder / "cifar-10-batches-bin", 2);
    const auto archive = pack(folder);
    const Bytes whole = read(archive);
    write(archive, Bytes(whole.begin(), whole.begin() + whole.size() / 2));
    check_file_error([&] { read_cifar10(archive); }, archive.string(), "gzip data", "unexpected end of file");
    // Random pixels are stored as they are: only the checksum at the end tells of a flipped bit.
    Bytes flipped = whole;
    flipped[flipped.size() / 2] ^= 1;
    write(archive, flipped);
    check_file_error([&] { read_cifar10(archive); }, archive.string(), "gzip data", "incorrect data check");
    Bytes longer = whole;
    longer.resize(whole.size() - 4);
    write(archive, longer);
    check_file_error([&] { read_cifar10(archive); }, archive.string(), "gzip data", "unexpected end of file");
    write(archive, random_bytes(5000, 1));
    check_file_error([&] { read_cifar10(archive); }, archive.string(), "archive", "");
    check_file_error([&] { read_cifar10(folder / "none"); }, (folder / "none").string(), "file",
                     "No such file");
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace fftconv::test
