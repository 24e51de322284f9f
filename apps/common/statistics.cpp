#include "common/statistics.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>

namespace fftconv {

namespace {

double quantile_of_sorted(const std::vector<double>& sorted, double share) {
    if (sorted.empty()) return not_measured;
    const double place = share * double(sorted.size() - 1);
    const std::size_t below = std::size_t(place), above = std::min(below + 1, sorted.size() - 1);
    return sorted[below] + (place - double(below)) * (sorted[above] - sorted[below]);
}

}  // namespace

double quantile(std::vector<double> values, double share) {
    std::sort(values.begin(), values.end());
    return quantile_of_sorted(values, share);
}

double median(std::vector<double> values) {
    return quantile(std::move(values), 0.5);
}

Quartiles quartiles(std::vector<double> values) {
    std::sort(values.begin(), values.end());
    return {quantile_of_sorted(values, 0.25), quantile_of_sorted(values, 0.5),
            quantile_of_sorted(values, 0.75)};
}

Mean mean_of(const std::vector<double>& values) {
    if (values.empty()) return {};
    Mean result{0, 0, int(values.size())};
    for (double value : values) result.mean += value;
    result.mean /= result.count;
    for (double value : values) result.deviation += (value - result.mean) * (value - result.mean);
    result.deviation = result.count > 1 ? std::sqrt(result.deviation / (result.count - 1)) : not_measured;
    return result;
}

std::vector<double> ratios(const std::vector<double>& numerators, const std::vector<double>& denominators) {
    std::vector<double> result(std::min(numerators.size(), denominators.size()));
    for (std::size_t i = 0; i < result.size(); ++i) result[i] = numerators[i] / denominators[i];
    return result;
}

}  // namespace fftconv
