#include "common/options.hpp"

#include <sys/stat.h>

#include <boost/test/unit_test.hpp>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include "fftconv/core/error.hpp"
#include "support/temporary_folder.hpp"
#include "support/text.hpp"

using namespace fftconv;
using test::contains;

namespace {

constexpr auto choices = names<int>("choice", {{"one", 1}, {"two", 2}});

/// An app with one option of each type.
struct Example {
    int count = 3;
    double rate = 0.5;
    std::string name = "plain";
    int choice = 1;
    std::vector<std::string> list{"a", "b"};
    bool quick = false, resume = false;
    Options options{"example", "An example."};

    Example() {
        options.add("count", count, between(1, 9), "how many");
        options.add("rate", rate, more_than(0), "how fast");
        options.add("choice", choice, choices, "which");
        options.add("name", name, "what");
        options.add("list", list, "several");
        options.add_flag("quick", quick, "sooner");
        options.add_call_flag("resume", resume, "resume");
    }

    int run(
        std::vector<std::string> arguments, const std::function<void()>& body = [] {}) {
        arguments.insert(arguments.begin(), "example");
        std::vector<char*> pointers;
        for (std::string& argument : arguments) pointers.push_back(argument.data());
        return options.run(int(pointers.size()), pointers.data(), body);
    }
};

/// What the app says on the standard error output, wrong usage being status 2.
std::string message(Example& example, const std::vector<std::string>& arguments) {
    std::ostringstream said;
    std::streambuf* before = std::cerr.rdbuf(said.rdbuf());
    const int status = example.run(arguments);
    std::cerr.rdbuf(before);
    BOOST_TEST(status == 2);
    return said.str();
}
std::string message(const std::vector<std::string>& arguments) {
    Example example;
    return message(example, arguments);
}

std::filesystem::path written(const test::TemporaryFolder& folder, const std::string& text) {
    const std::filesystem::path file = folder / "config.toml";
    std::ofstream(file) << text;
    return file;
}

}  // namespace

BOOST_AUTO_TEST_CASE(defaults_are_in_the_resolved_configuration) {
    Example example;
    BOOST_TEST(example.run({}) == 0);
    BOOST_TEST(example.options.resolved_toml() ==
               "app = 'example'\nchoice = 'one'\ncount = 3\nlist = [ 'a', 'b' ]\nname = 'plain'\nquick = "
               "false\nrate = 0.5\n");
}

BOOST_AUTO_TEST_CASE(the_command_line_overrules_the_file_which_overrules_the_defaults) {
    const test::TemporaryFolder folder;
    const auto file = written(folder, "count = 5\nrate = 0.25\nlist = ['x', 'y', 'z']\nquick = true\n");
    Example example;
    BOOST_TEST(example.run({"--config", file.string(), "--rate", "0.75"}) == 0);
    BOOST_TEST(example.count == 5);
    BOOST_TEST(example.rate == 0.75);
    BOOST_TEST(example.list == (std::vector<std::string>{"x", "y", "z"}), boost::test_tools::per_element());
    BOOST_TEST(example.quick);
    BOOST_TEST(example.name == "plain");
}

