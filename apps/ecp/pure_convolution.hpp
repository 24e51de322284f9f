#pragma once
#include <functional>
#include <string>

#include "ecp/options.hpp"
#include "fftconv/dataset/dataset.hpp"
#include "fftconv/storage/results.hpp"

namespace fftconv {

/// The EasyConvPooling paper's special test (section 4.2): the seconds of the convolutions alone, forward,
/// over the whole training set; full convolutions (Max, Average and Random pooling need them) and easy ones
/// (ECP, k=0), on both engines, which take turns in each round. `line` hears of each round; `stop` is asked
/// between measurements, and an unfinished round is left out. The result is the table "pure_convolution".
Table time_convolutions(const EcpOptions& options, const LabelledImages& images,
                        const std::function<void(const std::string&)>& line,
                        const std::function<bool()>& stop);

}  // namespace fftconv
