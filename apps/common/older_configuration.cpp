#include "common/older_configuration.hpp"

#include <spdlog/fmt/fmt.h>

#include <algorithm>
#include <cmath>

#include "fftconv/core/error.hpp"

namespace fftconv {

namespace {

/// All that fftconv-train of schema 1.0 recorded.
const std::vector<std::string> options_of_train{"architecture", "batch",          "batch-norm",
                                                "data",         "dataset",        "dropout",
                                                "engine",       "epochs",         "flip",
                                                "keep-best",    "limit",          "measure",
                                                "mode",         "optimizer",      "out",
                                                "patience",     "preprocess",     "rate",
                                                "rotation",     "scale",          "schedule",
                                                "seed",         "threads",        "translation",
                                                "validation",   "schedule-every", "schedule-factor",
                                                "weight-decay", "width"};

class OlderConfiguration {
  public:
    OlderConfiguration(const RecordedRun& run, const TrainOptions& recorded)
        : run_(run), checkpoint_(run.checkpoint), recorded_(recorded) {}

    void check() const {
        const Configuration found = parse_toml(checkpoint_.resolved_toml, run_.file);
        demand(to_toml(found) == checkpoint_.resolved_toml + (ends_with_line() ? "" : "\n"), "",
               "TOML as fftconv writes it", "other text");
        const bool of_train = !found.contains("criterion") && !found.contains("method");
        if (!of_train || checkpoint_.state.step == 0) return;
        check_names(found);
        check_training();
        check_data();
        check_network();
    }

  private:
    bool ends_with_line() const { return checkpoint_.resolved_toml.ends_with('\n'); }

    void demand(bool holds, const std::string& option, const std::string& expected,
                const std::string& found) const {
        if (!holds)
            throw FileError(run_.file, "/config/resolved_toml" + (option.empty() ? "" : ": " + option),
                            expected, found);
    }

    void check_names(const Configuration& found) const {
        for (const std::string& name : options_of_train)
            demand(found.contains(name), name, "a value", "none");
        for (const auto& [name, value] : found)
            demand(std::ranges::count(options_of_train, name) > 0, name, "an option of fftconv-train 0.1",
                   text_of(value));
    }

    double state(const std::string& name) const {
        const auto found = checkpoint_.state.values.find(name);
        return found == checkpoint_.state.values.end() ? 0 : found->second;
    }

    void check_training() const {
        for (const StreamPosition& stream : checkpoint_.random)
            demand(stream.seed == recorded_.seed, "seed", fmt::format("{}, as /random says", stream.seed),
                   fmt::format("{}", recorded_.seed));
        const std::int64_t epoch = checkpoint_.state.epoch;
        demand(recorded_.epochs >= epoch, "epochs", fmt::format("at least {}, as /state says", epoch),
               fmt::format("{}", recorded_.epochs));
        const auto batches =
            std::int64_t(checkpoint_.dataset.n_train + recorded_.batch - 1) / recorded_.batch;
        const double steps = double(epoch * batches) + state("epoch_batches");
        demand(double(checkpoint_.state.step) == steps, "batch",
               fmt::format("one that makes {} steps of {} epochs", checkpoint_.state.step, epoch),
               fmt::format("{}, which makes {}", recorded_.batch, steps));
        demand(to_string(recorded_.optimizer) == checkpoint_.optimizer, "optimizer",
               checkpoint_.optimizer + ", as /optimizer says", to_string(recorded_.optimizer));
    }

    void check_data() const {
        const DatasetRecord& data = checkpoint_.dataset;
        const std::string loaded = loader_name(data.name);
        demand(loaded == "auto" || recorded_.dataset == loaded || recorded_.dataset == "auto", "dataset",
               loaded + ", as /dataset @name says", recorded_.dataset);
        demand(data.split_seed == recorded_.seed, "seed",
               fmt::format("{}, as /dataset @split_seed says", data.split_seed),
               fmt::format("{}", recorded_.seed));
        const double all = double(data.n_train + data.n_validation);
        const bool counted = recorded_.limit == 0 && !data.name.starts_with("SVHN");
        demand(!counted || double(data.n_validation) == double(std::lround(recorded_.validation * all)),
               "validation", fmt::format("the share that {} of {} images are", data.n_validation, all),
               fmt::format("{}", recorded_.validation));
        const auto most = std::max({data.n_train, data.n_validation, data.n_test});
        demand(recorded_.limit == 0 || most <= recorded_.limit, "limit",
               fmt::format("0 or at least {}", most), fmt::format("{}", recorded_.limit));
    }

    bool has_extra(const std::string& prefix) const {
        return std::ranges::any_of(checkpoint_.extra,
                                   [&](const NamedArray& array) { return array.name.starts_with(prefix); });
    }

    void check_network() const {
        const MapShape input = parse_architecture(checkpoint_.architecture).input;
        const std::string own = to_string(recorded_.network_for(input));
        demand(own == checkpoint_.architecture, "architecture, batch-norm, width",
               checkpoint_.architecture + ", as /model says", own);
        const bool prepared = std::ranges::any_of(checkpoint_.extra, [](const NamedArray& array) {
            return !array.name.starts_with("best/") && !array.name.starts_with("last/");
        });
        demand(prepared == (recorded_.preprocess != Preprocess::none), "preprocess",
               prepared ? "what /extra holds the arrays of" : "none, as /extra has no arrays of it",
               preprocess_names.print(recorded_.preprocess));
        demand(!recorded_.keep_best || state("best_epoch") == 0 || has_extra("best/"), "keep-best",
               "false, as /extra/best is not there", "true");
    }

    const RecordedRun& run_;
    const Checkpoint& checkpoint_;
    const TrainOptions& recorded_;
};

}  // namespace

void check_older_configuration(const RecordedRun& run, const TrainOptions& recorded) {
    if (read_file_header(run.file).schema_version == "1.0") OlderConfiguration(run, recorded).check();
}

}  // namespace fftconv
