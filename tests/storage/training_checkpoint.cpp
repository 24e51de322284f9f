#include "fftconv/storage/training_checkpoint.hpp"

#include <boost/test/unit_test.hpp>
#include <cmath>
#include <string>

#include "fftconv/core/error.hpp"
#include "fftconv/core/random.hpp"
#include "support/temporary_folder.hpp"

using namespace fftconv;

namespace {

LabelledImages random_images(int count) {
    LabelledImages images;
    images.maps = {1, 12, 12};
    RandomStream random(7, "images");
    std::vector<std::uint8_t> pixels(std::size_t(count) * images.maps.size());
    for (std::uint8_t& pixel : pixels) pixel = std::uint8_t(random.below(256));
    images.pixels = std::move(pixels);
    for (int i = 0; i < count; ++i) images.labels.push_back(std::uint8_t(random.below(10)));
    return images;
}

Dataset random_dataset() {
    Dataset dataset;
    dataset.name = "random";
    dataset.sha256 = std::string(64, 'a');
    dataset.train = random_images(40);
    dataset.validation = random_images(10);
    return dataset;
}

/// A small network in training on it.
struct Run {
    Dataset dataset = random_dataset();
    PrunedNetwork pruned;
    Network& network;
    Trainer trainer;
    int stop_after = 1 << 30;  ///< batches

    explicit Run(const std::string& architecture = "1x12x12:3C3-P2(ecp)-10Softmax")
        : pruned(Network(parse_architecture(architecture), {.engine = "direct", .batch = 8})),
          network(pruned.network),
          trainer(network, dataset.train, batches(), &dataset.validation, options()) {
        trainer.on_batch = [this](const BatchProgress&) { return --stop_after > 0; };
    }

    static BatchOptions batches() {
        BatchOptions result;
        result.size = 8;
        result.shuffled = true;
        return result;
    }
    static TrainerOptions options() {
        TrainerOptions result;
        result.epochs = 3;
        result.schedule.kind = Schedule::Kind::cosine;
        result.mode_choice = ModeChoice::per_batch;
        result.keep_best = true;
        return result;
    }
    Checkpoint checkpoint() const {
        return make_checkpoint(pruned, trainer, {curve_of("training", trainer.history())}, "epochs = 3\n",
                               record_of(dataset));
    }
};

}  // namespace

namespace {

/// What a file holds of the finished epochs: all but the validation's loss and time.
std::vector<EpochRecord> without_validation_times(std::vector<EpochRecord> history) {
    for (EpochRecord& record : history) record.validation_loss = record.validation_seconds = 0;
    return history;
}

bool has_validation_times(const EpochRecord& record) {
    return !std::isnan(record.validation_loss) || !std::isnan(record.validation_seconds);
}

}  // namespace

BOOST_AUTO_TEST_CASE(training_goes_on_bit_for_bit_from_a_file_after_any_batch) {
    const test::TemporaryFolder folder;
    Run whole;
    BOOST_CHECK(whole.trainer.run() == TrainingEnd::finished);
    for (int batches : {1, 4, 5, 6, 13}) {
        Run first, second;
        first.stop_after = batches;
        BOOST_CHECK(first.trainer.run() == TrainingEnd::interrupted);
        write_checkpoint(folder / "c.h5", first.checkpoint());
        restore_training(read_checkpoint(folder / "c.h5"), "c.h5", record_of(second.dataset), second.pruned,
                         second.trainer);
        BOOST_TEST(second.trainer.state().train_seconds == first.trainer.state().train_seconds);
        BOOST_TEST(second.trainer.state().best_epoch == first.trainer.state().best_epoch);
        BOOST_TEST(second.trainer.state().best_mcr == first.trainer.state().best_mcr);
        BOOST_TEST(std::ranges::none_of(second.trainer.history(), has_validation_times));
        BOOST_TEST((without_validation_times(second.trainer.history()) ==
                    without_validation_times(first.trainer.history())));
        BOOST_CHECK(second.trainer.run() == TrainingEnd::finished);
        for (std::size_t epoch = 0; epoch < 3; ++epoch) {
            const EpochRecord &found = second.trainer.history()[epoch],
                              &expected = whole.trainer.history()[epoch];
            BOOST_TEST(found.rate == expected.rate);
            BOOST_TEST(found.train_loss == expected.train_loss);
            BOOST_TEST(found.train_mcr == expected.train_mcr);
            BOOST_TEST(found.validation_mcr == expected.validation_mcr);
        }
        BOOST_TEST((second.network.state() == whole.network.state()), "after " << batches << " batches");
        BOOST_TEST((second.trainer.state().optimizer == whole.trainer.state().optimizer));
        BOOST_TEST((second.trainer.state().best == whole.trainer.state().best));
    }
}

