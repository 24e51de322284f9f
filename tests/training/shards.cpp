#include "fftconv/training/shards.hpp"

#include <boost/test/unit_test.hpp>
#include <cmath>
#include <vector>

#include "fftconv/core/error.hpp"
#include "fftconv/training/trainer.hpp"
#include "support/small_images.hpp"

using namespace fftconv;
using namespace fftconv::test;

BOOST_AUTO_TEST_SUITE(shards)  // its helpers have the names of another file's

namespace {

const MapShape maps{1, 12, 12};
const char* const architecture = "1x12x12:4C3v+BN-P2(ecp)-6C3-P2(average)-16FC+BN-4Softmax";
constexpr int batch_size = 14;

struct Run {
    LabelledImages train = small_images(36, maps, 4, "train");  // a last batch of eight
    Network network;
    Shards shards;
    Trainer trainer;

    Run(int shard_count, bool sharded, float dropout = 0)
        : network(parse_architecture(architecture),
                  {.batch = (batch_size + shard_count - 1) / shard_count, .dropout = dropout}),
          shards(shard_count),
          trainer(network, train, {.size = batch_size, .shuffled = true}, nullptr, {.epochs = 2},
                  sharded ? &shards : nullptr) {}
};

double largest_difference(const std::vector<NamedArray>& a, const std::vector<NamedArray>& b) {
    double largest = 0;
    for (std::size_t i = 0; i < a.size(); ++i)
        for (std::size_t j = 0; j < a[i].values.size(); ++j)
            largest = std::max(largest, std::abs(double(a[i].values[j]) - b[i].values[j]));
    return largest;
}

}  // namespace

BOOST_AUTO_TEST_CASE(one_shard_is_the_plain_pass) {
    Run plain(1, false, 0.2f), sharded(1, true, 0.2f);
    plain.trainer.run();
    sharded.trainer.run();
    BOOST_CHECK_EQUAL(largest_difference(plain.network.state(), sharded.network.state()), 0);
    BOOST_CHECK_EQUAL(plain.trainer.history().back().train_loss, sharded.trainer.history().back().train_loss);
}

/// Batch statistics, gradients and the mean of the loss are the whole batch's, also where the last shards of
/// a batch are short or empty (14 images over 4 shards, 8 in the last batch; 14 over 5, three shards of it
/// empty).
BOOST_AUTO_TEST_CASE(many_shards_compute_the_same_to_rounding) {
    Run plain(1, false);
    plain.trainer.run();
    for (int count : {2, 3, 4, 5}) BOOST_TEST_CONTEXT(count << " shards") {
            Run sharded(count, true);
            sharded.trainer.run();
            BOOST_CHECK_LT(largest_difference(plain.network.state(), sharded.network.state()), 2e-4);
            BOOST_CHECK_EQUAL(plain.trainer.history().back().train_mcr,
                              sharded.trainer.history().back().train_mcr);
        }
}

/// Seven batches, the last one short, over one to nine shards, of which some have none.
BOOST_AUTO_TEST_CASE(evaluation_over_shards_is_the_evaluation) {
    Run run(1, false);
    run.trainer.run();
    const LabelledImages images = small_images(93, maps, 4, "test");
    Batches batches(images, {.size = 14});
    const Evaluation whole = evaluate(run.network, batches);
    for (int count : {1, 2, 3, 9}) BOOST_TEST_CONTEXT(count << " shards") {
            Shards shards(count);
            const Evaluation shared = evaluate(run.network, batches, &shards);
            BOOST_CHECK_EQUAL(shared.count, 93);
            BOOST_CHECK_EQUAL(shared.loss, whole.loss);
            BOOST_CHECK_EQUAL(shared.mcr, whole.mcr);
            BOOST_CHECK(shared.confusion == whole.confusion);
        }
}

BOOST_AUTO_TEST_CASE(shards_draw_their_own_dropout) {
    Tensor x(8, 1, 1, 8), first(8, 1, 1, 8), second(8, 1, 1, 8);
    x.fill(1);
    Network network(parse_architecture("8x1x1:8FC-4Softmax"), {.batch = 8, .dropout = 0.5f});
    Layer& dropout = *network.layers()[2];
    BOOST_REQUIRE_EQUAL(dropout.name(), "dropout1");
    dropout.forward(x, first, {.training = true, .step = 3, .shard = 0, .shards = 2});
    dropout.forward(x, second, {.training = true, .step = 3, .shard = 1, .shards = 2});
    BOOST_CHECK(!std::equal(first.data(), first.data() + first.size(), second.data()));
}

BOOST_AUTO_TEST_CASE(a_part_of_a_batch_has_its_own_images) {
    const LabelledImages images = small_images(11, maps, 4, "train");
    const BatchOptions whole{.size = 8, .shuffled = true, .seed = 5};
    BatchOptions part = whole;
    part.part = {.first = 3, .count = 3};
    Batches all(images, whole), some(images, part);
    for (int valid : {3, 0}) {
        const Batch &a = *all.next(), &b = *some.next();
        BOOST_CHECK_EQUAL(b.valid, valid);
        BOOST_CHECK_EQUAL(b.whole, a.valid);
        BOOST_CHECK_EQUAL(b.images.batch(), 3);
        for (int n = 0; n < 3; ++n)
            for (int h = 0; h < 12; ++h)
                BOOST_CHECK_EQUAL(b.images(0, h, 4, n), n < valid ? a.images(0, h, 4, 3 + n) : 0.0f);
    }
}

BOOST_AUTO_TEST_CASE(one_that_says_no_is_enough) {
    for (int count : {1, 3}) {
        Shards shards(count);
        BOOST_CHECK(shards.all(true));
        BOOST_CHECK(!shards.all(false));
    }
}

// Left over images would have no gradient, and those that are not counted would count for more.
BOOST_AUTO_TEST_CASE(a_batch_that_shards_cannot_share_is_refused) {
    const LabelledImages images = small_images(8, maps, 4, "train");
    const std::vector<int> indices{0, 1, 2, 3, 4, 5, 6};
    Network network(parse_architecture(architecture), {.batch = 4});
    Shards shards(2);
    ShardedPass pass(network, shards);
    Batch batch;
    fill_batch(images, indices, 7, 0, batch);
    BOOST_CHECK_THROW(pass.run(batch, 0), ShapeError);
    fill_batch(images, indices, 8, 0, batch);
    BOOST_CHECK_EQUAL(pass.run(batch, 0).count, 7);
    batch.whole = 0;
    BOOST_CHECK_THROW(pass.run(batch, 0), ShapeError);
}

BOOST_AUTO_TEST_CASE(no_shards_are_a_mistake) {
    BOOST_CHECK_THROW(Shards(0), UsageError);
}

BOOST_AUTO_TEST_SUITE_END()
