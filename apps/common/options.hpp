#pragma once
#include <CLI/CLI.hpp>
#include <algorithm>
#include <concepts>
#include <cstdint>
#include <functional>
#include <limits>
#include <string>
#include <type_traits>
#include <vector>

#include "common/configuration.hpp"
#include "fftconv/core/error.hpp"
#include "fftconv/core/names.hpp"

namespace fftconv {

/// The text between separators; one piece more than there are separators.
std::vector<std::string> split(const std::string& text, char separator);

/// The run stopped because somebody asked; everything is saved, and the message says how to resume. Apps exit
/// with status 3, so that a job system can tell it from a failure and queue the run again.
class Interrupted : public Error {
  public:
    using Error::Error;
};

/// What numbers an option takes.
struct Bounds {
    double low = -std::numeric_limits<double>::infinity(), high = std::numeric_limits<double>::infinity();
    bool open = false;  ///< low itself is not taken

    bool hold(double value) const { return (open ? value > low : value >= low) && value <= high; }
    /// "from 0 to 1", "more than 0", "at least 1"; empty when everything is taken.
    std::string text() const;
};
constexpr Bounds at_least(double low) {
    return {.low = low};
}
constexpr Bounds more_than(double low) {
    return {.low = low, .open = true};
}
constexpr Bounds between(double low, double high) {
    return {.low = low, .high = high};
}
/// 0 ≤ value < 1.
inline constexpr Bounds share{.low = 0, .high = 0.999999};

template <class T>
concept Number = std::is_arithmetic_v<T> && !std::is_same_v<T, bool>;

/// A number of this type. @throws UsageError "--option: expected a number more than 0, found 'x'".
template <Number T>
T parse_number(const std::string& option, const std::string& text, const Bounds& bounds = {});

/// The options of an app. A value comes from the command line, else from the file that --config names (TOML,
/// its keys are the long options without dashes, or an HDF5 file of ours, whose recorded configuration it
/// is), else it is the default. What came out is kept as TOML for the record, defaults included.
class Options {
  public:
    Options(const std::string& app, const std::string& description);

    /// Options added from here on stand under this heading in --help.
    void group(const std::string& heading) { group_ = heading; }
    /// A line at the end of --help: a command, and what it does.
    void example(const std::string& command, const std::string& what);

    /// An option `--name VALUE` bound to `variable`, whose present value is the default; returned for
    /// CLI11's checks and descriptions. Given twice, the last one holds, so that a script's options can be
    /// overruled behind them.
    template <Number T>
    CLI::Option* add(const std::string& name, T& variable, const Bounds& bounds, const std::string& help) {
        const std::string limits = bounds.text(), kind = std::is_integral_v<T> ? "COUNT" : "NUMBER";
        return bind(
            name, help + (limits.empty() ? "" : "; " + limits), kind,
            [=, &variable](const std::string& text) {
                variable = parse_number<T>("--" + name, text, bounds);
            },
            [&variable] { return number_value(variable); });
    }
    template <Number T>
    CLI::Option* add(const std::string& name, T& variable, const std::string& help) {
        return add(name, variable, Bounds{}, help);
    }
    CLI::Option* add(const std::string& name, std::string& variable, const std::string& help);
    /// One of `known`, or the default.
    CLI::Option* add(const std::string& name, std::string& variable, const std::vector<std::string>& known,
                     const std::string& help);
    /// Separated by commas.
    CLI::Option* add(const std::string& name, std::vector<std::string>& variable, const std::string& help);
    /// The same; each is one of `known`.
    CLI::Option* add(const std::string& name, std::vector<std::string>& variable,
                     const std::vector<std::string>& known, const std::string& help);
    /// One of a choice's names.
    template <class Value, std::size_t N>
    CLI::Option* add(const std::string& name, Value& variable, const ChoiceNames<Value, N>& names,
                     const std::string& help) {
        return bind(
            name, help + ": " + names.help(), "NAME",
            [=, &variable](const std::string& text) {
                const std::vector<std::string> known = names.list();
                if (std::find(known.begin(), known.end(), text) == known.end())
                    throw_unknown_name("--" + name, known, text);
                variable = names.parse(text);
            },
            [&variable, names] { return OptionValue(names.print(variable)); });
    }
    /// A switch `--name` that is part of the configuration.
    CLI::Option* add_flag(const std::string& name, bool& variable, const std::string& help);
    /// Something that the run finds out and records, under this name; no option of the command line.
    void add_record(const std::string& name, std::vector<std::string>& variable);
    /// A switch or option about this call alone (--resume): not in configuration files, nor in the record.
    CLI::Option* add_call_flag(const std::string& name, bool& variable, const std::string& help);
    CLI::Option* add_call_option(const std::string& name, std::string& variable, const std::string& help);

