#include "common/recorded_run.hpp"

#include <spdlog/fmt/fmt.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>

#include "common/older_configuration.hpp"
#include "fftconv/core/random.hpp"
#include "fftconv/core/sha256.hpp"
#include "fftconv/core/threads.hpp"

namespace fftconv {

namespace {

/// The configuration that trained the network, without what only makes sense for several (fftconv-ecp's list
/// of modes).
std::string training_toml(const Checkpoint& checkpoint, const std::string& file) {
    Configuration found = parse_toml(checkpoint.resolved_toml, file);
    const auto mode = found.find("mode");
    if (mode != found.end() && std::holds_alternative<std::vector<std::string>>(mode->second)) {
        found.erase(mode);
        found["validation"] = 0.0;  // fftconv-ecp holds no images out
    }
    return to_toml(found);
}

/// K of a file that does not say it: drawn once from the run's stream, or the last digit of fftconv-ecp's
/// name of the training.
int mode_of_older_file(const Checkpoint& checkpoint, const ModeRule& rule) {
    if (rule.choice == ModeChoice::per_run && !checkpoint.random.empty())
        return int(RandomStream(checkpoint.random.front().seed, "mode").below(4));
    const std::string name = checkpoint.curves.empty() ? "" : checkpoint.curves.front().method;
    for (const char* family : {"-ecp-", "-random-"})
        if (const std::size_t place = name.find(family); place != name.npos) {
            const std::string digit = name.substr(place + std::string(family).size(), 1);
            if (digit >= "0" && digit <= "3") return digit.front() - '0';
        }
    return rule.mode;
}

bool is_drawn(ModeChoice choice) {
    return choice == ModeChoice::per_epoch || choice == ModeChoice::per_batch;
}

/// Of fftconv-ecp, whose configuration lists the rules of all its trainings: the one that this training's
/// name ends with.
ModeChoice drawn_choice(const Checkpoint& checkpoint) {
    const std::string name = checkpoint.curves.empty() ? "" : checkpoint.curves.front().method;
    return name.find("-per-epoch") != name.npos ? ModeChoice::per_epoch : ModeChoice::per_batch;
}

/// A value of the training state that is one of 0 … `largest`.
void require_whole(const RecordedRun& run, const char* name, int largest) {
    const auto found = run.checkpoint.state.values.find(name);
    if (found == run.checkpoint.state.values.end()) return;
    const double value = found->second;
    if (!(value >= 0 && value <= largest && value == std::floor(value)))
        throw FileError(run.file, std::string("/state @") + name,
                        fmt::format("a whole number of 0 to {}", largest), fmt::format("{:g}", value));
}

/// From the training state, which says it, or from what an older file has instead.
void take_mode(RecordedRun& run) {
    require_whole(run, "evaluation_mode", 3);
    require_whole(run, "mode_is_drawn", 1);
    const auto& values = run.checkpoint.state.values;
    const auto mode = values.find("evaluation_mode"), drawn = values.find("mode_is_drawn");
    const Configuration recorded = parse_toml(run.checkpoint.resolved_toml, run.file);
    const auto rule = recorded.find("mode");
    const bool configured = rule != recorded.end();
    const bool of_ecp = configured && std::holds_alternative<std::vector<std::string>>(rule->second);
    if (of_ecp && drawn != values.end() && drawn->second != 0)
        run.train.mode = {drawn_choice(run.checkpoint), 0};
    run.any_mode =
        drawn != values.end() ? drawn->second != 0 : is_drawn(run.train.mode.choice) || !configured;
    if (!is_drawn(run.train.mode.choice))
        run.train.mode = {ModeChoice::fixed, mode != values.end()
                                                 ? int(mode->second)
                                                 : mode_of_older_file(run.checkpoint, run.train.mode)};
}

/// What the configuration names must be there, and fit together.
void require_preprocessing(const RecordedRun& run) {
    const char* field = "/extra/preprocessing";
    try {
        Preprocessing::from_arrays(run.checkpoint.extra);
    } catch (const ShapeError& error) {
        throw FileError(run.file, field, "arrays of a preprocessing", error.what());
    }
    const auto has = [&](const char* name) {
        return std::ranges::any_of(run.checkpoint.extra,
                                   [&](const NamedArray& array) { return array.name == name; });
    };
    const Preprocess found = has("preprocessing/whitening")  ? Preprocess::whitening
                             : has("preprocessing/contrast") ? Preprocess::contrast
                                                             : Preprocess::none;
    const bool whole = found != Preprocess::whitening || has("preprocessing/contrast");
    if (run.train.preprocess != Preprocess::none && (found != run.train.preprocess || !whole))
        throw FileError(run.file, field,
                        "the arrays of " + preprocess_names.print(run.train.preprocess) +
                            ", which the configuration names",
                        whole ? preprocess_names.print(found) : "whitening without preprocessing/contrast");
}

void require_architecture(const RecordedRun& run) {
    try {
        parse_architecture(run.checkpoint.architecture);
    } catch (const Error& error) {
        throw FileError(run.file, "/model @architecture", "an architecture", error.what());
    }
}

void require_count(const RecordedRun& run, const char* field, std::int64_t recorded, int found) {
    if (recorded != found)
        throw FileError(run.file, std::string("/dataset/") + field, fmt::format("{} images", found),
                        fmt::format("{}", recorded));
}

Dataset prepared(const RecordedRun& run, Dataset dataset, int threads) {
    apply_recorded_preprocessing(run.checkpoint, dataset, threads);
    return dataset;
}

}  // namespace

NetworkOptions RecordedRun::network_options() const {
    NetworkOptions options = train.compute();
    options.threads = available_threads();
    options.mode = train.mode.mode;
    return options;
}

RecordedRun read_recorded_run(const std::filesystem::path& file) {
    RecordedRun run;
    run.file = file.string();
    run.checkpoint = read_checkpoint(file);
    Options options("", "");
    add_train_options(options, run.train);
    try {
        options.load(training_toml(run.checkpoint, run.file), run.file);
        check_older_configuration(run, run.train);
    } catch (const UsageError& error) {
        throw FileError(run.file, "/config/resolved_toml", "a configuration of ours", error.what());
    }
    require_architecture(run);
    take_mode(run);
    require_preprocessing(run);
    run.train.architecture = run.checkpoint.architecture;
    run.train.batch_norm = run.checkpoint.architecture.find("+BN") != std::string::npos;
    run.train.width = 1;
    run.train.seed = run.checkpoint.dataset.split_seed;
    if (run.train.dataset == "auto") run.train.dataset = loader_name(run.checkpoint.dataset.name);
    return run;
}

Dataset load_recorded_data(const RecordedRun& run, const std::string& folder, int threads) {
    const DatasetRecord& recorded = run.checkpoint.dataset;
    const char* variable = std::getenv("FFTCONV_DATA");
    const bool elsewhere = !folder.empty() || (variable && *variable);
    Dataset dataset =
        load_dataset(run.train.dataset, elsewhere ? folder : run.train.data, run.train.dataset_options());
    if (recorded.sha256.empty()) return prepared(run, std::move(dataset), threads);
    if (dataset.sha256 != recorded.sha256)
        throw FileError(run.file, "/dataset/sha256", dataset.sha256 + " (" + dataset.name + ")",
                        recorded.sha256 + " (" + recorded.name + ")");
    if (recorded.n_train == 0) return prepared(run, std::move(dataset), threads);
    require_count(run, "n_train", recorded.n_train, dataset.train.count());
    require_count(run, "n_validation", recorded.n_validation, dataset.validation.count());
    require_count(run, "n_test", recorded.n_test, dataset.test.count());
    return prepared(run, std::move(dataset), threads);
}

void apply_preprocessing(const Preprocessing& preprocessing, Dataset& dataset, int threads) {
    if (preprocessing.empty()) return;
    for (LabelledImages* images : {&dataset.train, &dataset.validation, &dataset.test})
        if (images->count() > 0) preprocessing.apply(*images, threads);
}

void apply_recorded_preprocessing(const Checkpoint& checkpoint, Dataset& dataset, int threads) {
    apply_preprocessing(Preprocessing::from_arrays(checkpoint.extra), dataset, threads);
}

std::string loader_name(const std::string& display_name) {
    std::string lower;
    for (char c : display_name) lower += char(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
    for (const char* name : {"mnist", "fashion-mnist", "cifar-10", "svhn"})
        if (lower.starts_with(name)) return name;
    return "auto";
}

void require_same(const RecordedRun& run, const std::string& option, bool given, const std::string& recorded,
                  const std::string& found) {
    if (given && recorded != found)
        throw UsageError(fmt::format("--{}: {} was made with {}, found {}; its weights are of no other",
                                     option, run.file, recorded, found));
}

void require_agreement(const RecordedRun& run, const std::string& option, bool given,
                       const std::string& recorded, const std::string& found, bool overrule) {
    if (given && !overrule && recorded != found)
        throw UsageError(fmt::format("--{}: {} was made with {}, found {}; --overrule makes the option hold",
                                     option, run.file, recorded, found));
}

void require_finished(const RecordedRun& run) {
    const auto& values = run.checkpoint.state.values;
    const auto finished = values.find("finished"), batches = values.find("epoch_batches");
    if ((finished != values.end() && finished->second == 0) ||
        (batches != values.end() && batches->second != 0))
        throw FileError(run.file, "/state/finished",
                        "a finished training (fftconv-train --resume finishes it)",
                        fmt::format("one that was interrupted after epoch {}", run.checkpoint.state.epoch));
}

Table network_table(const std::string& name, const RecordedRun& run) {
    const auto column = [](const char* title, const std::string& value) {
        return Column{title, "", std::vector<std::string>{value}};
    };
    return {name,
            "The network, as its file says",
            {column("file", run.file),
             column("sha256", sha256_of_file(run.file)),
             column("architecture", run.checkpoint.architecture),
             column("dataset", run.checkpoint.dataset.name),
             column("configuration", run.checkpoint.resolved_toml),
             {"epochs", "1", std::vector<double>{double(run.checkpoint.state.epoch)}}}};
}

void require_classes(const Dataset& dataset, const Architecture& architecture) {
    for (const LabelledImages* images : {&dataset.train, &dataset.validation, &dataset.test}) {
        const auto largest = std::max_element(images->labels.begin(), images->labels.end());
        if (largest != images->labels.end() && *largest >= architecture.classes())
            throw Error(fmt::format("{}: expected labels less than {}, the outputs of {}, found {}",
                                    dataset.name, architecture.classes(), to_string(architecture), *largest));
    }
}

}  // namespace fftconv