BOOST_AUTO_TEST_CASE(a_checkpoint_of_something_else_is_refused_naming_the_field) {
    const auto refused = [](const Checkpoint& checkpoint, const std::string& field) {
        Run run;
        BOOST_CHECK_EXCEPTION(
            restore_training(checkpoint, "c.h5", record_of(run.dataset), run.pruned, run.trainer), FileError,
            [&](const FileError& error) { return error.field() == field; });
    };
    refused(Run("1x12x12:4C3-P2(ecp)-10Softmax").checkpoint(), "/model/architecture");
    Checkpoint checkpoint = Run().checkpoint();
    checkpoint.dataset.sha256[0] = 'b';
    refused(checkpoint, "/dataset/sha256");
    checkpoint = Run().checkpoint();
    checkpoint.optimizer = "sgd";
    refused(checkpoint, "/optimizer");
    checkpoint = Run().checkpoint();
    checkpoint.model.pop_back();
    refused(checkpoint, "/model");
    checkpoint = Run().checkpoint();
    checkpoint.state.values.erase("epoch_batches");
    refused(checkpoint, "/state/epoch_batches");
}

// Each change alone leaves every array readable; only the parts together tell that something is missing.
BOOST_AUTO_TEST_CASE(parts_that_contradict_each_other_are_refused) {
    Run run;
    run.stop_after = 12;  // two epochs of five batches, and two
    run.trainer.run();
    const Checkpoint whole = run.checkpoint();
    BOOST_REQUIRE(whole.state.epoch == 2);
    const auto refused = [&](const std::string& field, auto change) {
        Checkpoint checkpoint = whole;
        change(checkpoint);
        Run other;
        BOOST_CHECK_EXCEPTION(
            restore_training(checkpoint, "c.h5", record_of(other.dataset), other.pruned, other.trainer),
            FileError,
            [&](const FileError& error) { return error.file() == "c.h5" && error.field() == field; });
    };
    const auto value = [&](const std::string& name, double to) {
        refused("/state @" + name, [&](Checkpoint& c) { c.state.values[name] = to; });
    };
    refused("/state @step", [](Checkpoint& c) { c.state.step = 0; });
    refused("/state @step", [](Checkpoint& c) { ++c.state.epoch; });
    value("epoch_batches", 6);
    value("epoch_batches", 1.5);
    value("epoch_images", 0);
    value("epoch_images", 41);
    value("epoch_correct", 1e300);
    value("epoch_correct", -1);
    value("epoch_loss_sum", INFINITY);
    value("best_epoch", 99);
    value("best_validation_mcr", whole.state.values.at("best_validation_mcr") - 1);
    refused("/curves", [](Checkpoint& c) { c.curves.clear(); });
    refused("/curves", [](Checkpoint& c) { c.curves.front().epoch[1] = 3; });
    refused("/dataset", [](Checkpoint& c) { c.dataset.n_validation = 9; });
    refused("/dataset", [](Checkpoint& c) { ++c.dataset.split_seed; });
    refused("/dataset", [](Checkpoint& c) { ++c.dataset.n_train; });
    refused("/random/mode", [](Checkpoint& c) { c.random.front().position = 1; });
    refused("/random/mode", [](Checkpoint& c) { c.random.front().seed = 99; });
    refused("/extra/best/conv1/weight", [](Checkpoint& c) { c.extra.clear(); });
    refused("/extra/best/conv1/bias", [](Checkpoint& c) { c.extra[1].shape = {1, 3}; });
    refused("/extra/last/dense1/weight", [](Checkpoint& c) {
        for (const NamedArray& array : c.model)
            if (array.name.starts_with("conv1"))
                c.extra.push_back({"last/" + array.name, array.shape, array.values});
    });
    refused("/optimizer/conv1/weight/second_moment", [](Checkpoint& c) {
        for (NamedArray& array : c.optimizer_state)
            if (array.name == "conv1/weight/second_moment") array.values[0] = -1;
    });
}

