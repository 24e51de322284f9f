#pragma once
#include <string>
#include <vector>

#include "common/statistics.hpp"
#include "fftconv/network/network.hpp"
#include "fftconv/storage/results.hpp"
#include "fftconv/training/evaluation.hpp"

namespace fftconv {

/// How a network does: one row of the table "evaluation".
struct EvaluationResult {
    std::string name;            ///< "network", of several modes "mode 0", …, "mean of the modes' outputs"
    double mode = not_measured;  ///< K; none without random or ECP pooling
    double images = 0, accuracy = 0;    ///< percent
    double mcr = 0, cross_entropy = 0;  ///< percent, nats
    double time = not_measured;         ///< ms per image
};

/// The time of a form of a pruned network: one row of the table "forms".
struct FormResult {
    std::string name;  ///< "masked", "dense", "compact"
    std::string architecture;
    double time = 0;  ///< ms per image
};

/// A layer or one of its phases: one row of the table "layers".
struct LayerTime {
    std::string layer, phase;
    double time = 0;  ///< ms per image
};

/// What fftconv-evaluate finds, and its tables in a result file.
struct EvaluationResults {
    std::vector<EvaluationResult> evaluations;
    std::vector<int>
        confusion;  ///< (classes, classes): row = label, column = answer; of the first evaluation
    int classes = 0;
    std::vector<FormResult> forms;
    std::vector<LayerTime> layers;

    std::vector<Table> tables() const;
    /// The same for people.
    std::string text() const;
};

EvaluationResult result_of(const std::string& name, double mode, const Evaluation& evaluation);

/// Milliseconds per image by layer and phase, of all passes since the network's profile was reset.
std::vector<LayerTime> layer_times(const Network& network, double images);

}  // namespace fftconv
