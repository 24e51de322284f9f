#pragma once
#include <CLI/CLI.hpp>
#include <cstdint>
#include <functional>
#include <string>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

namespace fftconv {

/// One option's value as TOML knows it.
using OptionValue = std::variant<bool, std::int64_t, double, std::string, std::vector<std::string>>;

// Help of options that several apps have.
inline constexpr const char* engine_help =
    "convolution engine: fft, spatial, direct, or auto (fft or spatial, layer by layer)";
inline constexpr const char* measure_help =
    "time tiles (and engines, with auto) for each layer once on this machine, and remember the fastest; "
    "else a cost model chooses";

/// The parts between separators; one more than there are separators.
std::vector<std::string> split(const std::string& text, char separator);

/// The options of an app. A value comes from the command line, else from the file that --config names (TOML,
/// its keys are the long options without dashes; an unknown key is an error that names it), else it is the
/// default. What came out is kept as TOML for the record, defaults included.
class Options {
  public:
    Options(const std::string& app, const std::string& description);

    /// An option `--name VALUE` bound to `variable`, whose present value is the default. Lists are separated
    /// by commas. Returned for CLI11's checks and descriptions.
    template <class T>
    CLI::Option* add(const std::string& name, T& variable, const std::string& help) {
        remember(name, [&variable] { return value_of(variable); });
        CLI::Option* option = app_.add_option("--" + name, variable, help)->capture_default_str();
        if constexpr (std::is_same_v<T, std::vector<std::string>>) {
            option->delimiter(',')->allow_extra_args(false)->default_str(CLI::detail::join(variable, ","));
        } else {
            option->take_last();  // so that a script's options can be overruled behind them
        }
        return option;
    }
    /// A switch `--name` that is part of the configuration.
    CLI::Option* add_flag(const std::string& name, bool& variable, const std::string& help);
    /// A switch about this call alone (--resume): not in configuration files, nor in the record.
    CLI::Option* add_call_flag(const std::string& name, bool& variable, const std::string& help);

    CLI::App& app() { return app_; }

    /// Every option's value, sorted by name; a document that --config accepts.
    std::string resolved_toml() const;
    /// Takes the values of such a document. @throws UsageError
    void load(const std::string& toml);
    /// Throws when `stored` (another run's resolved_toml) and this configuration differ in anything but
    /// `may_differ`; an option that the run did not know yet had its default. @throws UsageError naming
    /// `file`, the option, and both values.
    void require_same(const std::string& stored, const std::string& file,
                      const std::vector<std::string>& may_differ) const;
    /// The command of this call, quoted for a shell, with `flag` added unless it is there.
    std::string command_with(const std::string& flag) const;

    /// Parses, runs `body`, and returns what main must return: 0, 1 (an error) or 2 (wrong usage), the error
    /// having been printed on the standard error output.
    int run(int argc, char** argv, const std::function<void()>& body);

  private:
    template <class T>
    static OptionValue value_of(const T& value) {
        if constexpr (std::is_same_v<T, bool> || std::is_same_v<T, std::vector<std::string>>) {
            return value;
        } else if constexpr (std::is_integral_v<T>) {
            return std::int64_t(value);
        } else if constexpr (std::is_floating_point_v<T>) {
            return double(value);
        } else {
            return std::string(value);
        }
    }
    void remember(const std::string& name, std::function<OptionValue()> value);

    CLI::App app_;
    std::vector<std::pair<std::string, std::function<OptionValue()>>> values_;
    std::vector<std::pair<std::string, OptionValue>> defaults_;
    std::vector<std::string> arguments_;
};

}  // namespace fftconv
