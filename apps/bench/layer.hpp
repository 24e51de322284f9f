#pragma once
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "common/timing.hpp"
#include "fftconv/convolution/engine.hpp"
#include "fftconv/convolution/make_engine.hpp"

namespace fftconv {

/// What of a layer is timed. `step` is a training step's share: new weights, forward and both backward
/// passes.
enum class LayerPass { forward, backward_input, backward_weights, step };
/// "forward", "backward-input", "backward-weights", "step". @throws UsageError on another name.
LayerPass parse_layer_pass(const std::string& name);
std::string to_string(LayerPass pass);

/// One layer and its random data, the same for every contender. Arrays are row-major: x (N, C, H, W),
/// weights (O, C, k, k), dy (N, O, H', W').
struct LayerProblem {
    LayerProblem(const ConvolutionShape& shape, int mode, LayerPass pass);

    ConvolutionShape shape;
    int mode;  ///< no_mode, or K: only those outputs count
    LayerPass pass;
    std::vector<float> x, weights, dy;

    MapShape input_maps() const { return {shape.in_channels, shape.height, shape.width}; }
    MapShape output_maps() const;
    /// FLOP of the direct algorithm, a multiply-add counting two; "effective" when another algorithm does the
    /// work.
    double flop() const;
    /// "64->64 @ 32, 5x5, padding 2, batch 16"
    std::string describe() const;
    /// Of forward, the same with fewer images, and maps cut on the right and below, so that their outputs
    /// (the first rows and columns of these) need at most so many multiply-adds, or one of each; of other
    /// passes and modes the whole.
    LayerProblem corner(double most_products) const;
    /// Of a result (N, O, H', W') of this problem the part that `corner` has.
    std::vector<float> corner_of(const std::vector<float>& result, const LayerProblem& corner) const;
};

/// A mask (O, C/G) without a part of the kernels, drawn at random; empty when none is pruned. With
/// `kernel_groups` those of output channels 4g … 4g+3 with one input channel are pruned together.
std::vector<std::uint8_t> random_mask(const ConvolutionShape& shape, double pruned, bool kernel_groups);

struct EngineOptions {
    std::string engine = "fft";  ///< one of engine_names
    int threads = 1;
    PerAxis tile = 0;
    Inverse inverse = Inverse::folded;
    bool renew_weights = false;  ///< new weights before every run: kernel spectra are counted
    bool measure = false;        ///< ConvolutionOptions::measure
};

/// One of our engines; its result is y, dx or dw, row-major, of a step dw. `mask` as
/// ConvolutionEngine::set_mask. The problem must outlive it.
Contender engine_contender(const LayerProblem& problem, const EngineOptions& options,
                           std::span<const std::uint8_t> mask);

/// Every implementation of every algorithm that oneDNN offers for the problem, in its inference and its
/// training mode, on tensors in the layouts that it prefers; a mode becomes its strided convolution. Empty
/// without oneDNN.
std::vector<Contender> onednn_contenders(const LayerProblem& problem, int threads);
/// The first thing that the program does: it starts again (same process, same arguments) with a limit on how
/// long oneDNN's threads wait in a busy loop, unless the user has set one. GNU's OpenMP, which starts them,
/// spins for milliseconds by default, in the time of whose turn it is then, and reads the limit only before
/// main.
void limit_waiting_of_onednn(char** argv);
/// "oneDNN 2.6.3", or empty when the program was built without it.
std::string onednn_version();

}  // namespace fftconv
