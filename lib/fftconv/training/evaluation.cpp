#include "fftconv/training/evaluation.hpp"

#include <algorithm>
#include <chrono>
#include <cmath>

#include "fftconv/core/error.hpp"
#include "fftconv/network/loss.hpp"
#include "fftconv/training/shards.hpp"

namespace fftconv {
namespace {

/// Probabilities (N, classes) of all images of the batches, and the seconds of the passes.
struct Answers {
    std::vector<float> probabilities;
    std::vector<std::uint8_t> labels;
    double seconds = 0;
};

/// Adds a batch, which goes into layer `first` of the network.
void answer(Network& network, const Batch& batch, std::size_t first, Answers& answers) {
    const auto start = std::chrono::steady_clock::now();
    const Tensor& logits = network.forward(batch.images, {.valid = batch.valid, .forward_only = true}, first,
                                           network.layers().size());
    answers.seconds += std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    const std::vector<float> probabilities = softmax(logits, batch.valid);
    answers.probabilities.insert(answers.probabilities.end(), probabilities.begin(), probabilities.end());
    answers.labels.insert(answers.labels.end(), batch.labels.begin(), batch.labels.begin() + batch.valid);
}

/// Batches first … end − 1.
Answers answer(Network& network, Batches& batches, int first, int end) {
    Answers answers;
    batches.start(0, first);
    for (int i = first; i < end; ++i) answer(network, *batches.next(), 0, answers);
    return answers;
}

/// Which of the batches a shard has; the images of a full share, of which others have as many or fewer.
struct Share {
    int first, end;
    Share(const Batches& batches, const Shards& shards, int shard)
        : first(int(std::int64_t(batches.count()) * shard / shards.count())),
          end(int(std::int64_t(batches.count()) * (shard + 1) / shards.count())) {}
    static std::size_t images(const Batches& batches, const Shards& shards) {
        return std::size_t(batches.size()) * ((batches.count() + shards.count() - 1) / shards.count());
    }
};

/// Every shard's answers in a row: how many, the labels, the probabilities.
Answers answer(Network& network, Batches& batches, Shards& shards) {
    const std::size_t images = Share::images(batches, shards), classes = std::size_t(network.classes());
    const std::size_t width = 1 + images * (1 + classes);
    std::vector<double> rows(shards.own() * width), all(shards.count() * width);
    Answers answers;
    for (int i = 0; i < shards.own(); ++i) {
        const Share share(batches, shards, shards.first() + i);
        const Answers own = answer(network, batches, share.first, share.end);
        double* row = rows.data() + std::size_t(i) * width;
        row[0] = double(own.labels.size());
        std::copy(own.labels.begin(), own.labels.end(), row + 1);
        std::copy(own.probabilities.begin(), own.probabilities.end(), row + 1 + images);
        answers.seconds += own.seconds;
    }
    shards.gather(rows, all);
    for (const double* row = all.data(); row != all.data() + all.size(); row += width) {
        const auto count = std::size_t(row[0]);
        for (std::size_t n = 0; n < count; ++n) answers.labels.push_back(std::uint8_t(row[1 + n]));
        for (std::size_t i = 0; i < count * classes; ++i)
            answers.probabilities.push_back(float(row[1 + images + i]));
    }
    return answers;
}

Answers answer(Network& network, Batches& batches, Shards* shards) {
    return shards ? answer(network, batches, *shards) : answer(network, batches, 0, batches.count());
}

/// Over images in order.
Answers answer_plain(Network& network, const LabelledImages& images, Shards* shards) {
    BatchOptions options;
    options.size = network.options().batch;
    Batches batches(images, fitted(options, images.maps, network.architecture().input, true));
    return answer(network, batches, shards);
}

/// One of `passes` over the same images, whose mean counts.
void add(const Answers& answers, int passes, Answers& sum) {
    sum.seconds += answers.seconds;
    sum.labels = answers.labels;
    sum.probabilities.resize(answers.probabilities.size(), 0.0f);
    for (std::size_t i = 0; i < answers.probabilities.size(); ++i)
        sum.probabilities[i] += answers.probabilities[i] / float(passes);
}

Answers answer_ten_crops(Network& network, const LabelledImages& images, Shards* shards) {
    BatchOptions options;
    options.size = network.options().batch;
    options.augmentation.crop = network.architecture().input.height;
    Answers sum;
    for (options.ten_crop = 0; options.ten_crop < 10; ++options.ten_crop) {
        Batches batches(images, options);
        add(answer(network, batches, shards), 10, sum);
    }
    return sum;
}

Answers answer_test(Network& network, const LabelledImages& images, Shards* shards) {
    return network.architecture().input.height < images.maps.height
               ? answer_ten_crops(network, images, shards)
               : answer_plain(network, images, shards);
}

Evaluation judge(const Answers& answers, int classes) {
    Evaluation evaluation;
    evaluation.count = int(answers.labels.size());
    evaluation.seconds = answers.seconds;
    evaluation.confusion.assign(std::size_t(classes) * classes, 0);
    int correct = 0;
    for (int n = 0; n < evaluation.count; ++n) {
        const std::span<const float> first(answers.probabilities.data() + std::size_t(n) * classes,
                                           std::size_t(classes));
        const int label = answers.labels[n], given = answer_of(first);
        if (label >= classes)
            throw ShapeError("evaluation: label: expected less than " + std::to_string(classes) + ", found " +
                             std::to_string(label));
        // A probability below float's smallest normal number counts as that, so that the loss stays finite.
        evaluation.loss -= std::log(std::max(double(first[label]), 1e-38));
        if (given == no_answer)
            ++evaluation.undefined;
        else
            ++evaluation.confusion[label * classes + given];
        correct += label == given;
    }
    if (evaluation.count == 0) return evaluation;
    evaluation.loss /= evaluation.count;
    evaluation.mcr = 100.0 * (evaluation.count - correct) / evaluation.count;
    return evaluation;
}

}  // namespace

Evaluation evaluate(Network& network, Batches& batches, Shards* shards) {
    return judge(answer(network, batches, shards), network.classes());
}

Evaluation evaluate(Network& network, const LabelledImages& images, Shards* shards) {
    return judge(answer_plain(network, images, shards), network.classes());
}

Evaluation evaluate_ten_crops(Network& network, const LabelledImages& images, Shards* shards) {
    return judge(answer_ten_crops(network, images, shards), network.classes());
}

Evaluation evaluate_test(Network& network, const LabelledImages& images, Shards* shards) {
    return judge(answer_test(network, images, shards), network.classes());
}

ModeEvaluation evaluate_modes(Network& network, const LabelledImages& images) {
    if (!network.has_mode())
        throw ShapeError("evaluation under each K: expected random or ECP pooling, found none in " +
                         to_string(network.architecture()));
    const int own = network.options().mode;
    ModeEvaluation evaluation;
    Answers sum;
    for (int mode = 0; mode < 4; ++mode) {
        network.set_mode(mode);
        const Answers answers = answer_test(network, images, nullptr);
        evaluation.modes[std::size_t(mode)] = judge(answers, network.classes());
        add(answers, 4, sum);
    }
    network.set_mode(own);
    evaluation.mean = judge(sum, network.classes());
    return evaluation;
}

bool RepeatedEvaluation::worth_keeping() const {
    const double pixels = double(network_.layers()[first_]->input_maps().size()) * batches_.count();
    const int lanes = padded_batch(network_.options().batch);
    return first_ > 0 && pixels * lanes * sizeof(float) <= double(1 << 30);
}

Evaluation RepeatedEvaluation::evaluate() {
    if (kept_.empty()) {
        if (!worth_keeping()) return fftconv::evaluate(network_, batches_);
        batches_.start(0);
        std::vector<Batch> all;  // kept when it is whole
        while (const Batch* batch = batches_.next())
            all.push_back(
                {network_.forward(batch->images, {.valid = batch->valid, .forward_only = true}, 0, first_),
                 batch->labels, batch->valid});
        kept_ = std::move(all);
    }
    Answers answers;
    for (const Batch& batch : kept_) answer(network_, batch, first_, answers);
    return judge(answers, network_.classes());
}

}  // namespace fftconv
