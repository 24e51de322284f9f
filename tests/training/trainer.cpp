#include "fftconv/training/trainer.hpp"

#include <algorithm>
#include <array>
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <numeric>

#include "fftconv/core/error.hpp"
#include "support/gradient_check.hpp"
#include "support/small_images.hpp"

using namespace fftconv;
using namespace fftconv::test;

namespace {

const MapShape maps{1, 12, 12};
const char* const architecture = "1x12x12:4C3v+BN-P2(ecp)-6C3-P2(average)-16FC+BN-4Softmax";

BatchOptions batches(int size = 16) {
    BatchOptions options;
    options.size = size;
    options.shuffled = true;
    return options;
}

/// A network in training, with all that may depend on where it was interrupted: shuffling, a partial last
/// batch, random modes, dropout, batch normalisation, a schedule, optimizer state, the best weights.
struct Run {
    LabelledImages train = small_images(70, maps, 4, "train"),
                   validation = small_images(30, maps, 4, "validation");
    Network network;
    Trainer trainer;

    Run(const std::string& engine, int threads, TrainerOptions options = everything())
        : network(parse_architecture(architecture),
                  {.engine = engine, .batch = 16, .threads = threads, .dropout = 0.2f}),
          trainer(network, train, batches(), &validation, options) {}

