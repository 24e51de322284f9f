#include "common/options.hpp"

#include <spdlog/fmt/fmt.h>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <exception>
#include <iostream>
#include <numeric>
#include <thread>

#include "common/process.hpp"
#include "common/team.hpp"
#include "fftconv/core/version.hpp"

namespace fftconv {

namespace {

/// In single quotes where a shell would read it otherwise.
std::string quoted(const std::string& argument) {
    const std::string plain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_=,./:+@%";
    if (!argument.empty() && argument.find_first_not_of(plain) == std::string::npos) return argument;
    std::string result = "'";
    for (char c : argument) result += c == '\'' ? "'\\''" : std::string(1, c);
    return result + "'";
}

/// Characters to insert, delete or exchange to make one text of the other (Levenshtein's distance).
std::size_t distance(const std::string& a, const std::string& b) {
    std::vector<std::size_t> row(b.size() + 1);
    std::iota(row.begin(), row.end(), 0);
    for (std::size_t i = 0; i < a.size(); ++i) {
        std::size_t diagonal = std::exchange(row[0], i + 1);
        for (std::size_t j = 0; j < b.size(); ++j) {
            const std::size_t exchanged = diagonal + (a[i] != b[j]);
            diagonal = row[j + 1];
            row[j + 1] = std::min({exchanged, row[j] + 1, row[j + 1] + 1});
        }
    }
    return row.back();
}

/// The text of `known` that was probably meant; empty when none is near.
std::string nearest(const std::string& text, const std::vector<std::string>& known) {
    std::string best;
    std::size_t least = std::max<std::size_t>(2, text.size() / 3) + 1;
    for (const std::string& each : known)
        if (const std::size_t far = distance(text, each); far < least) {
            least = far;
            best = each;
        }
    return best;
}

std::vector<std::string> texts_of(const OptionValue& value) {
    if (const auto* list = std::get_if<std::vector<std::string>>(&value)) return *list;
    return {text_of(value)};
}

bool contains(const std::vector<std::string>& names, const std::string& name) {
    return std::find(names.begin(), names.end(), name) != names.end();
}

/// What a reader must be told of a number that is not in its bounds.
template <class T>
std::string expected_number(const Bounds& bounds) {
    const std::string limits = bounds.text();
    return std::string(std::is_integral_v<T> ? "a whole number" : "a number") +
           (limits.empty() ? "" : " " + limits);
}

}  // namespace

std::vector<std::string> split(const std::string& text, char separator) {
    std::vector<std::string> parts(1);
    for (char c : text) {
        if (c == separator)
            parts.emplace_back();
        else
            parts.back() += c;
    }
    return parts;
}

std::string Bounds::text() const {
    const bool has_low = std::isfinite(low), has_high = std::isfinite(high);
    if (low == share.low && high == share.high) return "from 0 to less than 1";
    if (has_low && has_high) return fmt::format("from {:g} to {:g}", low, high);
    if (has_low) return fmt::format("{} {:g}", open ? "more than" : "at least", low);
    return has_high ? fmt::format("at most {:g}", high) : "";
}

template <Number T>
T parse_number(const std::string& option, const std::string& text, const Bounds& bounds) {
    T value{};
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    const bool read = error == std::errc() && end == text.data() + text.size();
    if (!read || !std::isfinite(double(value)) || !bounds.hold(double(value)))
        throw UsageError(
            fmt::format("{}: expected {}, found '{}'", option, expected_number<T>(bounds), text));
    return value;
}
template int parse_number(const std::string&, const std::string&, const Bounds&);
template std::int64_t parse_number(const std::string&, const std::string&, const Bounds&);
template std::uint64_t parse_number(const std::string&, const std::string&, const Bounds&);
template float parse_number(const std::string&, const std::string&, const Bounds&);
template double parse_number(const std::string&, const std::string&, const Bounds&);

double Options::shortest(float value) {
    const std::string text = fmt::format("{}", value);
    double result = value;
    std::from_chars(text.data(), text.data() + text.size(), result);
    return result;
}

Options::Options(const std::string& app, const std::string& description) : app_(description, app) {
    app_.set_version_flag("--version",
                          std::string(library_version()) + " (" + std::string(git_commit()) + ")");
    app_.add_option("--config", config_,
                    "TOML file with options, or a file of ours whose recorded options are taken; the command "
                    "line overrules it")
        ->type_name("FILE");
    app_.get_formatter()->column_width(34);
}

void Options::example(const std::string& command, const std::string& what) {
    examples_ += (examples_.empty() ? "Examples:\n" : "") + ("  " + command) + "\n      " + what + "\n";
    app_.footer(examples_);
}

void Options::remember(const std::string& name, CLI::Option* option,
                       const std::function<void(const OptionValue&)>& set,
                       const std::function<OptionValue()>& value) {
    if (option) option->group(group_);
    entries_.push_back({name, option, set, value, value()});
}

CLI::Option* Options::bind(const std::string& name, const std::string& help, const std::string& type,
                           const std::function<void(const std::string&)>& set,
                           const std::function<OptionValue()>& value) {
    CLI::Option* option = app_.add_option(
        "--" + name,
        [set](const CLI::results_t& texts) {
            set(texts.back());
            return true;
        },
        help);
    option->type_name(type)->take_last()->default_str(text_of(value()));
    remember(
        name, option,
        [name, set](const OptionValue& found) {
            const std::vector<std::string> texts = texts_of(found);
            if (texts.size() != 1)
                throw UsageError(fmt::format("--{}: expected one value, found {}", name, text_of(found)));
            set(texts.front());
        },
        value);
    return option;
}

CLI::Option* Options::add(const std::string& name, std::string& variable, const std::string& help) {
    return bind(
        name, help, "TEXT", [&variable](const std::string& text) { variable = text; },
        [&variable] { return OptionValue(variable); });
}

CLI::Option* Options::add(const std::string& name, std::string& variable,
                          const std::vector<std::string>& known, const std::string& help) {
    return bind(
        name, help + ": " + alternatives(known), "NAME",
        [&variable, known, name, initial = variable](const std::string& text) {
            if (text != initial && !contains(known, text)) throw_unknown_name("--" + name, known, text);
            variable = text;
        },
        [&variable] { return OptionValue(variable); });
}

CLI::Option* Options::add(const std::string& name, std::vector<std::string>& variable,
                          const std::string& help) {
    const auto set = [&variable, name](const std::vector<std::string>& texts) {
        if (texts.empty() || contains(texts, std::string()))
            throw UsageError("--" + name + ": expected values with commas between them, found an empty one");
        variable = texts;
    };
    CLI::Option* option = app_.add_option(
        "--" + name,
        [set](const CLI::results_t& texts) {
            set(split(texts.back(), ','));
            return true;
        },
        help);
    option->type_name("LIST")->take_last()->default_str(CLI::detail::join(variable, ","));
    remember(
        name, option, [set](const OptionValue& found) { set(texts_of(found)); },
        [&variable] { return OptionValue(variable); });
    return option;
}

void Options::add_record(const std::string& name, std::vector<std::string>& variable) {
    remember(
        name, nullptr, [&variable](const OptionValue& found) { variable = texts_of(found); },
        [&variable] { return OptionValue(variable); });
}

CLI::Option* Options::add_flag(const std::string& name, bool& variable, const std::string& help) {
    CLI::Option* option = app_.add_flag("--" + name, variable, help);
    remember(
        name, option,
        [&variable, name](const OptionValue& found) {
            if (!std::holds_alternative<bool>(found))
                throw UsageError(fmt::format("--{}: expected true or false, found {}", name, text_of(found)));
            variable = std::get<bool>(found);
        },
        [&variable] { return OptionValue(variable); });
    return option;
}

CLI::Option* Options::add_call_flag(const std::string& name, bool& variable, const std::string& help) {
    return app_.add_flag("--" + name, variable, help)->configurable(false)->group(group_);
}

CLI::Option* Options::add_call_option(const std::string& name, std::string& variable,
                                      const std::string& help) {
    return app_.add_option("--" + name, variable, help)->configurable(false)->group(group_);
}

CLI::Option* Options::add(const std::string& name, std::vector<std::string>& variable,
                          const std::vector<std::string>& known, const std::string& help) {
    CLI::Option* option = add(name, variable, help + ": " + alternatives(known));
    return option->check([known, name](const std::string& texts) {
        for (const std::string& text : split(texts, ','))
            if (!contains(known, text)) throw_unknown_name("--" + name, known, text);
        return std::string();
    });
}

const Options::Entry* Options::find(const std::string& name) const {
    for (const Entry& entry : entries_)
        if (entry.name == name) return &entry;
    return nullptr;
}

bool Options::given(const std::string& name) const {
    const Entry* entry = find(name);
    if (entry == nullptr || entry->option == nullptr) return false;
    return entry->option->count() > 0 || contains(configured_, name);
}

bool Options::chosen(const std::string& name) const {
    return given(name) && (!contains(configured_, name) || contains(written_, name));
}

void Options::require_used(const std::string& name, bool used, const std::string& expected) const {
    if (chosen(name) && !used)
        throw UsageError(fmt::format("--{}: without {} nothing comes of it", name, expected));
}

void Options::require_alone(const std::string& name, const std::vector<std::string>& with) const {
    if (app_.count("--" + name) == 0) return;
    for (const CLI::Option* option : app_.get_options()) {
        const std::string other = option->get_lnames().empty() ? "" : option->get_lnames().front();
        if (option->count() > 0 && other != name && !contains(with, other))
            throw UsageError(fmt::format("--{}: with --{} nothing comes of it", other, name));
    }
}

std::string Options::resolved_toml() const {
    Configuration all = values();
    all[app_key] = app_.get_name();
    return to_toml(all);
}

void Options::require_own(const Configuration& recorded, const std::string& file) const {
    const std::string app = app_of(recorded);
    if (!app.empty() && app != app_.get_name())
        throw UsageError(
            fmt::format("{}: expected a file of {}, found one of {}", file, app_.get_name(), app));
}

Configuration Options::values() const {
    Configuration result;
    for (const Entry& entry : entries_) result[entry.name] = entry.value();
    return result;
}

void Options::read_config() {
    if (config_.empty()) return;
    const Configuration configuration = read_configuration(config_);
    if (configuration.contains(app_key)) require_own(configuration, "--config: " + config_);
    const bool recorded = is_recorded_configuration(config_);
    for (const auto& [name, value] : configuration) {
        if (name == app_key) continue;
        const Entry* entry = find(name);
        if (entry == nullptr && recorded) continue;  // of a version that had other options
        if (entry == nullptr)
            throw UsageError(config_ + ": unknown key '" + name +
                             "': keys are the long options without dashes (see --help)");
        if (entry->option == nullptr)
            entry->set(value);
        else if (entry->option->count() == 0)
            configure(*entry, value, recorded);
    }
}

/// Takes a value of --config's file, with all the checks of the command line.
void Options::configure(const Entry& entry, const OptionValue& value, bool recorded) {
    configured_.push_back(entry.name);
    try {
        entry.set(value);
        if (!recorded && text_of(entry.value()) != text_of(entry.initial)) written_.push_back(entry.name);
        if (std::holds_alternative<bool>(value)) return;
        entry.option->add_result(CLI::detail::join(texts_of(value), ","));
        entry.option->run_callback();
    } catch (const CLI::ParseError& error) {
        throw UsageError(config_ + ": " + error.what());
    } catch (const UsageError& error) {
        throw UsageError(config_ + ": " + error.what());
    }
}

void Options::load(const std::string& toml, const std::string& file) {
    for (const auto& [name, value] : parse_toml(toml, file)) {
        const Entry* entry = find(name);
        if (entry == nullptr) continue;
        try {
            entry->set(value);
        } catch (const UsageError& error) {
            throw UsageError(file + ": " + error.what());
        }
    }
}

void Options::resume(const std::string& stored, const std::string& file,
                     const std::vector<std::string>& may_differ) {
    const Configuration mine = values(), then = parse_toml(stored, file);
    require_own(then, file);
    load(stored, file);  // checks the values, too
    for (const Entry& entry : entries_) {
        if (!then.contains(entry.name)) entry.set(entry.initial);
        const OptionValue& now = mine.at(entry.name);
        if (entry.name == "out") entry.set(now);                          // where the file is now
        if (entry.name == "dataset" && text_of(now) == "auto") continue;  // it was resolved then
        if (entry.name == "out" || !given(entry.name)) continue;
        if (!contains(may_differ, entry.name) && text_of(entry.value()) != text_of(now))
            throw UsageError(fmt::format("{}: --{}: this run was started with {}, found {}", file, entry.name,
                                         text_of(entry.value()), text_of(now)));
        entry.set(now);
    }
}

void Options::require_same(const std::string& stored, const std::string& file,
                           const std::vector<std::string>& may_differ) const {
    const Configuration then = parse_toml(stored, file);
    require_own(then, file);
    for (const Entry& entry : entries_) {
        const auto found = then.find(entry.name);
        const std::string was = text_of(found == then.end() ? entry.initial : found->second);
        if (contains(may_differ, entry.name) || was == text_of(entry.value())) continue;
        throw UsageError(fmt::format("{}: --{}: this run was started with {}, found {}", file, entry.name,
                                     was, text_of(entry.value())));
    }
}

std::string Options::command_with(const std::string& flag) const {
    std::string command;
    for (const std::string& argument : arguments_)
        if (argument != "--overwrite") command += quoted(argument) + ' ';
    return contains(arguments_, flag) ? command.substr(0, command.size() - 1) : command + flag;
}

void Options::parse(int argc, char** argv) {
    arguments_.assign(argv, argv + argc);
    app_.parse(argc, argv);
    require_no_empty_values();
    read_config();
}

/// An empty text is what a shell makes of a variable that is not set: not the same as no option at all.
void Options::require_no_empty_values() const {
    std::vector<const CLI::App*> apps = app_.get_subcommands({});
    apps.push_back(&app_);
    for (const CLI::App* app : apps)
        for (const CLI::Option* option : app->get_options())
            if (contains(option->results(), std::string()))
                throw UsageError(option->get_name() + ": expected a value, found an empty one");
}

/// "unknown option --epoch: did you mean --epochs?"
std::string Options::unknown_option() const {
    const std::vector<CLI::App*> chosen = const_cast<CLI::App&>(app_).get_subcommands();
    const CLI::App& app = chosen.empty() ? app_ : *chosen.front();
    const std::vector<std::string> left = app_.remaining(true);
    const std::string first = left.empty() ? "" : split(left.front(), '=').front();
    if (!first.starts_with("-")) return fmt::format("expected an option, found '{}'", first);
    std::vector<std::string> known;
    for (const CLI::Option* option : app.get_options())
        for (const std::string& name : option->get_lnames()) known.push_back("--" + name);
    const std::string meant = nearest(first, known);
    return "unknown option " + first + (meant.empty() ? "" : ": did you mean " + meant + "?");
}

/// What is wrong everywhere is said by the first process, which ends the others before they get to say it;
/// where only some are interrupted they all are, and leave together.
int Options::fail(const std::exception& error, int status) const {
    constexpr int interrupted = 3;
    if (!team().first()) {
        if (status == interrupted) return 0;  // mpirun ends the others of one that does not
        std::this_thread::sleep_for(std::chrono::milliseconds(500));
        std::cerr << "process " << team().rank() << ": ";
    }
    std::cerr << app_.get_name() << ": " << error.what() << '\n';
    if (status == 2) std::cerr << "See " << app_.get_name() << " --help\n";
    if (status != interrupted) team().abort(status);
    return status;
}

void Options::require_team() const {
    if (team().count() > 1 && !team_allowed_)
        throw UsageError("works in one process, found " + std::to_string(team().count()) +
                         ": start it without mpirun");
}

int Options::run(int argc, char** argv, const std::function<void()>& body) {
    let_writes_fail();
    try {
        parse(argc, argv);
        require_team();
        body();
        if (!std::cout.flush() || std::fflush(stdout) != 0 || std::ferror(stdout))
            throw Error("standard output: cannot be written");
        return 0;
    } catch (const CLI::Success& done) {  // --help, --version
        return app_.exit(done);
    } catch (const CLI::ExtrasError&) {
        return fail(UsageError(unknown_option()), 2);
    } catch (const CLI::ParseError& error) {
        return fail(error, 2);
    } catch (const UsageError& error) {
        return fail(error, 2);
    } catch (const Interrupted& error) {
        return fail(error, 3);
    } catch (const std::bad_alloc&) {
        return fail(Error("there is not enough memory"), 1);
    } catch (const std::exception& error) {
        return fail(error, 1);
    }
}

}  // namespace fftconv
