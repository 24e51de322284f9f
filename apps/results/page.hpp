#pragma once
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "fftconv/storage/checkpoint.hpp"

namespace fftconv {

/// What a page shows of a file: a whole file, or one experiment of a collection.
struct PageSource {
    std::string file, name;  ///< name: of the experiment, or empty
    FileHeader header;
    DatasetRecord dataset;
    std::string toml;  ///< the run's configuration
    std::vector<Curve> curves;
    std::vector<Table> tables;
    std::optional<Checkpoint> checkpoint;  ///< when it is one
    std::vector<LayerMask> masks;          ///< of a checkpoint or mask file
    std::string remark;                    ///< one line about the file

    const Table* table(const std::string& wanted) const;
};

/// The sources of a file, in its order. @throws FileError
std::vector<PageSource> page_sources(const std::filesystem::path& file);

/// A self-contained page about these files: what ran, ours next to the papers' with verdicts, curves, MCR
/// against time, time by layer and phase, confusion, masks, filters of the first layer, tables. @throws
/// FileError
std::string results_page(const std::vector<std::string>& files);

/// The same as a file, replaced when it is whole. @throws FileError, UsageError when `out` exists and may not
/// be overwritten.
void write_page(const std::filesystem::path& out, const std::vector<std::string>& files, bool overwrite);

// Sections of one file; empty when it has nothing for them.
std::string runs_section(const std::vector<PageSource>& sources);
std::string paper_section(const std::vector<PageSource>& sources);
std::string curves_section(const std::vector<PageSource>& sources);
std::string tradeoff_section(const std::vector<PageSource>& sources);
std::string times_section(const std::vector<PageSource>& sources);
std::string confusion_section(const std::vector<PageSource>& sources);
std::string masks_section(const std::vector<PageSource>& sources);
std::string filters_section(const std::vector<PageSource>& sources);
std::string tables_section(const std::vector<PageSource>& sources);

// Columns of a table, or null when it has none of that name and kind.
const std::vector<double>* numbers(const Table& table, const std::string& name);
const std::vector<std::string>* labels(const Table& table, const std::string& name);

}  // namespace fftconv
