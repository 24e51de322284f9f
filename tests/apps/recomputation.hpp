#pragma once
#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <string>
#include <vector>

#include "apps/app.hpp"
#include "common/record_bytes.hpp"
#include "fftconv/core/random.hpp"
#include "fftconv/core/tensor.hpp"
#include "fftconv/dataset/dataset.hpp"
#include "fftconv/network/network.hpp"
#include "fftconv/storage/checkpoint.hpp"
#include "fftconv/storage/results.hpp"
#include "fftconv/storage/training_checkpoint.hpp"
#include "support/temporary_folder.hpp"

// Numbers that the apps store, computed again by a plain loop over the library.
namespace fftconv::test {

/// Answers of a network to images, one image at a time.
struct Plain {
    double mcr = 0, loss = 0;
    std::vector<int> confusion;
    std::vector<double> probabilities;  ///< (images, classes)
};

inline Plain plain(Network& network, const LabelledImages& images) {
    Plain result;
    const int classes = network.classes(),
              border = (network.architecture().input.height - images.maps.height) / 2;
    result.confusion.assign(std::size_t(classes * classes), 0);
    int wrong = 0;
    for (int i = 0; i < images.count(); ++i) {
        std::vector<float> pixels(images.maps.size());
        images.copy_image(i, pixels);
        Tensor x(network.architecture().input, 1);
        for (int h = 0; h < images.maps.height; ++h)
            for (int w = 0; w < images.maps.width; ++w)
                x(0, h + border, w + border, 0) = pixels[std::size_t(h * images.maps.width + w)];
        const Tensor& logits = network.forward(x);
        double largest = -INFINITY, sum = 0;
        int answer = 0;
        for (int c = 0; c < classes; ++c)
            if (logits(c, 0, 0, 0) > largest) largest = logits(answer = c, 0, 0, 0);
        for (int c = 0; c < classes; ++c) sum += std::exp(double(logits(c, 0, 0, 0)) - largest);
        for (int c = 0; c < classes; ++c)
            result.probabilities.push_back(std::exp(double(logits(c, 0, 0, 0)) - largest) / sum);
        const int label = images.labels[std::size_t(i)];
        result.loss -= (double(logits(label, 0, 0, 0)) - largest - std::log(sum)) / images.count();
        ++result.confusion[std::size_t(label * classes + answer)];
        wrong += answer != label;
    }
    result.mcr = 100.0 * wrong / images.count();
    return result;
}

/// What the mean of several outputs answers.
inline Plain mean_of_outputs(const std::vector<Plain>& outputs, const LabelledImages& images) {
    Plain result;
    const std::size_t classes = outputs.front().probabilities.size() / std::size_t(images.count());
    int wrong = 0;
    for (std::size_t i = 0; i < std::size_t(images.count()); ++i) {
        std::vector<double> mean(classes);
        for (const Plain& output : outputs)
            for (std::size_t c = 0; c < classes; ++c)
                mean[c] += output.probabilities[i * classes + c] / double(outputs.size());
        wrong += std::ranges::max_element(mean) - mean.begin() != images.labels[i];
        result.loss -= std::log(mean[images.labels[i]]) / images.count();
    }
    result.mcr = 100.0 * wrong / images.count();
    return result;
}

/// A seed by which a run draws another K than 0, and that K.
inline std::pair<std::uint64_t, int> seed_of_a_drawn_mode() {
    std::uint64_t seed = 1;
    int mode = 0;
    while ((mode = int(RandomStream(seed, "mode").below(4))) == 0) ++seed;
    return {seed, mode};
}

/// A folder with made-up digits whose training, validation and test images differ in difficulty, so that a
/// number of one set is not that of another.
struct Recomputation {
    TemporaryFolder folder;
    std::filesystem::path data = write_mnist(folder.path() / "data");

    std::string path(const std::string& name) const { return (folder / name).string(); }
    void command(const std::string& name, const std::string& options) const {
        const CommandResult done = run(app(name) + " --data " + data.string() + " --threads 2 " + options);
        BOOST_REQUIRE_MESSAGE(done.status == 0, name << ' ' << options << '\n' << done.output);
    }
    Dataset dataset(double validation, std::uint64_t seed, int limit = 0) const {
        return load_dataset("mnist", data,
                            {.validation_fraction = validation, .split_seed = seed, .limit = limit});
    }
    PrunedNetwork network(const std::string& name, int mode = 0) const {
        return load_network(read_checkpoint(folder / name), name,
                            {.engine = "direct", .batch = 1, .threads = 1, .mode = mode});
    }
};

inline const std::vector<double>& numbers_of(const ResultRecord& record, const std::string& table,
                                             const std::string& column) {
    return record.column<double>("result", table, column);
}

/// A result without its times, which no two runs share, and without who made it when.
inline std::vector<char> timeless(const std::filesystem::path& file) {
    ResultRecord record = read_results(file);
    record.resolved_toml.clear();
    std::erase_if(record.tables, [](const Table& table) {
        return table.name == "calls" || table.name == "machine" || table.name == "baseline" ||
               table.name.starts_with("table_") || table.name == "others" || table.name == "turns" ||
               table.name == "trained_apart";
    });
    for (Table& table : record.tables)
        std::erase_if(table.columns, [](const Column& column) { return column.name.ends_with("_time"); });
    for (Curve& curve : record.curves) curve.train_seconds.clear(), curve.test_seconds.clear();
    return bytes_of(record);  // NaN is NaN
}

}  // namespace fftconv::test
