#include "fftconv/experiment/result_files.hpp"

#include <spdlog/fmt/fmt.h>

#include <algorithm>
#include <map>

#include "fftconv/core/error.hpp"
#include "fftconv/experiment/options.hpp"
#include "fftconv/experiment/pruning_options.hpp"
#include "fftconv/experiment/pruning_results.hpp"
#include "fftconv/storage/results.hpp"

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

/// The rows of `from` that `into` has not, where those of the same name agree.
void join(PruningResults& into, const PruningResults& from, const std::string& file) {
    const auto require_same = [&](const PruningResult& known, const PruningResult& found, const char* field,
                                  double PruningResult::*value) {
        if (known.*value != found.*value)
            throw FileError(file, "/summary/points/" + std::string(field) + " of " + found.name,
                            fmt::format("{} as in the files before", known.*value),
                            fmt::format("{}", found.*value));
    };
    for (const PruningResult& point : from.points) {
        const PruningResult* known = into.find(point.name);
        if (!known) {
            into.points.push_back(point);
            for (const PruningLayerResult& layer : from.layers)
                if (layer.point == point.name) into.layers.push_back(layer);
            continue;
        }
        require_same(*known, point, "pruned_kernels", &PruningResult::pruned_kernels);
        require_same(*known, point, "validation_mcr", &PruningResult::validation_mcr);
        require_same(*known, point, "test_mcr", &PruningResult::test_mcr);
    }
}

/// In the order of the run.
void sort_points(PruningResults& results, const PruneOptions& options) {
    std::map<std::string, std::size_t> order{{"baseline", 0}};
    for (const PruningPoint& point : options.points())
        for (std::size_t steps = 1; steps <= point.steps.size(); ++steps) {
            PruningPoint head = point;
            head.steps.resize(steps);
            order.emplace(head.name(), order.size());
        }
    const auto place = [&](const std::string& name) {
        const auto found = order.find(name);
        return found == order.end() ? order.size() : found->second;  // of an older, longer run
    };
    std::stable_sort(results.points.begin(), results.points.end(),
                     [&](const auto& a, const auto& b) { return place(a.name) < place(b.name); });
    std::stable_sort(results.layers.begin(), results.layers.end(),
                     [&](const auto& a, const auto& b) { return place(a.point) < place(b.point); });
}

}  // namespace

void collect_results(const std::filesystem::path& out, const std::vector<std::string>& named) {
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
        found.front().name = name;
        const auto same = std::find_if(experiments.begin(), experiments.end(),
                                       [&](const Experiment& known) { return known.name == name; });
        for (const Experiment& known : experiments)
            if (known.name.empty() || nested(known.name, name))
                throw UsageError(out.string() + ": " +
                                 (known.name.empty() ? "it is no collection, but one result"
                                                     : name + " and " + known.name + " exclude each other"));
        if (same == experiments.end())
            experiments.push_back(std::move(found.front()));
        else
            *same = std::move(found.front());
    }
    write_collection(out, experiments);
}

void merge_pruning(const std::filesystem::path& out, const std::vector<std::string>& parts) {
    PruneOptions prune;
    Options options("fftconv-prune", "");
    add_prune_options(options, prune);
    ResultRecord record;
    PruningResults results;
    for (const std::string& file : parts) {
        ResultRecord part = read_results(file);
        PruningResults found = PruningResults::from(part, file);
        if (results.points.empty()) {
            options.load(part.resolved_toml);
            record = part;
        }
        options.require_same(part.resolved_toml, file,
                             {"checkpoint", "threads", "data", "out", "figures", "points", "budget",
                              "compact", "timing-rounds"});
        if (!(part.dataset == record.dataset))
            throw FileError(file, "/dataset", record.dataset.name + ", " + record.dataset.sha256,
                            part.dataset.name + ", " + part.dataset.sha256);
        join(results, found, file);
    }
    prune.part = "1/1";
    sort_points(results, prune);
    record.resolved_toml = options.resolved_toml();
    record.tables = results.tables(prune);
    write_results(out, record);
}

}  // namespace fftconv