    CLI::App& app() { return app_; }
    /// The app can share its work among the processes that mpirun starts; others refuse to be several.
    void allow_team() { team_allowed_ = true; }

    /// Whether the command line or --config has this option.
    bool given(const std::string& name) const;
    /// Whether somebody chose its value: on the command line, or in a TOML file as other than the default.
    /// (What a run recorded has every option.)
    bool chosen(const std::string& name) const;
    /// @throws UsageError when this option was chosen, and without `expected` nothing comes of it.
    void require_used(const std::string& name, bool used, const std::string& expected) const;
    /// @throws UsageError when the command line has this option and others than `with`: it does all that is
    /// done, and nothing comes of the others.
    void require_alone(const std::string& name, const std::vector<std::string>& with) const;
    /// The app and every option's value, sorted by name; a document that --config accepts.
    std::string resolved_toml() const;
    Configuration values() const;
    /// Takes the values of such a document; names that are no options are ignored, since older versions had
    /// others. @throws UsageError naming `file`.
    void load(const std::string& toml, const std::string& file = "stored configuration");
    /// @throws UsageError naming `file` when another app recorded this.
    void require_own(const Configuration& recorded, const std::string& file) const;
    /// For a run that is resumed: takes what was not given from `stored` (that run's resolved_toml). What
    /// was given must be the same there, except `may_differ`. @throws UsageError naming `file`, option, and
    /// both values, or another app that recorded it.
    void resume(const std::string& stored, const std::string& file,
                const std::vector<std::string>& may_differ);
    /// Throws when `stored` (another run's resolved_toml) is of another app, or differs from this
    /// configuration in anything but `may_differ`; an option that the run did not know yet had its default.
    /// @throws UsageError naming `file`, the option, and both values.
    void require_same(const std::string& stored, const std::string& file,
                      const std::vector<std::string>& may_differ) const;
    /// The command of this call, quoted for a shell, with `flag` added unless it is there.
    std::string command_with(const std::string& flag) const;

    /// Reads the command line and the file of --config, without running anything. @throws CLI::Error,
    /// UsageError
    void parse(int argc, char** argv);
    /// Parses, runs `body`, and returns what main must return: 0, 1 (an error), 2 (wrong usage) or 3
    /// (interrupted, can be resumed), the error having been printed on the standard error output. Of several
    /// processes one that fails ends them all.
    int run(int argc, char** argv, const std::function<void()>& body);

  private:
    struct Entry {
        std::string name;
        CLI::Option* option;                          ///< null: only recorded
        std::function<void(const OptionValue&)> set;  ///< @throws UsageError
        std::function<OptionValue()> value;
        OptionValue initial;
    };

    template <Number T>
    static OptionValue number_value(T value) {
        if constexpr (std::is_integral_v<T>)
            return std::int64_t(value);
        else
            return shortest(value);
    }
    static double shortest(double value) { return value; }
    static double shortest(float value);  ///< the double of the fewest digits that is this float

    CLI::Option* bind(const std::string& name, const std::string& help, const std::string& type,
                      const std::function<void(const std::string&)>& set,
                      const std::function<OptionValue()>& value);
    void remember(const std::string& name, CLI::Option* option,
                  const std::function<void(const OptionValue&)>& set,
                  const std::function<OptionValue()>& value);
    const Entry* find(const std::string& name) const;
    void require_no_empty_values() const;
    void read_config();
    void configure(const Entry& entry, const OptionValue& value, bool recorded);
    std::string unknown_option() const;
    int fail(const std::exception& error, int status) const;
    void require_team() const;

    CLI::App app_;
    bool team_allowed_ = false;
    std::string group_ = "Options", config_, examples_;
    std::vector<Entry> entries_;
    std::vector<std::string> configured_;  ///< options that --config's file has
    std::vector<std::string> written_;     ///< of these, the ones that somebody wrote there
    std::vector<std::string> arguments_;
};

}  // namespace fftconv
