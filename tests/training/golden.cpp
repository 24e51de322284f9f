// Ten training steps against committed numbers: each step's loss, and the norm of every parameter's gradient.
// The numbers are in golden.txt next to this file. After a change that is meant to change them, write them
// anew:
//     FFTCONV_WRITE_GOLDEN=1 build/tests/test_training --run_test=golden
// and look at the difference before committing it.
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "fftconv/dataset/batches.hpp"
#include "fftconv/network/loss.hpp"
#include "fftconv/training/optimizer.hpp"
#include "support/small_images.hpp"

using namespace fftconv;

namespace {

const std::filesystem::path file = FFTCONV_SOURCE_DIR "/tests/training/golden.txt";

struct Number {
    int step;
    std::string name;  // "loss", or a parameter's
    double value;      // mean loss, or Euclidean norm of the gradient
};

double norm(const std::vector<float>& values) {
    double squares = 0;
    for (float value : values) squares += double(value) * value;
    return std::sqrt(squares);
}

std::vector<Number> ten_steps(const std::string& engine) {
    const LabelledImages images = test::small_images(160, {1, 28, 28}, 10, "golden");
    Network network(parse_architecture("1x28x28:20C5v-P2-32C5v+BN-P2(ecp)-100FC-10Softmax"),
                    {.engine = engine, .batch = 16, .mode = 1});
    Optimizer optimizer(network, {.method = OptimizerMethod::momentum});
    BatchOptions options;
    options.size = 16;
    Batches batches(images, options);
    batches.start(0);
    std::vector<Number> numbers;
    Tensor gradient;
    for (int step = 1; const Batch* batch = batches.next(); ++step) {
        const PassContext context{.training = true, .valid = batch->valid};
        const Tensor& logits = network.forward(batch->images, context);
        numbers.push_back(
            {step, "loss", softmax_cross_entropy(logits, batch->labels, batch->valid, &gradient).mean()});
        network.backward(batch->images, gradient, context);
        for (const NamedParameter& named : network.parameters())
            numbers.push_back({step, named.name, norm(named.parameter->gradient)});
        optimizer.step(0.01f);
    }
    return numbers;
}

void write(const std::vector<Number>& numbers) {
    std::ofstream stream(file);
    stream.precision(9);
    stream << "# step, loss or parameter, mean loss or Euclidean norm of the gradient: golden.cpp\n";
    for (const Number& number : numbers)
        stream << number.step << ' ' << number.name << ' ' << number.value << '\n';
}

std::vector<Number> read() {
    std::ifstream stream(file);
    std::string comment;
    std::getline(stream, comment);
    std::vector<Number> numbers;
    for (Number number; stream >> number.step >> number.name >> number.value;) numbers.push_back(number);
    return numbers;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(golden)

BOOST_AUTO_TEST_CASE(ten_steps_and_every_gradient) {
    if (std::getenv("FFTCONV_WRITE_GOLDEN")) write(ten_steps("direct"));
    const std::vector<Number> expected = read();
    BOOST_REQUIRE_EQUAL(expected.size(), 10 * 10);
    for (const std::string engine : {"direct", "fft"}) {
        const std::vector<Number> found = ten_steps(engine);
        BOOST_REQUIRE_EQUAL(found.size(), expected.size());
        for (std::size_t i = 0; i < found.size(); ++i)
            BOOST_TEST_CONTEXT(engine << ", step " << found[i].step << ", " << found[i].name) {
                BOOST_CHECK_EQUAL(found[i].name, expected[i].name);
                BOOST_CHECK_CLOSE(found[i].value, expected[i].value,
                                  0.01);  // percent: 1e-4, another machine's rounding
            }
    }
}

BOOST_AUTO_TEST_SUITE_END()
