#include "evaluate/results.hpp"

#include <spdlog/fmt/fmt.h>

#include <cmath>

#include "common/markdown_table.hpp"
#include "common/records.hpp"

namespace fftconv {

namespace {

const RowFormat<EvaluationResult> evaluation_format{
    {{"evaluation", &EvaluationResult::name}},
    {{"mode", "1", &EvaluationResult::mode},
     {"images", "1", &EvaluationResult::images},
     {"accuracy", "percent", &EvaluationResult::accuracy},
     {"test_mcr", "percent", &EvaluationResult::mcr},
     {"cross_entropy", "nat", &EvaluationResult::cross_entropy},
     {"time", "ms", &EvaluationResult::time}}};

const RowFormat<FormResult> form_format{
    {{"form", &FormResult::name}, {"architecture", &FormResult::architecture}},
    {{"time", "ms", &FormResult::time}}};

const RowFormat<LayerTime> layer_format{{{"layer", &LayerTime::layer}, {"phase", &LayerTime::phase}},
                                        {{"time", "ms", &LayerTime::time}}};

Table confusion_table(const EvaluationResults& results) {
    std::vector<std::string> labels;
    for (int label = 0; label < results.classes; ++label) labels.push_back(std::to_string(label));
    Table table{"confusion", "Images by label and answer", {{"label", "", labels}}};
    for (int answer = 0; answer < results.classes; ++answer) {
        std::vector<double> counts;
        for (int label = 0; label < results.classes; ++label)
            counts.push_back(results.confusion[std::size_t(label * results.classes + answer)]);
        table.columns.push_back({"answer_" + std::to_string(answer), "1", std::move(counts)});
    }
    return table;
}

std::string confusion_text(const EvaluationResults& results) {
    std::vector<std::string> header{"label \\ answer"};
    for (int answer = 0; answer < results.classes; ++answer) header.push_back(std::to_string(answer));
    MarkdownTable table(header);
    for (int label = 0; label < results.classes; ++label) {
        std::vector<std::string> row{std::to_string(label)};
        for (int answer = 0; answer < results.classes; ++answer)
            row.push_back(std::to_string(results.confusion[std::size_t(label * results.classes + answer)]));
        table.add(row);
    }
    return table.text();
}

std::string modes_text(const std::vector<EvaluationResult>& evaluations) {
    MarkdownTable table({"evaluation", "accuracy, %", "cross-entropy, nats"});
    for (const EvaluationResult& each : evaluations)
        table.add(
            {each.name, fmt::format("{:.2f}", each.accuracy), fmt::format("{:.4f}", each.cross_entropy)});
    return table.text();
}

std::string forms_text(const std::vector<FormResult>& forms) {
    MarkdownTable table({"form of the network", "per image, ms", "architecture"});
    for (const FormResult& each : forms)
        table.add({each.name, fmt::format("{:.4f}", each.time), each.architecture});
    return table.text();
}

std::string layers_text(const std::vector<LayerTime>& layers) {
    MarkdownTable table({"layer", "phase", "per image, ms"});
    for (const LayerTime& each : layers)
        table.add({each.phase == "in all" ? each.layer : "", each.phase, fmt::format("{:.4f}", each.time)});
    return table.text();
}

}  // namespace

EvaluationResult result_of(const std::string& name, double mode, const Evaluation& evaluation) {
    EvaluationResult result{.name = name, .mode = mode, .images = double(evaluation.count)};
    result.accuracy = 100 - evaluation.mcr;
    result.mcr = evaluation.mcr;
    result.cross_entropy = evaluation.loss;
    result.time = 1000 * evaluation.seconds / evaluation.count;
    return result;
}

std::vector<LayerTime> layer_times(const Network& network, double images) {
    std::vector<LayerTime> times;
    for (const LayerProfile& layer : network.profile()) {
        times.push_back({layer.layer, "in all", 1000 * layer.forward / images});
        for (const Phase& phase : layer.phases)
            times.push_back({layer.layer, phase.name, 1000 * phase.seconds / images});
    }
    return times;
}

std::vector<Table> EvaluationResults::tables() const {
    std::vector<Table> tables{
        evaluation_format.table("evaluation", "How the network does on the test set", evaluations),
        confusion_table(*this)};
    if (!forms.empty())
        tables.push_back(form_format.table("forms", "Times of the forms of the network", forms));
    tables.push_back(layer_format.table("layers", "Times by layer and phase", layers));
    return tables;
}

std::string EvaluationResults::text() const {
    std::string result;
    if (evaluations.size() > 1) result += modes_text(evaluations) + "\n";
    result += confusion_text(*this) + "\n";
    if (!forms.empty()) result += forms_text(forms) + "\n";
    return result + layers_text(layers);
}

}  // namespace fftconv
