#include "common/options.hpp"

#include <toml++/toml.h>

#include <algorithm>
#include <cstdio>
#include <exception>
#include <iostream>
#include <memory>
#include <sstream>

#include "fftconv/core/error.hpp"
#include "fftconv/core/version.hpp"

namespace fftconv {

namespace {

/// A TOML value as CLI11 wants it: text.
std::string text_of(const toml::node& node) {
    if (auto text = node.value_exact<std::string>()) return *text;
    std::ostringstream out;
    node.visit([&](auto&& value) { out << value; });
    return out.str();
}

/// Reads --config files with toml++. Every key must be an option that may stand in a file.
class TomlConfig : public CLI::Config {
  public:
    explicit TomlConfig(const CLI::App& app) : app_(app) {}

    std::string to_config(const CLI::App*, bool, bool, std::string) const override { return {}; }

    std::vector<CLI::ConfigItem> from_config(std::istream& input) const override {
        const bool given = app_.get_config_ptr()->count() > 0;
        const std::string file = given ? app_.get_config_ptr()->as<std::string>() : "stored configuration";
        std::vector<CLI::ConfigItem> found;
        for (auto&& [key, node] : parse(input, file)) {
            const std::string name(key.str());
            const CLI::Option* option = app_.get_option_no_throw("--" + name);
            if (option == nullptr || !option->get_configurable()) {
                throw UsageError(file + ": unknown key '" + name +
                                 "': keys are the long options without dashes (see --help)");
            }
            found.push_back({{}, name, inputs(node, file, name)});
        }
        return found;
    }

  private:
    static toml::table parse(std::istream& input, const std::string& file) {
        try {
            return toml::parse(input, file);
        } catch (const toml::parse_error& error) {
            std::ostringstream message;
            message << file << ": line " << error.source().begin.line
                    << ": expected TOML, found: " << error.description();
            throw UsageError(message.str());
        }
    }

    static std::vector<std::string> inputs(const toml::node& node, const std::string& file,
                                           const std::string& name) {
        if (node.is_table()) throw UsageError(file + ": key '" + name + "': expected a value, found a table");
        if (!node.is_array()) return {text_of(node)};
        std::vector<std::string> values;
        for (const toml::node& element : *node.as_array()) values.push_back(text_of(element));
        return values;
    }

    const CLI::App& app_;
};

toml::array array_of(const std::vector<std::string>& values) {
    toml::array array;
    for (const std::string& value : values) array.push_back(value);
    return array;
}

void insert(toml::table& table, const std::string& name, const OptionValue& value) {
    if (const auto* list = std::get_if<std::vector<std::string>>(&value)) {
        table.insert(name, array_of(*list));
    } else if (const auto* text = std::get_if<std::string>(&value)) {
        table.insert(name, *text);
    } else if (const auto* number = std::get_if<double>(&value)) {
        table.insert(name, *number);
    } else if (const auto* integer = std::get_if<std::int64_t>(&value)) {
        table.insert(name, *integer);
    } else {
        table.insert(name, std::get<bool>(value));
    }
}

std::string printed(const toml::table& table, const std::string& key) {
    const toml::node* node = table.get(key);
    if (node == nullptr) return "nothing";
    std::ostringstream out;
    node->visit([&](auto&& value) { out << value; });
    return out.str();
}

/// In single quotes where a shell would read it otherwise.
std::string quoted(const std::string& argument) {
    const std::string plain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_=,./:+@%";
    if (!argument.empty() && argument.find_first_not_of(plain) == std::string::npos) return argument;
    std::string result = "'";
    for (char c : argument) result += c == '\'' ? "'\\''" : std::string(1, c);
    return result + "'";
}

int fail(const CLI::App& app, const std::exception& error, int status) {
    std::cerr << app.get_name() << ": " << error.what() << '\n';
    if (status == 2) std::cerr << "See " << app.get_name() << " --help\n";
    return status;
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

Options::Options(const std::string& app, const std::string& description) : app_(description, app) {
    app_.set_config("--config", "", "TOML file with options; the command line overrules it")
        ->type_name("FILE");
    app_.config_formatter(std::make_shared<TomlConfig>(app_));
    app_.set_version_flag("--version",
                          std::string(library_version()) + " (" + std::string(git_commit()) + ")")
        ->configurable(false);
    app_.get_formatter()->column_width(34);
}

void Options::remember(const std::string& name, std::function<OptionValue()> value) {
    defaults_.emplace_back(name, value());
    values_.emplace_back(name, std::move(value));
}

CLI::Option* Options::add_flag(const std::string& name, bool& variable, const std::string& help) {
    remember(name, [&variable] { return value_of(variable); });
    return app_.add_flag("--" + name, variable, help);
}

CLI::Option* Options::add_call_flag(const std::string& name, bool& variable, const std::string& help) {
    return app_.add_flag("--" + name, variable, help)->configurable(false);
}

std::string Options::resolved_toml() const {
    toml::table table;
    for (const auto& [name, value] : values_) insert(table, name, value());
    std::ostringstream out;
    out << table << '\n';
    return out.str();
}

void Options::load(const std::string& toml) {
    std::istringstream input(toml);
    try {
        app_.parse_from_stream(input);
    } catch (const CLI::ParseError& error) {
        throw UsageError(std::string("stored configuration: ") + error.what());
    }
}

void Options::require_same(const std::string& stored, const std::string& file,
                           const std::vector<std::string>& may_differ) const {
    toml::table then;
    for (const auto& [name, value] : defaults_) insert(then, name, value);
    for (auto&& [key, node] : toml::parse(stored)) then.insert_or_assign(key, node);
    const toml::table now = toml::parse(resolved_toml());
    for (const auto& [name, value] : values_) {
        const bool free = std::find(may_differ.begin(), may_differ.end(), name) != may_differ.end();
        if (free || printed(then, name) == printed(now, name)) continue;
        throw UsageError(file + ": --" + name + ": this run was started with " + printed(then, name) +
                         ", found " + printed(now, name));
    }
}

std::string Options::command_with(const std::string& flag) const {
    std::string command;
    for (const std::string& argument : arguments_) command += quoted(argument) + ' ';
    const bool there = std::find(arguments_.begin(), arguments_.end(), flag) != arguments_.end();
    return there ? command.substr(0, command.size() - 1) : command + flag;
}

int Options::run(int argc, char** argv, const std::function<void()>& body) {
    arguments_.assign(argv, argv + argc);
    try {
        app_.parse(argc, argv);
        body();
        if (!std::cout.flush() || std::fflush(stdout) != 0 || std::ferror(stdout))
            throw Error("standard output: cannot be written");
        return 0;
    } catch (const CLI::Success& done) {  // --help, --version
        return app_.exit(done);
    } catch (const CLI::ParseError& error) {
        return fail(app_, error, 2);
    } catch (const UsageError& error) {
        return fail(app_, error, 2);
    } catch (const std::exception& error) {
        return fail(app_, error, 1);
    }
}

}  // namespace fftconv