    static TrainerOptions everything() {
        TrainerOptions options;
        options.epochs = 3;
        options.schedule.kind = Schedule::Kind::cosine;
        options.mode_choice = ModeChoice::per_batch;
        options.optimizer.weight_decay = 1e-3f;
        options.keep_best = true;
        return options;
    }
};

/// Two histories but for the seconds.
bool same(std::vector<EpochRecord> a, std::vector<EpochRecord> b) {
    for (auto* history : {&a, &b})
        for (EpochRecord& record : *history) record.train_seconds = record.validation_seconds = 0;
    return a == b;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(trainer)

BOOST_AUTO_TEST_CASE(same_seed_same_bits_for_any_number_of_threads) {
    for (const std::string engine : {"direct", "fft"}) BOOST_TEST_CONTEXT(engine) {
            TrainerOptions options = Run::everything();
            options.epochs = 2;
            Run one(engine, 1, options), two(engine, 2, options);
            const std::vector<NamedArray> initial = one.network.state();
            BOOST_CHECK(one.trainer.run() == TrainingEnd::finished);
            BOOST_CHECK(two.trainer.run() == TrainingEnd::finished);
            BOOST_CHECK(one.network.state() == two.network.state());
            BOOST_CHECK(one.network.state() != initial);
            BOOST_CHECK(same(one.trainer.history(), two.trainer.history()));
        }
}

BOOST_AUTO_TEST_CASE(resuming_anywhere_changes_no_bit) {
    for (const std::string engine : {"direct", "fft"}) {
        Run whole(engine, 1);
        BOOST_CHECK(whole.trainer.run() == TrainingEnd::finished);
        for (int stop : {1, 4, 5, 8, 15}) BOOST_TEST_CONTEXT(engine << ", stopped after batch " << stop) {
                Run first(engine, 1);
                int batch = 0;
                first.trainer.on_batch = [&](const BatchProgress& progress) {
                    BOOST_CHECK_EQUAL(progress.batches, 5);
                    BOOST_CHECK_EQUAL(progress.batch, batch % 5 + 1);
                    BOOST_CHECK_EQUAL(progress.epoch, batch / 5 + 1);
                    return ++batch < stop;
                };
                BOOST_CHECK(first.trainer.run() == TrainingEnd::interrupted);
                const TrainerState state = first.trainer.state();
                BOOST_CHECK_EQUAL(state.steps, stop);

                Run second(engine, 1);
                second.network.load_state(first.network.state());
                second.trainer.load_state(state);
                BOOST_CHECK(second.trainer.run() == TrainingEnd::finished);
                BOOST_CHECK(second.network.state() == whole.network.state());
                BOOST_CHECK(same(second.trainer.history(), whole.trainer.history()));
                BOOST_CHECK(second.trainer.state().optimizer == whole.trainer.state().optimizer);
                BOOST_CHECK(second.trainer.state().best == whole.trainer.state().best);
            }
    }
}

BOOST_AUTO_TEST_CASE(stopping_between_epochs_and_going_on) {
    Run whole("direct", 1), parts("direct", 1);
    whole.trainer.run();
    parts.trainer.on_epoch = [](const EpochRecord&) { return false; };
    for (int epoch = 0; epoch < 3; ++epoch) BOOST_CHECK(parts.trainer.run() == TrainingEnd::interrupted);
    BOOST_CHECK(parts.trainer.run() == TrainingEnd::finished);
    BOOST_CHECK(parts.network.state() == whole.network.state());
}

BOOST_AUTO_TEST_CASE(learns_a_small_set_by_heart) {
    for (const std::string engine : {"direct", "fft"})
        for (const std::string method : {"max", "average", "random", "ecp"})
            for (const char* optimizer : {"sgd", "momentum", "adam", "rmsprop"}) {
                if (method != "max" && std::string(optimizer) != "adam") continue;
                BOOST_TEST_CONTEXT(engine << ", " << method << ", " << optimizer) {
                    const LabelledImages images = small_images(40, maps, 4, "by heart");
                    Network network(with_pooling(parse_architecture("1x12x12:6C3v-P2-16FC-4Softmax"),
                                                 parse_pooling_method(method)),
                                    {.engine = engine, .batch = 16});
                    TrainerOptions options;
                    options.epochs = 40;
                    options.optimizer.method = parse_optimizer_method(optimizer);
                    options.optimizer.rate = std::string(optimizer) == "sgd" ? 0.1f : 0.005f;
                    Trainer trainer(network, images, batches(), nullptr, options);
                    trainer.run();
                    const Evaluation evaluation = evaluate(network, images);
                    BOOST_CHECK_EQUAL(evaluation.mcr, 0);
                    BOOST_CHECK_LT(evaluation.loss, 0.05);
                    BOOST_CHECK_GT(trainer.history().front().train_loss, 0.5);
                    BOOST_CHECK(std::isnan(trainer.history().front().validation_mcr));
                }
            }
}

// At a rate of next to nothing an epoch meets the images as an evaluation does, the partial last batch too.
BOOST_AUTO_TEST_CASE(an_epoch_s_loss_and_mcr_are_means_of_its_images) {
    const LabelledImages images = small_images(70, maps, 4, "train");
    Network network(parse_architecture("1x12x12:4C3v-P2-4Softmax"), {.engine = "direct", .batch = 16});
    TrainerOptions options;
    options.epochs = 1;
    options.optimizer.rate = 1e-12f;
    Trainer trainer(network, images, batches(), nullptr, options);
    BOOST_CHECK(trainer.run() == TrainingEnd::finished);
    const Evaluation expected = evaluate(network, images);
    BOOST_TEST(trainer.history().front().train_loss == expected.loss, boost::test_tools::tolerance(1e-5));
    BOOST_TEST(trainer.history().front().train_mcr == expected.mcr, boost::test_tools::tolerance(1e-9));
}

BOOST_AUTO_TEST_CASE(evaluation_counts) {
    Run run("direct", 1);
    run.trainer.run();
    const Evaluation evaluation = evaluate(run.network, run.validation);
    BOOST_CHECK_EQUAL(evaluation.count, 30);
    int correct = 0, all = 0;
    for (int label = 0; label < 4; ++label)
        for (int given = 0; given < 4; ++given) {
            const int count = evaluation.confusion[label * 4 + given];
            all += count;
            if (label == given) correct += count;
        }
    BOOST_CHECK_EQUAL(all, 30);
    BOOST_CHECK_CLOSE(evaluation.mcr + 1, 100.0 * (30 - correct) / 30 + 1, 1e-9);
    for (int label = 0; label < 4; ++label) {
        int row = 0;
        for (int given = 0; given < 4; ++given) row += evaluation.confusion[label * 4 + given];
        BOOST_CHECK_EQUAL(row, std::count(run.validation.labels.begin(), run.validation.labels.end(), label));
    }
    BOOST_CHECK_CLOSE(evaluation.loss, run.trainer.history().back().validation_loss, 1e-9);
    BOOST_CHECK_CLOSE(evaluation.mcr + 1, run.trainer.history().back().validation_mcr + 1, 1e-9);
    BOOST_CHECK_GT(evaluation.seconds, 0);
}

BOOST_AUTO_TEST_CASE(ten_crops) {
    const LabelledImages images = small_images(20, {1, 14, 14}, 4, "crops");
    Network network(parse_architecture("1x12x12:4C3-P2-4Softmax"), {.engine = "direct", .batch = 8});
    const Evaluation evaluation = evaluate_ten_crops(network, images);
    BOOST_CHECK_EQUAL(evaluation.count, 20);
    BOOST_CHECK_GT(evaluation.loss, 0);
    // Images of one value: every crop is the same image, so the mean of ten is one of them.
    LabelledImages flat = images;
    std::fill(std::get<std::vector<float>>(flat.pixels).begin(),
              std::get<std::vector<float>>(flat.pixels).end(), 0.5f);
    LabelledImages cropped = flat;
    cropped.maps = {1, 12, 12};
    std::get<std::vector<float>>(cropped.pixels).resize(20 * 144);
    BOOST_CHECK_CLOSE(evaluate_ten_crops(network, flat).loss, evaluate(network, cropped).loss, 1e-3);
}

// Corners, centre, and their mirror images, cut out here; probabilities are averaged, then judged.
BOOST_AUTO_TEST_CASE(ten_crops_of_images_that_are_not_flat) {
    const MapShape whole{2, 15, 15};
    const LabelledImages images = small_images(23, whole, 4, "crops");
    Network network(parse_architecture("2x12x12:6C3-P2-4Softmax"), {.engine = "direct", .batch = 8});
    std::vector<std::array<double, 4>> sum(23);
    const int tops[] = {0, 0, 3, 3, 1}, lefts[] = {0, 3, 0, 3, 1};
    for (int n = 0; n < 23; ++n) {
        std::vector<float> image(whole.size());
        images.copy_image(n, image);
        for (int crop = 0; crop < 10; ++crop) {
            Tensor x(network.architecture().input, 1);
            for (int c = 0; c < 2; ++c)
                for (int h = 0; h < 12; ++h)
                    for (int w = 0; w < 12; ++w) {
                        const int column = lefts[crop % 5] + (crop < 5 ? w : 11 - w);
                        x(c, h, w, 0) = image[std::size_t((c * 15 + tops[crop % 5] + h) * 15 + column)];
                    }
            const Tensor& logits = network.forward(x);
            double all = 0;
            for (int k = 0; k < 4; ++k) all += std::exp(double(logits(k, 0, 0, 0)));
            for (int k = 0; k < 4; ++k)
                sum[std::size_t(n)][std::size_t(k)] += std::exp(double(logits(k, 0, 0, 0))) / all / 10;
        }
    }
    double loss = 0;
    int wrong = 0;
    for (int n = 0; n < 23; ++n) {
        const auto& of_image = sum[std::size_t(n)];
        const int label = images.labels[std::size_t(n)];
        loss -= std::log(of_image[std::size_t(label)]) / 23;
        wrong += std::ranges::max_element(of_image) - of_image.begin() != label;
    }
    for (const Evaluation& evaluation :
         {evaluate_ten_crops(network, images), evaluate_test(network, images)}) {
        BOOST_TEST(evaluation.loss == loss, boost::test_tools::tolerance(1e-5));
        BOOST_TEST(evaluation.mcr == 100.0 * wrong / 23, boost::test_tools::tolerance(1e-12));
        BOOST_TEST(evaluation.count == 23);
    }
}

BOOST_AUTO_TEST_CASE(random_crops_are_validated_on_the_centre) {
    const LabelledImages train = small_images(40, {1, 14, 14}, 4, "train"),
                         validation = small_images(20, {1, 14, 14}, 4, "validation");
    Network network(parse_architecture("1x12x12:4C3-P2-4Softmax"), {.engine = "direct", .batch = 16});
    BatchOptions cropped = batches();
    cropped.augmentation.crop = 12;
    TrainerOptions options;
    options.epochs = 1;
    Trainer trainer(network, train, cropped, &validation, options);
    BOOST_CHECK(trainer.run() == TrainingEnd::finished);
    LabelledImages centres = validation;
    centres.maps = maps;
    auto& pixels = std::get<std::vector<float>>(centres.pixels);
    pixels.clear();
    for (int n = 0; n < 20; ++n)
        for (int h = 1; h < 13; ++h)
            for (int w = 1; w < 13; ++w)
                pixels.push_back(std::get<std::vector<float>>(validation.pixels)[(n * 14 + h) * 14 + w]);
    BOOST_CHECK_CLOSE(trainer.history().front().validation_loss, evaluate(network, centres).loss, 1e-6);
}

BOOST_AUTO_TEST_CASE(stops_early_and_restores_the_best) {
    TrainerOptions options;
    options.epochs = 60;
    options.patience = 3;
    options.keep_best = true;
    options.optimizer.rate = 0.05f;  // so high that the best epoch is soon behind
    Run run("direct", 1, options);
    BOOST_CHECK(run.trainer.run() == TrainingEnd::stopped_early);
    const TrainerState state = run.trainer.state();
    BOOST_CHECK_EQUAL(state.epoch, state.best_epoch + 3);
    for (const EpochRecord& record : state.history) BOOST_CHECK_GE(record.validation_mcr, state.best_mcr);
    run.trainer.restore_best();
    BOOST_CHECK_EQUAL(evaluate(run.network, run.validation).mcr, state.best_mcr);
    BOOST_CHECK(run.trainer.run() == TrainingEnd::stopped_early);
    BOOST_CHECK_EQUAL(run.trainer.state().epoch, state.epoch);  // it stays ended
    BOOST_CHECK_EQUAL(evaluate(run.network, run.validation).mcr, state.best_mcr);
}

BOOST_AUTO_TEST_CASE(modes_are_drawn_as_chosen) {
    for (const ModeChoice choice :
         {ModeChoice::fixed, ModeChoice::per_run, ModeChoice::per_epoch, ModeChoice::per_batch})
        BOOST_TEST_CONTEXT(to_string(choice)) {
            TrainerOptions options;
            options.epochs = 12;
            options.mode_choice = choice;
            options.mode = 2;
            Run run("direct", 1, options);
            std::vector<int> modes;
            run.trainer.on_batch = [&](const BatchProgress&) {
                modes.push_back(run.network.convolutions()[0]->mode());
                return true;
            };
            run.trainer.on_epoch = [&](const EpochRecord&) {
                BOOST_CHECK_EQUAL(run.network.convolutions()[0]->mode(), run.trainer.evaluation_mode());
                return true;
            };
            run.trainer.run();
            int changes_inside = 0, changes_between = 0;
            for (std::size_t i = 1; i < modes.size(); ++i)
                (i % 5 ? changes_inside : changes_between) += modes[i] != modes[i - 1];
            BOOST_CHECK_EQUAL(changes_inside > 0, choice == ModeChoice::per_batch);
            BOOST_CHECK_EQUAL(changes_between > 0,
                              choice == ModeChoice::per_batch || choice == ModeChoice::per_epoch);
            if (choice == ModeChoice::fixed) BOOST_CHECK_EQUAL(modes[0], 2);
            if (choice != ModeChoice::per_run) BOOST_CHECK_EQUAL(run.trainer.evaluation_mode(), 2);
            BOOST_CHECK(parse_mode_choice(to_string(choice)) == choice);
        }
    BOOST_CHECK_THROW(parse_mode_choice("per-image"), UsageError);
}

BOOST_AUTO_TEST_CASE(errors) {
    Run run("direct", 1);
    const LabelledImages other = small_images(10, {1, 11, 12}, 4, "other");
    const auto make = [&](const LabelledImages& images, const LabelledImages* validation,
                          TrainerOptions options) {
        Trainer(run.network, images, batches(), validation, options);
    };
    BOOST_CHECK_THROW(make(other, nullptr, {}), ShapeError);
    BOOST_CHECK_THROW(make(run.train, &other, {}), ShapeError);
    TrainerOptions options;
    options.patience = 1;
    BOOST_CHECK_THROW(make(run.train, nullptr, options), UsageError);
    LabelledImages none = run.train;  // which would be classified without a mistake
    none.truncate(0);
    BOOST_CHECK_THROW(make(run.train, &none, options), UsageError);
    options = {};
    options.epochs = 0;
    BOOST_CHECK_THROW(make(run.train, nullptr, options), UsageError);
    TrainerState state = run.trainer.state();
    state.batch = 6;
    BOOST_CHECK_THROW(run.trainer.load_state(state), ShapeError);
}

// A loss that is no number ends training at its batch, before the weights of that step are seen by anybody.
BOOST_AUTO_TEST_CASE(divergence_names_its_batch_and_is_never_the_best) {
    const LabelledImages train = small_images(64, maps, 4, "train"),
                         validation = small_images(16, maps, 4, "v");
    for (float rate : {1e30f, 1e38f}) {
        Network network(parse_architecture("1x12x12:4C3-P2-4Softmax"), {.engine = "direct", .batch = 16});
        TrainerOptions options{.epochs = 3, .keep_best = true};
        options.optimizer = {.method = OptimizerMethod::sgd, .rate = rate};
        Trainer trainer(network, train, batches(), &validation, options);
        int seen = 0, batches_before = 0;
        trainer.on_epoch = [&](const EpochRecord&) { return ++seen > 0; };
        trainer.on_batch = [&](const BatchProgress&) { return ++batches_before > 0; };
        try {
            trainer.run();
            BOOST_ERROR("no error");
        } catch (const DivergenceError& error) {
            BOOST_CHECK_EQUAL(error.epoch(), 1);
            BOOST_CHECK_LE(error.batch(), 4);
            BOOST_CHECK_EQUAL(error.batch(), batches_before + 1);
            BOOST_CHECK(std::string(error.what()).find("epoch 1, batch ") != std::string::npos);
        }
        BOOST_CHECK_EQUAL(seen, 0);
        BOOST_CHECK(trainer.state().best.empty());
    }
}

BOOST_AUTO_TEST_CASE(nan_logits_are_errors_in_no_class) {
    LabelledImages images = small_images(20, maps, 4, "v");
    std::get<std::vector<float>>(images.pixels)[3 * maps.size() + 70] = NAN;
    Network network(parse_architecture("1x12x12:4C3-P2-4Softmax"), {.engine = "direct", .batch = 8});
    const Evaluation evaluation = evaluate(network, images);
    BOOST_CHECK_EQUAL(evaluation.undefined, 1);
    BOOST_CHECK_EQUAL(std::accumulate(evaluation.confusion.begin(), evaluation.confusion.end(), 0), 19);
    BOOST_CHECK(std::isnan(evaluation.loss));
    BOOST_CHECK_GE(evaluation.mcr, 5);
}

BOOST_AUTO_TEST_CASE(batch_normalisation_refuses_a_last_batch_of_one) {
    const LabelledImages images = small_images(33, maps, 4, "v");
    Network dense(parse_architecture("1x12x12:4C3-P2-6FC+BN-4Softmax"), {.engine = "direct", .batch = 16});
    Network convolution(parse_architecture("1x12x12:4C3+BN-P2-4Softmax"), {.engine = "direct", .batch = 16});
    BOOST_CHECK_EXCEPTION(Trainer(dense, images, batches(16), nullptr, {}), UsageError,
                          [](const UsageError& e) {
                              return std::string(e.what()).find("batch of one image") != std::string::npos;
                          });
    BOOST_CHECK_NO_THROW(Trainer(dense, images, batches(11), nullptr, {}));
    BOOST_CHECK_NO_THROW(Trainer(convolution, images, batches(16), nullptr, {}));
}

BOOST_AUTO_TEST_SUITE_END()