BOOST_AUTO_TEST_CASE(a_resolved_configuration_reads_back) {
    Example first, second;
    BOOST_TEST(first.run({"--count", "7", "--list", "one,two", "--quick", "--name", "it's"}) == 0);
    second.options.load(first.options.resolved_toml());
    BOOST_TEST(second.options.resolved_toml() == first.options.resolved_toml());
    BOOST_TEST(second.count == 7);
    BOOST_TEST(second.list == (std::vector<std::string>{"one", "two"}), boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(of_an_option_that_is_given_twice_the_last_one_holds) {
    Example example;
    BOOST_TEST(example.run({"--count", "7", "--list", "one,two", "--count", "8", "--list", "three"}) == 0);
    BOOST_TEST(example.count == 8);
    BOOST_TEST(example.list == std::vector<std::string>{"three"}, boost::test_tools::per_element());
    BOOST_TEST(contains(message({"--list", "one,,two"}), "--list: expected values with commas between them"));
}

BOOST_AUTO_TEST_CASE(an_unknown_key_is_named) {
    const test::TemporaryFolder folder;
    for (const std::string key : {"colour", "resume", "config"}) {
        Example example;
        const auto file = written(folder, key + " = true\n");
        BOOST_TEST(contains(message(example, {"--config", file.string()}), "unknown key '" + key + "'"));
        // A stored configuration may be of a version that had other options.
        BOOST_CHECK_NO_THROW(Example().options.load(key + " = true\n"));
    }
}

BOOST_AUTO_TEST_CASE(wrong_usage_is_status_2_and_an_error_is_status_1) {
    const test::TemporaryFolder folder;
    BOOST_TEST(Example().run({"--no-such-option"}) == 2);
    BOOST_TEST(Example().run({"--count", "many"}) == 2);
    BOOST_TEST(Example().run({"--count", "10"}) == 2);
    BOOST_TEST(Example().run({"--config", (folder / "absent.toml").string()}) == 2);
    BOOST_TEST(Example().run({"--config", written(folder, "count = = 1\n").string()}) == 2);
    BOOST_TEST(Example().run({}, [] { throw UsageError("so not"); }) == 2);
    BOOST_TEST(Example().run({}, [] { throw Error("it failed"); }) == 1);
    BOOST_TEST(Example().run({}, [] { throw Interrupted("later"); }) == 3);
    BOOST_TEST(Example().run({}, [] { throw std::bad_alloc(); }) == 1);
    BOOST_TEST(Example().run({"--help"}, [] { BOOST_ERROR("help does not run the app"); }) == 0);
}

BOOST_AUTO_TEST_CASE(a_run_resumes_only_with_its_own_configuration) {
    Example first, second;
    BOOST_TEST(first.run({}) == 0);
    BOOST_TEST(second.run({"--count", "4"}) == 0);
    const std::string stored = first.options.resolved_toml();
    BOOST_CHECK_NO_THROW(second.options.require_same(stored, "file.h5", {"count"}));
    BOOST_CHECK_EXCEPTION(
        second.options.require_same(stored, "file.h5", {"rate"}), UsageError, [](const UsageError& error) {
            return std::string(error.what()) == "file.h5: --count: this run was started with 3, found 4";
        });
}

BOOST_AUTO_TEST_CASE(the_command_that_goes_on_is_quoted_for_a_shell) {
    Example example, resumed;
    BOOST_TEST(example.run({"--name", "two words"}) == 0);
    BOOST_TEST(example.options.command_with("--resume") == "example --name 'two words' --resume");
    BOOST_TEST(resumed.run({"--resume", "--name", "it's"}) == 0);
    BOOST_TEST(resumed.options.command_with("--resume") == "example --resume --name 'it'\\''s'");
}

BOOST_AUTO_TEST_CASE(messages_are_one_line_and_name_what_was_meant) {
    BOOST_TEST(contains(message({"--cuont", "3"}), "unknown option --cuont: did you mean --count?"));
    BOOST_TEST(!contains(message({"--whatever"}), "did you mean"));
    BOOST_TEST(contains(message({"--rate", "0,5"}), "--rate: expected a number more than 0, found '0,5'"));
    BOOST_TEST(contains(message({"--rate", "0"}), "more than 0, found '0'"));
    BOOST_TEST(contains(message({"--rate", "nan"}), "found 'nan'"));
    BOOST_TEST(
        contains(message({"--count", "2.5"}), "--count: expected a whole number from 1 to 9, found '2.5'"));
    BOOST_TEST(contains(message({"--choice", "three"}), "--choice: expected one or two, found three"));
}

BOOST_AUTO_TEST_CASE(values_of_a_configuration_file_are_checked_as_on_the_command_line) {
    const test::TemporaryFolder folder;
    for (const std::string text : {"count = 10", "count = 2.5", "count = []", "count = [1, 2]", "rate = []",
                                   "list = []", "quick = 1", "choice = 'three'", "choice = []", "rate = 'x'"})
        BOOST_TEST(contains(message({"--config", written(folder, text + "\n").string()}),
                            "--" + text.substr(0, text.find(' '))),
                   text);
}

BOOST_AUTO_TEST_CASE(a_configuration_comes_from_a_pipe) {
    const test::TemporaryFolder folder;
    const std::string pipe = (folder / "pipe").string();
    BOOST_TEST_REQUIRE(::mkfifo(pipe.c_str(), 0600) == 0);
    std::thread writer([&] { std::ofstream(pipe) << "count = 7\n"; });
    Example example;
    BOOST_TEST(example.run({"--config", pipe}) == 0);
    writer.join();
    BOOST_TEST(example.count == 7);
}

BOOST_AUTO_TEST_CASE(a_resumed_run_takes_its_options_from_the_file) {
    Example first;
    BOOST_TEST(first.run({"--count", "7", "--rate", "0.25", "--list", "x", "--choice", "two"}) == 0);
    const std::string stored = first.options.resolved_toml();
    Example same, other, longer;
    BOOST_TEST(same.run({"--rate", "0.25"}) == 0);
    same.options.resume(stored, "file.h5", {});
    BOOST_TEST(same.options.resolved_toml() == stored);
    BOOST_TEST(longer.run({"--count", "9"}) == 0);
    longer.options.resume(stored, "file.h5", {"count"});
    BOOST_TEST(longer.count == 9);
    BOOST_TEST(longer.choice == 2);
    BOOST_TEST(other.run({"--rate", "0.5"}) == 0);  // the default, but given
    BOOST_CHECK_EXCEPTION(
        other.options.resume(stored, "file.h5", {"count"}), UsageError, [](const UsageError& error) {
            return std::string(error.what()) == "file.h5: --rate: this run was started with 0.25, found 0.5";
        });
}
