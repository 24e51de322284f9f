#include "prune/options.hpp"

#include <spdlog/fmt/fmt.h>

#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <utility>

#include "fftconv/core/error.hpp"
#include "fftconv/pruning/criteria.hpp"

namespace fftconv {

namespace {

double parse_ratio(const std::string& number, const std::string& text) {
    char* end = nullptr;
    const double value = std::strtod(number.c_str(), &end);
    if (number.empty() || *end != '\0' || !(value >= 0 && value <= 1))
        throw UsageError("--ratio: expected numbers from 0 to 1, as 0.5 or 0.1:0.9:0.1, found " + text);
    return value;
}

/// The two numbers of "i/n". @throws UsageError
std::pair<int, int> parse_part(const std::string& text) {
    int part = 0, parts = 0, used = 0;
    if (std::sscanf(text.c_str(), "%d/%d%n", &part, &parts, &used) != 2 || std::size_t(used) != text.size() ||
        part < 1 || part > parts)
        throw UsageError("--points: expected i/n with 1 <= i <= n, found " + text);
    return {part, parts};
}

}  // namespace

std::string PruningPoint::name() const {
    std::string result = criterion;
    for (const PruningStep& step : steps)
        result += fmt::format("-{}-{:.3g}", to_string(step.granularity), step.ratio);
    return repeat == 0 ? result : result + fmt::format("-repeat-{}", repeat + 1);
}

std::string PruningPoint::granularity() const {
    std::string result;
    for (const PruningStep& step : steps) result += (result.empty() ? "" : "+") + to_string(step.granularity);
    return result;
}

PruningPoint PruningPoint::before() const {
    PruningPoint result = *this;
    result.steps.pop_back();
    return result;
}

std::vector<double> parse_ratios(const std::string& text) {
    const std::vector<std::string> parts = split(text, ':');
    const double first = parse_ratio(parts[0], text);
    if (parts.size() == 1) return {first};
    if (parts.size() != 3) throw UsageError("--ratio: expected FIRST:LAST:STEP, found " + text);
    const double last = parse_ratio(parts[1], text), step = parse_ratio(parts[2], text);
    if (step <= 0 || last < first)
        throw UsageError("--ratio: expected FIRST:LAST:STEP upwards, found " + text);
    std::vector<double> ratios;
    const long count = std::lround(std::floor((last - first) / step + 1e-9));
    for (long i = 0; i <= count; ++i) ratios.push_back(std::round((first + double(i) * step) * 1e6) / 1e6);
    return ratios;
}

PruneOptions::PruneOptions() {
    train.architecture = "lenet-6-16-120";
    train.optimizer = "rmsprop";
    train.batch = 128;
    train.batch_norm = true;
    train.epochs = 10;
    train.out = "pruning.h5";
}

void PruneOptions::check() const {
    if (!report.empty()) return;
    if (checkpoint.empty() != train_baseline)
        throw UsageError("expected either --checkpoint FILE or --train");
    if (ratios.size() != granularities.size())
        throw UsageError(fmt::format("--ratio: expected one for each of the {} granularities, found {}",
                                     granularities.size(), ratios.size()));
    for (const std::string& text : ratios) parse_ratios(text);
    parse_part(part);
    if (has_budget() && part != "1/1")
        throw UsageError("--points: with --budget the points are not known beforehand");
    if (train.validation <= 0) throw UsageError("--validation: expected more than 0: masks are chosen by it");
}

std::vector<PruningPoint> PruneOptions::starts(const std::string& criterion, int repeat_index) const {
    std::vector<PruningPoint> points{{criterion, {}, repeat_index}};
    for (std::size_t i = 0; i + 1 < granularities.size(); ++i) {
        std::vector<PruningPoint> longer;
        for (const PruningPoint& point : points)
            for (double ratio : parse_ratios(ratios[i])) {
                longer.push_back(point);
                longer.back().steps.push_back({parse_granularity(granularities[i]), ratio});
            }
        points = std::move(longer);
    }
    return points;
}

std::vector<PruningPoint> PruneOptions::points() const {
    std::vector<PruningPoint> result;
    for (int index = 0; index < repeat; ++index)
        for (const std::string& criterion : criteria)
            for (const PruningPoint& start : starts(criterion, index))
                for (double ratio : last_ratios()) result.push_back(with_ratio(start, ratio));
    return result;
}

std::vector<PruningPoint> PruneOptions::points_of_part() const {
    const auto [wanted, parts] = parse_part(part);
    const std::vector<PruningPoint> all = points();
    std::vector<PruningPoint> result;
    for (std::size_t i = std::size_t(wanted - 1); i < all.size(); i += std::size_t(parts))
        result.push_back(all[i]);
    return result;
}

PruningPoint PruneOptions::with_ratio(PruningPoint start, double ratio) const {
    start.steps.push_back({parse_granularity(granularities.back()), ratio});
    return start;
}

std::filesystem::path PruneOptions::baseline_file() const {
    return checkpoint.empty() ? folder() / "baseline.h5" : std::filesystem::path(checkpoint);
}

std::filesystem::path PruneOptions::figures_folder() const {
    if (!figures.empty()) return figures;
    return (report.empty() ? train.out : report) + ".figures";
}

void add_prune_options(Options& options, PruneOptions& prune) {
    const CLI::Range at_least_one(1, 1 << 30), at_least_zero(0, 1 << 30);
    options.add("checkpoint", prune.checkpoint, "checkpoint of the network to prune")->type_name("FILE");
    options.add_flag("train", prune.train_baseline, "train the network to prune, by the options below");
    options
        .add("granularity", prune.granularities,
             "what to prune, one after the other: layer, feature-map, kernel, kernel-group, intra-kernel")
        ->check(CLI::IsMember(granularity_names.list()));
    options.add("ratio", prune.ratios,
                "share to prune of each layer, one for each granularity: 0.5 or FIRST:LAST:STEP");
    std::vector<std::string> criteria = criterion_names.list();
    criteria.insert(criteria.begin(), "best-of-n");
    options.add("criterion", prune.criteria, alternatives(criteria))->check(CLI::IsMember(criteria));
    options.add("candidates", prune.candidates, "N of best-of-n: random masks tried")->check(at_least_one);
    options.add("layers", prune.layers, "layers to prune, as conv2,conv3; all = every convolution");
    options.add("stride", prune.stride, "of intra-kernel units")->check(at_least_one);
    options.add("data-batches", prune.data_batches, "training batches that taylor and spectral look at")
        ->check(at_least_one);
    options.add("retrain-epochs", prune.retrain_epochs, "after each step, with the mask held; 0 = none")
        ->check(at_least_zero);
    options.add("retrain-rate", prune.retrain_rate, "learning rate of retraining; 0 = by --retrain-share")
        ->check(CLI::NonNegativeNumber);
    add_selection_options(options, prune);
    options.add(
        "budget", prune.budget,
        "find the largest of the last ratios whose validation MCR stays within so many percent of the "
        "baseline's, by bisection; negative = try every ratio");
    options.add("repeat", prune.repeat, "runs with seeds counted up from --seed")->check(at_least_one);
    options
        .add("points", prune.part,
             "i/n: of the points only every n-th from the i-th on, for n processes with an --out each; "
             "fftconv-results merge joins their files")
        ->type_name("PART");
    options.add_flag("compact", prune.compact, "save the thinner network of each point too");
    options.add("timing-rounds", prune.timing_rounds, "passes whose median gives ms per image")
        ->check(at_least_one);
    options.add("figures", prune.figures, "folder of the figures; else FILE.figures beside the result")
        ->type_name("FOLDER");
    options.app()
        .add_option("--report", prune.report, "prune nothing: print and draw a result file again")
        ->configurable(false)
        ->type_name("FILE");
    add_train_options(options, prune.train);
    options.app().get_option("--out")->description("result file; masks and checkpoints go to FILE.points");
    options.app().get_option("--resume")->description("go on with the points of --out");
    options.app().get_option("--epochs")->description("of the baseline, with --train");
    options.app().get_option("--rate")->description("learning rate of the baseline, with --train");
}

PruneOptions prune_options_of(const std::string& resolved_toml) {
    PruneOptions prune;
    Options options("fftconv-prune", "");
    add_prune_options(options, prune);
    options.load(resolved_toml);
    return prune;
}

}  // namespace fftconv
