// Documents say what is: every path that one names exists, and every option of a command that one shows.
#include <boost/test/unit_test.hpp>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <regex>
#include <set>
#include <string>
#include <vector>

#include "app.hpp"
#include "fftconv/storage/results.hpp"
#include "support/release_alone.hpp"
#include "support/temporary_folder.hpp"

using namespace fftconv::test;
namespace fs = std::filesystem;

namespace {

const fs::path root = FFTCONV_SOURCE_DIR;

std::vector<fs::path> documents() {
    std::vector<fs::path> files;
    for (const auto& entry : fs::directory_iterator(root)) {
        if (entry.path().extension() == ".md") files.push_back(entry.path());
    }
    for (const char* folder : {"lib", "apps", "tests", "datasets", "results"}) {
        for (const auto& entry : fs::recursive_directory_iterator(root / folder)) {
            if (entry.path().extension() == ".md") files.push_back(entry.path());
        }
    }
    return files;
}

std::vector<std::string> matches(const std::string& text, const std::string& pattern) {
    const std::regex expression(pattern);
    std::vector<std::string> found;
    for (std::sregex_iterator match(text.begin(), text.end(), expression), end; match != end; ++match) {
        found.push_back((*match)[1]);
    }
    return found;
}

/// What a document calls a path: a link's target, or a word that begins with one of our folders or is a file
/// of the root. Words with a placeholder (*, <, $, …) name no single file.
std::set<std::string> named_paths(const std::string& text) {
    std::set<std::string> paths;
    for (const std::string& target : matches(text, R"(\]\(([^)#\s]+)\))")) {
        if (target.find("://") == std::string::npos) paths.insert(target);
    }
    for (
        const std::string& word : matches(
            text,
            R"((?:^|[\s`("'])((?:lib|apps|tests|datasets|results|\.ci)/[A-Za-z0-9_./-]*[A-Za-z0-9_/-])(?![\w*<{$]))")) {
        paths.insert(word);
    }
    for (const std::string& word :
         matches(text, R"(`((?:CMakeLists|README|CHANGELOG|LICENSE|CMakePresets)[\w.]*)`)")) {
        paths.insert(word);
    }
    return paths;
}

/// Files that fetch.sh or a run puts there; they are not part of the project.
bool is_made_later(const std::string& path) {
    return path.starts_with("datasets/") && !path.ends_with(".sh") && !path.ends_with(".md");
}

const std::string& help_of(const std::string& name) {
    static std::map<std::string, std::string> known;
    auto found = known.find(name);
    if (found == known.end()) found = known.emplace(name, run(app(name) + " --help").output).first;
    return found->second;
}

}  // namespace

BOOST_AUTO_TEST_CASE(every_path_that_a_document_names_exists) {
    BOOST_TEST_REQUIRE(!documents().empty());
    for (const fs::path& document : documents()) {
        for (const std::string& path : named_paths(text_of(document))) {
            const bool there = fs::exists(document.parent_path() / path) || fs::exists(root / path);
            BOOST_TEST((there || is_made_later(path)), document.string()
                                                           << " names " << path << ", which is not there");
        }
    }
}

BOOST_AUTO_TEST_CASE(every_option_that_a_document_shows_exists) {
    for (const fs::path& document : documents()) {
        // A command may go on over lines that end in a backslash.
        const std::string text = std::regex_replace(text_of(document), std::regex(R"(\\\n)"), " ");
        for (const std::string& command :
             matches(text, R"((fftconv-(?:ecp|train|evaluate|prune|bench)\b[^\n`|]*))")) {
            const std::string name =
                command.substr(8, command.find_first_not_of("abcdefghijklmnopqrstuvwxyz", 8) - 8);
            for (const std::string& option : matches(command, R"((?:^|\s)(--[a-z][a-z-]*))")) {
                const std::regex whole(option + R"((?![a-z-]))");
                BOOST_TEST(std::regex_search(help_of(name), whole),
                           document.string() << ": fftconv-" << name << " has no option " << option);
            }
        }
    }
}

/// Between `<!-- begin: COMMAND -->` and `<!-- end -->` stands what the command prints (results/report.sh).
BOOST_AUTO_TEST_CASE(every_table_is_what_its_command_prints, *in_release_alone) {
    const TemporaryFolder folder;
    const std::regex figures(R"(--figures \S+)");
    for (const fs::path& document : documents()) {
        const std::string text = text_of(document);
        for (const std::string& command : matches(text, "<!-- begin: (.*) -->\n")) {
            const std::string begin = "<!-- begin: " + command + " -->\n\n";
            const std::size_t start = text.find(begin) + begin.size();
            const std::string shown = text.substr(start, text.find("\n<!-- end -->", start) - start);
            const std::string elsewhere =
                std::regex_replace(command, figures, "--figures " + (folder / "figures").string());
            const CommandResult printed =
                run("cd " + root.string() + " && PATH=" + FFTCONV_APPS +
                    ":$PATH && export PYTHON=" FFTCONV_TEST_PYTHON " PYTHONDONTWRITEBYTECODE=1 && " +
                    elsewhere + " 2>/dev/null");
            BOOST_TEST(printed.status == 0, command);
            BOOST_TEST(printed.output == shown, document.string() << ": not what `" << command << "` prints");
        }
    }
}

/// What is committed as a result says which commit made it: none was made by a tree with changes of its own.
BOOST_AUTO_TEST_CASE(every_result_was_made_by_a_commit) {
    int found = 0;
    for (const auto& entry : fs::recursive_directory_iterator(root / "results")) {
        if (entry.path().extension() != ".h5") continue;
        ++found;
        for (const fftconv::Experiment& each : fftconv::read_experiments(entry.path())) {
            BOOST_TEST(!each.header.git_dirty, entry.path().string()
                                                   << ' ' << each.name
                                                   << ": made by a tree with changes that are in no commit");
            BOOST_TEST(each.header.git_commit != "unknown", entry.path().string() << ' ' << each.name);
        }
    }
    BOOST_TEST(found > 0);
}

BOOST_AUTO_TEST_CASE(every_app_explains_itself) {
    for (const auto& entry : fs::directory_iterator(root / "apps")) {
        if (entry.path().extension() != ".cpp") continue;
        const CommandResult help = run(app(entry.path().stem().string()) + " --help");
        BOOST_TEST(help.status == 0);
        BOOST_TEST(contains(help.output, "--"), help.output);
    }
}
