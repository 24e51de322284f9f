#pragma once
#include <algorithm>
#include <string>
#include <vector>

#include "fftconv/storage/results.hpp"

namespace fftconv {

/// Whether the table of this name has a column of that one.
bool has_column(const std::vector<Table>& tables, const std::string& table, const std::string& column);

/// A column of text, and the member of a row's struct that it holds.
template <class Row>
struct Label {
    const char* name;
    std::string Row::*member;
    bool optional = false;  ///< a file of an older version may lack it
};

/// A column of numbers, likewise.
template <class Row>
struct Quantity {
    std::string name, unit;
    double Row::*member;
};

/// How the rows of a table are kept in files: the one place that maps a struct to columns and back.
template <class Row>
struct RowFormat {
    std::vector<Label<Row>> labels;  ///< the first one names the rows
    std::vector<Quantity<Row>> numbers;

    Table table(const std::string& name, const std::string& title, const std::vector<Row>& rows) const {
        Table table{name, title, {}};
        for (const auto& label : labels)
            table.columns.push_back({label.name, "", column<std::string>(rows, label.member)});
        for (const auto& number : numbers)
            table.columns.push_back({number.name, number.unit, column<double>(rows, number.member)});
        return table;
    }

    /// The rows of a table. `file` is for messages. @throws FileError when it lacks a column.
    std::vector<Row> rows(const ResultRecord& record, const std::string& file,
                          const std::string& table) const {
        std::vector<Row> rows(record.column<std::string>(file, table, labels.front().name).size());
        for (const auto& label : labels)
            if (!label.optional || has_column(record.tables, table, label.name))
                take(record.column<std::string>(file, table, label.name), label.member, rows);
        for (const auto& number : numbers)
            take(record.column<double>(file, table, number.name), number.member, rows);
        return rows;
    }

  private:
    template <class Value>
    static std::vector<Value> column(const std::vector<Row>& rows, Value Row::*member) {
        std::vector<Value> values;
        for (const Row& row : rows) values.push_back(row.*member);
        return values;
    }
    template <class Value>
    static void take(const std::vector<Value>& values, Value Row::*member, std::vector<Row>& rows) {
        for (std::size_t i = 0; i < rows.size(); ++i) rows[i].*member = values.at(i);
    }
};

/// The table of this name, or null.
const Table* find_table(const std::vector<Table>& tables, const std::string& name);

/// The table "calls": a row for each call of the app that wrote to a file, with its configuration (TOML),
/// time and commit. A file that grew by several calls says so.
/// @param before tables that the file holds already
Table calls_table(const std::vector<Table>& before, const std::string& resolved_toml);

/// The rows of two such tables, counted anew; either may be missing.
Table joined_calls(const std::vector<Table>& first, const std::vector<Table>& second);

/// What times were measured on.
struct Machine {
    std::string processor;
    double threads = 1;

    std::string text() const;  ///< "AMD EPYC …, threads: 2"
    bool operator==(const Machine&) const = default;
};
Machine this_machine(int threads);
/// The table "machine".
Table machine_table(const std::vector<Machine>& machines);
/// Its rows; none where there is no such table. @throws FileError naming `file`
std::vector<Machine> machines_of(const ResultRecord& record, const std::string& file);

}  // namespace fftconv
