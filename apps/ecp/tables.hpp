#pragma once
#include <string>
#include <vector>

#include "ecp/results.hpp"

namespace fftconv {

/// What Tables 3 to 6 say about a method; NaN where there is nothing. Speed-ups and differences are against
/// the baseline of the row's block.
struct EcpNumbers {
    double first_epoch_98, first_epoch_common;  ///< first epoch of 98 %, and of EcpResults::common_accuracy
    double training_ms, training_speed_up;      ///< per epoch
    double testing_ms, testing_speed_up;        ///< of the whole test set
    double fft_convolution_ms, fft_convolution_speed_up;
    double direct_convolution_ms, direct_convolution_speed_up;  ///< the paper's engine is a direct one
    double best_accuracy, accuracy_deviation, accuracy_interval, accuracy_difference,
        difference_interval;              ///< percent; the interval is half the width of the 95 % one
    double last_accuracy, last_interval;  ///< of the last ten epochs, which no choice has favoured
};

struct EcpRow {
    std::string method, baseline;  ///< "two-conv, Max", and the title of the baseline
    bool is_baseline;
    EcpNumbers ours, paper;
};

/// One of Tables 3 to 6 of the EasyConvPooling paper, ours next to the paper's, or "others".
struct EcpTable {
    std::string name, title;  ///< "table_3"
    bool pure_convolution = false;
    double common_accuracy = 98;
    std::vector<EcpRow> rows;

    std::string text() const;
    Table stored() const;
};

/// Those of the four tables that the results have something for, and "others": the trainings that none of
/// them shows.
std::vector<EcpTable> ecp_tables(const EcpResults& results);

/// Which rows have times but no speed-up, since they were not trained in turns with their baseline; empty
/// when all were.
std::string apart_text(const std::vector<EcpTable>& tables);

/// Random-K networks under each K at test time, and their mean: test accuracy of the last epoch, percent.
/// Empty when the results have no such network.
std::string random_mode_text(const EcpResults& results);

}  // namespace fftconv
