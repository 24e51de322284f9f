#include "fftconv/pruning/reconstruction.hpp"

#include <Eigen/Cholesky>
#include <algorithm>
#include <cmath>
#include <complex>

#include "fftconv/core/error.hpp"
#include "fftconv/core/threads.hpp"
#include "fftconv/network/loss.hpp"
#include "fftconv/pruning/criteria.hpp"
#include "fftconv/pruning/map_spectra-inl.hpp"

namespace fftconv {
namespace {

using Complex = std::complex<float>;
using ComplexMatrix = Eigen::MatrixXcf;
using Bytes = std::vector<std::uint8_t>;

/// Of the mean square of the terms, added to the diagonal: few images leave more terms than measurements.
constexpr double ridge_share = 1e-3;

double ridge_of(const Eigen::MatrixXd& gram) {
    return ridge_share * gram.trace() / double(gram.rows()) + 1e-30;
}

std::vector<int> live_inputs(const WeightedLayer& layer, const Bytes& surviving, int o) {
    std::vector<int> live;
    for (int c = 0; c < layer.in; ++c) {
        const auto first = surviving.begin() + std::ptrdiff_t(layer.at(o, c));
        if (std::any_of(first, first + layer.area, [](std::uint8_t byte) { return byte != 0; }))
            live.push_back(c);
    }
    return live;
}

Eigen::MatrixXd part_of(const Eigen::MatrixXd& gram, const std::vector<int>& rows,
                        const std::vector<int>& columns) {
    return gram(rows, columns);
}

/// One output map while kernels are taken from it: coefficients of the terms left, and the inverse of their
/// Gram matrix.
struct Elimination {
    std::vector<int> inputs;  ///< term → input map
    Eigen::MatrixXd inverse;
    Eigen::VectorXd coefficient;
    double weight;

    Elimination(const Eigen::MatrixXd& gram, std::vector<int> live, double weight_)
        : inputs(std::move(live)),
          coefficient(Eigen::VectorXd::Ones(Eigen::Index(inputs.size()))),
          weight(weight_) {
        Eigen::MatrixXd own = part_of(gram, inputs, inputs);
        own.diagonal().array() += ridge_of(gram);
        inverse = own.llt().solve(Eigen::MatrixXd::Identity(own.rows(), own.cols()));
    }

    /// −1 when this map has no kernel from there.
    Eigen::Index term(int input) const {
        const auto found = std::lower_bound(inputs.begin(), inputs.end(), input);
        return found != inputs.end() && *found == input ? found - inputs.begin() : -1;
    }
    double loss(int input) const {
        const Eigen::Index q = term(input);
        return q < 0 ? 0.0 : weight * coefficient[q] * coefficient[q] / inverse(q, q);
    }
    void remove(int input) {
        const Eigen::Index q = term(input);
        if (q < 0) return;
        const Eigen::VectorXd column = inverse.col(q);
        coefficient -= column * (coefficient[q] / column[q]);
        inverse -= column * (column.transpose() / column[q]);
        inverse(q, q) = 1e-300;  // gone: its coefficient is zero, and nothing reaches it again
    }
};

/// The loss of each input map's unit, in the order of least further loss.
std::vector<double> eliminate(std::vector<Elimination> maps, std::vector<int> inputs, int channels) {
    std::vector<double> result(std::size_t(channels), 0.0);
    double most = 0;  // of those gone so far: who goes later matters at least as much
    while (!inputs.empty()) {
        const auto loss = [&](int input) {
            double sum = 0;
            for (const Elimination& map : maps) sum += map.loss(input);
            return sum;
        };
        std::vector<double> losses;
        for (int input : inputs) losses.push_back(loss(input));
        const auto least = std::min_element(losses.begin(), losses.end()) - losses.begin();
        most = std::max(most, losses[std::size_t(least)]);
        result[std::size_t(inputs[std::size_t(least)])] = most;
        for (Elimination& map : maps) map.remove(inputs[std::size_t(least)]);
        inputs.erase(inputs.begin() + least);
    }
    return result;
}

}  // namespace

/// What one layer's kernels make of the data.
struct Reconstruction::MeasuredLayer {
    WeightedLayer layer;
    Bytes surviving;       ///< weights, when it was measured
    PerAxis kernel, step;  ///< taps, and pixels from one to the next
    int height, width, images = 0;
    MapSpectra spectra;
    std::vector<ComplexMatrix> cross;    ///< bin → S, Σ over the images
    std::vector<double> sums;            ///< (C): Σ x
    std::vector<double> slopes;          ///< (O): Σ (∂L/∂y)²
    std::vector<Eigen::MatrixXd> grams;  ///< (O): G
    std::vector<double> means;           ///< (O, C): of each term, per pixel

