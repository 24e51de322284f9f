#pragma once
#include <array>
#include <vector>

#include "fftconv/core/public.hpp"
#include "fftconv/dataset/batches.hpp"
#include "fftconv/network/network.hpp"

namespace FFTCONV_PUBLIC fftconv {

/// How a network does on labelled images.
struct Evaluation {
    /// Images.
    int count = 0;
    double loss = 0;               ///< mean cross-entropy
    double mcr = 0;                ///< misclassification rate, percent
    std::vector<int> confusion{};  ///< (classes, classes): row = label, column = answer
    int undefined =
        0;  ///< images with a NaN among their logits: misclassified, in no column; loss is then NaN
    double seconds = 0;  ///< of the passes, without preparing the batches
};

class Shards;

/// One pass over the batches, outside training. With shards the batches are spread over them, and every
/// process that has some of them makes the same call and learns the same, to the bit as from one process.
/// @throws ShapeError when the images do not fit the network.
Evaluation evaluate(Network& network, Batches& batches, Shards* shards = nullptr);
/// The same over images in order, in batches of the network's planned size, fitted to its input (see
/// `fitted`).
Evaluation evaluate(Network& network, const LabelledImages& images, Shards* shards = nullptr);
/// Probabilities averaged over the ten crops of each image, as wide as the network's input (coarse pruning
/// paper, section 5.1).
Evaluation evaluate_ten_crops(Network& network, const LabelledImages& images, Shards* shards = nullptr);
/// What a result reports: ten crops where the network takes smaller images than these, else `evaluate`.
Evaluation evaluate_test(Network& network, const LabelledImages& images, Shards* shards = nullptr);

/// A network with random or ECP pooling under K = 0 … 3, and the four taken together.
struct ModeEvaluation {
    std::array<Evaluation, 4> modes;  ///< by K
    Evaluation mean;                  ///< of the probabilities averaged over the four K; seconds: of all four
};

/// `evaluate_test` under each K; then the network has its own K again, and after an exception one of the
/// four.
/// @throws ShapeError when the images do not fit the network, or when nothing in it has a K.
ModeEvaluation evaluate_modes(Network& network, const LabelledImages& images);

/// Evaluates a network on the same images again and again while nothing before layer `first` changes: what
/// that layer takes is computed once, by the first call, and kept; nothing is kept when it needs more than 1
/// GiB.
class RepeatedEvaluation {
  public:
    /// Network and batches must outlive it.
    RepeatedEvaluation(Network& network, Batches& batches, std::size_t first)
        : network_(network), batches_(batches), first_(first) {}

    /// The same as evaluate(network, batches), to the bit.
    Evaluation evaluate();

  private:
    bool worth_keeping() const;

    Network& network_;
    Batches& batches_;
    std::size_t first_;
    std::vector<Batch> kept_;  ///< what layer `first` takes, in the place of the images
};

}  // namespace fftconv
