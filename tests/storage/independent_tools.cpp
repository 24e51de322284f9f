#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <fstream>
#include <functional>

#include "h5py.hpp"
#include "samples.hpp"
#include "support/temporary_folder.hpp"

// Writing is tested by what h5py and h5dump read, reading by files that h5py wrote.
namespace fftconv::test {

namespace {

/// Groups that h5py makes have no order but that of names.
template <class Item, class Name>
std::vector<Item> sorted(std::vector<Item> items, Name name) {
    std::ranges::sort(items, {}, name);
    return items;
}

Checkpoint sorted(Checkpoint checkpoint) {
    for (auto arrays : {&Checkpoint::model, &Checkpoint::optimizer_state, &Checkpoint::extra})
        checkpoint.*arrays = sorted(checkpoint.*arrays, &NamedArray::name);
    checkpoint.masks = sorted(checkpoint.masks, &LayerMask::layer);
    checkpoint.random = sorted(checkpoint.random, &StreamPosition::stream);
    checkpoint.curves = sorted(checkpoint.curves, &Curve::method);
    return checkpoint;
}

MaskRecord sorted(MaskRecord record) {
    record.masks = sorted(record.masks, &LayerMask::layer);
    return record;
}

ResultRecord sorted(ResultRecord record) {
    record.curves = sorted(record.curves, &Curve::method);
    record.tables = sorted(record.tables, &Table::name);
    return record;
}

void write_samples(const TemporaryFolder& folder) {
    write_checkpoint(folder / "checkpoint.h5", sample_checkpoint());
    write_masks(folder / "mask.h5", sample_masks());
    write_results(folder / "result.h5", sample_results());
}

}  // namespace

BOOST_AUTO_TEST_CASE(h5py_finds_what_was_written) {
    const TemporaryFolder folder;
    write_samples(folder);
    for (const std::string kind : {"checkpoint", "mask", "result"})
        run_samples("check " + kind + " " + (folder / (kind + ".h5")).string());
}

BOOST_AUTO_TEST_CASE(what_h5py_wrote_is_read) {
    const TemporaryFolder folder;
    for (const auto& [command, version] : {std::pair("write ", "2.7"), std::pair("write-old ", "1.7")}) {
        for (const std::string kind : {"checkpoint", "mask", "result"})
            run_samples(command + kind + " " + (folder / kind).string());
        BOOST_TEST((read_checkpoint(folder / "checkpoint") == sorted(sample_checkpoint())));
        BOOST_TEST((read_masks(folder / "mask") == sorted(sample_masks())));
        BOOST_TEST((read_results(folder / "result") == sorted(sample_results())));
        BOOST_TEST(read_file_header(folder / "result").schema_version == version);
    }
}

BOOST_AUTO_TEST_CASE(h5dump_shows_what_was_written) {
    const TemporaryFolder folder;
    write_samples(folder);
    const auto dump = [&](const std::string& arguments) {
        const CommandResult result = run("h5dump " + arguments);
        BOOST_TEST_INFO(result.output);
        BOOST_TEST(result.status == 0);
        return result.output;
    };
    const auto shows = [](const std::string& text, const std::string& part) {
        BOOST_TEST(text.find(part) != std::string::npos, text << "\nlacks " << part);
    };
    for (const std::string kind : {"checkpoint", "mask", "result"}) {
        const std::string file = (folder / (kind + ".h5")).string();
        shows(dump("-a /kind " + file), "(0): \"" + kind + "\"");
        shows(dump("-a /format " + file), "CSET H5T_CSET_UTF8");
        dump(file);
    }
    const std::string weight = dump("-p -d /model/conv1/bias " + (folder / "checkpoint.h5").string());
    for (const std::string part : {"2, 2.125, 2.25, 2.375", "H5T_IEEE_F32LE", "SHUFFLE",
                                   "COMPRESSION DEFLATE", "CHECKSUM FLETCHER32", "DIMENSION_LIST"})
        shows(weight, part);
    shows(dump("-d /summary/table_4/method " + (folder / "result.h5").string()), "\"average");
}

BOOST_AUTO_TEST_CASE(the_commands_of_the_documents_work) {
    const std::filesystem::path readme =
        std::filesystem::path(FFTCONV_SOURCE_DIR) / "lib/fftconv/storage/README.md";
    std::ifstream file(readme);
    BOOST_REQUIRE_MESSAGE(file.is_open(), readme << " is missing");
    const TemporaryFolder folder;
    write_samples(folder);
    int commands = 0;
    bool shell = false;
    for (std::string line; std::getline(file, line);) {
        if (line.starts_with("```")) {
            shell = line == "```sh";
            continue;
        }
        // Commands on the samples of this test; the rest of the page is about other files.
        if (!shell || line.find("h5") == std::string::npos) continue;
        if (line.find(" checkpoint.h5") + line.find(" mask.h5") + line.find(" result.h5") + 3 == 0) continue;
        const CommandResult result = run("cd " + folder.path().string() + " && " + line);
        BOOST_TEST(result.status == 0, line << "\n" << result.output);
        BOOST_TEST(!result.output.empty(), line << " printed nothing");
        ++commands;
    }
    BOOST_TEST(commands >= 4);
}

}  // namespace fftconv::test