    MeasuredLayer(const WeightedLayer& layer_, Bytes surviving_)
        : layer(layer_),
          surviving(std::move(surviving_)),
          kernel(layer.convolution->shape().kernel),
          step(layer.convolution->shape().dilation),
          height(layer.layer->input_maps().height),
          width(layer.layer->input_maps().width),
          spectra(std::max({height + (kernel.vertical - 1) * step.vertical,
                            width + (kernel.horizontal - 1) * step.horizontal, 2})),
          cross(std::size_t(spectra.bins()), ComplexMatrix::Zero(layer.in, layer.in)),
          sums(std::size_t(layer.in), 0.0),
          slopes(std::size_t(layer.out), 0.0) {
        if (layer.groups > 1)
            throw UsageError("criterion: reconstruction: expected layers without groups, found " +
                             layer.name());
    }

    void add_inputs(const Tensor& x, int valid);
    void add_slopes(const Tensor& dy, int valid);
    void finish(int threads);
    std::vector<ComplexMatrix> kernel_spectra();
    std::vector<double> scores(const PruningScope& scope, const UnitGroup& units) const;
    void compensate(const Bytes& now, int o);
};

/// Without the maps' means over the batch: continued with zeros, they would be mostly border.
void Reconstruction::MeasuredLayer::add_inputs(const Tensor& x, int valid) {
    std::vector<ComplexMatrix> z(cross.size(), ComplexMatrix(layer.in, valid));
    const std::vector<double> of_batch = map_sums(x, valid);
    for (int c = 0; c < layer.in; ++c) {
        const float mean = float(of_batch[std::size_t(c)] / (double(height) * width));
        sums[std::size_t(c)] += of_batch[std::size_t(c)] * valid;
        for (int first = 0; first < valid; first += MapSpectra::lanes) {
            const int count = std::min(MapSpectra::lanes, valid - first);
            spectra.clear();
            for (int h = 0; h < height; ++h)
                for (int w = 0; w < width; ++w)
                    for (int n = 0; n < count; ++n) spectra.pixel(h, w, n) = x(c, h, w, first + n) - mean;
            spectra.run(height);
            for (std::size_t bin = 0; bin < z.size(); ++bin)
                for (int n = 0; n < count; ++n) z[bin](c, first + n) = spectra.value(int(bin), n);
        }
    }
    for (std::size_t bin = 0; bin < z.size(); ++bin) cross[bin].noalias() += z[bin] * z[bin].adjoint();
    images += valid;
}

void Reconstruction::MeasuredLayer::add_slopes(const Tensor& dy, int valid) {
    for (int o = 0; o < layer.out; ++o)
        for (int h = 0; h < dy.height(); ++h)
            for (int w = 0; w < dy.width(); ++w)
                for (int n = 0; n < valid; ++n)
                    slopes[std::size_t(o)] += double(dy(o, h, w, n)) * dy(o, h, w, n);
}

/// Bin → (O, C).
std::vector<ComplexMatrix> Reconstruction::MeasuredLayer::kernel_spectra() {
    std::vector<ComplexMatrix> result(cross.size(), ComplexMatrix(layer.out, layer.in));
    const std::size_t kernels = layer.units(), area = std::size_t(layer.area);
    for (std::size_t first = 0; first < kernels; first += MapSpectra::lanes) {
        const int count = int(std::min<std::size_t>(MapSpectra::lanes, kernels - first));
        spectra.clear();
        for (int n = 0; n < count; ++n)
            for (std::size_t tap = 0; tap < area; ++tap)
                spectra.pixel(int(tap) / kernel.horizontal * step.vertical,
                              int(tap) % kernel.horizontal * step.horizontal, n) =
                    layer.weight->value[(first + std::size_t(n)) * area + tap];
        spectra.run((kernel.vertical - 1) * step.vertical + 1);
        for (std::size_t bin = 0; bin < result.size(); ++bin)
            for (int n = 0; n < count; ++n) {
                const Eigen::Index index = Eigen::Index(first) + n;
                result[bin](index / layer.in, index % layer.in) = spectra.value(int(bin), n);
            }
    }
    return result;
}

void Reconstruction::MeasuredLayer::finish(int threads) {
    const std::vector<ComplexMatrix> kernels = kernel_spectra();
    const double scale = 1.0 / (double(spectra.tile()) * spectra.tile() * images);
    for (int o = 0; o < layer.out; ++o)
        for (int c = 0; c < layer.in; ++c) {
            const auto w = layer.kernel(o, c);
            double sum = 0;
            for (float tap : w) sum += tap;
            means.push_back(sum * sums[std::size_t(c)] / images / (double(height) * width));
        }
    grams.assign(std::size_t(layer.out), Eigen::MatrixXd::Zero(layer.in, layer.in));
    parallel_for(threads, layer.out, [&](int o) {
        Eigen::MatrixXd& gram = grams[std::size_t(o)];
        for (std::size_t bin = 0; bin < cross.size(); ++bin) {
            const Eigen::VectorXcf w = kernels[bin].row(o).transpose();
            const ComplexMatrix terms = w.conjugate().asDiagonal() * cross[bin] * w.asDiagonal();
            gram += scale * spectra.multiplicity(int(bin)) * terms.real().cast<double>();
        }
    });
    cross.clear();
}

std::vector<double> Reconstruction::MeasuredLayer::scores(const PruningScope& scope,
                                                          const UnitGroup& units) const {
    const int per_unit = scope.granularity == Granularity::kernel_group ? group_outputs : 1;
    std::vector<std::vector<double>> of_set(std::size_t((layer.out + per_unit - 1) / per_unit));
    parallel_for(layer.layer->threads(), int(of_set.size()), [&](int set) {
        std::vector<Elimination> maps;
        std::vector<int> inputs;
        for (int o = set * per_unit; o < std::min((set + 1) * per_unit, layer.out); ++o) {
            const std::vector<int> live = live_inputs(layer, surviving, o);
            inputs.insert(inputs.end(), live.begin(), live.end());
            if (!live.empty()) maps.emplace_back(grams[std::size_t(o)], live, slopes[std::size_t(o)]);
        }
        std::sort(inputs.begin(), inputs.end());
        inputs.erase(std::unique(inputs.begin(), inputs.end()), inputs.end());
        of_set[std::size_t(set)] = eliminate(std::move(maps), inputs, layer.in);
    });
    std::vector<double> result;
    for (const PruningUnit& unit : units)
        result.push_back(of_set[std::size_t(unit.index / layer.in)][std::size_t(unit.index % layer.in)]);
    return result;
}

/// Least squares with a ridge towards factors of one.
void Reconstruction::MeasuredLayer::compensate(const Bytes& now, int o) {
    const std::vector<int> before = live_inputs(layer, surviving, o), left = live_inputs(layer, now, o);
    double lost_mean = 0;
    for (int c : before) lost_mean += means[std::size_t(o) * layer.in + c];
    if (!left.empty() && left != before) {
        const Eigen::MatrixXd& gram = grams[std::size_t(o)];
        Eigen::MatrixXd own = part_of(gram, left, left);
        const double ridge = ridge_of(gram);
        own.diagonal().array() += ridge;
        Eigen::VectorXd target = part_of(gram, left, before).rowwise().sum();
        target.array() += ridge;
        const Eigen::VectorXd factor = own.llt().solve(target);
        for (std::size_t i = 0; i < left.size(); ++i) {
            const double by = factor[Eigen::Index(i)];
            for (float& weight : layer.kernel(o, left[i])) weight = float(weight * by);
            lost_mean -= by * means[std::size_t(o) * layer.in + left[i]];
        }
    }
    if (layer.bias && left != before && !left.empty()) layer.bias->value[std::size_t(o)] += float(lost_mean);
}

namespace {

/// Every layer's input, and behind the last one the logits.
std::vector<Tensor> activations(Network& network, const Batch& batch, const PassContext& context) {
    std::vector<Tensor> all{batch.images};
    for (const auto& layer : network.layers()) {
        Tensor y(layer->output_maps(), batch.images.batch());
        layer->forward(all.back(), y, context);
        all.push_back(std::move(y));
    }
    return all;
}

}  // namespace

Reconstruction::~Reconstruction() = default;

Reconstruction::Reconstruction(PrunedNetwork& pruned, const PruningScope& scope, Batches& images, int batches)
    : pruned_(pruned), scope_(scope) {
    require_scores(pruned, scope, Criterion::reconstruction);
    Network& network = pruned.network;
    const std::vector<WeightedLayer> layers = weighted_layers(network);
    const auto surviving = pruned.surviving_weights();
    for (const UnitGroup& group : live_units(pruned, scope))
        for (std::size_t i = 0; i < layers.size(); ++i)
            if (!group.empty() && layers[i].layer == group.front().layer.layer)
                layers_.push_back(std::make_unique<MeasuredLayer>(layers[i], surviving[i]));

    images.start(0);
    for (int count = 0; count < batches; ++count) {
        const Batch* batch = images.next();
        if (!batch) break;
        const PassContext context{.valid = batch->valid};
        const std::vector<Tensor> x = activations(network, *batch, context);
        Tensor dy, dx;
        softmax_cross_entropy(x.back(), batch->labels, batch->valid, &dy);
        for (std::size_t i = network.layers().size(); i-- > 0;) {
            Layer& layer = *network.layers()[i];
            for (auto& measured : layers_)
                if (measured->layer.layer == &layer) {
                    measured->add_inputs(x[i], batch->valid);
                    measured->add_slopes(dy, batch->valid);
                }
            dx.reshape(x[i].maps(), x[i].batch());
            layer.backward(x[i], x[i + 1], dy, &dx, context);
            std::swap(dx, dy);
        }
    }
    for (auto& measured : layers_) measured->finish(network.options().threads);
}

std::vector<std::vector<double>> Reconstruction::scores() const {
    std::vector<std::vector<double>> result;
    for (const UnitGroup& group : live_units(pruned_, scope_)) {
        const auto found = std::find_if(layers_.begin(), layers_.end(), [&](const auto& measured) {
            return !group.empty() && measured->layer.layer == group.front().layer.layer;
        });
        result.push_back(found == layers_.end() ? std::vector<double>() : (*found)->scores(scope_, group));
    }
    return result;
}

void Reconstruction::compensate() {
    const std::vector<WeightedLayer> layers = weighted_layers(pruned_.network);
    const auto surviving = pruned_.surviving_weights();
    for (auto& measured : layers_) {
        for (std::size_t i = 0; i < layers.size(); ++i)
            for (int o = 0; layers[i].layer == measured->layer.layer && o < layers[i].out; ++o)
                measured->compensate(surviving[i], o);
        measured->layer.weight->changed();
        if (measured->layer.bias) measured->layer.bias->changed();
    }
}

}  // namespace fftconv
