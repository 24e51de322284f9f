#include "fftconv/core/names.hpp"

#include <boost/test/unit_test.hpp>
#include <string>

#include "fftconv/core/error.hpp"

using namespace fftconv;

namespace {

enum class Colour { red, green, blue };
constexpr auto colours =
    names<Colour>("colour", {{"red", Colour::red, "warm"}, {"dark-green", Colour::green}});

}  // namespace

BOOST_AUTO_TEST_SUITE(names_of_a_choice)

BOOST_AUTO_TEST_CASE(a_name_is_parsed_and_printed) {
    BOOST_TEST((colours.parse("dark-green") == Colour::green));
    BOOST_TEST(colours.print(Colour::red) == "red");
    BOOST_TEST(colours.print(Colour::blue) == "");
}

BOOST_AUTO_TEST_CASE(list_and_help_are_in_the_order_of_the_table) {
    BOOST_TEST(colours.list() == (std::vector<std::string>{"red", "dark-green"}),
               boost::test_tools::per_element());
    BOOST_TEST(colours.help() == "red (warm) or dark-green");
    BOOST_TEST(alternatives({"a", "b", "c"}) == "a, b or c");
    BOOST_TEST(alternatives({}) == "");
}

BOOST_AUTO_TEST_CASE(an_unknown_name_is_an_error_that_lists_them) {
    const auto says = [](const char* text) {
        return [text](const UsageError& error) { return std::string(error.what()) == text; };
    };
    BOOST_CHECK_EXCEPTION(colours.parse("green"), UsageError,
                          says("colour: expected red or dark-green, found green"));
    BOOST_CHECK_EXCEPTION(colours.parse(""), UsageError,
                          says("colour: expected red or dark-green, found nothing"));
}

BOOST_AUTO_TEST_SUITE_END()
