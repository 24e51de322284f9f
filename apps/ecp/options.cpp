#include "ecp/options.hpp"

#include <algorithm>

namespace fftconv {

namespace {

EcpMethod method_of(const std::string& pooling, const std::string& mode) {
    const ModeRule rule = mode_rule_names.parse(mode);
    return {parse_pooling_method(pooling), rule.choice, rule.mode};
}

/// Names of K, and all that is K = 0 to 3.
std::vector<std::string> mode_names() {
    std::vector<std::string> names = mode_rule_names.list();
    names.push_back("all");
    return names;
}

/// The values in their order, each once.
std::vector<std::string> distinct(const std::vector<std::string>& values) {
    std::vector<std::string> result;
    for (const std::string& value : values) {
        if (std::find(result.begin(), result.end(), value) == result.end()) result.push_back(value);
    }
    return result;
}

/// 'all' spelt out.
std::vector<std::string> listed_modes(const std::vector<std::string>& modes) {
    std::vector<std::string> result;
    for (const std::string& mode : modes) {
        if (mode == "all") {
            result.insert(result.end(), {"0", "1", "2", "3"});
        } else {
            result.push_back(mode);
        }
    }
    return distinct(result);
}

}  // namespace

std::string EcpMethod::name() const {
    if (!has_mode()) return to_string(pooling);
    return to_string(pooling) + "-" + (random_mode() ? to_string(choice) : std::to_string(mode));
}

std::string EcpMethod::title() const {
    if (pooling == PoolingMethod::max) return "Max pooling";
    if (pooling == PoolingMethod::average) return "Average pooling";
    const std::string family = pooling == PoolingMethod::random ? "Random" : "ECP";
    if (choice == ModeChoice::fixed) return family + " k=" + std::to_string(mode);
    std::string when = to_string(choice);
    std::replace(when.begin(), when.end(), '-', ' ');
    return family + " k " + when;
}

std::string EcpTraining::name() const {
    const std::string first = network + "-" + method.name();
    return repeat == 0 ? first : first + "-repeat-" + std::to_string(repeat + 1);
}

std::string mode_curve_name(const EcpTraining& training, int mode) {
    return training.name() + "-k" + std::to_string(mode);
}

std::string mean_curve_name(const EcpTraining& training) {
    return training.name() + "-mean";
}

std::vector<std::string> mode_curve_names(const EcpTraining& training) {
    if (!training.method.random_mode()) return {};
    std::vector<std::string> names;
    for (int mode = 0; mode < 4; ++mode) names.push_back(mode_curve_name(training, mode));
    names.push_back(mean_curve_name(training));
    return names;
}

std::vector<EcpMethod> EcpOptions::method_list() const {
    std::vector<EcpMethod> result;
    for (const char* pooling : {"max", "average", "random", "ecp"}) {
        if (std::find(methods.begin(), methods.end(), pooling) == methods.end()) continue;
        for (const std::string& mode : listed_modes(modes)) {
            const EcpMethod method = method_of(pooling, mode);
            result.push_back(method.has_mode() ? method : EcpMethod{method.pooling, ModeChoice::fixed, 0});
            if (!method.has_mode()) break;
        }
    }
    return result;
}

std::vector<EcpTraining> EcpOptions::trainings(int repeat_index) const {
    std::vector<EcpTraining> result;
    for (const std::string& network : distinct(networks)) {
        for (const EcpMethod& method : method_list()) result.push_back({network, method, repeat_index});
    }
    return result;
}

Architecture EcpOptions::architecture(const std::string& network, PoolingMethod pooling,
                                      MapShape images) const {
    Architecture architecture = with_pooling(parse_architecture(network, images), pooling);
    for (LayerSpec& layer : architecture.layers) {
        auto* convolution = std::get_if<ConvolutionSpec>(&layer);
        if (convolution != nullptr)
            convolution->padding = padding == PaddingChoice::same ? convolution->kernel / 2 : 0;
    }
    return architecture;
}

NetworkOptions EcpOptions::network_options(const EcpTraining& training) const {
    NetworkOptions options = compute();
    options.mode = training.method.mode;
    options.seed = training.seed(seed);
    return options;
}

BatchOptions EcpOptions::batch_options(const EcpTraining& training) const {
    return {.size = batch, .shuffled = true, .seed = training.seed(seed)};
}

TrainerOptions EcpOptions::trainer_options(const EcpTraining& training) const {
    TrainerOptions options;
    options.epochs = epochs;
    options.optimizer.method = optimizer;
    options.optimizer.rate = float(rate);
    options.mode_choice = training.method.choice;
    options.mode = training.method.mode;
    options.seed = training.seed(seed);
    return options;
}

std::filesystem::path EcpOptions::figures_folder() const {
    if (!figures.empty()) return figures;
    return (report.empty() ? out : report) + ".figures";
}

std::filesystem::path EcpOptions::checkpoint_file(const EcpTraining& training) const {
    return checkpoint_folder() / (training.name() + ".h5");
}

void add_ecp_options(Options& options, EcpOptions& ecp) {
    options.group("Networks and methods");
    options.add("network", ecp.networks, {"one-conv", "two-conv"}, "networks");
    options.add("method", ecp.methods, {"max", "average", "random", "ecp"}, "poolings to compare");
    options.add("mode", ecp.modes, mode_names(), "K of random and ecp: fixed, each of them (all), or drawn");
    options.add("padding", ecp.padding, padding_names, "of the convolutions");
    options.add("repeat", ecp.repeat, between(1, 1000), "trainings with seeds counted up from --seed");
    options.add("convolution-rounds", ecp.convolution_rounds, between(0, 1000),
                "rounds of the pure convolution test, on both engines; 0 = leave it out");
    add_data_options(options, ecp);
    add_fit_options(options, ecp);
    add_compute_options(options, ecp);
    add_output_options(options, ecp, "result file; checkpoints go to FILE.checkpoints");
    options.add("figures", ecp.figures, "folder of the figures; else FILE.figures next to the result")
        ->type_name("FOLDER");
    options.add_call_option("report", ecp.report, "train nothing: print and draw a result file again")
        ->type_name("FILE");
    options.app()
        .get_option("--resume")
        ->description(
            "resume from the checkpoints of --out, also with other networks, methods and modes than those "
            "that it "
            "has");
    options.example("fftconv-ecp --network two-conv --mode 0 --epochs 3 --out quick.h5",
                    "Table 3 of the paper in a few minutes");
    options.example("fftconv-ecp --resume --out quick.h5 --epochs 10", "seven epochs more");
    options.example("fftconv-ecp --report quick.h5", "its tables and figures again");
}

EcpOptions ecp_options_of(const std::string& resolved_toml, const std::string& file) {
    EcpOptions ecp;
    Options options("fftconv-ecp", "");
    add_ecp_options(options, ecp);
    options.require_own(parse_toml(resolved_toml, file), file);
    options.load(resolved_toml, file);
    return ecp;
}

}  // namespace fftconv
