#include "fftconv/training/recalibration.hpp"

#include <boost/test/unit_test.hpp>

#include "fftconv/network/batch_norm.hpp"
#include "fftconv/training/trainer.hpp"
#include "support/gradient_check.hpp"
#include "support/small_images.hpp"

using namespace fftconv;
using namespace fftconv::test;

namespace {

const MapShape small_maps{1, 12, 12};

Network network_of(const char* text = "1x12x12:4C3+BN-P2-6C3+BN-10FC+BN-4Softmax") {
    return Network(parse_architecture(text), {.engine = "direct", .batch = 16, .dropout = 0.5f});
}

std::vector<NamedArray> without_statistics(const Network& network) {
    std::vector<NamedArray> state = network.state();
    std::erase_if(state,
                  [](const NamedArray& array) { return array.name.find("running") != std::string::npos; });
    return state;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(recalibration)

// What matters are the images: where statistics stood before makes no difference, weights stay, and one batch
// of all images gives what training computes with (dropout left out).
BOOST_AUTO_TEST_CASE(statistics_are_those_of_the_images) {
    const LabelledImages images = small_images(48, small_maps, 4, "train");
    Network one = network_of(), other = network_of();
    const std::vector<NamedArray> weights = without_statistics(one);
    for (const auto& layer : other.layers())
        for (Buffer* buffer : layer->buffers()) std::fill(buffer->value.begin(), buffer->value.end(), 9.0f);
    for (Network* network : {&one, &other}) {
        Batches batches(images, {.size = 16});
        recalibrate(*network, batches, 3);
    }
    BOOST_CHECK(one.state() == other.state());
    BOOST_CHECK(without_statistics(one) == weights);

    Batches whole(images, {.size = 48});
    recalibrate(one, whole, 1);
    const Batch& batch = *[&] {
        whole.start(0);
        return whole.next();
    }();
    Network plain(one.architecture(), {.engine = "direct", .batch = 48});
    plain.load_state(one.state());
    const Tensor evaluated = plain.forward(batch.images);
    BOOST_CHECK_LT(largest_error(plain.forward(batch.images, {.training = true}), evaluated), 0.02);
}

BOOST_AUTO_TEST_CASE(layers_before_the_first_changed_one_run_once_and_the_bits_are_the_same) {
    const LabelledImages images = small_images(50, small_maps, 4, "train");
    Network whole = network_of(), part = network_of();
    Batches batches(images, {.size = 16}), more(images, {.size = 16});
    Recalibration repeated(part, more, 8, 3);  // conv2 is the first that changes
    for (int candidate = 0; candidate < 3; ++candidate) {
        for (Network* network : {&whole, &part}) {
            Parameter& weight = network->convolutions()[1]->weight();
            for (float& value : weight.value) value *= 1.5f;
            weight.changed();
        }
        recalibrate(whole, batches, 8);
        repeated.run();
        BOOST_CHECK(whole.state() == part.state());
    }
}

BOOST_AUTO_TEST_CASE(nothing_to_do) {
    const LabelledImages images = small_images(20, small_maps, 4, "train");
    Batches batches(images, {.size = 16});
    Network without = network_of("1x12x12:4C3-P2-4Softmax"), with = network_of();
    const std::vector<NamedArray> state = with.state();
    recalibrate(without, batches, 5);
    recalibrate(with, batches, 0);
    BOOST_CHECK(with.state() == state);
    BOOST_CHECK_THROW(recalibrate(with, batches, -1), UsageError);
}

BOOST_AUTO_TEST_SUITE_END()
