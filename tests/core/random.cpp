#include "fftconv/core/random.hpp"

#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <numeric>
#include <random>
#include <set>
#include <vector>

using namespace fftconv;

BOOST_AUTO_TEST_SUITE(random_streams)

// Worked out apart from this code, in Python's integers. The values of a stream are part of what results
// mean: a change here changes every seeded run.
BOOST_AUTO_TEST_CASE(known_values) {
    RandomStream random(1, "weights");
    BOOST_TEST(random.next() == 14953943513102668275u);
    BOOST_TEST(random.next() == 14297090629341821135u);
    BOOST_TEST(random.next() == 17467533897636427532u);
    BOOST_TEST(RandomStream(0, "").next() == 12035550249420947055u);
    BOOST_TEST(RandomStream(42, "shuffle").uniform() == 0x1.2ee0c4p-1f);
    BOOST_TEST(std::abs(RandomStream(42, "shuffle").normal() + 0x1.d737b7d11b7b3p-1) < 1e-7);
}

BOOST_AUTO_TEST_CASE(streams_differ_by_seed_and_by_name) {
    std::set<std::uint64_t> first;
    for (std::uint64_t seed : {0, 1, 2, 3})
        for (const char* name : {"", "a", "b", "ab", "ba", "weights", "shuffle"})
            first.insert(RandomStream(seed, name).next());
    BOOST_TEST(first.size() == 28u);
}

BOOST_AUTO_TEST_CASE(a_position_resumes) {
    RandomStream random(3, "resume");
    random.normal();
    random.below(10);
    random.uniform();
    RandomStream resumed(3, "resume", random.position());
    BOOST_TEST(resumed.position() == random.position());
    for (int i = 0; i < 20; ++i) BOOST_TEST(resumed.next() == random.next());
}

BOOST_AUTO_TEST_CASE(uniform_values_fill_their_range_evenly) {
    RandomStream random(5, "uniform");
    constexpr int count = 100000, bins = 20;
    std::vector<int> histogram(bins);
    double sum = 0;
    for (int i = 0; i < count; ++i) {
        const float value = random.uniform();
        BOOST_REQUIRE(value >= 0 && value < 1);
        ++histogram[int(value * bins)];
        sum += value;
    }
    for (int filled : histogram) BOOST_TEST(std::abs(filled - count / bins) < 5 * std::sqrt(count / bins));
    BOOST_TEST(std::abs(sum / count - 0.5) < 5 * std::sqrt(1.0 / 12 / count));
    for (int i = 0; i < 1000; ++i) {
        const float value = random.uniform(-3, 5);
        BOOST_REQUIRE(value >= -3 && value < 5);
    }
}

BOOST_AUTO_TEST_CASE(normal_values_have_the_moments_of_the_bell) {
    RandomStream random(6, "normal");
    constexpr int count = 100000;
    double first = 0, second = 0, fourth = 0;
    for (int i = 0; i < count; ++i) {
        const double value = random.normal(), square = value * value;
        first += value / count;
        second += square / count;
        fourth += square * square / count;
    }
    BOOST_TEST(std::abs(first) < 0.02);
    BOOST_TEST(std::abs(second - 1) < 0.03);
    BOOST_TEST(std::abs(fourth - 3) < 0.2);
}

BOOST_AUTO_TEST_CASE(below_is_even_and_in_range) {
    RandomStream random(7, "below");
    std::vector<int> histogram(7);
    for (int i = 0; i < 70000; ++i) ++histogram.at(random.below(7));
    for (int filled : histogram) BOOST_TEST(std::abs(filled - 10000) < 500);
    for (int i = 0; i < 10; ++i) BOOST_TEST(random.below(1) == 0u);
    // A count just above half the range: half of all draws must be drawn again.
    const std::uint64_t large = (std::uint64_t{1} << 63) + 1;
    for (int i = 0; i < 100; ++i) BOOST_TEST(random.below(large) < large);
}

BOOST_AUTO_TEST_CASE(shuffles_are_even_and_repeatable) {
    std::vector<int> order(100), again(100);
    std::iota(order.begin(), order.end(), 0);
    std::iota(again.begin(), again.end(), 0);
    RandomStream random(8, "shuffle"), same(8, "shuffle");
    shuffle(order, random);
    shuffle(again, same);
    BOOST_TEST(order == again, boost::test_tools::per_element());
    BOOST_TEST(!std::is_sorted(order.begin(), order.end()));
    std::sort(order.begin(), order.end());
    for (int i = 0; i < 100; ++i) BOOST_TEST(order[i] == i);

    std::vector<int> places(6);  // where 0 lands
    for (int i = 0; i < 12000; ++i) {
        std::vector<int> few{0, 1, 2, 3, 4, 5};
        shuffle(few, random);
        ++places[std::find(few.begin(), few.end(), 0) - few.begin()];
    }
    for (int landed : places) BOOST_TEST(std::abs(landed - 2000) < 250);
}

BOOST_AUTO_TEST_CASE(is_a_standard_generator) {
    static_assert(std::uniform_random_bit_generator<RandomStream>);
    RandomStream random(9, "standard");
    std::uniform_int_distribution<int> die(1, 6);
    for (int i = 0; i < 100; ++i) {
        const int value = die(random);
        BOOST_TEST((value >= 1 && value <= 6));
    }
}

BOOST_AUTO_TEST_SUITE_END()
