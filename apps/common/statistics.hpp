#pragma once
#include <limits>
#include <string>
#include <vector>

#include "fftconv/core/median.hpp"

namespace fftconv {

/// A number that has not been measured; files and tables leave its place empty.
inline constexpr double not_measured = std::numeric_limits<double>::quiet_NaN();

/// Linear interpolation between the two values around this share (0 to 1) of the sorted values; not_measured
/// of none.
double quantile(std::vector<double> values, double share);

/// A median and the quartiles around it.
struct Quartiles {
    double lower = 0, median = 0, upper = 0;
};
Quartiles quartiles(std::vector<double> values);

/// A mean, the sample standard deviation around it, and the half width of its 95 % interval (Student's t);
/// not_measured of no values, and both widths of a single one.
struct Mean {
    double mean = not_measured, deviation = not_measured, interval = not_measured;
    int count = 0;

    double low() const;                      ///< of the interval; of a single value itself
    double high() const;                     ///< likewise
    std::string text(int digits = 2) const;  ///< with_interval
};
/// "16.60 ± 0.35", without an interval (NaN: a single value) "16.60", of NaN nothing.
std::string with_interval(double mean, double interval, int digits = 2);
Mean mean_of(const std::vector<double>& values);

/// t of which 95 % of Student's distribution with so many degrees of freedom (1 …) lies within ±t.
double student_95(int freedom);

/// numerators[i] / denominators[i], as many as both have.
std::vector<double> ratios(const std::vector<double>& numerators, const std::vector<double>& denominators);

}  // namespace fftconv
