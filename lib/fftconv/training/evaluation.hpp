#pragma once
#include <vector>

#include "fftconv/dataset/batches.hpp"
#include "fftconv/network/network.hpp"

namespace fftconv {

/// How a network does on labelled images.
struct Evaluation {
    int count = 0;
    double loss = 0;               ///< mean cross-entropy
    double mcr = 0;                ///< misclassification rate, percent
    std::vector<int> confusion{};  ///< (classes, classes): row = label, column = answer
    double seconds = 0;            ///< of the passes, without preparing the batches
};

/// One pass over the batches, outside training. @throws ShapeError when the images do not fit the network.
Evaluation evaluate(Network& network, Batches& batches);
/// The same over images in order, in batches of the network's planned size, fitted to its input (see `fitted`).
Evaluation evaluate(Network& network, const LabelledImages& images);
/// Probabilities averaged over the ten crops of each image, as wide as the network's input (coarse pruning
/// paper, section 5.1).
Evaluation evaluate_ten_crops(Network& network, const LabelledImages& images);
/// What a result reports: ten crops where the network takes smaller images than these, else `evaluate`.
Evaluation evaluate_test(Network& network, const LabelledImages& images);

}  // namespace fftconv
