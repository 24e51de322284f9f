#pragma once
#include <cstddef>
#include <filesystem>
#include <string>
#include <variant>
#include <vector>

#include "fftconv/core/error.hpp"
#include "fftconv/core/public.hpp"
#include "fftconv/storage/file_header.hpp"

namespace FFTCONV_PUBLIC fftconv {

/// One method's training, a value per epoch: `/curves/<method>`. What was not measured is empty; the rest is
/// as long as `epoch`. MCR is the misclassification rate.
struct Curve {
    /// What the curve is of, a plain identifier.
    std::string method;
    std::vector<double> epoch = {};           ///< 1, 2, …
    std::vector<double> train_loss = {};      ///< mean cross-entropy, nats
    std::vector<double> train_mcr = {};       ///< percent, of the batches as they were met
    std::vector<double> validation_mcr = {};  ///< percent
    std::vector<double> test_mcr = {};        ///< percent
    std::vector<double> train_seconds = {};   ///< of this epoch
    std::vector<double> test_seconds = {};    ///< of the test after this epoch

    bool operator==(const Curve&) const = default;
};

/// One column of a table: numbers, or labels.
struct Column {
    std::string name;  ///< a plain identifier: "method", "test_mcr"
    std::string unit;  ///< "percent", "s", …; "1" for a pure number, empty for labels
    /// One value a row, numbers or text.
    std::variant<std::vector<double>, std::vector<std::string>> values;

    /// Rows.
    std::size_t size() const;
    bool operator==(const Column&) const = default;
};

/// One table or figure, columns of equal length: `/summary/<name>`. The first column names the rows, and is
/// the dimension scale of the others.
struct Table {
    std::string name;   ///< "table_3", "figure_5": a plain identifier
    std::string title;  ///< one line for people
    /// All of one length; the first names the rows.
    std::vector<Column> columns;

    /// Of every column.
    std::size_t rows() const { return columns.empty() ? 0 : columns.front().size(); }
    bool operator==(const Table&) const = default;
};

/// A result file.
struct ResultRecord {
    std::string resolved_toml;  ///< the whole configuration of the run, defaults included
    /// What the run saw.
    DatasetRecord dataset = {};
    /// By epoch.
    std::vector<Curve> curves = {};
    /// In the order of writing.
    std::vector<Table> tables = {};

    /// The table's column; Value is double or std::string. `file` is for the message.
    /// @throws FileError when there is none of that name and kind.
    template <class Value>
    const std::vector<Value>& column(const std::string& file, const std::string& table,
                                     const std::string& name) const {
        for (const Table& each : tables)
            for (const Column& candidate : each.columns)
                if (each.name == table && candidate.name == name)
                    if (const auto* values = std::get_if<std::vector<Value>>(&candidate.values))
                        return *values;
        throw FileError(file, "/summary/" + table + "/" + name, "a column of the app that reports", "none");
    }

    bool operator==(const ResultRecord&) const = default;
};

/// Replaces `file` atomically: afterwards it is whole, old or new, even if the process is killed.
/// @throws FileError when it cannot be written (nothing half-written stays) or columns differ in length.
void write_results(const std::filesystem::path& file, const ResultRecord& record);
/// Curves and tables come in the order in which they were written.
/// @throws FileError naming file, field, expected and found.
ResultRecord read_results(const std::filesystem::path& file);

/// One experiment of a collection, with the header of the result file that it came from.
struct Experiment {
    std::string name;  ///< plain identifiers, "figure_2a" or "figure_3b/kernels"; empty: a whole result file
    /// Of the file that it came from.
    FileHeader header;
    /// All that the file held.
    ResultRecord record;
};

/// Several results in one file, each below `/<name>`. Replaces `file` atomically, like write_results.
/// @throws FileError
void write_collection(const std::filesystem::path& file, const std::vector<Experiment>& experiments);
/// The experiments of a collection in the order of writing, or the only one of a result file. @throws
/// FileError
std::vector<Experiment> read_experiments(const std::filesystem::path& file);

}  // namespace fftconv
