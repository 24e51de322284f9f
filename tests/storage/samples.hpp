#pragma once
#include <string>
#include <vector>

#include "fftconv/storage/checkpoint.hpp"
#include "fftconv/storage/masks.hpp"
#include "fftconv/storage/results.hpp"

// Records that use every part of the schema. samples.py knows the same values, so that what one side writes
// the other can check; all are exact in float.
namespace fftconv::test {

inline NamedArray counting_array(const std::string& name, const std::vector<int>& shape, float first) {
    NamedArray array{name, shape, {}};
    int count = 1;
    for (const int extent : shape) count *= extent;
    for (int i = 0; i < count; ++i) array.values.push_back(first + float(i) / 8);
    return array;
}

inline const std::string sample_toml = "# résolu\nnetwork = \"two-conv\"\nepochs = 3\n";

inline DatasetRecord sample_dataset() {
    return {.name = "Fashion-MNIST",
            .sha256 = std::string(64, 'a'),
            .split_seed = 18446744073709551615u,  // more than a signed or a floating-point number holds
            .n_train = 48000,
            .n_validation = 12000,
            .n_test = 10000};
}

inline std::vector<LayerMask> sample_layer_masks() {
    LayerMask conv1{.layer = "conv1", .out = 4, .feature_map = {1, 0, 1, 1}};
    LayerMask conv2{.layer = "conv2", .out = 3, .in = 4, .kernel_height = 1, .kernel_width = 2};
    conv2.kernel = {1, 0, 0, 1, 0, 0, 0, 0, 1, 1, 1, 0};
    for (int i = 0; i < 3 * 4 * 2; ++i) conv2.intra_kernel.push_back(i % 2);
    return {conv2, conv1};
}

inline std::vector<Curve> sample_curves() {
    return {{.method = "max",
             .epoch = {1, 2, 3},
             .train_loss = {0.5, 0.25, 0.125},
             .validation_mcr = {12.5, 11, 10.5},
             .test_mcr = {13, 12, 11.5},
             .train_seconds = {3, 3.25, 3.5},
             .test_seconds = {0.5, 0.5, 0.25}},
            {.method = "ecp/k=2", .epoch = {1, 2}, .train_loss = {0.75, 0.5}}};
}

inline Checkpoint sample_checkpoint() {
    Checkpoint checkpoint;
    checkpoint.architecture = "4C5-MP2-3C5-10Softmax";
    checkpoint.layer_names = {"conv1", "pool1", "conv2", "dense1"};
    checkpoint.model = {counting_array("conv1/weight", {4, 1, 5, 5}, -1),
                        counting_array("conv1/bias", {4}, 2), counting_array("dense1/weight", {10, 48}, -8),
                        counting_array("dense1/bias", {10}, 0)};
    checkpoint.masks = sample_layer_masks();
    checkpoint.optimizer = "adam";
    checkpoint.optimizer_state = {counting_array("conv1/weight/first_moment", {4, 1, 5, 5}, 0),
                                  counting_array("dense1/bias/second_moment", {10}, 1)};
    checkpoint.state = {
        .epoch = 2, .step = 1920, .values = {{"best_epoch", 2}, {"best_validation_mcr", 10.75}}};
    checkpoint.random = {{"shuffle", 7, 9007199254740993u}, {"augment/flip", 18446744073709551615u, 0}};
    checkpoint.curves = sample_curves();
    checkpoint.resolved_toml = sample_toml;
    checkpoint.dataset = sample_dataset();
    checkpoint.extra = {counting_array("preprocessing/mean", {2, 3, 4}, 0),
                        {"preprocessing/epsilon", {}, {0.125f}}};
    return checkpoint;
}

inline MaskRecord sample_masks() {
    return {.resolved_toml = sample_toml,
            .dataset = sample_dataset(),
            .search = {.criterion = "best-of-n",
                       .granularity = "kernel",
                       .ratio = 0.75,
                       .selected = 2,
                       .seed = {1, 9007199254740993u, 18446744073709551615u, 4},
                       .validation_mcr = {20.5, 19, 18.25, 30}},
            .masks = sample_layer_masks(),
            .checkpoint_sha256 = std::string(64, 'b')};
}

inline ResultRecord sample_results() {
    ResultRecord record{
        .resolved_toml = sample_toml, .dataset = sample_dataset(), .curves = sample_curves(), .tables = {}};
    record.tables = {{.name = "table_4",
                      .title = "Table 4: accuracy and time of each method",
                      .columns = {{"method", "", std::vector<std::string>{"max", "average", "ECP k = 0 → ½"}},
                                  {"best_accuracy", "percent", std::vector<double>{98.5, 98.25, 99}},
                                  {"remark", "", std::vector<std::string>{"", "slow", ""}}}},
                     {.name = "figure_2a",
                      .title = "Figure 2a",
                      .columns = {{"ratio", "1", std::vector<double>{0.125, 0.25}},
                                  {"mcr", "percent", std::vector<double>{2, 3}}}}};
    return record;
}

}  // namespace fftconv::test
