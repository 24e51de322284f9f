#include "prune/merge.hpp"

#include <spdlog/fmt/fmt.h>

#include <algorithm>
#include <map>
#include <utility>

#include "common/options.hpp"
#include "common/process.hpp"
#include "common/records.hpp"
#include "fftconv/core/error.hpp"
#include "fftconv/storage/results.hpp"
#include "prune/options.hpp"
#include "prune/results.hpp"

namespace fftconv {
namespace {

/// The rows of `from` that `into` has not, where those of the same name agree.
void join(PruningResults& into, const PruningResults& from, const std::string& file) {
    for (const PruningResult& point : from.points)
        if (const PruningResult* known = into.find(point.name))
            require_same_numbers(*known, point, file);
        else
            into.replace(from.of(point.name));
}

/// Which of the n parts files are, by their --points i/n.
class Parts {
  public:
    void add(const std::string& resolved_toml, const std::string& file) {
        const std::string part = prune_options_of(resolved_toml).part;
        const std::size_t slash = part.find('/');
        const int index = parse_number<int>("--points", part.substr(0, slash)),
                  count = parse_number<int>("--points", part.substr(slash + 1));
        if (!files_.empty() && count != count_)
            throw UsageError(fmt::format("{}: part {}, but {} is one of {} parts", file, part,
                                         files_.begin()->second, count_));
        count_ = count;
        const auto [place, is_new] = files_.emplace(index, file);
        if (!is_new) throw UsageError(fmt::format("{} and {}: both are part {}", place->second, file, part));
    }

    void require_complete() const {
        for (int index = 1; index <= count_; ++index)
            if (!files_.contains(index))
                throw UsageError(fmt::format("part {0}/{1} is missing: expected a file of --points {0}/{1}",
                                             index, count_));
    }

  private:
    int count_ = 0;
    std::map<int, std::string> files_;
};

void require_every_point(const PruningResults& results, const PruneOptions& options) {
    const std::vector<std::string> missing = missing_points(options, results);
    if (!missing.empty())
        throw Error("point " + missing.front() +
                    " is missing: the run of its part was not finished (fftconv-prune --resume finishes it)");
}

/// The plans of all parts, each "layer<tab>engine<tab>tile" once. @throws FileError on two for one layer: no
/// one run can have had both.
void join_plans(std::vector<std::string>& into, const std::vector<std::string>& from,
                const std::string& file) {
    for (const std::string& plan : from) {
        const std::string layer = plan.substr(0, plan.find('\t') + 1);
        const auto known =
            std::ranges::find_if(into, [&](const std::string& each) { return each.starts_with(layer); });
        if (known == into.end())
            into.push_back(plan);
        else if (*known != plan)
            throw FileError(file, "plans", "'" + *known + "' as in the files before", "'" + plan + "'");
    }
}

/// Tables with the digests of the files that a run started from.
const std::vector<std::string> origins{"baseline", "mask"};

/// A baseline that each part trained is the same but for the times in its file.
void require_same_origin(const ResultRecord& part, const ResultRecord& first, const std::string& file) {
    const bool trained = prune_options_of(part.resolved_toml).train_baseline;
    for (const std::string& origin : origins) {
        if (origin == "baseline" && trained) continue;
        if (!find_table(part.tables, origin) || !find_table(first.tables, origin)) continue;
        const auto expected = origin_digest(first, file, origin), found = origin_digest(part, file, origin);
        if (expected != found) throw FileError(file, "/summary/" + origin + "/sha256", expected, found);
    }
}

void require_same_run(const Options& options, const ResultRecord& part, const ResultRecord& first,
                      const std::string& file) {
    options.require_same(part.resolved_toml, file,
                         {"checkpoint", "threads", "data", "out", "figures", "points", "budget", "compact",
                          "timing-rounds", "plans"});
    if (!(part.dataset == first.dataset))
        throw FileError(file, "/dataset", first.dataset.name + ", " + first.dataset.sha256,
                        part.dataset.name + ", " + part.dataset.sha256);
    require_same_origin(part, first, file);
}

}  // namespace

void merge_pruning(const OutputOptions& output, const std::vector<std::string>& files) {
    require_other_files(output.out, {files.begin(), files.end()});
    require_output({.out = output.out, .overwrite = output.overwrite, .resumable = false});
    const OutputLock lock(output.out);
    PruneOptions prune;
    Options options("fftconv-prune", "");
    add_prune_options(options, prune);
    ResultRecord merged;
    PruningResults results;
    Parts parts;
    std::vector<Table> calls;
    std::vector<std::string> plans;
    for (const std::string& file : files) {
        const ResultRecord part = read_results(file);
        if (&file == &files.front()) {
            options.require_own(parse_toml(part.resolved_toml, file), file);
            options.load(part.resolved_toml, file);
            prune.no_control = prune_options_of(part.resolved_toml).no_control;
            merged = part;
        }
        require_same_run(options, part, merged, file);
        parts.add(part.resolved_toml, file);
        join_plans(plans, prune_options_of(part.resolved_toml, file).train.plans, file);
        join(results, PruningResults::from(part, file), file);
        calls = {joined_calls(calls, part.tables)};
    }
    parts.require_complete();
    prune.part = "1/1";
    prune.train.plans = std::move(plans);
    require_every_point(results, prune);
    results.sort(prune);
    std::vector<Table> tables = results.tables(prune);
    for (const std::string& origin : origins)
        if (const Table* table = find_table(merged.tables, origin)) tables.push_back(*table);
    tables.push_back(calls.front());
    merged.resolved_toml = options.resolved_toml();
    merged.tables = std::move(tables);
    for (const Curve& curve : merged.curves)
        if (curve.method == "baseline") results.curves.push_back(curve);
    merged.curves = std::move(results.curves);
    write_results(output.out, merged);
}

}  // namespace fftconv
