#include "ecp/results.hpp"

#include <spdlog/fmt/fmt.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "common/records.hpp"
#include "fftconv/core/error.hpp"

namespace fftconv {

namespace {

/// Percent.
double accuracy(double mcr) {
    return 100 - mcr;
}

std::optional<double> first_epoch_of(const Curve& curve, double wanted) {
    for (std::size_t i = 0; i < curve.test_mcr.size(); ++i) {
        if (accuracy(curve.test_mcr[i]) >= wanted - 1e-9) return curve.epoch[i];
    }
    return std::nullopt;
}

/// Of the first epochs.
double best_of(const Curve& curve, std::size_t epochs) {
    return accuracy(
        *std::min_element(curve.test_mcr.begin(), curve.test_mcr.begin() + std::ptrdiff_t(epochs)));
}

double best_of(const Curve& curve) {
    return best_of(curve, curve.test_mcr.size());
}

/// Mean of the last ten epochs.
double last_of(const Curve& curve) {
    const std::size_t count = std::min<std::size_t>(10, curve.test_mcr.size());
    return accuracy(std::accumulate(curve.test_mcr.end() - std::ptrdiff_t(count), curve.test_mcr.end(), 0.0) /
                    double(count));
}

}  // namespace

std::string convolution_column(const std::string& network, const std::string& engine, bool easy) {
    std::string name = network + "_" + engine + (easy ? "_ecp" : "_full");
    std::replace(name.begin(), name.end(), '-', '_');
    return name;
}

std::vector<EcpTraining> unfinished_trainings(const EcpOptions& options, const ResultRecord& record) {
    std::vector<EcpTraining> unfinished;
    for (int repeat = 0; repeat < options.repeat; ++repeat)
        for (const EcpTraining& training : options.trainings(repeat)) {
            const auto whole = [&](const Curve& curve) {
                return curve.method == training.name() && int(curve.epoch.size()) >= options.epochs;
            };
            if (std::ranges::none_of(record.curves, whole)) unfinished.push_back(training);
        }
    return unfinished;
}

std::vector<std::string> missing_parts(const EcpOptions& options, const ResultRecord& record) {
    std::vector<std::string> missing;
    for (const EcpTraining& training : unfinished_trainings(options, record))
        missing.push_back(training.name());
    for (const Curve& curve : record.curves)  // of methods that an earlier call asked for
        if (int(curve.epoch.size()) < options.epochs && std::ranges::count(missing, curve.method) == 0)
            missing.push_back(curve.method);
    const Table* convolutions = find_table(record.tables, convolution_table);
    const bool side_by_side = find_table(record.tables, trained_apart_table) != nullptr;  // they time none
    if (!side_by_side && (convolutions ? int(convolutions->rows()) : 0) < options.convolution_rounds)
        missing.push_back(convolution_table);
    return missing;
}

void require_test_curves(const ResultRecord& record, const std::string& file) {
    for (const Curve& curve : record.curves)
        if (curve.epoch.size() != curve.test_mcr.size())
            throw FileError(file, "/curves/" + curve.method + "/test_mcr",
                            fmt::format("a value for each of {} epochs", curve.epoch.size()),
                            std::to_string(curve.test_mcr.size()));
}

EcpResults EcpResults::read(const std::filesystem::path& file) {
    ResultRecord record = read_results(file);
    EcpOptions options = ecp_options_of(record.resolved_toml, file.string());
    require_test_curves(record, file.string());
    return {std::move(record), std::move(options), file.string()};
}

EcpResults::EcpResults(ResultRecord record, EcpOptions options, const std::string& file)
    : record_(std::move(record)), options_(std::move(options)), turns_(record_, file) {
    // A file may hold more trainings than its last run was asked for: those are there that have a curve.
    options_.networks = {"one-conv", "two-conv"};
    options_.methods = {"max", "average", "random", "ecp"};
    options_.modes = {"all", "per-run", "per-epoch", "per-batch"};
}

std::string EcpResults::conditions() const {
    const int all = seeds_of_all();
    const std::string repeats = options_.repeat == 1 ? ""
                                : all == options_.repeat
                                    ? fmt::format(", {} seeds", all)
                                    : fmt::format(", {} of {} seeds", all, options_.repeat);
    const int done = epochs_of_all();
    const std::string epochs =
        done == options_.epochs ? std::to_string(done) : fmt::format("{} of {}", done, options_.epochs);
    return fmt::format("{}, {} engine, {} convolutions, batch {}, {} at rate {:g}, epochs {}{}",
                       record_.dataset.name, options_.engine, padding_names.print(options_.padding),
                       options_.batch, to_string(options_.optimizer), options_.rate, epochs, repeats);
}

int EcpResults::epochs_of_all() const {
    bool any = false;
    std::size_t epochs = std::size_t(options_.epochs);
    for (int repeat = 0; repeat < options_.repeat; ++repeat) {
        for (const EcpTraining& training : options_.trainings(repeat)) {
            const Curve* found = curve(training.name());
            if (found == nullptr) continue;
            epochs = std::min(epochs, found->epoch.size());
            any = true;
        }
    }
    return any ? int(epochs) : 0;
}

int EcpResults::seeds_of_all() const {
    std::size_t seeds = std::size_t(options_.repeat);
    for (const std::string& network : options_.networks)
        for (const EcpMethod& method : methods(network))
            seeds = std::min(seeds, curves(network, method).size());
    return int(seeds);
}

std::vector<EcpMethod> EcpResults::methods(const std::string& network) const {
    std::vector<EcpMethod> result;
    for (const EcpMethod& method : options_.method_list()) {
        if (!curves(network, method).empty()) result.push_back(method);
    }
    return result;
}

const Curve* EcpResults::curve(const std::string& name) const {
    for (const Curve& each : record_.curves) {
        if (each.method == name) return &each;
    }
    return nullptr;
}

std::vector<const Curve*> EcpResults::curves(const std::string& network, const EcpMethod& method) const {
    std::vector<const Curve*> result;
    for (int repeat = 0; repeat < options_.repeat; ++repeat) {
        const Curve* found = curve(EcpTraining{network, method, repeat}.name());
        if (found != nullptr && !found->epoch.empty()) result.push_back(found);
    }
    return result;
}

std::optional<Mean> EcpResults::first_epoch(const std::string& network, const EcpMethod& method,
                                            double wanted) const {
    std::vector<double> epochs;
    for (const Curve* each : curves(network, method)) {
        const std::optional<double> epoch = first_epoch_of(*each, wanted);
        if (!epoch) return std::nullopt;
        epochs.push_back(*epoch);
    }
    return mean_of(epochs);
}

Mean EcpResults::best_accuracy(const std::string& network, const EcpMethod& method) const {
    std::vector<double> values;
    for (const Curve* each : curves(network, method)) values.push_back(best_of(*each));
    return mean_of(values);
}

Mean EcpResults::accuracy_difference(const std::string& network, const EcpMethod& method,
                                     const EcpMethod& baseline) const {
    std::vector<double> values;
    for (int repeat = 0; repeat < options_.repeat; ++repeat) {
        const Curve* own = curve(EcpTraining{network, method, repeat}.name());
        const Curve* other = curve(EcpTraining{network, baseline, repeat}.name());
        if (own == nullptr || other == nullptr) continue;
        const std::size_t epochs = std::min(own->epoch.size(), other->epoch.size());
        if (epochs > 0) values.push_back(best_of(*own, epochs) - best_of(*other, epochs));
    }
    return mean_of(values);
}

Mean EcpResults::last_accuracy(const std::string& network, const EcpMethod& method) const {
    std::vector<double> values;
    for (const Curve* each : curves(network, method)) values.push_back(last_of(*each));
    return mean_of(values);
}

std::vector<Mean> EcpResults::accuracy_by_mode(const std::string& network, const EcpMethod& method) const {
    std::vector<std::vector<double>> values(6);
    for (int repeat = 0; repeat < options_.repeat; ++repeat) {
        const EcpTraining training{network, method, repeat};
        const auto add = [&](const std::string& name, std::vector<double>& to) {
            const Curve* found = curve(name);
            if (found == nullptr || found->test_mcr.empty()) return false;
            to.push_back(accuracy(found->test_mcr.back()));
            return true;
        };
        double sum = 0;
        int modes = 0;
        for (std::size_t mode = 0; mode < 4; ++mode) {
            if (!add(mode_curve_name(training, int(mode)), values[mode])) continue;
            sum += values[mode].back();
            ++modes;
        }
        if (modes == 4) values[4].push_back(sum / 4);
        add(mean_curve_name(training), values[5]);
    }
    std::vector<Mean> means;
    for (const std::vector<double>& each : values) means.push_back(mean_of(each));
    return means;
}

double EcpResults::common_accuracy() const {
    double lowest = 98;
    for (const std::string& network : options_.networks) {
        for (const EcpMethod& method : options_.method_list()) {
            for (const Curve* each : curves(network, method)) lowest = std::min(lowest, best_of(*each));
        }
    }
    return std::floor(lowest + 1e-9);
}

bool EcpResults::in_turn(const Curve& each) const {
    const Column* apart = column(trained_apart_table, "training");
    if (apart == nullptr) return true;
    const auto& names = std::get<std::vector<std::string>>(apart->values);
    return std::find(names.begin(), names.end(), each.method) == names.end();
}

double EcpResults::seconds(const std::string& network, const EcpMethod& method, Seconds which) const {
    std::vector<double> values;
    for (const Curve* each : curves(network, method)) {
        if (in_turn(*each)) values.insert(values.end(), (each->*which).begin(), (each->*which).end());
    }
    return median(values);
}

double EcpResults::speed_up(const std::string& network, const EcpMethod& method, const EcpMethod& baseline,
                            Seconds which) const {
    std::vector<double> values;
    for (int repeat = 0; repeat < options_.repeat; ++repeat) {
        const Curve* slow = curve(EcpTraining{network, baseline, repeat}.name());
        const Curve* fast = curve(EcpTraining{network, method, repeat}.name());
        if (slow == nullptr || fast == nullptr || !in_turn(*slow) || !in_turn(*fast)) continue;
        const std::vector<double> each = ratios(slow->*which, fast->*which);
        for (std::size_t epoch = 0; epoch < each.size(); ++epoch)
            if (turns_.together(slow->method, fast->method, epoch)) values.push_back(each[epoch]);
    }
    return median(values);
}

const Column* EcpResults::column(const std::string& table_name, const std::string& name) const {
    for (const Table& table : record_.tables) {
        for (const Column& column : table.columns) {
            if (table.name == table_name && column.name == name) return &column;
        }
    }
    return nullptr;
}

std::string EcpResults::machine() const {
    std::string text;
    for (const Machine& each : machines_of(record_, "result file"))
        text += (text.empty() ? "" : "; ") + each.text();
    return text.empty() ? "an unknown machine" : text;
}

std::vector<double> EcpResults::convolution_rounds(const std::string& network, const std::string& engine,
                                                   bool easy) const {
    const Column* found = column(convolution_table, convolution_column(network, engine, easy));
    return found == nullptr ? std::vector<double>{} : std::get<std::vector<double>>(found->values);
}

double EcpResults::convolution_seconds(const std::string& network, const std::string& engine,
                                       bool easy) const {
    return median(convolution_rounds(network, engine, easy));
}

double EcpResults::convolution_speed_up(const std::string& network, const std::string& engine) const {
    return median(
        ratios(convolution_rounds(network, engine, false), convolution_rounds(network, engine, true)));
}

}  // namespace fftconv
