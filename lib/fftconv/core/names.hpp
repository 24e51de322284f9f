#pragma once
#include <array>
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "fftconv/core/public.hpp"

namespace FFTCONV_PUBLIC fftconv {

/// One value of a choice, as files, options and messages name it.
template <class Value>
struct NamedValue {
    /// As users write it.
    const char* name;
    /// What it stands for.
    Value value;
    const char* help = "";  ///< a few words for people; may be empty
};

/// "a, b or c". @throws nothing but std::bad_alloc
std::string alternatives(const std::vector<std::string>& names);
/// Throws UsageError: "choice: expected a, b or c, found x".
[[noreturn]] void throw_unknown_name(std::string_view choice, const std::vector<std::string>& names,
                                     std::string_view found);

/// A choice (optimizer, pooling, criterion, …): its names stand here and nowhere else, and parsing, printing,
/// lists, help and the error of an unknown name come from them. Made by `names`; immutable, so safe to share
/// between threads.
template <class Value, std::size_t N>
class ChoiceNames {
  public:
    /// See `names`.
    constexpr ChoiceNames(const char* choice, const std::array<NamedValue<Value>, N>& entries)
        : choice_(choice), entries_(entries) {}

    /// What is chosen: "optimizer".
    constexpr const char* choice() const { return choice_; }
    /// The table itself.
    constexpr const std::array<NamedValue<Value>, N>& entries() const { return entries_; }

    /// @throws UsageError on another name, which lists all of them.
    Value parse(std::string_view name) const {
        for (const NamedValue<Value>& each : entries_)
            if (name == each.name) return each.value;
        throw_unknown_name(choice_, list(), name);
    }
    /// Empty when the value has no name.
    std::string print(const Value& value) const {
        for (const NamedValue<Value>& each : entries_)
            if (value == each.value) return each.name;
        return "";
    }
    /// In the order of the table.
    std::vector<std::string> list() const {
        std::vector<std::string> result;
        for (const NamedValue<Value>& each : entries_) result.emplace_back(each.name);
        return result;
    }
    /// "sgd, momentum, adam or rmsprop", each with its help in parentheses where it has one.
    std::string help() const {
        std::vector<std::string> result;
        for (const NamedValue<Value>& each : entries_)
            result.push_back(*each.help ? std::string(each.name) + " (" + each.help + ")" : each.name);
        return alternatives(result);
    }

  private:
    const char* choice_;
    std::array<NamedValue<Value>, N> entries_;
};

/// names<Optimizer>("optimizer", {{"sgd", Optimizer::sgd}, {"adam", Optimizer::adam}})
template <class Value, std::size_t N>
constexpr ChoiceNames<Value, N> names(const char* choice, const NamedValue<Value> (&entries)[N]) {
    return {choice, std::to_array(entries)};
}

}  // namespace fftconv
