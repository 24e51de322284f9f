// What runs start from, and what lies in their folders: it is what it says, and nothing else is taken for it.
#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <fstream>
#include <string>

#include "apps/recorded.hpp"
#include "common/configuration.hpp"
#include "fftconv/storage/checkpoint.hpp"
#include "fftconv/storage/masks.hpp"
#include "fftconv/storage/results.hpp"
#include "prune/pooled.hpp"
#include "prune/results.hpp"

using namespace fftconv;
using namespace fftconv::test;

namespace {

PruningResults results_of(const std::string& file) {
    return PruningResults::from(read_results(file), file);
}

struct Normalised : Recorded {
    std::string net = path("n.h5");
    Normalised() {
        works(app("train") +
              " --threads 1 --batch 20 --epochs 6 --rate 0.003 --validation 0.2 --batch-norm " +
              "--architecture 1x28x28:6C5v-P2-8C5v-P2-10Softmax --out " + net);
    }
    std::string pruned(const std::string& out, const std::string& more) const {
        return prune("--checkpoint " + net + " --out " + path(out) + ' ' + more);
    }
    std::string point(const std::string& out, const std::string& name) const {
        return path(out + ".points/" + name);
    }
};

struct Ecp : Recorded {
    std::string out = path("e.h5"),
                ecp = app("ecp") +
                      " --network one-conv --batch 50 --threads 1 --convolution-rounds 0 --out " + out;
};

}  // namespace

BOOST_AUTO_TEST_SUITE(origins)

// The row of the network with the masks that were given is that of the control before it is retrained: with
// batch statistics taken anew, and with what is pruned.
BOOST_AUTO_TEST_CASE(a_given_mask_is_of_the_baseline_s_row) {
    const Normalised bench;
    bench.works(bench.pruned("m.h5", "--granularity feature-map --ratio 0.5"));
    bench.works(bench.pruned("p.h5", "--ratio 0.3 --retrain-epochs 1 --mask " +
                                         bench.point("m.h5", "l2-feature-map-0.5.mask.h5")));
    const PruningResults results = results_of(bench.path("p.h5"));
    const PruningResult &baseline = *results.find("baseline"), &control = *results.find("control");
    BOOST_TEST(baseline.validation_mcr == control.validation_before);
    BOOST_TEST(baseline.test_mcr == control.test_before);
    BOOST_TEST(baseline.pruned_kernels == control.pruned_kernels);
    BOOST_TEST(baseline.pruned_maps > 40);
    BOOST_TEST(baseline.parameters == control.parameters);
    BOOST_TEST(baseline.dense_ms != baseline.masked_ms);  // two networks
    BOOST_TEST(results_of(bench.path("m.h5")).baseline()->pruned_kernels == 0);
}

BOOST_AUTO_TEST_CASE(a_layer_without_any_kernel_is_searched) {
    const Normalised bench;
    bench.works(bench.prune("--checkpoint " + bench.net + " --granularity layer --criterion best-of-n " +
                            "--candidates 2 --ratio 0.5 --out " + bench.path("l.h5")));
    bench.works(bench.prune("--checkpoint " + bench.net +
                            " --granularity kernel,kernel --criterion best-of-n " +
                            "--candidates 1 --ratio 1,0.5 --out " + bench.path("k.h5")));
}

// One K for all that the run trains, scores and tests, in the result as in the files.
BOOST_AUTO_TEST_CASE(a_k_for_the_run_is_drawn_once) {
    const Recorded bench;
    const std::string net = bench.path("n.h5"), out = bench.path("p.h5");
    bench.works(bench.train("--mode per-batch --validation 0.2 --rate 0.01 --out " + net));
    // Seed 2 draws K = 1.
    bench.works(bench.prune("--checkpoint " + net +
                            " --mode per-run --seed 2 --ratio 0.3 --retrain-epochs 1 --out " + out));
    const std::string point = out + ".points/l2-kernel-0.3.h5";
    const Checkpoint stored = read_checkpoint(point);
    const double k = stored.state.values.at("evaluation_mode");
    BOOST_TEST(k != 0);
    BOOST_TEST(stored.state.values.at("mode_is_drawn") == 0);
    const auto mcr = [&](const std::string& file, const std::string& more) {
        const std::string evaluation = bench.path("e.h5");
        bench.works(app("evaluate") + " --threads 1 --overwrite --out " + evaluation + more + ' ' + file);
        return read_results(evaluation).column<double>(evaluation, "evaluation", "test_mcr").at(0);
    };
    const PruningResults results = results_of(out);
    BOOST_TEST(results.find("l2-kernel-0.3")->test_mcr == mcr(point, ""));
    BOOST_TEST(results.baseline()->test_mcr == mcr(net, " --mode " + std::to_string(int(k))));
    bench.works(bench.prune("--resume --ratio 0.1:0.3:0.2 --mode per-run --out " + out));
}

