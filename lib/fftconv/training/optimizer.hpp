#pragma once
#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "fftconv/core/named_array.hpp"
#include "fftconv/core/names.hpp"
#include "fftconv/core/public.hpp"
#include "fftconv/network/network.hpp"

namespace FFTCONV_PUBLIC fftconv {

/// sgd: w −= η g. momentum: v = μ v + g, w −= η v. adam: Kingma and Ba 2015, Algorithm 1. rmsprop: Tieleman
/// and Hinton 2012, lecture 6.5: r = ρ r + (1 − ρ) g², w −= η g / (√(r / (1 − ρᵗ)) + ε). Step t corrects for
/// r having begun at zero, as adam does: without that the first steps are up to 1 / √(1 − ρ) times too long.
enum class OptimizerMethod { sgd, momentum, adam, rmsprop };

inline constexpr auto optimizer_names =
    names<OptimizerMethod>("optimizer", {{"sgd", OptimizerMethod::sgd},
                                         {"momentum", OptimizerMethod::momentum},
                                         {"adam", OptimizerMethod::adam},
                                         {"rmsprop", OptimizerMethod::rmsprop}});
/// @throws UsageError on a name that is not one of optimizer_names.
inline OptimizerMethod parse_optimizer_method(const std::string& name) {
    return optimizer_names.parse(name);
}
inline std::string to_string(OptimizerMethod method) {
    return optimizer_names.print(method);
}

/// The method and its constants; those of other methods are not used.
struct OptimizerOptions {
    /// Which formula.
    OptimizerMethod method = OptimizerMethod::adam;
    float rate = 0.001f;                 ///< η, before the schedule
    float momentum = 0.9f;               ///< μ of momentum
    float decay = 0.9f;                  ///< ρ of rmsprop
    float beta1 = 0.9f, beta2 = 0.999f;  ///< of adam
    float epsilon = 1e-8f;               ///< ε of adam and rmsprop
    float weight_decay = 0;              ///< λ: λ w is added to the gradient of weights (not of biases)
};

/// The learning rate, step by step.
struct Schedule {
    /// Constant; multiplied by `factor` every so many epochs; half a cosine.
    enum class Kind { constant, step, cosine };
    /// Which of them.
    Kind kind = Kind::constant;
    int every = 10;       ///< step: epochs between reductions
    float factor = 0.1f;  ///< step: of each reduction
    float warm_up = 0;    ///< epochs in which the rate rises from zero in a straight line, whatever the kind
    /// The rate when `epoch` of `epochs` (0 to epochs, with its fraction) are behind; a cosine falls to zero:
    /// η ½ (1 + cos(π epoch / epochs)).
    float rate(float initial, double epoch, int epochs) const;
    /// The rate of a step: of batch `batch` (0 …) of `batches` in this epoch, at its middle.
    float rate(float initial, int epoch, int epochs, int batch, int batches) const {
        return rate(initial, epoch + (batch + 0.5) / batches, epochs);
    }
};
inline constexpr auto schedule_names =
    names<Schedule::Kind>("schedule", {{"constant", Schedule::Kind::constant},
                                       {"step", Schedule::Kind::step},
                                       {"cosine", Schedule::Kind::cosine}});
/// @throws UsageError on a name that is not one of schedule_names.
inline Schedule::Kind parse_schedule(const std::string& name) {
    return schedule_names.parse(name);
}
inline std::string to_string(Schedule::Kind kind) {
    return schedule_names.print(kind);
}

/// Updates the parameters of a network. Held (pruned) values, their gradients and their optimizer state are
/// exactly zero after each step.
class Optimizer {
  public:
    /// The network must outlive it. @throws UsageError on options outside their ranges.
    Optimizer(Network& network, const OptimizerOptions& options);

    /// One update by the gradients of the last backward pass, at this learning rate.
    void step(float rate);
    /// Updates so far.
    std::uint64_t steps() const { return steps_; }
    /// As given.
    const OptimizerOptions& options() const { return options_; }

    /// "conv1/weight/first_moment", "…/second_moment" (adam), "…/velocity" (momentum), "…/mean_square"
    /// (rmsprop); nothing for sgd.
    std::vector<NamedArray> state() const;
    /// @throws ShapeError naming the array that is missing or has another shape; then nothing has changed.
    void load_state(const std::vector<NamedArray>& arrays, std::uint64_t steps);

  private:
    struct Slot {
        NamedParameter named;
        std::array<std::vector<float>, 2> state;  ///< as many as the method keeps
    };
    void update(Slot& slot, float rate, std::size_t begin, std::size_t end) const;
    static void clear_held(Slot& slot, std::size_t begin, std::size_t end);

    Network& network_;
    OptimizerOptions options_;
    std::vector<Slot> slots_;
    std::uint64_t steps_ = 0;
};

}  // namespace fftconv
