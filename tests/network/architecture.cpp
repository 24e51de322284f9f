#include "fftconv/network/architecture.hpp"

#include <boost/test/unit_test.hpp>

using namespace fftconv;

namespace {

/// The text is refused, with a caret under the given place.
void check_caret(const std::string& text, std::size_t position, const std::string& problem) {
    BOOST_TEST_CONTEXT(text) {
        try {
            parse_architecture(text);
            BOOST_ERROR("was taken");
        } catch (const ArchitectureError& error) {
            BOOST_CHECK_EQUAL(error.position(), position);
            const std::string what = error.what();
            BOOST_CHECK_MESSAGE(what.find(problem) != what.npos, what);
            const std::string tail = "\n  " + text + "\n  " + std::string(position, ' ') + "^";
            BOOST_CHECK_MESSAGE(what.ends_with(tail), what);
        }
    }
}

}  // namespace

BOOST_AUTO_TEST_SUITE(architecture)

BOOST_AUTO_TEST_CASE(every_full_form_round_trips) {
    for (const std::string text :
         {"1x28x28:20C5v-P2-32C5v-P2-100FC-10Softmax",
          "1x28x28:20C5v-P2(ecp)-32C5v-P2(random)-100FC-10Softmax",
          "3x32x32:2x128C3-MP2-2x128C3-MP2-2x256C3-256FC-10Softmax",
          "3x32x31:128C3-97C3+BN-MP2-3x64C3p2-P2(average)-8C4v-8C4p1-8C1-256FC+BN-31FC-7Softmax",
          "4x64x64:2x8C31x7s2g4+BN-16C5d2dw-16C5s2x1d1x2-8C4p1x2x2x1-P2-8C3p2x1-7Softmax", "1x8x8:10Softmax",
          "1x8x8:P2-MP2-10Softmax"}) {
        const Architecture parsed = parse_architecture(text);
        BOOST_CHECK_EQUAL(to_string(parsed), text);
        BOOST_CHECK(parse_architecture(to_string(parsed)) == parsed);
    }
    for (const auto& [name, form] : known_architectures()) {
        BOOST_CHECK_EQUAL(to_string(parse_architecture(name)), form);
        for (double width : {0.25, 0.3, 1.5}) {
            const Architecture changed = with_batch_norm(with_width(parse_architecture(name), width));
            BOOST_CHECK(parse_architecture(to_string(changed)) == changed);
        }
        for (PoolingMethod method :
             {PoolingMethod::max, PoolingMethod::average, PoolingMethod::random, PoolingMethod::ecp}) {
            const Architecture changed = with_pooling(parse_architecture(name), method);
            BOOST_CHECK(parse_architecture(to_string(changed)) == changed);
        }
    }
}

BOOST_AUTO_TEST_CASE(the_papers_own_strings) {
    const std::pair<const char*, const char*> pairs[] = {
        {"2x128C3-MP2-2x128C3-MP2-2x256C3-256FC-10Softmax", "cnn-small"},
        {"2x64C3-MP2-2x128C3-MP2-2x128C3-512FC-512FC-10Softmax", "svhn"},
        {"1x6(C5)-16(C5)-120(C5)-84-10", "lenet-6-16-120"},
        {"1x16(C5)-16x32(C5)-32x64(C5)-120-10", "mnist-16-32-64"}};
    for (const auto& [text, name] : pairs) BOOST_CHECK(parse_architecture(text) == parse_architecture(name));
    const char* large = "2x128C3-MP2-2x256C3-MP2-2x256C3-1x512C3-1024FC-1024FC-10Softmax";
    BOOST_CHECK(parse_architecture(large, {3, 28, 28}) == parse_architecture("cnn-large"));
    BOOST_CHECK_EQUAL(to_string(parse_architecture("2x128C3-MP2-2x256C3-256FC-10Softmax")),
                      "3x32x32:2x128C3-MP2-2x256C3-256FC-10Softmax");
}

BOOST_AUTO_TEST_CASE(maps_of_the_papers_networks) {
    const auto heights = [](const std::string& text) {
        std::vector<int> result;
        for (const MapShape& maps : layer_maps(parse_architecture(text))) result.push_back(maps.height);
        return result;
    };
    BOOST_CHECK(heights("two-conv") == (std::vector<int>{24, 12, 8, 4, 1, 1}));
    BOOST_CHECK(heights("lenet-6-16-120") == (std::vector<int>{28, 14, 10, 5, 1, 1, 1}));
    BOOST_CHECK(heights("cnn-small") == (std::vector<int>{32, 32, 16, 16, 16, 8, 8, 8, 1, 1}));
    BOOST_CHECK(heights("cnn-large") == (std::vector<int>{28, 28, 14, 14, 14, 7, 7, 7, 7, 1, 1, 1}));
}

