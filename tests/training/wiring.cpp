// What a training was made of: which images, rates, modes, numbers drawn and statistics.
#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <limits>
#include <memory>
#include <set>

#include "fftconv/core/random.hpp"
#include "fftconv/training/recalibration.hpp"
#include "fftconv/training/trainer.hpp"
#include "support/small_images.hpp"

using namespace fftconv;
using namespace fftconv::test;

BOOST_AUTO_TEST_SUITE(training_wiring)

namespace {

const MapShape maps{1, 12, 12};

LabelledImages first_of(const LabelledImages& images, int count) {
    LabelledImages some = images;
    some.truncate(count);
    return some;
}

/// K at every batch of a run.
std::vector<int> modes_of(ModeChoice choice, std::uint64_t seed, int epochs) {
    const LabelledImages train = small_images(40, maps, 4, "train");
    Network network(parse_architecture("1x12x12:3C3-P2(random)-4Softmax"), {.engine = "direct", .batch = 16});
    Trainer trainer(network, train, {.size = 16}, nullptr,
                    {.epochs = epochs, .mode_choice = choice, .mode = 1, .seed = seed});
    std::vector<int> modes;
    trainer.on_batch = [&](const BatchProgress&) {
        modes.push_back(network.options().mode);
        return true;
    };
    trainer.run();
    return modes;
}

}  // namespace

// A loop by hand over batches, passes and optimizer gives the same bits.
BOOST_AUTO_TEST_CASE(a_run_is_its_steps_at_their_own_rates) {
    const LabelledImages train = small_images(40, maps, 4, "train");
    const Architecture architecture = parse_architecture("1x12x12:3C3-P2-8FC-4Softmax");
    const NetworkOptions options{.engine = "direct", .batch = 16, .dropout = 0.3f};
    const BatchOptions batches{
        .size = 16, .shuffled = true, .seed = 3, .augmentation = {.flip_horizontal = true}};
    for (Schedule::Kind kind : {Schedule::Kind::constant, Schedule::Kind::step, Schedule::Kind::cosine}) {
        const Schedule schedule{.kind = kind, .every = 2, .warm_up = 1.5f};
        const OptimizerOptions momentum{.method = OptimizerMethod::momentum, .rate = 0.05f};
        Network network(architecture, options), by_hand(architecture, options);
        Trainer trainer(network, train, batches, nullptr,
                        {.epochs = 4, .optimizer = momentum, .schedule = schedule});
        trainer.run();

        Optimizer optimizer(by_hand, momentum);
        Batches images(train, batches);
        Tensor gradient;
        for (int epoch = 0; epoch < 4; ++epoch) {
            images.start(epoch);
            for (int b = 0; const Batch* batch = images.next(); ++b) {
                const PassContext context{.training = true, .valid = batch->valid, .step = optimizer.steps()};
                softmax_cross_entropy(by_hand.forward(batch->images, context), batch->labels, batch->valid,
                                      &gradient);
                by_hand.backward(batch->images, gradient, context);
                optimizer.step(schedule.rate(0.05f, epoch, 4, b, images.count()));
            }
            BOOST_TEST(trainer.history()[std::size_t(epoch)].rate == schedule.rate(0.05f, epoch, 4));
        }
        BOOST_TEST((network.state() == by_hand.state()), to_string(kind));
    }
}