BOOST_AUTO_TEST_CASE(a_finished_run_that_lost_its_last_weights_is_refused) {
    Run run;
    run.trainer.run();
    Checkpoint checkpoint = run.checkpoint();
    Curve& curve = checkpoint.curves.front();
    curve.validation_mcr = {20, 10, 30};  // the second epoch is the best one, whose weights the model gets
    checkpoint.state.values["best_epoch"] = 2;
    checkpoint.state.values["best_validation_mcr"] = 10;
    std::vector<NamedArray> best = checkpoint.model;
    best[0].values[0] += 1;
    checkpoint.extra.clear();
    for (const NamedArray& array : best)
        checkpoint.extra.push_back({"best/" + array.name, array.shape, array.values});
    const auto restore = [&] {
        Run other;
        restore_training(checkpoint, "c.h5", record_of(other.dataset), other.pruned, other.trainer);
    };
    restore();
    checkpoint.model = best;
    BOOST_CHECK_EXCEPTION(restore(), FileError,
                          [](const FileError& error) { return error.field() == "/extra/last"; });
}

BOOST_AUTO_TEST_CASE(a_network_is_loaded_from_its_checkpoint_alone) {
    Run run;
    run.stop_after = 3;
    run.trainer.run();
    const PrunedNetwork loaded = load_network(run.checkpoint(), "c.h5", {.engine = "direct"});
    BOOST_TEST((loaded.network.state() == run.network.state()));
    BOOST_TEST(loaded.masks().empty());
    Checkpoint broken = run.checkpoint();
    broken.architecture = "1x12x12:3C3-P9-10Softmax";
    BOOST_CHECK_THROW(load_network(broken, "c.h5", {}), FileError);
}

// Weights of the file that its own mask prunes do not count: not in evaluation, nor in training that resumes.
BOOST_AUTO_TEST_CASE(a_network_is_loaded_with_its_masks) {
    Run run;
    Checkpoint checkpoint = run.checkpoint();
    LayerMask mask{.layer = "conv1", .out = 3, .in = 1, .kernel = {1, 0, 1}};
    checkpoint.masks = {mask};
    PrunedNetwork loaded = load_network(checkpoint, "c.h5", {.engine = "direct"});
    restore_training(checkpoint, "c.h5", record_of(run.dataset), run.pruned, run.trainer);
    for (PrunedNetwork* pruned : {&loaded, &run.pruned}) {
        ConvolutionLayer& convolution = *pruned->network.convolutions().front();
        BOOST_TEST((pruned->masks() == Masks{mask}));
        BOOST_TEST(convolution.surviving_kernels() == 2);
        for (int tap = 0; tap < 9; ++tap) {
            BOOST_TEST(convolution.weight().value[9 + tap] == 0);
            BOOST_TEST(convolution.weight().value[18 + tap] != 0);
        }
    }
    run.trainer.run();
    BOOST_TEST((run.checkpoint().masks == Masks{mask}));
    for (const NamedArray& array : run.checkpoint().model)
        if (array.name == "conv1/weight")
            for (int tap = 0; tap < 9; ++tap) BOOST_TEST(array.values[9 + tap] == 0);
    Run interrupted;  // in the middle of an epoch
    interrupted.pruned.set_masks({mask});
    interrupted.stop_after = 7;
    interrupted.trainer.run();
    BOOST_TEST((interrupted.checkpoint().masks == Masks{mask}));
    checkpoint.masks.front().kernel = {1, 0};
    BOOST_CHECK_EXCEPTION(load_network(checkpoint, "c.h5", {}), FileError,
                          [](const FileError& error) { return error.field() == "/mask"; });
}

