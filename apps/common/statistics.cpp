#include "common/statistics.hpp"

#include <spdlog/fmt/fmt.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <numbers>

namespace fftconv {

namespace {

double quantile_of_sorted(const std::vector<double>& sorted, double share) {
    if (sorted.empty()) return not_measured;
    const double place = share * double(sorted.size() - 1);
    const std::size_t below = std::size_t(place), above = std::min(below + 1, sorted.size() - 1);
    return sorted[below] + (place - double(below)) * (sorted[above] - sorted[below]);
}

/// The probability that |t| ≤ √freedom · tan(angle) (Abramowitz and Stegun 26.7.3 and 26.7.4).
double probability_within(double angle, int freedom) {
    const bool odd = freedom % 2 == 1;
    const double square = std::cos(angle) * std::cos(angle);
    double term = odd ? std::cos(angle) : 1, sum = freedom == 1 ? 0 : term;
    for (int i = odd ? 3 : 2; i < freedom; i += 2) {
        term *= square * (i - 1) / i;
        sum += term;
    }
    return odd ? 2 / std::numbers::pi * (angle + std::sin(angle) * sum) : std::sin(angle) * sum;
}

}  // namespace

double student_95(int freedom) {
    double low = 0, high = std::numbers::pi / 2;
    for (int halving = 0; halving < 60; ++halving) {
        const double middle = (low + high) / 2;
        (probability_within(middle, freedom) < 0.95 ? low : high) = middle;
    }
    return std::sqrt(double(freedom)) * std::tan(low);
}

double Mean::low() const {
    return count > 1 ? mean - interval : mean;
}

double Mean::high() const {
    return count > 1 ? mean + interval : mean;
}

std::string Mean::text(int digits) const {
    return with_interval(mean, interval, digits);
}

std::string with_interval(double mean, double interval, int digits) {
    if (std::isnan(mean)) return "";
    const std::string center = fmt::format("{:.{}f}", mean, digits);
    return std::isnan(interval) ? center : center + fmt::format(" ± {:.{}f}", interval, digits);
}

double quantile(std::vector<double> values, double share) {
    std::sort(values.begin(), values.end());
    return quantile_of_sorted(values, share);
}

Quartiles quartiles(std::vector<double> values) {
    std::sort(values.begin(), values.end());
    return {quantile_of_sorted(values, 0.25), quantile_of_sorted(values, 0.5),
            quantile_of_sorted(values, 0.75)};
}

Mean mean_of(const std::vector<double>& values) {
    if (values.empty()) return {};
    Mean result{0, 0, not_measured, int(values.size())};
    for (double value : values) result.mean += value;
    result.mean /= result.count;
    for (double value : values) result.deviation += (value - result.mean) * (value - result.mean);
    result.deviation = result.count > 1 ? std::sqrt(result.deviation / (result.count - 1)) : not_measured;
    if (result.count > 1)
        result.interval = student_95(result.count - 1) * result.deviation / std::sqrt(double(result.count));
    return result;
}

std::vector<double> ratios(const std::vector<double>& numerators, const std::vector<double>& denominators) {
    std::vector<double> result(std::min(numerators.size(), denominators.size()));
    for (std::size_t i = 0; i < result.size(); ++i) result[i] = numerators[i] / denominators[i];
    return result;
}

}  // namespace fftconv
