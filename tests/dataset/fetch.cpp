#include <boost/test/unit_test.hpp>

#include "dataset/files.hpp"
#include "fftconv/core/sha256.hpp"
#include "fftconv/dataset/formats/npz.hpp"
#include "storage/h5py.hpp"
#include "support/process.hpp"
#include "support/temporary_folder.hpp"
#include "support/text.hpp"

namespace fftconv::test {
namespace {

/// datasets/fetch.sh with a list of sources of its own: one file of a data set "digits", got by file://.
struct Fetch {
    Bytes content = random_bytes(100'000, 1);
    TemporaryFolder folder;
    std::filesystem::path file = folder / "data/digits/digits.gz",
                          part = folder / "data/digits/digits.gz.part";

    Fetch() { publish(content, sha256(content)); }

    void publish(const Bytes& bytes, const std::string& digest) const {
        write(folder / "publisher/digits.gz", bytes);
        const std::string line =
            "digits file://" + (folder / "publisher").string() + " digits.gz " + digest + "\n";
        write(folder / "sources", Bytes(line.begin(), line.end()));
    }

    CommandResult operator()(const std::string& arguments) const {
        return run("FFTCONV_SOURCES='" + (folder / "sources").string() + "' FFTCONV_DATA='" +
                   (folder / "data").string() + "' " FFTCONV_SOURCE_DIR "/datasets/fetch.sh " + arguments);
    }
};

BOOST_AUTO_TEST_SUITE(fetch_script)

BOOST_AUTO_TEST_CASE(gets_a_file_once) {
    const Fetch fetch;
    BOOST_TEST(fetch("digits").status == 0);
    BOOST_TEST((read(fetch.file) == fetch.content));
    BOOST_TEST(!std::filesystem::exists(fetch.part));
    std::filesystem::remove(fetch.folder / "publisher/digits.gz");
    const auto again = fetch("digits");
    BOOST_TEST(again.status == 0);
    BOOST_TEST(contains(again.output, "already there"));
}

BOOST_AUTO_TEST_CASE(another_folder) {
    const Fetch fetch;
    BOOST_TEST(fetch("--to '" + (fetch.folder / "other folder").string() + "' digits").status == 0);
    BOOST_TEST((read(fetch.folder / "other folder/digits/digits.gz") == fetch.content));
}

BOOST_AUTO_TEST_CASE(a_wrong_checksum_leaves_nothing) {
    const Fetch fetch;
    Bytes changed = fetch.content;
    changed[500] ^= 1;
    fetch.publish(changed, sha256(fetch.content));
    const auto result = fetch("digits");
    BOOST_TEST(result.status == 1);
    BOOST_TEST(contains(result.output, "expected SHA-256 " + sha256(fetch.content)), result.output);
    BOOST_TEST(contains(result.output, "found " + sha256(changed)), result.output);
    BOOST_TEST(!std::filesystem::exists(fetch.file));
    BOOST_TEST(!std::filesystem::exists(fetch.part));

    write(fetch.file, changed);
    BOOST_TEST(fetch("digits").status == 1);
    BOOST_TEST((read(fetch.file) == changed));
}

BOOST_AUTO_TEST_CASE(a_missing_file_is_named) {
    const Fetch fetch;
    std::filesystem::remove(fetch.folder / "publisher/digits.gz");
    const auto result = fetch("digits");
    BOOST_TEST(result.status == 1);
    BOOST_TEST(contains(result.output, "cannot get file://"), result.output);
    BOOST_TEST(!std::filesystem::exists(fetch.file));
}

BOOST_AUTO_TEST_CASE(an_interrupted_download_goes_on) {
    const Fetch fetch;
    const Bytes half(fetch.content.begin(), fetch.content.begin() + 40'000);
    write(fetch.part, half);
    Bytes rest_only = fetch.content;  // were the first part got again, the checksum would be wrong
    std::fill(rest_only.begin(), rest_only.begin() + 40'000, 0);
    fetch.publish(rest_only, sha256(fetch.content));
    const auto result = fetch("digits");
    BOOST_TEST(result.status == 0, result.output);
    BOOST_TEST((read(fetch.file) == fetch.content));

    std::filesystem::rename(fetch.file, fetch.part);  // interrupted between the last byte and the renaming
    BOOST_TEST(fetch("digits").status == 0);
    BOOST_TEST((read(fetch.file) == fetch.content));
}

BOOST_AUTO_TEST_CASE(emnist_becomes_folders_with_the_names_of_mnist) {
    const Fetch fetch;
    const std::string zip = (fetch.folder / "publisher/gzip.zip").string();
    const std::string make =
        "import zipfile\nwith zipfile.ZipFile('" + zip + "', 'w') as z:\n" +
        "  for split in ('balanced', 'byclass', 'bymerge', 'digits', 'letters', 'mnist'):\n"
        "    for part in ('train', 'test'):\n"
        "      for kind in ('images-idx3', 'labels-idx1'):\n"
        "        z.writestr(f'gzip/emnist-{split}-{part}-{kind}-ubyte.gz', split + part + kind)\n";
    BOOST_REQUIRE(run("python3 -c \"" + make + "\"").status == 0);
    const Bytes archive = read(zip);
    const std::string line =
        "emnist file://" + (fetch.folder / "publisher").string() + " gzip.zip " + sha256(archive) + "\n";
    write(fetch.folder / "sources", Bytes(line.begin(), line.end()));
    for (int times = 0; times < 2; ++times) {
        const auto result = fetch("emnist");
        BOOST_TEST(result.status == 0, result.output);
    }
    const auto holds = [&](const std::string& name, const std::string& text) {
        const Bytes found = read(fetch.folder / ("data/emnist/" + name));
        BOOST_TEST(std::string(found.begin(), found.end()) == text);
    };
    holds("balanced/train-images-idx3-ubyte.gz", "balancedtrainimages-idx3");
    holds("letters/t10k-labels-idx1-ubyte.gz", "letterstestlabels-idx1");
}

/// Kuzushiji-49 in small, checked by MD5 as nothing better is published: its joined file is read.
BOOST_AUTO_TEST_CASE(k49_becomes_one_file) {
    const Fetch fetch;
    const std::string publisher = (fetch.folder / "publisher").string();
    const std::string make =
        "import hashlib, numpy as np\n"
        "for part, n in (('train', 5), ('test', 3)):\n"
        "  images = np.arange(n * 784, dtype=np.int64).astype(np.uint8).reshape(n, 28, 28)\n"
        "  np.savez_compressed(f'" +
        publisher +
        "/k49-{part}-imgs.npz', images)\n"
        "  np.savez_compressed(f'" +
        publisher +
        "/k49-{part}-labels.npz', np.arange(n, dtype=np.uint8))\n"
        "with open('" +
        (fetch.folder / "sources").string() +
        "', 'w') as sources:\n"
        "  for name in ('train-imgs', 'train-labels', 'test-imgs', 'test-labels'):\n"
        "    digest = hashlib.md5(open(f'" +
        publisher +
        "/k49-{name}.npz', 'rb').read()).hexdigest()\n"
        "    print('k49 file://" +
        publisher + "', f'k49-{name}.npz', digest, file=sources)\n";
    const auto made = run(python() + " -c \"" + make + "\"");
    BOOST_REQUIRE_MESSAGE(made.status == 0, made.output);
    for (int times = 0; times < 2; ++times) {
        const auto result = fetch("k49");
        BOOST_TEST(result.status == 0, result.output);
    }
    const NpzImages sets = read_npz(fetch.folder / "data/k49/k49.npz");
    BOOST_TEST(sets.train.count() == 5);
    BOOST_TEST(sets.test.count() == 3);
    BOOST_TEST(sets.test.labels == Bytes({0, 1, 2}), boost::test_tools::per_element());

    Bytes changed = read(publisher + "/k49-test-imgs.npz");
    changed[60] ^= 1;
    write(publisher + "/k49-test-imgs.npz", changed);
    std::filesystem::remove(fetch.folder / "data/k49/k49-test-imgs.npz");
    const auto result = fetch("k49");
    BOOST_TEST(result.status == 1);
    BOOST_TEST(contains(result.output, "expected MD5"), result.output);
}

BOOST_AUTO_TEST_CASE(wrong_usage) {
    const Fetch fetch;
    for (const char* arguments : {"", "nothing", "--to", "--unknown digits"})
        BOOST_TEST(fetch(arguments).status == 2, arguments);
    BOOST_TEST(contains(fetch("nothing").output, "unknown data set nothing"));
    const auto help = run(FFTCONV_SOURCE_DIR "/datasets/fetch.sh --help");
    BOOST_TEST(help.status == 0);
    for (const char* name :
         {"mnist", "fashion-mnist", "kmnist", "k49", "emnist", "cifar-10", "svhn", "svhn-extra", "all"})
        BOOST_TEST(contains(help.output, name), name);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace fftconv::test