// Of it every answer would be NaN.
BOOST_AUTO_TEST_CASE(a_negative_variance_is_refused) {
    Run run("1x12x12:3C3+BN-P2(ecp)-10Softmax");
    Checkpoint checkpoint = run.checkpoint();
    for (NamedArray& array : checkpoint.model)
        if (array.name == "norm1/running_variance") array.values[1] = -0.5f;
    const auto names_it = [](const FileError& error) {
        return error.field() == "/model/norm1/running_variance" && error.found() == "-0.5";
    };
    BOOST_CHECK_EXCEPTION(load_network(checkpoint, "c.h5", {.engine = "direct"}), FileError, names_it);
    BOOST_CHECK_EXCEPTION(
        restore_training(checkpoint, "c.h5", record_of(run.dataset), run.pruned, run.trainer), FileError,
        names_it);
}

// K at evaluation, and whether the K of training was another.
BOOST_AUTO_TEST_CASE(a_checkpoint_says_how_k_was_chosen) {
    const Dataset dataset = random_dataset();
    PrunedNetwork pruned(Network(parse_architecture("1x12x12:3C3-P2(ecp)-10Softmax"), {.engine = "direct"}));
    bool differs = false;
    for (const ModeChoice choice :
         {ModeChoice::fixed, ModeChoice::per_run, ModeChoice::per_epoch, ModeChoice::per_batch})
        for (const std::uint64_t seed : {1, 2, 3}) BOOST_TEST_CONTEXT(to_string(choice) << " " << seed) {
                const Trainer trainer(pruned.network, dataset.train, Run::batches(), nullptr,
                                      {.mode_choice = choice, .mode = 2, .seed = seed});
                const Checkpoint checkpoint = make_checkpoint(pruned, trainer, {}, "", {});
                const auto& values = checkpoint.state.values;
                BOOST_TEST(checkpoint.random.front().seed == seed);
                const int drawn = int(RandomStream(seed, "mode").below(4));
                BOOST_TEST(values.at("evaluation_mode") == (choice == ModeChoice::per_run ? drawn : 2));
                BOOST_TEST(values.at("mode_is_drawn") ==
                           (choice == ModeChoice::per_epoch || choice == ModeChoice::per_batch));
                differs = differs || drawn != 2;
            }
    BOOST_TEST(differs);
}

BOOST_AUTO_TEST_CASE(records_hold_each_number_in_its_place) {
    Dataset dataset;
    dataset.name = "random";
    dataset.sha256 = "digest";
    dataset.split_seed = 7;
    dataset.train = random_images(5);
    dataset.validation = random_images(3);
    dataset.test = random_images(2);
    BOOST_TEST((record_of(dataset) == DatasetRecord{"random", "digest", 7, 5, 3, 2}));
    const Curve curve =
        curve_of("max", {{1, 0.1, 2.5, 60, 2.25, 50, 11, 13}, {2, 0.2, 1.5, 40, 1.25, 30, 17, 19}});
    const Curve expected{.method = "max",
                         .epoch = {1, 2},
                         .train_loss = {2.5, 1.5},
                         .train_mcr = {60, 40},
                         .validation_mcr = {50, 30},
                         .train_seconds = {11, 17}};
    BOOST_TEST((curve == expected));
}
