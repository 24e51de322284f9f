#include "results/collect.hpp"

#include <spdlog/fmt/fmt.h>

#include <algorithm>

#include "common/options.hpp"
#include "common/process.hpp"
#include "common/records.hpp"
#include "ecp/results.hpp"
#include "fftconv/core/error.hpp"
#include "fftconv/storage/results.hpp"
#include "prune/results.hpp"

namespace fftconv {
namespace {

bool is_name(const std::string& text) {
    const std::vector<std::string> parts = split(text, '/');
    return std::all_of(parts.begin(), parts.end(), [](const std::string& part) {
        return !part.empty() && part.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789_") == part.npos;
    });
}

/// Does one name lead to a group inside the other's?
bool nested(const std::string& a, const std::string& b) {
    return a.starts_with(b + "/") || b.starts_with(a + "/");
}

/// Of an app that saves what it has found, and may have been stopped.
std::vector<std::string> missing_of(const ResultRecord& record, const std::string& file) {
    const std::string app = app_of(parse_toml(record.resolved_toml, file));
    if (app == "fftconv-prune" && find_table(record.tables, "points") == nullptr) return {"baseline"};
    if (app == "fftconv-prune")
        return missing_points(prune_options_of(record.resolved_toml, file),
                              PruningResults::from(record, file));
    if (app == "fftconv-ecp") return missing_parts(ecp_options_of(record.resolved_toml, file), record);
    return {};
}

void require_finished(const ResultRecord& record, const std::string& file) {
    const std::vector<std::string> missing = missing_of(record, file);
    if (missing.empty()) return;
    throw Error(fmt::format(
        "{}: the run is not finished: {} is missing{}; --resume finishes it, and "
        "--unfinished takes what there is",
        file, missing.front(), missing.size() > 1 ? fmt::format(", and {} more", missing.size() - 1) : ""));
}

}  // namespace

void collect_results(const std::filesystem::path& out, const std::vector<std::string>& named, bool overwrite,
                     bool unfinished) {
    const OutputLock lock(out, true);
    std::vector<Experiment> experiments;
    if (std::filesystem::exists(out)) experiments = read_experiments(out);
    for (const std::string& each : named) {
        const std::size_t equals = each.find('=');
        const std::string name = each.substr(0, equals);
        if (equals == each.npos || !is_name(name))
            throw UsageError("expected NAME=FILE, a name of small letters, digits, _ and /, found " + each);
        const std::string file = each.substr(equals + 1);
        std::vector<Experiment> found = read_experiments(file);
        if (found.size() != 1 || !found.front().name.empty())
            throw FileError(file, "/ @kind", "'result'", "'collection'");
        if (!unfinished) require_finished(found.front().record, file);
        found.front().name = name;
        const auto same = std::find_if(experiments.begin(), experiments.end(),
                                       [&](const Experiment& known) { return known.name == name; });
        for (const Experiment& known : experiments)
            if (known.name.empty() || nested(known.name, name))
                throw UsageError(out.string() + ": " +
                                 (known.name.empty() ? "it is no collection, but one result"
                                                     : name + " and " + known.name + " exclude each other"));
        if (same != experiments.end() && !overwrite)
            throw UsageError(out.string() + ": it has an experiment " + name + "; --overwrite replaces it");
        if (same == experiments.end())
            experiments.push_back(std::move(found.front()));
        else
            *same = std::move(found.front());
    }
    write_collection(out, experiments);
}

}  // namespace fftconv
