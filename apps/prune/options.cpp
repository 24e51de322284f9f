#include "prune/options.hpp"

#include <spdlog/fmt/fmt.h>

#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <set>
#include <utility>

#include "fftconv/core/error.hpp"
#include "fftconv/pruning/criteria.hpp"

namespace fftconv {

namespace {

double parse_ratio(const std::string& number, const std::string& text) {
    try {
        return parse_number<double>("--ratio", number, between(0, 1));
    } catch (const UsageError&) {
        throw UsageError("--ratio: expected numbers from 0 to 1, as 0.5 or 0.1:0.9:0.1, found " + text);
    }
}

constexpr double most_ratios = 1000;  // of one FIRST:LAST:STEP

/// The names of --criterion: the search, and the scores.
std::vector<std::string> criteria() {
    std::vector<std::string> names = criterion_names.list();
    names.insert(names.begin(), "best-of-n");
    return names;
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

double PruningStep::share_of_left() const {
    return parts == 1 ? ratio : 1 - std::pow(1 - ratio, 1.0 / parts);
}

double PruningStep::ratio_so_far() const {
    return part == parts ? ratio : 1 - std::pow(1 - ratio, double(part) / parts);
}

std::string PruningPoint::name() const {
    std::string result = criterion;
    for (const PruningStep& step : steps) {
        if (is_control()) continue;
        result += fmt::format("-{}-{:g}", to_string(step.granularity), step.ratio);
        if (step.part < step.parts) result += fmt::format("-step-{}-of-{}", step.part, step.parts);
    }
    if (is_control() && trainings() > 1) result += fmt::format("-{}-times", trainings());
    return repeat == 0 ? result : result + fmt::format("-repeat-{}", repeat + 1);
}

int PruningPoint::trainings() const {
    int count = 0;
    for (const PruningStep& step : steps) count += step.part;
    return count;
}

std::string PruningPoint::granularity() const {
    if (is_control()) return control_criterion;
    std::string result;
    for (const PruningStep& step : steps) result += (result.empty() ? "" : "+") + to_string(step.granularity);
    return result;
}

PruningPoint PruningPoint::before() const {
    PruningPoint result = *this;
    if (--result.steps.back().part == 0) result.steps.pop_back();
    return result;
}

std::vector<double> parse_ratios(const std::string& text) {
    const std::vector<std::string> parts = split(text, ':');
    const double first = parse_ratio(parts[0], text);
    const auto rounded = [&](double ratio) {  // as names print them
        const double result = std::round(ratio * 1e6) / 1e6;
        if (result == 0 && ratio > 0)
            throw UsageError("--ratio: expected 0 or at least 0.000001, found " + text);
        return result;
    };
    if (parts.size() == 1) return {rounded(first)};
    if (parts.size() != 3) throw UsageError("--ratio: expected FIRST:LAST:STEP, found " + text);
    const double last = parse_ratio(parts[1], text), step = parse_ratio(parts[2], text);
    if (step <= 0 || last < first)
        throw UsageError("--ratio: expected FIRST:LAST:STEP upwards, found " + text);
    if ((last - first) / step > most_ratios)
        throw UsageError(fmt::format("--ratio: expected at most {:g} ratios, found {}", most_ratios, text));
    std::vector<double> ratios;
    const long count = std::lround(std::floor((last - first) / step + 1e-9));
    for (long i = 0; i <= count; ++i) ratios.push_back(rounded(first + double(i) * step));
    return ratios;
}

PruneOptions::PruneOptions() {
    train.architecture = "lenet-6-16-120";
    train.optimizer = OptimizerMethod::rmsprop;
    train.batch = 128;
    train.batch_norm = true;
    train.epochs = 10;
    train.out = "pruning.h5";
}

void PruneOptions::check() const {
    if (!report.empty()) return;
    if (checkpoint.empty() != train_baseline)
        throw UsageError("expected either --checkpoint FILE or --train");
    if (!train_baseline && !train.init.empty())
        throw UsageError("--init: expected with --train, whose training starts from it");
    if (ratios.size() != granularities.size())
        throw UsageError(fmt::format("--ratio: expected one for each of the {} granularities, found {}",
                                     granularities.size(), ratios.size()));
    for (const std::string& text : ratios) parse_ratios(text);
    require_distinct_points();
    if (distil > 0 && retrain_epochs == 0)
        throw UsageError("--distil: it needs --retrain-epochs: nothing is retrained");
    if (distil > 0 && train.shards > 1)
        throw UsageError(fmt::format("--distil: expected --shards 1, found {}", train.shards));
    parse_part(part);
    if (has_budget() && part != "1/1")
        throw UsageError("--points: with --budget the points are not known beforehand");
    if (train_baseline && train.validation <= 0)
        throw UsageError("--validation: expected more than 0: masks are chosen by it");
}

void PruneOptions::require_distinct_points() const {
    std::set<std::string> names;
    for (const PruningPoint& point : points())
        if (!names.insert(point.name()).second)
            throw UsageError("--criterion, --ratio: expected each point once, found " + point.name() +
                             " twice");
}

std::vector<PruningPoint> PruneOptions::starts(const std::string& criterion, int repeat_index) const {
    std::vector<PruningPoint> points{{criterion, {}, repeat_index}};
    for (std::size_t i = 0; i + 1 < granularities.size(); ++i) {
        std::vector<PruningPoint> longer;
        for (const PruningPoint& point : points)
            for (double ratio : parse_ratios(ratios[i])) {
                longer.push_back(point);
                longer.back().steps.push_back({parse_granularity(granularities[i]), ratio, steps, steps});
            }
        points = std::move(longer);
    }
    return points;
}

std::vector<PruningPoint> PruneOptions::all_starts() const {
    std::vector<PruningPoint> all;
    for (int index = 0; index < repeat; ++index)
        for (const std::string& criterion : criteria)
            for (const PruningPoint& start : starts(criterion, index)) all.push_back(start);
    return all;
}

std::vector<PruningPoint> PruneOptions::controls(int repeat_index) const {
    if (no_control || retrain_epochs == 0) return {};
    PruningPoint control{control_criterion, {}, repeat_index};
    for (const std::string& granularity : granularities)
        control.steps.push_back({parse_granularity(granularity), 0, steps, steps});
    return {control};
}

std::vector<PruningPoint> PruneOptions::points() const {
    std::vector<PruningPoint> result;
    for (int index = 0; index < repeat; ++index) {
        for (const PruningPoint& control : controls(index)) result.push_back(control);
        for (const std::string& criterion : criteria)
            for (const PruningPoint& start : starts(criterion, index))
                for (double ratio : last_ratios()) result.push_back(with_ratio(start, ratio));
    }
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
    start.steps.push_back({parse_granularity(granularities.back()), ratio, steps, steps});
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
    options.group("Pruning");
    options.add("checkpoint", prune.checkpoint, "checkpoint of the network to prune")->type_name("FILE");
    options.add_flag("overrule", prune.overrule,
                     "take what is given here where the checkpoint says otherwise");
    options.add_flag("train", prune.train_baseline, "train the network to prune, by the options below");
    options
        .add("mask", prune.mask,
             "mask file, from here or elsewhere: what it prunes is pruned before anything else")
        ->type_name("FILE");
    options.add("granularity", prune.granularities, granularity_names.list(),
                "what to prune, one after the other");
    options.add("ratio", prune.ratios,
                "share of the units (of --granularity) of each layer to prune, one for each granularity: 0.5 "
                "or FIRST:LAST:STEP");
    options.add("criterion", prune.criteria, criteria(), "which units to prune");
    options.add("candidates", prune.candidates, between(1, 1e6), "N of best-of-n: random masks tried");
    options.add("layers", prune.layers, "layers to prune, as conv2,conv3; all = every convolution");
    options.add("stride", prune.stride, at_least(1), "of intra-kernel units");
    options.add(
        "data-batches", prune.data_batches, at_least(1),
        "training batches that criteria with data look at: taylor, taylor-gamma, spectral, reconstruction");
    options.add("retrain-epochs", prune.retrain_epochs, at_least(0),
                "after each step, with the mask held; 0 = none");
    options.add("retrain-rate", prune.retrain_rate, at_least(0),
                "learning rate of retraining; 0 = by --retrain-share");
    add_selection_options(options, prune);
    options.add("budget", prune.budget,
                "find the largest of the last ratios whose validation MCR stays within so many percent of "
                "the baseline's, by bisection; negative = try every ratio");
    options.add("repeat", prune.repeat, between(1, 1000), "runs with seeds counted up from --seed");
    options
        .add("points", prune.part,
             "i/n: of the points only every n-th from the i-th on, for n processes with an --out each; "
             "fftconv-results merge joins their files")
        ->type_name("PART");
    options.add_flag("compact", prune.compact, "save the thinner network of each point too");
    options.add("timing-rounds", prune.timing_rounds, between(1, 1000),
                "passes whose median gives ms per image");
    options.add_call_flag("time-again", prune.time_again,
                          "with --resume: also take the times of points that are finished anew");
    add_train_options(options, prune.train);
    add_shards_option(options, prune.train);
    options.group("Output");
    options.add("figures", prune.figures, "folder of the figures; else FILE.figures next to the result")
        ->type_name("FOLDER");
    options.add_call_option("report", prune.report, "prune nothing: print and draw a result file again")
        ->type_name("FILE");
    options.app().get_option("--out")->description("result file; masks and checkpoints go to FILE.points");
    options.app().get_option("--resume")->description("resume the points of --out");
    options.app()
        .get_option("--shards")
        ->description(
            "pieces of each batch of retraining whose gradients are added in their order: all processes of "
            "mpirun "
            "retrain each point together, any number with the same weights; 1 = a point for each process");
    options.app().get_option("--epochs")->description("of the baseline, with --train");
    options.app().get_option("--rate")->description("learning rate of the baseline, with --train");
    options.example("fftconv-prune --checkpoint network.h5 --ratio 0.5 --retrain-epochs 2 --out half.h5",
                    "half of the kernels: the best of 100 random masks, retrained");
    options.example(
        "fftconv-prune --checkpoint network.h5 --granularity feature-map,kernel --ratio 0.3,0.1:0.9:0.1",
        "maps, then kernels in nine steps");
}

PruneOptions prune_options_of(const std::string& resolved_toml, const std::string& file) {
    PruneOptions prune;
    Options options("fftconv-prune", "");
    add_prune_options(options, prune);
    const Configuration recorded = parse_toml(resolved_toml, file);
    options.require_own(recorded, file);
    options.load(resolved_toml, file);
    // Older runs had no control but the ratio 0 that was asked for.
    if (!recorded.contains("no-control")) prune.no_control = true;
    // They scored masks with the statistics that the unpruned network had, and had no warm-up.
    if (!recorded.contains("recalibrate")) prune.recalibrate = 0;
    if (!recorded.contains("retrain-warm-up")) prune.retrain_warm_up = 0;
    return prune;
}

}  // namespace fftconv