// The stream "mode" of the run's seed: its first number, that of the epoch, or that of the step.
BOOST_AUTO_TEST_CASE(modes_are_the_numbers_of_their_stream) {
    const auto drawn = [](std::uint64_t seed, std::uint64_t position) {
        return int(RandomStream(seed, "mode", position).below(4));
    };
    bool per_run_differ = false;
    for (std::uint64_t seed : {1, 6, 7, 8}) {
        const std::vector<int> of_run = modes_of(ModeChoice::per_run, seed, 2),
                               of_epoch = modes_of(ModeChoice::per_epoch, seed, 5),
                               of_batch = modes_of(ModeChoice::per_batch, seed, 5);
        BOOST_TEST(of_run == std::vector<int>(6, drawn(seed, 0)), boost::test_tools::per_element());
        per_run_differ = per_run_differ || of_run[0] != 1;
        for (std::size_t step = 0; step < of_batch.size(); ++step) {
            BOOST_TEST(of_epoch[step] == drawn(seed, step / 3));
            BOOST_TEST(of_batch[step] == drawn(seed, step));
        }
    }
    BOOST_TEST(per_run_differ);
    BOOST_TEST(modes_of(ModeChoice::fixed, 6, 1) == std::vector<int>(3, 1), boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(a_teacher_answers_under_the_mode_of_its_pupil) {
    const LabelledImages train = small_images(40, maps, 4, "train");
    Network pupil(parse_architecture("1x12x12:3C3-P2(random)-4Softmax"), {.engine = "direct", .batch = 16});
    Network teacher(parse_architecture("1x12x12:5C3-P2(ecp)-4Softmax"), {.engine = "direct", .batch = 16});
    Trainer trainer(pupil, train, {.size = 16}, nullptr,
                    {.epochs = 4, .mode_choice = ModeChoice::per_batch, .teacher = &teacher});
    std::vector<int> seen;
    trainer.on_batch = [&](const BatchProgress&) {
        BOOST_TEST(teacher.convolutions()[0]->mode() == pupil.options().mode);
        seen.push_back(pupil.options().mode);
        return true;
    };
    trainer.run();
    BOOST_TEST(*std::ranges::max_element(seen) != *std::ranges::min_element(seen));
}

// A teacher answers as in a test, without dropout and by its running statistics, and stays as it was.
BOOST_AUTO_TEST_CASE(a_teacher_answers_as_in_a_test_and_does_not_learn) {
    const LabelledImages train = small_images(40, maps, 4, "train");
    const Architecture architecture = parse_architecture("1x12x12:3C3-P2-4Softmax");
    const NetworkOptions options{.engine = "direct", .batch = 16};
    Network teacher(parse_architecture("1x12x12:5C3+BN-P2-8FC+BN-4Softmax"),
                    {.engine = "direct", .batch = 16, .dropout = 0.5f});
    Trainer(teacher, train, {.size = 16}, nullptr, {.epochs = 2}).run();
    const std::vector<NamedArray> learnt = teacher.state();
    const OptimizerOptions momentum{.method = OptimizerMethod::momentum, .rate = 0.05f};
    const SoftTargets mix{.share = 0.6f, .temperature = 3};
    Network pupil(architecture, options), by_hand(architecture, options);
    Trainer trainer(pupil, train, {.size = 16}, nullptr,
                    {.epochs = 2, .optimizer = momentum, .teacher = &teacher, .soft_targets = mix});
    trainer.run();
    BOOST_TEST((teacher.state() == learnt));

    Optimizer optimizer(by_hand, momentum);
    Batches images(train, {.size = 16});
    Tensor gradient;
    for (int epoch = 0; epoch < 2; ++epoch) {
        images.start(epoch);
        while (const Batch* batch = images.next()) {
            const Tensor answers = teacher.forward(batch->images);
            const PassContext context{.training = true, .valid = batch->valid};
            distillation_loss(by_hand.forward(batch->images, context), answers, batch->labels, mix,
                              batch->valid, &gradient);
            by_hand.backward(batch->images, gradient, context);
            optimizer.step(0.05f);
        }
    }
    BOOST_TEST((pupil.state() == by_hand.state()));
}

// Whoever tests a network after its training finds the K of tests, whether there are validation images or
// not.
BOOST_AUTO_TEST_CASE(after_an_epoch_a_network_has_the_mode_of_tests) {
    const LabelledImages train = small_images(40, maps, 4, "train");
    for (const ModeChoice choice : {ModeChoice::per_epoch, ModeChoice::per_batch, ModeChoice::per_run})
        for (std::uint64_t seed : {1, 2, 3, 4}) {
            Network network(parse_architecture("1x12x12:3C3-P2(ecp)-4Softmax"),
                            {.engine = "direct", .batch = 16});
            Trainer trainer(network, train, {.size = 16}, nullptr,
                            {.epochs = 2, .mode_choice = choice, .mode = 1, .seed = seed});
            trainer.on_epoch = [&](const EpochRecord&) {
                BOOST_TEST(network.convolutions()[0]->mode() == trainer.evaluation_mode());
                return true;
            };
            trainer.run();
            BOOST_TEST(network.options().mode == trainer.evaluation_mode());
        }
}

// The best weights are those of the first epoch of the lowest validation MCR, be it the first of all, and
// with shards too.
BOOST_AUTO_TEST_CASE(the_best_weights_are_those_of_the_first_lowest_mcr) {
    const LabelledImages train = small_images(40, maps, 4, "train"),
                         judges = small_images(12, maps, 4, "validation");
    for (const float rate : {1e-6f, 0.01f})  // the slower one changes no answer
        for (const int count : {0, 2}) {
            Network network(parse_architecture("1x12x12:3C3-P2-4Softmax"), {.engine = "direct", .batch = 16});
            std::unique_ptr<Shards> shards = count ? std::make_unique<Shards>(count) : nullptr;
            TrainerOptions options{.epochs = 8, .keep_best = true};
            options.optimizer = {.method = OptimizerMethod::momentum, .rate = rate};
            Trainer trainer(network, train, {.size = 16}, &judges, options, shards.get());
            std::vector<std::vector<NamedArray>> states;
            std::vector<double> mcr;
            trainer.on_epoch = [&](const EpochRecord& record) {
                states.push_back(network.state());
                mcr.push_back(record.validation_mcr);
                return true;
            };
            trainer.run();
            const auto best = std::ranges::min_element(mcr) - mcr.begin();
            BOOST_TEST(std::ranges::count(mcr, mcr[std::size_t(best)]) > 1);
            BOOST_TEST((best == 0) == (rate < 0.001f));
            BOOST_TEST(trainer.state().best_epoch == best + 1);
            BOOST_TEST((trainer.state().best == states[std::size_t(best)]));
            trainer.restore_best();
            BOOST_TEST((network.state() == states[std::size_t(best)]));
            BOOST_TEST((network.state() != states.back()));
        }
}

// A network that knows nothing gives every class the same probability: its answer is the first one.
BOOST_AUTO_TEST_CASE(of_equal_probabilities_the_first_class_is_the_answer) {
    const LabelledImages images = small_images(20, maps, 4, "v");
    Network network(parse_architecture("1x12x12:4C3-P2-4Softmax"), {.engine = "direct", .batch = 8});
    std::vector<NamedArray> nothing = network.state();
    for (NamedArray& array : nothing) std::ranges::fill(array.values, 0.0f);
    network.load_state(nothing);
    const Evaluation evaluation = evaluate(network, images);
    for (int label = 0; label < 4; ++label) {
        const auto of_label = std::ranges::count(images.labels, label);
        for (int given = 0; given < 4; ++given)
            BOOST_TEST(evaluation.confusion[std::size_t(label) * 4 + given] == (given == 0 ? of_label : 0));
    }
    BOOST_TEST(evaluation.mcr == 100.0 * double(20 - std::ranges::count(images.labels, 0)) / 20);
}

BOOST_AUTO_TEST_CASE(larger_images_are_evaluated_at_their_centres_and_as_ten_crops_in_tests_alone) {
    const LabelledImages larger = small_images(30, {1, 14, 14}, 4, "larger"),
                         fitting = small_images(30, maps, 4, "fitting");
    Network network(parse_architecture("1x12x12:4C3-P2-4Softmax"), {.engine = "direct", .batch = 16});
    Batches centres(larger, {.size = 16, .augmentation = {.crop = 12}, .ten_crop = 4});
    BOOST_TEST(evaluate(network, larger).loss == evaluate(network, centres).loss);
    BOOST_TEST(evaluate_test(network, larger).loss == evaluate_ten_crops(network, larger).loss);
    BOOST_TEST(evaluate_test(network, larger).loss != evaluate(network, larger).loss);
    BOOST_TEST(evaluate_test(network, fitting).loss == evaluate(network, fitting).loss);
    double fastest = std::numeric_limits<double>::infinity();  // of a pass over one crop
    for (int pass = 0; pass < 5; ++pass) fastest = std::min(fastest, evaluate(network, larger).seconds);
    BOOST_TEST(evaluate_ten_crops(network, larger).seconds > 3 * fastest);
}

BOOST_AUTO_TEST_CASE(under_each_k_as_a_test_is_made_and_then_the_networks_own_again) {
    const LabelledImages larger = small_images(30, {1, 14, 14}, 4, "larger");
    Network network(parse_architecture("1x12x12:4C3-P2(ecp)-4Softmax"),
                    {.engine = "direct", .batch = 16, .mode = 2});
    const ModeEvaluation all = evaluate_modes(network, larger);
    BOOST_TEST(evaluate_test(network, larger).loss == all.modes[2].loss);
    double seconds = 0, worst = 0;
    std::set<double> losses;
    for (int mode = 0; mode < 4; ++mode) {
        const Evaluation& each = all.modes[std::size_t(mode)];
        network.set_mode(mode);
        BOOST_TEST(evaluate_test(network, larger).loss == each.loss);
        losses.insert(each.loss);
        worst = std::max(worst, each.loss);
        seconds += each.seconds;
    }
    BOOST_TEST(losses.size() == 4u);
    BOOST_TEST(all.mean.loss < worst);
    BOOST_TEST(all.mean.count == 30);
    BOOST_TEST(all.mean.seconds == seconds, boost::test_tools::tolerance(1e-9));
    Network none(parse_architecture("1x12x12:4C3-P2-4Softmax"), {.engine = "direct", .batch = 16});
    BOOST_CHECK_THROW(evaluate_modes(none, larger), ShapeError);
}

// What is done to training images is not done to those that judge.
BOOST_AUTO_TEST_CASE(validation_images_are_not_augmented) {
    const LabelledImages train = small_images(40, maps, 4, "train");
    const Augmentation changes{.flip_horizontal = true, .flip_vertical = true, .rotation = 90};
    for (const int edge : {12, 14}) {  // as large as the network's, and larger
        const LabelledImages judges = small_images(30, {1, edge, edge}, 4, "validation");
        Network network(parse_architecture("1x12x12:3C3-P2-4Softmax"), {.engine = "direct", .batch = 16});
        Trainer trainer(network, train, {.size = 16, .augmentation = changes}, &judges, {.epochs = 1});
        trainer.run();
        BOOST_TEST(trainer.history()[0].validation_loss == evaluate(network, judges).loss);
    }
}

BOOST_AUTO_TEST_CASE(an_answer_that_is_no_number_is_a_wrong_one) {
    LabelledImages images = small_images(20, maps, 4, "v");
    std::get<std::vector<float>>(images.pixels)[3 * maps.size() + 70] =
        std::numeric_limits<float>::quiet_NaN();
    Network network(parse_architecture("1x12x12:4C3-P2-4Softmax"), {.engine = "direct", .batch = 8});
    const Evaluation evaluation = evaluate(network, images);
    int correct = 0;
    for (int label = 0; label < 4; ++label) correct += evaluation.confusion[std::size_t(label) * 5];
    BOOST_TEST(evaluation.mcr == 100.0 * (20 - correct) / 20);
}

// Of the images in the order of epoch 0, so many whole batches; a last one that is not full does not count.
BOOST_AUTO_TEST_CASE(recalibration_takes_the_batches_that_it_was_given) {
    const Architecture architecture = parse_architecture("1x12x12:4C3+BN-P2-6C3+BN-4Softmax");
    LabelledImages images = small_images(56, maps, 4, "train");
    for (int n = 0; n < 56; ++n) images.labels[std::size_t(n)] = std::uint8_t(n);  // tags, not looked at here
    const auto state = [&](const LabelledImages& of, const BatchOptions& options, int batches) {
        Network network(architecture, {.engine = "direct", .batch = 16});
        Batches some(of, options);
        recalibrate(network, some, batches);
        return network.state();
    };
    BOOST_TEST((state(images, {.size = 16}, 2) == state(first_of(images, 32), {.size = 16}, 2)));
    BOOST_TEST((state(images, {.size = 16}, 9) == state(first_of(images, 48), {.size = 16}, 3)));
    BOOST_TEST((state(images, {.size = 16}, 2) != state(images, {.size = 16}, 3)));

    const BatchOptions shuffled{.size = 16, .shuffled = true, .seed = 5};
    Batches order(images, shuffled);
    std::vector<int> indices;
    while (const Batch* batch = order.next())
        for (int n = 0; n < batch->valid; ++n) indices.push_back(batch->labels[std::size_t(n)]);
    BOOST_TEST((state(images, shuffled, 2) == state(images.subset(indices), {.size = 16}, 2)));
}

// Two shards of the same images: each drops what its own stream says.
BOOST_AUTO_TEST_CASE(a_sharded_pass_draws_dropout_for_each_shard) {
    const LabelledImages one = small_images(4, maps, 4, "train"), twice = [&] {
        LabelledImages both = one;
        both.append(one);
        return both;
    }();
    Network network(parse_architecture("1x12x12:3C3-P2-16FC-4Softmax"),
                    {.engine = "direct", .batch = 4, .dropout = 0.5f});
    Batches whole(twice, {.size = 8}), half(one, {.size = 4});
    const Batch& images = *half.next();
    std::vector<double> expected;
    for (int shard : {0, 1}) {
        const Tensor& logits =
            network.forward(images.images, {.training = true, .step = 3, .shard = shard, .shards = 2});
        expected.push_back(softmax_cross_entropy(logits, images.labels).sum);
    }
    BOOST_TEST(expected[0] != expected[1]);
    Shards shards(2);
    BOOST_CHECK_CLOSE(ShardedPass(network, shards).run(*whole.next(), 3).sum, expected[0] + expected[1],
                      1e-4);
}

BOOST_AUTO_TEST_SUITE_END()
