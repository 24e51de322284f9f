// fftconv-train and fftconv-evaluate from the outside.
#include <boost/test/unit_test.hpp>
#include <string>

#include "app.hpp"
#include "fftconv/storage/checkpoint.hpp"
#include "support/release_alone.hpp"
#include "support/temporary_folder.hpp"

using namespace fftconv;
using namespace fftconv::test;

namespace {

struct Train {
    TemporaryFolder folder;
    std::filesystem::path data = write_mnist(folder.path() / "data");

    std::string file(const std::string& out) const { return (folder / out).string(); }
    std::string command(const std::string& out, const std::string& more) const {
        return app("train") +
               " --architecture 1x28x28:6C5v-P2-30FC-10Softmax --batch 20 --rate 0.002 --data " +
               data.string() + " --out " + file(out) + ' ' + more;
    }
};

std::string number_after(const std::string& text, const std::string& mark) {
    const std::size_t begin = text.find(mark) + mark.size();
    return text.substr(begin, text.find(' ', begin) - begin);
}

}  // namespace

BOOST_AUTO_TEST_CASE(a_trained_network_is_evaluated_from_its_checkpoint) {
    const Train train;
    const CommandResult trained = run(train.command("a.h5", "--epochs 6"));
    BOOST_TEST_REQUIRE(trained.status == 0, trained.output);
    const double mcr = std::stod(number_after(trained.output, "test MCR "));
    BOOST_TEST(mcr < 20);
    for (const std::string engine : {"fft", "direct", "spatial", "auto"}) {
        const CommandResult evaluated = run(app("evaluate") + ' ' + train.file("a.h5") + " --data " +
                                            train.data.string() + " --engine " + engine);
        BOOST_TEST_REQUIRE(evaluated.status == 0, evaluated.output);
        BOOST_TEST(std::stod(number_after(evaluated.output, "accuracy ")) == 100 - mcr,
                   boost::test_tools::tolerance(1e-3));
        for (const char* part : {"label \\ answer", "ms per image", "conv1", "dense2", "6C5v"}) {
            BOOST_TEST(contains(evaluated.output, part), part);
        }
    }
}

BOOST_AUTO_TEST_CASE(training_goes_on_bit_for_bit, *in_release_alone) {
    const Train train;
    const std::string how =
        "--preprocess whitening --batch-norm --dropout 0.2 --rotation 5 --flip --optimizer rmsprop ";
    BOOST_TEST_REQUIRE(run(train.command("whole.h5", how + "--epochs 3")).status == 0);
    BOOST_TEST_REQUIRE(run(train.command("parts.h5", how + "--epochs 1")).status == 0);
    BOOST_TEST_REQUIRE(run(train.command("parts.h5", how + "--epochs 3 --resume")).status == 0);
    const Checkpoint whole = read_checkpoint(train.file("whole.h5")),
                     parts = read_checkpoint(train.file("parts.h5"));
    BOOST_TEST((whole.model == parts.model));
    BOOST_TEST((whole.optimizer_state == parts.optimizer_state));
    BOOST_TEST((whole.extra == parts.extra));
    const CommandResult evaluated =
        run(app("evaluate") + ' ' + train.file("whole.h5") + " --data " + train.data.string());
    BOOST_TEST(evaluated.status == 0, evaluated.output);
}

BOOST_AUTO_TEST_CASE(early_stopping_keeps_the_best_network) {
    const Train train;
    const CommandResult result =
        run(train.command("a.h5", "--epochs 200 --patience 2 --keep-best --validation 0.2 --rate 0.02"));
    BOOST_TEST_REQUIRE(result.status == 0, result.output);
    const Checkpoint checkpoint = read_checkpoint(train.file("a.h5"));
    BOOST_TEST(checkpoint.state.epoch < 200);
    BOOST_TEST(double(checkpoint.state.epoch) == checkpoint.state.values.at("best_epoch") + 2);

    // Taken up again with more epochs, it resumes from its last weights and not from its best ones.
    const std::string more = std::to_string(int(checkpoint.state.epoch) + 1);
    const std::string options = " --keep-best --patience 0 --validation 0.2 --rate 0.02 --epochs " + more;
    BOOST_TEST_REQUIRE(run(train.command("a.h5", "--resume" + options)).status == 0);
    BOOST_TEST_REQUIRE(run(train.command("b.h5", options)).status == 0);
    const Checkpoint parts = read_checkpoint(train.file("a.h5")), whole = read_checkpoint(train.file("b.h5"));
    BOOST_TEST((whole.model == parts.model));
    BOOST_TEST((whole.extra == parts.extra));
    BOOST_TEST((whole.optimizer_state == parts.optimizer_state));
    BOOST_TEST(whole.curves.at(0).train_loss == parts.curves.at(0).train_loss,
               boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(images_get_a_border_where_the_network_takes_larger_ones) {
    const Train train;
    const CommandResult result =
        run(train.command("l.h5", "--architecture lenet-6-16-120 --width 0.5 --epochs 1"));
    BOOST_TEST(result.status == 0, result.output);
    const CommandResult evaluated =
        run(app("evaluate") + ' ' + train.file("l.h5") + " --data " + train.data.string());
    BOOST_TEST(evaluated.status == 0, evaluated.output);
}

BOOST_AUTO_TEST_CASE(images_are_cropped_where_the_network_takes_smaller_ones) {
    const Train train;
    const CommandResult result =
        run(train.command("c.h5", "--architecture 1x24x24:4C5v-P2-10Softmax --epochs 2 --flip"));
    BOOST_TEST_REQUIRE(result.status == 0, result.output);
    const CommandResult evaluated =  // ten crops, as the paper's cnn-large
        run(app("evaluate") + ' ' + train.file("c.h5") + " --data " + train.data.string());
    BOOST_TEST(evaluated.status == 0, evaluated.output);
    BOOST_TEST(std::stod(number_after(evaluated.output, "accuracy ")) ==
                   100 - std::stod(number_after(result.output, "test MCR ")),
               boost::test_tools::tolerance(1e-3));
}
