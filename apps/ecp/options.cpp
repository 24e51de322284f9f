#include "ecp/options.hpp"

#include <algorithm>

#include "fftconv/convolution/make_engine.hpp"
#include "fftconv/core/threads.hpp"

namespace fftconv {

namespace {

const std::vector<std::string> mode_names{"0", "1", "2", "3", "all", "per-run", "per-epoch", "per-batch"};

EcpMethod method_of(const std::string& pooling, const std::string& mode) {
    const bool fixed = mode.size() == 1;
    return {parse_pooling_method(pooling), fixed ? ModeChoice::fixed : parse_mode_choice(mode),
            fixed ? std::stoi(mode) : 0};
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

int EcpOptions::thread_count() const {
    return threads > 0 ? threads : available_threads();
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
        if (convolution != nullptr) convolution->padding = padding == "same" ? convolution->kernel / 2 : 0;
    }
    return architecture;
}

std::filesystem::path EcpOptions::figures_folder() const {
    if (!figures.empty()) return figures;
    return (report.empty() ? out : report) + ".figures";
}

std::filesystem::path EcpOptions::checkpoint_file(const EcpTraining& training) const {
    return std::filesystem::path(out + ".checkpoints") / (training.name() + ".h5");
}

void add_ecp_options(Options& options, EcpOptions& ecp) {
    const CLI::Range at_least_one(1, 1 << 30), at_least_zero(0, 1 << 30);
    options.add("network", ecp.networks, "networks, of one-conv and two-conv")
        ->check(CLI::IsMember({"one-conv", "two-conv"}));
    options.add("method", ecp.methods, "poolings to compare, of max, average, random, ecp")
        ->check(CLI::IsMember({"max", "average", "random", "ecp"}));
    options
        .add("mode", ecp.modes,
             "K of random and ecp: 0 to 3, all (each of them), or drawn per-run, per-epoch, per-batch")
        ->check(CLI::IsMember(mode_names));
    options.add("engine", ecp.engine, engine_help)->check(CLI::IsMember(engine_names.list()));
    options.add_flag("measure", ecp.measure, measure_help);
    options.add("padding", ecp.padding, "convolutions: valid or same")
        ->check(CLI::IsMember({"valid", "same"}));
    options.add("epochs", ecp.epochs, "passes over the training set")->check(at_least_one);
    options.add("batch", ecp.batch, "images of a batch")->check(at_least_one);
    options.add("rate", ecp.rate, "learning rate")->check(CLI::PositiveNumber);
    options.add("optimizer", ecp.optimizer, "sgd, momentum, adam or rmsprop")
        ->check(CLI::IsMember({"sgd", "momentum", "adam", "rmsprop"}));
    options.add("seed", ecp.seed, "of weights, order and modes");
    options.add("repeat", ecp.repeat, "trainings with seeds counted up from --seed")->check(at_least_one);
    options.add("threads", ecp.threads, "threads; 0 = all processors")->check(at_least_zero);
    options
        .add("convolution-rounds", ecp.convolution_rounds,
             "rounds of the pure convolution test, on both engines; 0 = leave it out")
        ->check(at_least_zero);
    options.add("dataset", ecp.dataset, "mnist, fashion-mnist, or auto (MNIST where it is found)")
        ->check(CLI::IsMember({"auto", "mnist", "fashion-mnist"}));
    options.add("data", ecp.data, "folder with the data sets; else the variable FFTCONV_DATA")
        ->type_name("FOLDER");
    options.add("limit", ecp.limit, "use only so many training and test images; 0 = all")
        ->check(at_least_zero);
    options.add("out", ecp.out, "result file; checkpoints go to FILE.checkpoints")->type_name("FILE");
    options.add("figures", ecp.figures, "folder of the figures; else FILE.figures beside the result")
        ->type_name("FOLDER");
    options.add_call_flag("resume", ecp.resume,
                          "go on from the checkpoints of --out, also with other networks, methods and modes "
                          "beside those that it has");
    options.app()
        .add_option("--report", ecp.report, "train nothing: print and draw a result file again")
        ->configurable(false)
        ->type_name("FILE");
}

EcpOptions ecp_options_of(const std::string& resolved_toml) {
    EcpOptions ecp;
    Options options("fftconv-ecp", "");
    add_ecp_options(options, ecp);
    options.load(resolved_toml);
    return ecp;
}

}  // namespace fftconv
