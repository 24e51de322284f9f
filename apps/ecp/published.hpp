#pragma once
#include <optional>
#include <span>
#include <string_view>

/// The papers' published numbers, as data: reports print ours next to them.
namespace fftconv::paper {

/// EasyConvPooling, Tables 4, 5 and 6: one method on one network (MNIST, batch 50, rate 0.001, 100 epochs;
/// Intel Core i7-7700HQ, Python). Table 3 repeats four of these rows, with the pure convolution times.
struct EasyConvPoolingRow {
    std::string_view network;  ///< "one-conv", "two-conv"
    std::string_view method;   ///< "max", "average", "random-0" … "random-3", "ecp-0" … "ecp-3"
    int first_epoch_98;        ///< "Iter (98%)": the first epoch with test accuracy of 98 %
    double training_ms, testing_ms;
    double best_accuracy;  ///< percent, within 100 epochs
};
std::span<const EasyConvPoolingRow> easy_conv_pooling();
/// The row of a method; nothing when the paper has none.
std::optional<EasyConvPoolingRow> easy_conv_pooling(std::string_view network, std::string_view method);

/// EasyConvPooling, Table 3: "PureConvTime" of two-conv, ms, with Max or Average pooling, and with ECP
/// (5.09×).
inline constexpr double full_convolution_ms = 4496.77;
inline constexpr double easy_convolution_ms = 883.65;

}  // namespace fftconv::paper
