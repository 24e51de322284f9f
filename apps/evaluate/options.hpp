#pragma once
#include <string>

#include "common/options.hpp"
#include "common/training_options.hpp"

namespace fftconv {

/// The configuration of fftconv-evaluate. What is not given is what the checkpoint says.
struct EvaluateOptions : DataOptions, ComputeOptions, OutputOptions {
    std::string checkpoint, mode;  ///< mode: "0" to "3", "all", or empty: the checkpoint's
    bool overrule = false;
    int timing_rounds = 5;

    EvaluateOptions() { dataset = engine = ""; }
};

/// Binds the options of fftconv-evaluate to `evaluate`, which must outlive `options`.
void add_evaluate_options(Options& options, EvaluateOptions& evaluate);

}  // namespace fftconv