BOOST_AUTO_TEST_CASE(errors_show_the_place) {
    check_caret("two-convs", 0, "one-conv, two-conv");
    check_caret("", 0, "expected a layer");
    check_caret("2x128X3-10Softmax", 5, "expected C");
    check_caret("2x128C3-MP2-2x256C3-256FD-10Softmax", 23, "FC or Softmax");
    check_caret("2x128C3--10Softmax", 8, "expected a layer");
    check_caret("128C3-256FC", 6, "Softmax");
    check_caret("128C3-10Softmax-MP2", 16, "nothing after the Softmax");
    check_caret("128C3-10Softmax+BN", 15, "the end");
    check_caret("128C4-10Softmax", 5, "even kernel");
    check_caret("128C99999-10Softmax", 4, "from 1 to 65536");
    check_caret("3x8x8:4C3g2-10Softmax", 6, "2 groups do not divide 3 maps");
    check_caret("3x8x8:4C3dw-10Softmax", 6, "3 groups do not divide");
    check_caret("3x8x8:4C4s2-10Softmax", 9, "even kernel");
    check_caret("0C3-10Softmax", 0, "from 1");
    check_caret("99999999999999999999C3-10Softmax", 0, "from 1 to 1000000");
    check_caret("8C3p99999-10Softmax", 4, "from 0 to 65536");
    check_caret("P2(least)-10Softmax", 3, "ecp)");
    check_caret("1x28:8C3-10Softmax", 4, "expected x");
    check_caret("1x8x8:4C5v-4C5v-10Softmax", 11, "does not fit");
    check_caret("1x2x2:P2-P2-10Softmax", 9, "too small");
    check_caret("1x8x8:P2(ecp)-10Softmax", 6, "behind a convolution");
    check_caret("1x8x8:5FC-4C3-10Softmax", 10, "dense layer");
    check_caret("1x6(C5)-7x16(C5)-84-10", 8, "expected 6 maps in");
    check_caret("1x6(C5)-16(C5-84-10", 13, "expected )");
}

BOOST_AUTO_TEST_CASE(changes) {
    const Architecture two = parse_architecture("two-conv");
    BOOST_CHECK_EQUAL(to_string(with_pooling(two, PoolingMethod::ecp)),
                      "1x28x28:20C5v-P2(ecp)-32C5v-P2(ecp)-100FC-10Softmax");
    BOOST_CHECK_EQUAL(to_string(with_width(two, 0.25)), "1x28x28:5C5v-P2-8C5v-P2-25FC-10Softmax");
    BOOST_CHECK_EQUAL(to_string(with_width(two, 0.33)),
                      "1x28x28:7C5v-P2-11C5v-P2-33FC-10Softmax");  // of 6.6 and 10.56
    BOOST_CHECK_EQUAL(to_string(with_pooling(parse_architecture("1x8x8:2C3-P2(average)-3C3-P2(ecp)-4Softmax"),
                                             PoolingMethod::random)),
                      "1x8x8:2C3-P2(random)-3C3-P2(random)-4Softmax");
    BOOST_CHECK_EQUAL(to_string(with_width(two, 0.001)), "1x28x28:1C5v-P2-1C5v-P2-1FC-10Softmax");
    BOOST_CHECK_EQUAL(to_string(with_batch_norm(two)), "1x28x28:20C5v+BN-P2-32C5v+BN-P2-100FC+BN-10Softmax");
    BOOST_CHECK(with_batch_norm(with_batch_norm(two), false) == two);
    BOOST_CHECK_THROW(with_width(two, 0), UsageError);
    BOOST_CHECK_EQUAL(to_string(with_pooling(parse_architecture("svhn"), PoolingMethod::ecp)),
                      to_string(parse_architecture("svhn")));
    for (const char* name : {"max", "average", "random", "ecp", "overlapped-max"})
        BOOST_CHECK_EQUAL(to_string(parse_pooling_method(name)), name);
    BOOST_CHECK_THROW(parse_pooling_method("mean"), UsageError);
}

BOOST_AUTO_TEST_SUITE_END()
