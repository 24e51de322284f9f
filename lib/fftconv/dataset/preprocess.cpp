#include "fftconv/dataset/preprocess.hpp"

#include <Eigen/Dense>
#include <algorithm>
#include <cmath>
#include <numeric>

#include "fftconv/core/error.hpp"
#include "fftconv/core/threads.hpp"

namespace fftconv {
namespace {

constexpr int block = 512;  // images worked on at once
constexpr int panel = 256;  // columns of a matrix given to a thread at once

using FloatMatrix = Eigen::Map<Eigen::MatrixXf>;
using ConstFloatMatrix = Eigen::Map<const Eigen::MatrixXf>;
using ConstFloatVector = Eigen::Map<const Eigen::VectorXf>;

void check(const PreprocessOptions& options) {
    if (!(options.contrast_scale > 0) || !(options.contrast_bias >= 0))
        throw UsageError("contrast normalisation: expected a scale above 0 and a bias of at least 0");
    if (!(options.whitening_regularisation > 0))
        throw UsageError("whitening regularisation: expected above 0");
}

void normalise_contrast(std::span<float> image, float scale, float bias) {
    const double mean = std::accumulate(image.begin(), image.end(), 0.0) / double(image.size());
    double variance = 0;
    for (float value : image) variance += (value - mean) * (value - mean);
    variance /= double(image.size());
    const double deviation = std::max(std::sqrt(bias + variance), 1e-8);  // a flat image stays zero
    for (float& value : image) value = float(scale * (value - mean) / deviation);
}

/// Calls body(first, count) for blocks of 0 … total − 1, in order.
template <class Body>
void in_blocks(int total, int size, Body body) {
    for (int first = 0; first < total; first += size) body(first, std::min(size, total - first));
}

/// covariance += x xᵀ, lower triangle, where x is (pixels, images). Every element is the sum of the same
/// terms in the same order whichever thread computes it.
void add_outer_products(const Eigen::MatrixXf& x, Eigen::MatrixXd& covariance, int threads) {
    const int pixels = int(x.rows());
    parallel_for(threads, (pixels + panel - 1) / panel, [&](int p) {
        const int first = p * panel, columns = std::min(panel, pixels - first), rows = pixels - first;
        const Eigen::MatrixXf product = x.bottomRows(rows) * x.middleRows(first, columns).transpose();
        covariance.block(first, first, rows, columns) += product.cast<double>();
    });
}

/// (C + ε I)^(−½) from the lower triangle of C.
std::vector<float> inverse_square_root(const Eigen::MatrixXd& covariance, double regularisation) {
    const Eigen::SelfAdjointEigenSolver<Eigen::MatrixXd> solver(covariance);
    const Eigen::VectorXd gains = (solver.eigenvalues().array().max(0) + regularisation).rsqrt();
    const Eigen::MatrixXf scaled = (solver.eigenvectors() * gains.cwiseSqrt().asDiagonal()).cast<float>();
    std::vector<float> result(covariance.size());
    FloatMatrix root(result.data(), covariance.rows(), covariance.cols());
    root.setZero();
    root.selfadjointView<Eigen::Lower>().rankUpdate(scaled);
    root.triangularView<Eigen::StrictlyUpper>() = root.transpose();
    return result;
}

constexpr const char* shape_name = "preprocessing/shape";

/// Of an array of three whole numbers. @throws ShapeError
MapShape shape_of(const NamedArray& array) {
    const auto is_extent = [](float value) {
        return value >= 1 && value <= 1e6f && value == std::floor(value);
    };
    if (array.values.size() != 3 || !std::ranges::all_of(array.values, is_extent))
        throw ShapeError(std::string(shape_name) + ": expected three extents of at least 1");
    return {int(array.values[0]), int(array.values[1]), int(array.values[2])};
}

const NamedArray* find(const std::vector<NamedArray>& arrays, const char* name) {
    const auto found = std::find_if(arrays.begin(), arrays.end(),
                                    [&](const NamedArray& array) { return array.name == name; });
    return found == arrays.end() ? nullptr : &*found;
}

}  // namespace

Preprocessing::Preprocessing(const LabelledImages& train, const PreprocessOptions& options, int threads) {
    check(options);
    const float pixels = float(train.maps.size());
    if ((options.contrast || options.whitening) && train.count() == 0)
        throw ShapeError("preprocessing: no images to fit it to");
    if (options.contrast || options.whitening) maps_ = train.maps;
    if (options.contrast)
        contrast_ = {options.contrast_scale / std::sqrt(pixels), options.contrast_bias / pixels};
    if (options.whitening) fit_mean_and_whitening(train, options.whitening_regularisation, threads);
}

void Preprocessing::fit_mean_and_whitening(const LabelledImages& train, float regularisation, int threads) {
    const int pixels = int(maps_.size()), count = train.count();
    Eigen::VectorXd sum = Eigen::VectorXd::Zero(pixels);
    in_blocks(count, block, [&](int first, int images) {
        const std::vector<float> values = normalised(train, first, images);
        sum += ConstFloatMatrix(values.data(), pixels, images).cast<double>().rowwise().sum();
    });
    const Eigen::VectorXf mean = (sum / count).cast<float>();
    Eigen::MatrixXd covariance = Eigen::MatrixXd::Zero(pixels, pixels);
    in_blocks(count, block, [&](int first, int images) {
        const std::vector<float> values = normalised(train, first, images);
        const Eigen::MatrixXf centred = ConstFloatMatrix(values.data(), pixels, images).colwise() - mean;
        add_outer_products(centred, covariance, threads);
    });
    mean_.assign(mean.begin(), mean.end());
    whitening_ = inverse_square_root(covariance / count, regularisation);
}

/// Images first … first + count − 1 as floats, after contrast normalisation.
std::vector<float> Preprocessing::normalised(const LabelledImages& images, int first, int count) const {
    const std::size_t pixels = images.maps.size();
    std::vector<float> values(count * pixels);
    for (int n = 0; n < count; ++n) {
        const std::span<float> image(values.data() + n * pixels, pixels);
        images.copy_image(first + n, image);
        if (!contrast_.empty()) normalise_contrast(image, contrast_[0], contrast_[1]);
    }
    return values;
}

void Preprocessing::apply(LabelledImages& images, int threads) const {
    if (maps_ != MapShape() && images.maps != maps_)
        throw ShapeError("preprocessing: images of another shape were fitted");
    const std::size_t pixels = images.maps.size();
    std::vector<float> result(images.count() * pixels);
    parallel_for(threads, (images.count() + block - 1) / block, [&](int b) {
        const int first = b * block, count = std::min(block, images.count() - first);
        std::vector<float> values = normalised(images, first, count);
        FloatMatrix target(result.data() + first * pixels, Eigen::Index(pixels), count);
        FloatMatrix x(values.data(), Eigen::Index(pixels), count);
        if (whitening_.empty()) {
            target = x;
            return;
        }
        x.colwise() -= ConstFloatVector(mean_.data(), Eigen::Index(pixels));
        target.noalias() =
            ConstFloatMatrix(whitening_.data(), Eigen::Index(pixels), Eigen::Index(pixels)) * x;
    });
    images.pixels = std::move(result);
}

std::vector<NamedArray> Preprocessing::arrays() const {
    std::vector<NamedArray> arrays;
    if (!contrast_.empty()) arrays.push_back({"preprocessing/contrast", {2}, contrast_});
    if (whitening_.empty() && maps_ != MapShape())
        arrays.push_back({shape_name, {3}, {float(maps_.channels), float(maps_.height), float(maps_.width)}});
    if (whitening_.empty()) return arrays;
    const int pixels = int(maps_.size());
    arrays.push_back({"preprocessing/mean", {maps_.channels, maps_.height, maps_.width}, mean_});
    arrays.push_back({"preprocessing/whitening", {pixels, pixels}, whitening_});
    return arrays;
}

Preprocessing Preprocessing::from_arrays(const std::vector<NamedArray>& arrays) {
    Preprocessing result;
    if (const NamedArray* contrast = find(arrays, "preprocessing/contrast")) {
        if (contrast->values.size() != 2)
            throw ShapeError("preprocessing/contrast: expected two numbers, found " +
                             std::to_string(contrast->values.size()));
        result.contrast_ = contrast->values;
    }
    if (const NamedArray* shape = find(arrays, shape_name)) result.maps_ = shape_of(*shape);
    const NamedArray *mean = find(arrays, "preprocessing/mean"),
                     *whitening = find(arrays, "preprocessing/whitening");
    if (!mean && !whitening) return result;
    if (!mean || !whitening || mean->shape.size() != 3 ||
        whitening->values.size() != mean->values.size() * mean->values.size())
        throw ShapeError(
            "preprocessing/mean and preprocessing/whitening: expected (C, H, W) and (pixels, pixels), "
            "found " +
            std::to_string(mean ? mean->values.size() : 0) + " and " +
            std::to_string(whitening ? whitening->values.size() : 0) + " values");
    result.maps_ = {mean->shape[0], mean->shape[1], mean->shape[2]};
    if (result.maps_.size() != mean->values.size())
        throw ShapeError("preprocessing/mean: values do not fit the shape");
    result.mean_ = mean->values;
    result.whitening_ = whitening->values;
    return result;
}

}  // namespace fftconv
