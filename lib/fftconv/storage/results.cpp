#include "fftconv/storage/results.hpp"

#include <cmath>
#include <string_view>

#include "fftconv/core/error.hpp"
#include "fftconv/core/number_text.hpp"
#include "fftconv/storage/hdf5/hdf5.hpp"
#include "fftconv/storage/sections.hpp"

namespace fftconv {

namespace {

/// What is measured at every epoch, and how its dataset is called.
struct Series {
    const char* name;
    const char* unit;
    std::vector<double> Curve::*values;
};
constexpr Series all_series[] = {{"train_loss", "nat", &Curve::train_loss},
                                 {"train_mcr", "percent", &Curve::train_mcr},
                                 {"validation_mcr", "percent", &Curve::validation_mcr},
                                 {"test_mcr", "percent", &Curve::test_mcr},
                                 {"train_seconds", "s", &Curve::train_seconds},
                                 {"test_seconds", "s", &Curve::test_seconds}};

/// @throws FileError unless epochs are whole numbers from 1 on that ascend, and the rest is finite.
void check_curve(const std::string& file, const std::string& path, const Curve& curve) {
    double before = 0;
    for (const double epoch : curve.epoch) {
        if (!(epoch > before && epoch < 1e9) || epoch != std::floor(epoch))
            throw FileError(file, path + "/epoch", "epochs that ascend from 1 on", number_text(epoch));
        before = epoch;
    }
    for (const Series& series : all_series) {
        const std::string field = path + "/" + series.name;
        storage::check_finite(file, field, curve.*series.values);
        if (std::string_view(series.unit) == "percent")
            storage::check_percentages(file, field, curve.*series.values);
    }
}

void write_curve(hdf5::Group group, const Curve& curve) {
    check_curve(group.file(), group.path(), curve);
    const int epochs = int(curve.epoch.size());
    group.write<double>("epoch", curve.epoch, {epochs}, {"epoch"}, "epoch");
    for (const Series& series : all_series)
        if (const std::vector<double>& values = curve.*series.values; !values.empty())
            group.write<double>(series.name, values, {epochs}, {"epoch"}, series.unit);
}

Curve read_curve(const hdf5::Group& group, const std::string& method) {
    Curve curve;
    curve.method = method;
    curve.epoch = group.dataset("epoch").read<double>();
    for (const Series& series : all_series)
        if (group.has(series.name))
            curve.*series.values = group.dataset(series.name).read<double>({int(curve.epoch.size())});
    check_curve(group.file(), group.path(), curve);
    return curve;
}

/// A method's name may be a path; a group with epochs is a curve.
void read_curves_below(const hdf5::Group& group, const std::string& prefix, std::vector<Curve>& curves) {
    for (const std::string& name : group.names()) {
        if (!group.has_group(name)) continue;
        const hdf5::Group inner = group.group(name);
        if (inner.has("epoch")) curves.push_back(read_curve(inner, prefix + name));
        read_curves_below(inner, prefix + name + "/", curves);
    }
}

void write_table(hdf5::Group group, const Table& table) {
    group.set_attribute("title", table.title);
    std::vector<std::string> names;
    for (const Column& column : table.columns) {
        names.push_back(column.name);
        std::visit(
            [&](const auto& values) {
                group.write(column.name, std::span(values), {int(table.rows())}, {names.front()},
                            column.unit);
            },
            column.values);
    }
    group.set_attribute("columns", names);
}

Column read_column(const hdf5::Group& group, const std::string& name, int rows) {
    const hdf5::Dataset dataset = group.dataset(name);
    Column column{name, dataset.unit(), {}};
    if (dataset.holds_strings())
        column.values = dataset.read<std::string>({rows});
    else
        column.values = dataset.read<double>({rows});
    return column;
}

Table read_table(const hdf5::Group& group, const std::string& name) {
    Table table{name, group.attribute<std::string>("title"), {}};
    for (const std::string& column : group.attribute_values<std::string>("columns")) {
        const hdf5::Shape shape = group.dataset(column).shape();
        const int rows = table.columns.empty() && shape.size() == 1 ? shape[0] : int(table.rows());
        table.columns.push_back(read_column(group, column, rows));
    }
    return table;
}

}  // namespace

std::size_t Column::size() const {
    return std::visit([](const auto& held) { return held.size(); }, values);
}

namespace storage {

void write_curves(hdf5::Group& root, const std::vector<Curve>& curves) {
    if (curves.empty()) return;
    hdf5::Group group = root.create_group("curves");
    for (const Curve& curve : curves) write_curve(group.create_path(curve.method), curve);
}

std::vector<Curve> read_curves(const hdf5::Group& root) {
    std::vector<Curve> curves;
    if (root.has("curves")) read_curves_below(root.group("curves"), "", curves);
    return curves;
}

}  // namespace storage

namespace {

void write_record(hdf5::Group& group, const ResultRecord& record) {
    storage::write_run(group, record.resolved_toml, record.dataset);
    storage::write_curves(group, record.curves);
    hdf5::Group summary = group.create_group("summary");
    for (const Table& table : record.tables) write_table(summary.create_group(table.name), table);
}

ResultRecord read_record(const hdf5::Group& group) {
    ResultRecord record;
    record.resolved_toml = storage::read_resolved_toml(group);
    record.dataset = storage::read_dataset_record(group);
    record.curves = storage::read_curves(group);
    const hdf5::Group summary = group.group("summary");
    for (const std::string& name : summary.names())
        if (summary.has_group(name)) record.tables.push_back(read_table(summary.group(name), name));
    return record;
}

constexpr const char* collection = "collection";

/// A group with a header is an experiment; others hold some.
void read_experiments_below(const hdf5::Group& group, const std::string& prefix,
                            std::vector<Experiment>& experiments) {
    for (const std::string& name : group.names()) {
        if (!group.has_group(name)) continue;
        const hdf5::Group inner = group.group(name);
        if (inner.has_attribute("kind"))
            experiments.push_back({prefix + name, storage::read_header(inner), read_record(inner)});
        else
            read_experiments_below(inner, prefix + name + "/", experiments);
    }
}

}  // namespace

void write_results(const std::filesystem::path& file, const ResultRecord& record) {
    storage::write_file(file, "result", [&](hdf5::Group& root) { write_record(root, record); });
}

ResultRecord read_results(const std::filesystem::path& file) {
    return read_record(storage::open_file(file, "result").root());
}

void write_collection(const std::filesystem::path& file, const std::vector<Experiment>& experiments) {
    storage::write_file(file, collection, [&](hdf5::Group& root) {
        for (const Experiment& experiment : experiments) {
            hdf5::Group group = root.create_path(experiment.name);
            storage::write_header(group, experiment.header);
            write_record(group, experiment.record);
        }
    });
}

std::vector<Experiment> read_experiments(const std::filesystem::path& path) {
    const FileHeader header = read_file_header(path);
    if (header.kind != collection) return {{"", header, read_results(path)}};
    const hdf5::File file = storage::open_file(path, collection);
    std::vector<Experiment> experiments;
    read_experiments_below(file.root(), "", experiments);
    return experiments;
}

}  // namespace fftconv