BOOST_AUTO_TEST_CASE(a_later_run_takes_nothing_up_that_was_replaced) {
    const Ecp bench;
    const std::string &out = bench.out, &ecp = bench.ecp;
    bench.works(ecp + " --method max,ecp --mode 0 --epochs 2");
    bench.works(ecp + " --method max --epochs 1 --overwrite");
    BOOST_TEST(!std::filesystem::exists(out + ".checkpoints/one-conv-ecp-0.h5"));
    // Nor what has more epochs than this run, where the result is gone.
    bench.works(ecp + " --method max --epochs 2 --resume");
    std::filesystem::remove(out);
    bench.fails(ecp + " --resume --method max --epochs 1", 2, "--epochs: expected at least the 2");
}

BOOST_AUTO_TEST_CASE(a_k_that_fftconv_ecp_drew_is_drawn_again) {
    const Ecp bench;
    bench.works(bench.ecp + " --method ecp --mode 0,per-epoch,per-batch --epochs 1");
    for (const std::string mode : {"0", "per-epoch", "per-batch"}) {
        const std::string tuned = bench.path(mode + ".h5");
        bench.works(app("train") + " --threads 1 --epochs 1 --init " + bench.out +
                    ".checkpoints/one-conv-ecp-" + mode + ".h5 --out " + tuned);
        const Configuration recorded = parse_toml(read_checkpoint(tuned).resolved_toml, tuned);
        BOOST_TEST(fftconv::text_of(recorded.at("mode")) == mode);
    }
}

BOOST_AUTO_TEST_CASE(no_output_is_what_the_run_starts_from) {
    const Normalised bench;
    bench.works(bench.train("--repeat 2 --out " + bench.path("q.h5")));
    bench.fails(bench.train("--repeat 3 --overwrite --init " + bench.path("q-repeat-2.h5") + " --out " +
                            bench.path("q.h5")),
                2, "one that is read");
    bench.works(bench.pruned("p.h5", "--ratio 0.3 --retrain-epochs 1"));
    const std::string point = bench.point("p.h5", "l2-kernel-0.3.h5"), before = test::text_of(point);
    bench.fails(bench.prune("--overwrite --ratio 0.3 --checkpoint " + point + " --out " + bench.path("p.h5")),
                2, "one that is read");
    bench.fails(bench.pruned(
                    "p.h5", "--overwrite --ratio 0.3 --mask " + bench.point("p.h5", "l2-kernel-0.3.mask.h5")),
                2, "one that is read");
    BOOST_TEST(test::text_of(point) == before);
}

BOOST_AUTO_TEST_CASE(other_images_are_tested_only_when_asked_for) {
    const Recorded bench;
    const std::string net = bench.path("n.h5");
    bench.works(bench.train("--mode 2 --out " + net));
    const TemporaryFolder other;
    write_mnist(other.path());
    write_digits(other.path() / "mnist", "t10k", 61);
    const std::string evaluate = app("evaluate") + " --threads 1 --overrule --mode 1 " + net;
    bench.fails("FFTCONV_DATA=" + other.path().string() + ' ' + evaluate, 1, "/dataset/sha256");
    bench.works(evaluate + " --data " + other.path().string());
}

BOOST_AUTO_TEST_CASE(the_network_of_another_point_is_refused) {
    const Normalised bench;
    const std::string out = bench.path("p.h5");
    bench.works(bench.pruned("p.h5", "--ratio 0.2:0.6:0.4"));
    std::filesystem::copy_file(bench.point("p.h5", "l2-kernel-0.2.h5"),
                               bench.point("p.h5", "l2-kernel-0.6.h5"),
                               std::filesystem::copy_options::overwrite_existing);
    bench.fails(app("prune") + " --threads 1 --resume --time-again --out " + out, 1,
                "l2-kernel-0.6.h5: /mask: expected that of l2-kernel-0.6");
}

BOOST_AUTO_TEST_CASE(budgets_of_earlier_calls_stay) {
    const Normalised bench;
    bench.works(bench.pruned("b.h5", "--ratio 0.1:0.9:0.2 --budget 30"));
    bench.works(app("prune") + " --threads 1 --resume --criterion weight-sum --out " + bench.path("b.h5"));
    const std::string out = bench.path("b.h5");
    const ResultRecord record = read_results(out);
    const auto& criteria = record.column<std::string>(out, "budget", "criterion");
    for (const std::string criterion : {"l2", "weight-sum"})
        BOOST_TEST(std::count(criteria.begin(), criteria.end(), criterion) == 1, criterion);
}

BOOST_AUTO_TEST_CASE(what_a_preprocessing_lacks_is_named) {
    const Recorded bench;
    const std::string net = bench.path("n.h5");
    bench.works(bench.train("--preprocess whitening --limit 60 --out " + net));
    Checkpoint altered = read_checkpoint(net);
    std::erase_if(altered.extra,
                  [](const NamedArray& array) { return array.name == "preprocessing/contrast"; });
    write_checkpoint(net, altered);
    bench.fails(app("evaluate") + " --threads 1 " + net, 1, "preprocessing/contrast");
}

