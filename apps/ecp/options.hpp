#pragma once
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "common/options.hpp"
#include "common/training_options.hpp"
#include "fftconv/network/architecture.hpp"
#include "fftconv/training/trainer.hpp"

namespace fftconv {

/// One way to pool, as the tables of the EasyConvPooling paper name it.
struct EcpMethod {
    PoolingMethod pooling = PoolingMethod::max;
    ModeChoice choice = ModeChoice::fixed;  ///< of K, for random and ECP
    int mode = 0;                           ///< K when fixed

    bool has_mode() const { return pooling == PoolingMethod::random || pooling == PoolingMethod::ecp; }
    bool random_mode() const { return has_mode() && choice != ModeChoice::fixed; }
    std::string name() const;   ///< "max", "ecp-0", "random-per-batch"
    std::string title() const;  ///< "Max pooling", "ECP k=0", "Random k per batch"
};

/// One training: a network, a method and a seed.
struct EcpTraining {
    std::string network;  ///< "one-conv", "two-conv"
    EcpMethod method;
    int repeat = 0;  ///< 0 …: the seed is the first seed + repeat

    std::uint64_t seed(std::uint64_t first) const { return first + std::uint64_t(repeat); }
    /// Of its curve and its checkpoint: "two-conv-ecp-0", from the second seed on "two-conv-ecp-0-repeat-2".
    std::string name() const;
};

/// The curve of a random-K network tested under one K: "two-conv-ecp-per-batch-k0".
std::string mode_curve_name(const EcpTraining& training, int mode);
/// The same, answering by the mean of its outputs under the four K: "two-conv-ecp-per-batch-mean".
std::string mean_curve_name(const EcpTraining& training);
/// All of a training: nothing when its K is fixed, else one for each K, and the mean's.
std::vector<std::string> mode_curve_names(const EcpTraining& training);

enum class PaddingChoice { valid, same };
inline constexpr auto padding_names =
    names<PaddingChoice>("padding", {{"valid", PaddingChoice::valid}, {"same", PaddingChoice::same}});

/// The configuration of fftconv-ecp; defaults are the paper's section 4.1.
struct EcpOptions : DataOptions, ComputeOptions, FitOptions, OutputOptions {
    std::vector<std::string> networks{"one-conv", "two-conv"}, methods{"max", "average", "random", "ecp"};
    std::vector<std::string> modes{"all"};
    PaddingChoice padding = PaddingChoice::valid;
    int repeat = 1, convolution_rounds = 5;
    std::string figures;
    std::string report;  ///< a result file to print again, of this call alone

    EcpOptions() {
        epochs = 100;
        out = "ecp.h5";
    }
    /// Methods in the paper's order, random and ECP once for each mode.
    std::vector<EcpMethod> method_list() const;
    /// All trainings of one repeat, in the order in which they take turns.
    std::vector<EcpTraining> trainings(int repeat) const;
    Architecture architecture(const std::string& network, PoolingMethod pooling, MapShape images) const;
    /// How one training is made.
    NetworkOptions network_options(const EcpTraining& training) const;
    BatchOptions batch_options(const EcpTraining& training) const;
    TrainerOptions trainer_options(const EcpTraining& training) const;
    std::filesystem::path figures_folder() const;
    std::filesystem::path checkpoint_folder() const { return out + ".checkpoints"; }
    std::filesystem::path checkpoint_file(const EcpTraining& training) const;
};

/// Binds the options of fftconv-ecp to `ecp`, which must outlive `options`.
void add_ecp_options(Options& options, EcpOptions& ecp);

/// The configuration that a result file was made with. @throws UsageError when it is not one of fftconv-ecp.
EcpOptions ecp_options_of(const std::string& resolved_toml, const std::string& file);

}  // namespace fftconv
