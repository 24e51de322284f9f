#include <bit>
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <ctime>
#include <limits>

#include "fftconv/core/version.hpp"
#include "samples.hpp"
#include "support/file_error.hpp"
#include "support/temporary_folder.hpp"

namespace fftconv::test {

namespace {

Checkpoint through_file(const Checkpoint& checkpoint) {
    const TemporaryFolder folder;
    write_checkpoint(folder / "a.h5", checkpoint);
    return read_checkpoint(folder / "a.h5");
}

/// Writing must fail for this field, and leave nothing behind.
template <class Record>
void check_refused(void (*write)(const std::filesystem::path&, const Record&), const Record& record,
                   const std::string& field, const std::string& found) {
    const TemporaryFolder folder;
    check_file_error([&] { write(folder / "a.h5", record); }, (folder / "a.h5").string(), field, found);
    BOOST_TEST(std::filesystem::is_empty(folder.path()));
}

}  // namespace

BOOST_AUTO_TEST_CASE(every_kind_comes_back_as_it_was_written) {
    const TemporaryFolder folder;
    write_checkpoint(folder / "a.h5", sample_checkpoint());
    BOOST_TEST((read_checkpoint(folder / "a.h5") == sample_checkpoint()));
    write_masks(folder / "a.h5", sample_masks());  // replaces it, whatever its kind
    BOOST_TEST((read_masks(folder / "a.h5") == sample_masks()));
    write_results(folder / "a.h5", sample_results());
    BOOST_TEST((read_results(folder / "a.h5") == sample_results()));
}

BOOST_AUTO_TEST_CASE(a_collection_holds_results_and_where_they_came_from) {
    const TemporaryFolder folder;
    const FileHeader header{.kind = "result",
                            .schema_version = "1.0",
                            .library_version = "0.0.9",
                            .git_commit = "a commit of long ago",
                            .git_dirty = true,
                            .created_utc = "2020-02-02T02:02:02Z"};
    write_collection(folder / "a.h5", {{"figure_3/kernels", header, sample_results()},
                                       {"figure_2", header, {}},
                                       {"figure_3/maps", header, sample_results()}});
    BOOST_TEST(read_file_header(folder / "a.h5").kind == "collection");
    const std::vector<Experiment> found = read_experiments(folder / "a.h5");
    BOOST_REQUIRE(found.size() == 3);  // in the order of writing, what belongs to one figure together
    BOOST_TEST(found[0].name == "figure_3/kernels");
    BOOST_TEST(found[1].name == "figure_3/maps");
    BOOST_TEST(found[2].name == "figure_2");
    BOOST_TEST((found[1].record == sample_results()));
    BOOST_TEST((found[2].record == ResultRecord{}));
    BOOST_TEST(found[1].header.git_commit == header.git_commit);
    BOOST_TEST(found[1].header.created_utc == header.created_utc);
    BOOST_TEST(found[1].header.git_dirty);
    BOOST_TEST(found[1].header.library_version == header.library_version);
    BOOST_TEST(found[1].header.schema_version == header.schema_version);
    check_file_error([&] { read_results(folder / "a.h5"); }, (folder / "a.h5").string(), "/ @kind",
                     "'collection'");
    write_results(folder / "b.h5", sample_results());
    const std::vector<Experiment> single = read_experiments(folder / "b.h5");
    BOOST_REQUIRE(single.size() == 1);
    BOOST_TEST(single[0].name.empty());
    BOOST_TEST((single[0].record == sample_results()));
    BOOST_TEST(single[0].header.git_commit == git_commit());
}

BOOST_AUTO_TEST_CASE(empty_records_come_back_empty) {
    const TemporaryFolder folder;
    BOOST_TEST((through_file({}) == Checkpoint{}));
    write_masks(folder / "a.h5", {});
    BOOST_TEST((read_masks(folder / "a.h5") == MaskRecord{}));
    write_results(folder / "a.h5", {});
    BOOST_TEST((read_results(folder / "a.h5") == ResultRecord{}));
    ResultRecord before_the_first_epoch;
    before_the_first_epoch.curves = {{.method = "max"}};
    before_the_first_epoch.tables = {
        {"table_1",
         "no row yet",
         {{"ratio", "1", std::vector<double>{}}, {"mcr", "percent", std::vector<double>{}}}}};
    write_results(folder / "a.h5", before_the_first_epoch);
    BOOST_TEST((read_results(folder / "a.h5") == before_the_first_epoch));
}

BOOST_AUTO_TEST_CASE(a_file_says_what_wrote_it) {
    const TemporaryFolder folder;
    write_masks(folder / "a.h5", sample_masks());
    const FileHeader header = read_file_header(folder / "a.h5");
    BOOST_TEST(header.kind == "mask");
    BOOST_TEST(header.schema_version == "2.1");
    BOOST_TEST(header.library_version == library_version());
    BOOST_TEST(header.git_commit == git_commit());
    BOOST_TEST(header.git_dirty == git_dirty());
    std::tm created{};
    const char* const end = ::strptime(header.created_utc.c_str(), "%Y-%m-%dT%H:%M:%SZ", &created);
    BOOST_REQUIRE(end != nullptr);
    BOOST_TEST(*end == '\0');
    BOOST_TEST(std::abs(std::difftime(::timegm(&created), std::time(nullptr))) < 60);
}

BOOST_AUTO_TEST_CASE(floats_keep_every_bit) {
    using limits = std::numeric_limits<float>;
    Checkpoint checkpoint;
    checkpoint.model = {{"a", {5}, {-0.0f, limits::denorm_min(), limits::max(), 0.1f, limits::epsilon()}}};
    checkpoint.state.values = {{"best", 0.1}, {"worst", std::numeric_limits<double>::infinity()}};
    const Checkpoint back = through_file(checkpoint);
    for (int i = 0; i < 5; ++i)
        BOOST_TEST(std::bit_cast<std::uint32_t>(back.model[0].values[i]) ==
                   std::bit_cast<std::uint32_t>(checkpoint.model[0].values[i]));
    BOOST_TEST((back.state == checkpoint.state));
}

BOOST_AUTO_TEST_CASE(arrays_of_many_chunks_and_of_every_rank) {
    Checkpoint checkpoint;
    checkpoint.model = {
        counting_array("big", {600, 700}, 0),       counting_array("long", {400000}, 0),
        counting_array("five", {2, 3, 4, 5, 6}, 0), counting_array("scalar", {}, 0),
        counting_array("none", {0, 5}, 0),          counting_array("deep/er/weight", {2, 2}, 0)};
    BOOST_TEST((through_file(checkpoint) == checkpoint));
}

BOOST_AUTO_TEST_CASE(axes_of_unlike_lengths_share_a_group) {
    Checkpoint checkpoint;  // one group: out is 4 for the first and 3 for the second, in is 4 and 2
    checkpoint.model = {counting_array("a/w", {4, 4}, 0), counting_array("a/v", {3, 2}, 0),
                        counting_array("a/u", {3}, 0)};
    BOOST_TEST((through_file(checkpoint) == checkpoint));
}

BOOST_AUTO_TEST_CASE(what_does_not_fit_together_is_not_written) {
    Checkpoint checkpoint = sample_checkpoint();
    checkpoint.model[0].values.pop_back();
    check_refused(write_checkpoint, checkpoint, "/model/conv1/weight", "99");
    for (const float odd :
         {std::numeric_limits<float>::infinity(), std::numeric_limits<float>::quiet_NaN()}) {
        checkpoint = sample_checkpoint();
        checkpoint.model[1].values[2] = odd;
        check_refused(write_checkpoint, checkpoint, "/model/conv1/bias", std::to_string(odd) + " at 2");
    }
    checkpoint = sample_checkpoint();
    checkpoint.model[1].name = checkpoint.model[0].name;
    check_refused(write_checkpoint, checkpoint, "/model/conv1/weight", "there already");
    checkpoint = sample_checkpoint();
    checkpoint.model[1].name = "conv1//bias";
    check_refused(write_checkpoint, checkpoint, "/model/conv1", "''");
    checkpoint = sample_checkpoint();
    checkpoint.model[1].name = "conv1/in";  // the name of an axis of the weights
    check_refused(write_checkpoint, checkpoint, "/model/conv1/in", "there already");
    checkpoint = sample_checkpoint();
    checkpoint.masks[0].layer = "block/conv";
    check_refused(write_checkpoint, checkpoint, "/mask", "'block/conv'");
    checkpoint = sample_checkpoint();
    checkpoint.masks[1].feature_map[0] = 255;
    check_refused(write_checkpoint, checkpoint, "/mask/conv1/feature_map", "255");
    checkpoint = sample_checkpoint();
    checkpoint.masks[0].in = 5;
    check_refused(write_checkpoint, checkpoint, "/mask/conv2/kernel", "12");
    checkpoint = sample_checkpoint();
    checkpoint.curves[0].test_mcr.pop_back();
    check_refused(write_checkpoint, checkpoint, "/curves/max/test_mcr", "2");

    MaskRecord masks = sample_masks();
    masks.search.selected = 4;
    check_refused(write_masks, masks, "/search @selected", "4");
    masks = sample_masks();
    masks.search.validation_mcr.pop_back();
    check_refused(write_masks, masks, "/search/validation_mcr", "3");

    ResultRecord results = sample_results();
    results.tables[0].columns[1].values = std::vector<double>{1, 2};
    check_refused(write_results, results, "/summary/table_4/best_accuracy", "2");
    results = sample_results();
    results.tables[1].name = "table_4";
    check_refused(write_results, results, "/summary/table_4 @title", "");
}

}  // namespace fftconv::test