BOOST_AUTO_TEST_CASE(curves_have_a_test_for_each_epoch) {
    const Ecp bench;
    const std::string& out = bench.out;
    bench.works(bench.ecp + " --method max --epochs 1");
    ResultRecord record = read_results(out);
    record.curves.at(0).test_mcr = {-40};
    BOOST_CHECK_THROW(write_results(out, record), FileError);
    record.curves.at(0).test_mcr.clear();
    write_results(out, record);
    bench.fails(app("ecp") + " --report " + out, 1,
                "/curves/one-conv-max/test_mcr: expected a value for each of 1");
    bench.fails(app("ecp") + " --resume --out " + out, 1, "/curves/one-conv-max/test_mcr");
}

BOOST_AUTO_TEST_CASE(a_link_to_the_result_is_the_result) {
    const Normalised bench;
    bench.works(bench.pruned("p.h5", "--ratio 0.3"));
    std::filesystem::create_symlink("p.h5", bench.path("link.h5"));
    bench.works(app("prune") + " --threads 1 --resume --out " + bench.path("link.h5"));
    BOOST_TEST(!std::filesystem::exists(bench.path("link.h5.points")));
    BOOST_TEST(std::filesystem::is_symlink(bench.path("link.h5")));
    bench.fails(bench.pruned("q.h5", "--ratio 0.0000004"), 2, "--ratio: expected 0 or at least");
    std::ofstream(bench.path("options.h5")) << "ratios = ['0.3']\n";
    bench.fails(bench.pruned("q.h5", "--config " + bench.path("options.h5")), 2, "unknown key 'ratios'");
}

// Some layers are normalised and some are not: the network says which.
BOOST_AUTO_TEST_CASE(a_network_to_start_from_says_where_it_is_normalised) {
    const Recorded bench;
    const std::string architecture = "1x28x28:4C5v+BN-P2-3C3-10Softmax", net = bench.path("n.h5"),
                      tuned = bench.path("t.h5");
    const std::string train = app("train") + " --threads 1 --batch 20 --epochs 1 ";
    bench.works(train + "--architecture " + architecture + " --out " + net);
    bench.works(train + "--init " + net + " --out " + tuned);
    BOOST_TEST(read_checkpoint(tuned).architecture == architecture);
    bench.fails(train + "--batch-norm --init " + net + " --out " + bench.path("u.h5"), 1, "3C3+BN");
    bench.fails(train + "--width 1e9 --architecture " + architecture + " --out " + bench.path("u.h5"), 2,
                "width: expected layers of at most");
    bench.fails(
        bench.prune("--ratio 0.5 --layers dense1 --checkpoint " + net + " --out " + bench.path("p.h5")), 2,
        "found dense1");
    // A rate that none can be is not compared.
    const std::string compare = app("results") + " compare " + net + " ", altered = bench.path("a.h5");
    bench.works(compare + net);
    Checkpoint other = read_checkpoint(net);
    other.state.values["test_mcr"] = 150;
    write_checkpoint(altered, other);
    bench.fails(compare + altered, 1, altered + ": /state @test_mcr");
}

// A ratio whose text has an exponent, and a minus with it, is a ratio of the same sequence.
BOOST_AUTO_TEST_CASE(a_budget_has_one_row_for_each_sequence) {
    PruneOptions options;
    options.granularities = {"kernel"};
    options.budget = 5;
    PruningResults results;
    for (const auto& [name, requested] :
         {std::pair{"baseline", 0.0}, {"l2-kernel-3e-05", 0.003}, {"l2-kernel-0.6", 60.0}}) {
        PruningResult point;
        point.name = name;
        point.criterion = requested > 0 ? "l2" : "none";
        point.granularity = requested > 0 ? "kernel" : "none";
        point.requested = requested;
        results.points.push_back(point);
    }
    const std::vector<BudgetRow> rows = budget_rows(results, options);
    BOOST_REQUIRE_EQUAL(rows.size(), 1u);
    BOOST_TEST(rows[0].name == "l2-kernel-0.6");
}

// Runs on other images, or with other masks, are no repeats of each other, whatever their names.
BOOST_AUTO_TEST_CASE(runs_on_other_data_are_not_pooled) {
    const auto made = [](const std::string& data, const std::string& mask) {
        PruningRecord record;
        record.dataset = "images";
        record.data_sha256 = data;
        record.mask_sha256 = mask;
        record.options.mask = mask.empty() ? "" : "mask.h5";
        return record;
    };
    BOOST_TEST(pooled({made("a", ""), made("a", "")}).size() == 1u);
    BOOST_TEST(pooled({made("a", ""), made("b", "")}).size() == 2u);
    BOOST_TEST(pooled({made("a", "c"), made("a", "d")}).size() == 2u);
}

BOOST_AUTO_TEST_SUITE_END()
