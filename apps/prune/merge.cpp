#include "prune/merge.hpp"

#include <spdlog/fmt/fmt.h>

#include <algorithm>
#include <map>

#include "common/options.hpp"
#include "fftconv/core/error.hpp"
#include "fftconv/storage/results.hpp"
#include "prune/options.hpp"
#include "prune/results.hpp"

namespace fftconv {
namespace {

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
